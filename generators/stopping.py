"""Ctrl-C and SIGTERM: one line and the shells' exit code, wherever a command is."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click


class Terminated(KeyboardInterrupt, SystemExit):
    """SIGTERM has arrived; where nothing catches it, the process ends without a traceback."""

    code = exit_code = 128 + signal.SIGTERM


@contextmanager
def terminable() -> Iterator[None]:
    """Make SIGTERM, which schedulers send, raise as Ctrl-C does; do nothing where it is ignored.

    Outside the main thread, where no handler can be set, nothing is done either.
    """
    is_ignored = signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    if is_ignored or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN:  # the body has chosen to end by itself
            signal.signal(signal.SIGTERM, before)


@contextmanager
def stopping(kept: Callable[[], str]) -> Iterator[None]:
    """End the process with one line and the exit code 130 or 143 if Ctrl-C or SIGTERM stops the body.

    Args:
        kept: Says what is kept and how to go on, where the exception does not.
    """
    try:
        with terminable():
            yield
    except KeyboardInterrupt as stop:
        with suppress(OSError):
            click.echo(str(stop) or f"Stopped: {kept()}", err=True)
        sys.exit(getattr(stop, "exit_code", 128 + signal.SIGINT))
