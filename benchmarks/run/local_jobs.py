"""Jobs as processes of this machine: one per cell, as many at a time as there are devices or cores.

    coconut-bench run --method coconut --seeds 3 --cluster local --device cuda:0,cuda:1

A job inherits the lock that its cell was claimed with, so no other sweep sees a moment without one. Its
output is in ``RUN/cluster/local.out``. SIGTERM makes it write its checkpoint.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from ...generators.stopping import terminable
from ...generators.terminal import say
from .cell import Cell, work
from .device import check_device, environment
from .lock import Lock, holding

SETTINGS: dict[str, type[int] | type[float]] = {"jobs": int, "timeout_min": float}
STOP_SECONDS = 60.0


class LocalJob:
    """A process that works on a cell.

    Args:
        process: The process.
        log: File with its output.
        device: Its device; empty for the default.
        seconds: After this time it is stopped.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path, device: str, seconds: float) -> None:
        self.process, self.log, self.device = process, log, device
        self.deadline = time.monotonic() + seconds
        self.id = str(process.pid)

    def done(self) -> bool:
        """Return whether it has ended, or end it after its time."""
        if time.monotonic() > self.deadline:
            self.process.terminate()
            self.deadline = float("inf")
        return self.process.poll() is not None

    def error(self) -> str:
        """Return why it failed: the last line of its output."""
        return last_line(self.log)


class LocalJobs:
    """Starts jobs on this machine.

    Args:
        settings: ``jobs``, how many run at a time, and ``timeout_min``, after which one is stopped.
        devices: Devices to share out; empty for all visible GPUs, or the CPU if there are none.

    Raises:
        ValueError: A setting is unknown or no positive number, or a device is not there.
    """

    def __init__(self, settings: Mapping[str, Any], devices: Sequence[str]) -> None:
        for name, value in settings.items():
            if name not in SETTINGS:
                raise ValueError(
                    f"--job {name} is unknown to --cluster local, which takes {' and '.join(SETTINGS)}"
                )
            if isinstance(value, bool) or not isinstance(value, (int, SETTINGS[name])) or value <= 0:
                raise ValueError(f"--job {name} must be a positive number, got {value!r}")
        for device in devices:
            check_device(device)
        import torch

        gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
        shared = list(devices) or gpus or [""] * (os.cpu_count() or 1)
        self.places = [shared[place % len(shared)] for place in range(settings.get("jobs", len(shared)))]
        self.seconds = 60 * settings.get("timeout_min", float("inf"))
        self.running: list[LocalJob] = []

    def start(self, cell: Cell, lock: Lock | None) -> LocalJob | None:
        """Start a job; None while all places are taken.

        Args:
            cell: What to work on.
            lock: Its lock, handed over to the job.
        """
        self.running = [job for job in self.running if not job.done()]
        free = Counter(self.places) - Counter(job.device for job in self.running)
        if not free:
            return None
        device, log = next(iter(free)), cell.folder / "cluster" / "local.out"
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE, stdout=output, stderr=output,
                env=os.environ | (environment(device) if device else {}),
                pass_fds=[lock.file] if lock else [],
                start_new_session=True,  # Ctrl-C in the terminal reaches the sweep alone, which then stops it
            )  # fmt: skip
        assert process.stdin is not None
        with process.stdin, suppress(BrokenPipeError):  # of a process that ended at once
            pickle.dump((cell, lock), process.stdin)
        if lock is not None:
            lock.is_handed_over = True
        self.running.append(LocalJob(process, log, device, self.seconds))
        return self.running[-1]

    def stop(self) -> str:
        """Stop the running jobs, and wait until they have saved their state.

        Returns:
            What has become of them.
        """
        for job in self.running:
            job.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for job in self.running:
            with suppress(subprocess.TimeoutExpired):
                job.process.wait(max(0.0, deadline - time.monotonic()))
        return stopped(sum(not job.done() for job in self.running))

    def close(self) -> None:
        """Do nothing; there is nothing to close."""


def stopped(left: int) -> str:
    """Say what has become of jobs that were stopped, of which ``left`` have not ended."""
    if left:
        return f"{left} jobs have not ended in {STOP_SECONDS:.0f} seconds; the same command waits for them"
    return "the jobs have saved their state; the same command resumes them"


def last_line(log: Path) -> str:
    """Return the last line of a job's output that is not empty."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "no output")


def main() -> None:
    """Work on the cell that the starting process sends."""
    with terminable():
        cell, lock = pickle.load(sys.stdin.buffer)
        with holding(lock) if lock else nullcontext():
            sys.exit(work(cell, say))


if __name__ == "__main__":
    main()
