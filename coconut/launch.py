"""What a launcher of several processes (torchrun, accelerate launch) says in the environment; free of torch.

One of them, process 0, prints and writes; an error is told once.
"""

from __future__ import annotations

import os
import signal
import threading

REFUSED = ("DEEPSPEED", "MEGATRON_LM")
"""What accelerate can be configured to do, and this program cannot."""
FSDP = {
    "version": ("1", "2"),
    "auto_wrap_policy": ("NO_WRAP", "TRANSFORMER_BASED_WRAP"),
    "offload_params": ("false", "false"),
    "activation_checkpointing": ("false", "false"),
}
"""Settings of accelerate's FSDP -> what it takes for one left out, and what it must be."""


def size() -> int:
    """Return the number of processes that were launched together; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", 1)) if "LOCAL_RANK" in os.environ else 1


def rank() -> int:
    """Return this process's number among them, from 0."""
    return int(os.environ.get("RANK", 0)) if size() > 1 else 0


def restarts() -> int:
    """Return how often the launcher has started the processes anew after one of them ended."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))


def is_sharded() -> bool:
    """Whether the launched processes are to divide the model among them (FSDP)."""
    return size() > 1 and _uses("FSDP")


def _uses(name: str) -> bool:
    return os.environ.get(f"ACCELERATE_USE_{name}", "").lower() in ("1", "true")


def check(command: str) -> None:
    """Check that a launched command can be shared by processes.

    Args:
        command: Name of the command.

    Raises:
        ValueError: It cannot, or accelerate is configured for something else than data parallel training,
            with a whole model in each process or one that FSDP2 divides.
    """
    if size() > 1 and command != "run":
        raise ValueError(f"only `run` takes several processes, got {size()} for {command}")
    for name in REFUSED:
        if _uses(name):
            raise ValueError(
                f"a run takes several processes with a whole model each, or divides it by FSDP, got {name}: "
                f"use torchrun, or accelerate launch without it"
            )
    for name, (default, wanted) in FSDP.items() if _uses("FSDP") else ():
        found = os.environ.get(f"FSDP_{name.upper()}", default)
        if found.lower() != wanted.lower():
            raise ValueError(f"fsdp_{name} of accelerate's configuration must be {wanted}, got {found}")
    is_accelerate = "ACCELERATE_MIXED_PRECISION" in os.environ and "MASTER_ADDR" in os.environ
    if is_accelerate and "LOCAL_RANK" not in os.environ:
        raise ValueError("accelerate launch --cpu starts one process, whatever their number: use torchrun")


def speak_before_the_end() -> None:
    """Ignore the launcher's signal to end with the others from now on: this process ends, and says why."""
    if size() > 1 and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def is_told() -> bool:
    """Whether another process has told of the error that ends this one; if not, it counts as told now."""
    if size() == 1:
        return False
    speak_before_the_end()
    from datetime import timedelta

    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    address, port = os.environ.get("MASTER_ADDR", ""), int(os.environ.get("MASTER_PORT", 0))
    try:
        store = TCPStore(address, port, timeout=timedelta(seconds=10), wait_for_workers=False)
        return bool(store.add(f"coconut-bench/told/{restarts()}", 1) > 1)
    except RuntimeError:  # it was process 0's, which has ended
        return False
