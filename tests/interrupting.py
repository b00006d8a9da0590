"""The command line in a process of a launcher that sends a signal at a chosen optimizer step.

python -m torch.distributed.run --nproc_per_node 2 interrupting.py STEP TO SIGNAL run --method coconut …

TO is the number of the process that sends the signal to itself, or ``launcher``, to which process 0 sends it.
Where a run is interrupted so does not depend on how fast the machine is.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from coconut_bench.cli import main
from coconut_bench.coconut import launch
from coconut_bench.coconut.interrupt import StopRequest
from coconut_bench.coconut.training import Trainer

PATIENCE = 600.0
"""Seconds to wait for a signal that the launcher passes on."""


def interrupt_at(step: int, to: str, number: signal.Signals) -> None:
    """Make the training of this process send a signal before an optimizer step, unless it was restarted.

    Args:
        step: Optimizer steps done by then, over all stages.
        to: As on the command line.
        number: The signal.
    """
    usual = Trainer._is_due

    def is_due(self: Trainer, stop: StopRequest, since: float = 0.0) -> bool:
        is_restarted = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"
        if self.progress.global_step == step and not is_restarted:
            if to == str(launch.rank()):
                os.kill(os.getpid(), number)
            elif to == "launcher" and launch.rank() == 0:
                os.kill(os.getppid(), number)
                wait_for(stop)
        return usual(self, stop, since)

    Trainer._is_due = is_due  # type: ignore[method-assign]


def wait_for(stop: StopRequest) -> None:
    """Wait until a signal has arrived."""
    end = time.monotonic() + PATIENCE
    while not stop.requested and time.monotonic() < end:
        time.sleep(0.01)


if __name__ == "__main__":
    at, receiver, name, *arguments = sys.argv[1:]
    interrupt_at(int(at), receiver, signal.Signals[name])
    sys.argv[1:] = arguments
    main()
