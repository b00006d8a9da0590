"""Delay Ctrl-C and SIGTERM until the end of a training step.

The first signal is recorded, and the loop stops where its state is consistent; a later Ctrl-C stops at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from . import launch

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """A training was stopped by a signal, and its state is saved.

    Attributes:
        exit_code: 128 + the signal's number, as shells count.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


class StopRequest:
    """Whether a signal has arrived."""

    def __init__(self) -> None:
        self.number: int | None = None

    @property
    def requested(self) -> bool:
        return self.number is not None

    def raise_if_requested(self, place: str) -> None:
        """Raise if a signal has arrived; the state must be saved by then.

        Args:
            place: The step and where it is saved, for the message.

        Raises:
            Stopped: A signal has arrived; SystemExit in all processes of a run but the first.
        """
        if self.number is not None and launch.rank() > 0:  # process 0 says it
            raise SystemExit(128 + self.number)
        if self.number is not None:
            raise Stopped(self.number, f"Stopped at {place}; the same command resumes there")


@contextmanager
def stop_between_steps() -> Iterator[StopRequest]:
    """Record signals while the body runs; do nothing outside the main thread, where no handler can be set.

    A signal that the process was started to ignore (``nohup … &`` in a script) stays ignored.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    old = {number: handler for number, handler in handlers.items() if handler is not signal.SIG_IGN}

    def remember(number: int, frame: FrameType | None) -> None:
        request.number = number
        if launch.size() == 1 and signal.SIGINT in old:  # a launcher passes on the terminal's
            signal.signal(signal.SIGINT, signal.default_int_handler)

    for number in old:
        signal.signal(number, remember)
    try:
        yield request
    finally:
        for number, handler in old.items():
            if signal.getsignal(number) is not signal.SIG_IGN:  # see `launch.speak_before_the_end`
                signal.signal(number, handler)
