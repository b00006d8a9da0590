"""Delay Ctrl-C and SIGTERM until the end of a training step.

The first signal is recorded, and the loop stops where its state is consistent; a later Ctrl-C stops at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether a signal has arrived."""

    def __init__(self) -> None:
        self.requested = False

    def raise_if_requested(self) -> None:
        """Raise KeyboardInterrupt if a signal has arrived."""
        if self.requested:
            raise KeyboardInterrupt


@contextmanager
def stop_between_steps() -> Iterator[StopRequest]:
    """Record signals while the body runs; do nothing outside the main thread, where no handler can be set."""
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
