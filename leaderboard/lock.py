"""The lock of a leaderboard file: writers take turns, and one that waits says for whom.

    .leaderboard.json.lock      held by the writer; the system frees it if the process dies
    .leaderboard.json.holder    who holds it, while it is held

A writer waits as long as the others get on: it gives up only on one holder that keeps the lock too long.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ..generators.files import owner

LOCK_SECONDS = 60.0
"""How long one holder may keep the lock before those who wait give up."""
TOLD_AFTER = 2.0
"""How long to wait in silence."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file.

    Args:
        path: The file; its folder must exist.

    Yields:
        Nothing; the lock is held until the block ends.

    Raises:
        OSError: One other process has held it for `LOCK_SECONDS`, or it cannot be written.
    """
    lock, name = FileLock(path.with_name(f".{path.name}.lock")), path.with_name(f".{path.name}.holder")
    Path(lock.lock_file).touch()  # where there can be none, filelock would try again for ever
    _wait(lock, name, path)
    try:
        # The time tells two turns of one process apart.
        name.write_text(f"{owner()} {time.time_ns()}", encoding="utf-8")
        yield
    finally:
        name.unlink(missing_ok=True)
        lock.release()


def _wait(lock: FileLock, name: Path, path: Path) -> None:
    started = since = time.monotonic()
    holder, told = "", False
    while True:
        try:
            lock.acquire(timeout=min(LOCK_SECONDS, 0.5))
            return
        except Timeout:
            now, found = time.monotonic(), _holder(name)
        if found != holder:
            holder, since = found, now
        machine, _, number = holder.partition(" ")[0].rpartition("-")
        by = f" (process {number} on {machine})" if number else ""
        if now - since >= LOCK_SECONDS:
            raise OSError(f"{path}: another process has held its lock for {LOCK_SECONDS:g} seconds{by}")
        if not told and now - started >= TOLD_AFTER:
            with suppress(OSError, ValueError):  # nobody listens
                print(f"{path}: waiting for another process to finish writing it{by}", file=sys.stderr)
            told = True


def _holder(name: Path) -> str:
    try:
        return name.read_text(encoding="utf-8", errors="replace")[:300]
    except OSError:
        return ""
