"""Which device a process computes on: the GPU that it sees, or none.

A device is chosen by what a process may see, before torch looks (``CUDA_VISIBLE_DEVICES``): everything that
asks for a GPU then agrees, and the run's random state is that of one GPU wherever it is resumed.
"""

from __future__ import annotations

import os
import re

VISIBLE = "CUDA_VISIBLE_DEVICES"


def parse_devices(text: str) -> tuple[str, ...]:
    """Parse the command line's devices.

    Args:
        text: ``cpu``, ``mps``, ``cuda`` or ``cuda:N``, or several ones separated by commas.

    Returns:
        Their names.

    Raises:
        ValueError: A name is none of these.
    """
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if not re.fullmatch(r"cpu|mps|cuda(:\d{1,3})?", name):
            raise ValueError(f"--device must be cpu, mps, cuda or cuda:N, got {name!r}")
    return names


def environment(name: str) -> dict[str, str]:
    """Return the environment variables of a process that is to compute on a device.

    Args:
        name: One of `parse_devices`.

    Raises:
        ValueError: There are fewer GPUs in ``CUDA_VISIBLE_DEVICES``.
    """
    kind, _, number = name.partition(":")
    if kind == "cpu":
        return {VISIBLE: "", "ACCELERATE_USE_CPU": "true"}
    if kind == "mps" or not number:
        return {}
    visible = os.environ.get(VISIBLE)
    if visible is None:
        return {VISIBLE: number}
    found = [one for one in visible.split(",") if one.strip()]
    if int(number) >= len(found):
        raise ValueError(f"--device {name} is not there: {VISIBLE} has {len(found)} devices")
    return {VISIBLE: found[int(number)].strip()}


def use_device(name: str) -> None:
    """Make this process compute on a device; call it before anything asks torch for a GPU.

    Args:
        name: One of `parse_devices`.

    Raises:
        ValueError: The device is not there.
    """
    os.environ.update(environment(name))
    check_device(name, needed=1)


def check_device(name: str, needed: int | None = None) -> None:
    """Check that torch finds a device.

    Args:
        name: One of `parse_devices`.
        needed: Number of visible GPUs that a GPU needs; None for those up to its own number.

    Raises:
        ValueError: It does not.
    """
    import torch

    kind, _, number = name.partition(":")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"--device {name} is not there: torch finds no MPS device")
    gpus = torch.cuda.device_count()
    if kind == "cuda" and gpus < (needed or int(number or 0) + 1):
        raise ValueError(f"--device {name} is not there: torch finds {gpus} CUDA devices")
