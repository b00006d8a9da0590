"""Worker processes whose results come in the order of the tasks, so that their number changes nothing."""

from __future__ import annotations

import contextlib
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context, resource_tracker
from typing import Any, TypeVar

from .plugins import load_plugins

T = TypeVar("T")
MOST = 1024


@contextlib.contextmanager
def ordered(workers: int) -> Iterator[Callable[[Callable[..., T], Iterable[tuple[Any, ...]]], Iterator[T]]]:
    """Yield a function that calls another one on tasks and yields the results in order.

    Args:
        workers: Number of processes, 1..1024; with one, everything is computed here.

    Raises:
        ValueError: ``workers`` is out of range.
    """
    if not 1 <= workers <= MOST:
        raise ValueError(f"workers must be in 1..{MOST}, got {workers}")
    if workers == 1:
        yield lambda function, tasks: (function(*task) for task in tasks)
        return
    # Workers are spawned: a fork would copy the progress bar's thread. Only this process hears Ctrl-C.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_start)
    resource_tracker.ensure_running()  # unblocks Ctrl-C when it starts

    def each(function: Callable[..., T], tasks: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        waiting: deque[Future[T]] = deque()
        for task in tasks:
            with _unheard():  # by a worker that starts here
                waiting.append(pool.submit(function, *task))
            if len(waiting) > 2 * workers:  # enough to keep all busy, and memory stays bounded
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    try:
        yield each
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Put Ctrl-C off; a process that is started meanwhile never hears it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    load_plugins()
