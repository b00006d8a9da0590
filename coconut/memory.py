"""Memory that a training frees and asks for again, step by step: kept by the process.

A step frees tensors of many megabytes, and the next one asks for as many. glibc gives large ones back to the
system at once, which then fills every page with zeros anew: a tenth of a step on a CPU. Nothing that is
computed changes.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

LARGEST = 1 << 28
"""Bytes of the largest tensors that are kept: larger ones (a whole model's weights) go back to the system."""
SPARE = 1 << 30
"""Bytes at most that are kept at the end of the heap."""
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # names of mallopt(3)


def keep_freed() -> bool:
    """Let this process keep the memory that it frees, where the C library can.

    Returns:
        Whether it can: glibc, on Linux.
    """
    library: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not hasattr(library, "mallopt"):
        return False
    return bool(library.mallopt(_MMAP_THRESHOLD, LARGEST) and library.mallopt(_TRIM_THRESHOLD, SPARE))
