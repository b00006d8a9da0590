"""Locks: one process at a time works in a run's folder, or trains a base model.

A lock is the system's (`flock`), on a file that names its holder and is removed at the end. It ends with the
process, also with a killed one: a file that is left over blocks nobody. On NFS, Linux turns it into a lock of
the server: other nodes see it, and that of a crashed node ends with its lease (NFSv4: about 90 seconds).
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ...coconut import launch

RUN_LOCK = ".lock"
"""Name of the lock in a run's folder."""
POLL_SECONDS = 1.0

_held: set[tuple[int, Path]] = set()
"""Locks of this process by thread; a thread may take its own lock again."""


class InUse(ValueError):
    """Another process or thread has the lock; the message names it."""


@dataclass
class Lock:
    """A lock that was taken.

    Attributes:
        path: Its file.
        file: File descriptor; a process that inherits it has the lock too.
        is_handed_over: Whether such a process keeps it.
    """

    path: Path
    file: int
    is_handed_over: bool = False


@contextmanager
def locked(path: Path, wait: Callable[[str], None] | None = None) -> Iterator[Lock | None]:
    """Hold a lock while the body runs; of the processes of one data-parallel run, the first one takes it.

    Args:
        path: Its file; the folder is created if missing, and removed at the end if nothing was put there.
        wait: Called with a line that names the holder before waiting for it; None to raise instead.

    Yields:
        The lock; None where this thread has it already or another process of the run takes it.

    Raises:
        InUse: Another process or thread has it.
        OSError: The file cannot be made, or its file system has no locks.
    """
    if (threading.get_ident(), path.resolve()) in _held or launch.rank() > 0:
        yield None
        return
    missing = [folder for folder in path.parents if not folder.exists()]
    try:
        with holding(Lock(path, _take(path, wait))) as lock:
            yield lock
    finally:
        with suppress(OSError):  # an empty folder is not left behind; one with files stays
            for folder in missing:
                folder.rmdir()


def check_free(path: Path) -> None:
    """Check that nobody holds a lock; each process of a data-parallel run finds the same, and none waits.

    Args:
        path: Its file.

    Raises:
        InUse: Another process or thread has it.
        OSError: The file cannot be opened, or its file system has no locks.
    """
    if path.exists() and (threading.get_ident(), path.resolve()) not in _held:
        with suppress(FileNotFoundError):  # its last holder has removed it
            os.close(_take(path, None, shared=True))


@contextmanager
def holding(lock: Lock) -> Iterator[Lock]:
    """Hold a lock that was taken, here or by the process that started this one.

    Args:
        lock: The lock.

    Yields:
        The lock.
    """
    key = (threading.get_ident(), lock.path.resolve())
    _held.add(key)
    try:
        os.ftruncate(lock.file, 0)
        since = f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S %Z}"
        os.pwrite(lock.file, f"process {os.getpid()} on {socket.gethostname()} since {since}".encode(), 0)
        yield lock
    finally:
        _held.discard(key)
        if not lock.is_handed_over:
            lock.path.unlink(missing_ok=True)
        os.close(lock.file)


def _take(path: Path, wait: Callable[[str], None] | None, shared: bool = False) -> int:
    """Open and lock the file that the path names, or share its lock if it is there; return its descriptor."""
    told = False
    while True:
        if not shared:
            path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | (0 if shared else os.O_CREAT), 0o666)
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            if _is_at(file, path):
                return file
            os.close(file)  # its last holder has removed it
        except BlockingIOError:
            holder = os.pread(file, 200, 0).decode() or "another process"
            os.close(file)
            line = f"{path.parent if path.name == RUN_LOCK else path} is in use by {holder}"
            if wait is None:
                raise InUse(line) from None
            if not told:
                wait(f"{line}: waiting")
            told = True
            time.sleep(POLL_SECONDS)
        except OSError as error:
            os.close(file)
            raise OSError(f"{path.parent}: the file system must have locks (flock): {error}") from error


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
