"""Ctrl-C and SIGTERM between two steps instead of in the middle of one.

The first signal is remembered, and the loop stops where its state is whole; a second Ctrl-C stops at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether a signal has come."""

    def __init__(self) -> None:
        self.requested = False

    def raise_if_requested(self) -> None:
        """Raises KeyboardInterrupt after a signal."""
        if self.requested:
            raise KeyboardInterrupt


@contextmanager
def stop_between_steps() -> Iterator[StopRequest]:
    """Hold signals back while the body runs; outside the main thread, where nobody can, do nothing."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    old = {number: signal.getsignal(number) for number in SIGNALS}

    def remember(number: int, frame: FrameType | None) -> None:
        request.requested = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    for number in SIGNALS:
        signal.signal(number, remember)
    try:
        yield request
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
