"""Files that can be trusted: written as a whole or not at all, and checked when they are read back.

A folder that is read back has a file ``SHA256SUMS``, as ``sha256sum *`` prints it.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

SUMS = "SHA256SUMS"


def write_whole(path: Path, content: bytes) -> None:
    """Replace or create a file, see `whole_file`.

    Args:
        path: The file; its folder must exist.
        content: Its new content.

    Raises:
        OSError: The file cannot be written; the old one is unchanged.
    """
    with whole_file(path) as file:
        file.write(content)


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that replaces ``path`` when the block ends; a killed process leaves the old or the new one.

    A temporary file beside it, ``.NAME.OWNER.tmp``, is written, flushed to disk and renamed over it. The mode
    of an existing file is kept.

    Args:
        path: File to replace or create; its folder must exist.

    Yields:
        The temporary file, open for writing in binary.

    Raises:
        OSError: The file cannot be written; the old one is unchanged.
    """
    temporary = path.with_name(f".{path.name}.{owner()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            error.filename = str(path)  # of a full disk, for the message
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the rename is durable once the folder is flushed; Windows cannot open one
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def file_digest(path: Path) -> str:
    """Return the sha256 of a file, read in pieces.

    Args:
        path: The file.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sealed(path: Path, content: bytes) -> None:
    """Write a file after its digest, ``NAME.sha256``; a kill between leaves an old file that is refused.

    Args:
        path: The file; its folder must exist.
        content: Its new content.

    Raises:
        OSError: A file cannot be written.
    """
    line = f"{hashlib.sha256(content).hexdigest()}  {path.name}\n"
    write_whole(path.with_name(f"{path.name}.sha256"), line.encode())
    write_whole(path, content)


def read_sealed(path: Path) -> bytes:
    """Read what `write_sealed` wrote.

    Args:
        path: The file.

    Raises:
        ValueError: It is not the one of its digest, or the digest is missing.
        OSError: It cannot be read.
    """
    content, beside = path.read_bytes(), path.with_name(f"{path.name}.sha256")
    line = f"{hashlib.sha256(content).hexdigest()}  {path.name}\n"
    if not beside.is_file() or beside.read_bytes() != line.encode():
        raise ValueError(f"{path} is damaged, or its {beside.name} (they disagree): restore both from a copy")
    return content


def read_if_sealed(path: Path) -> bytes:
    """Read a file, and check it if it has a digest: earlier versions wrote none.

    Args:
        path: The file.

    Raises:
        ValueError: It is not the one of its digest.
        OSError: It cannot be read.
    """
    return read_sealed(path) if path.with_name(f"{path.name}.sha256").is_file() else path.read_bytes()


def write_sums(folder: Path) -> None:
    """Write the digests of a folder's files to its ``SHA256SUMS``.

    Args:
        folder: The folder; its own folders and hidden files are left out.

    Raises:
        OSError: A file cannot be read or written.
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
    lines = [f"{file_digest(folder / name)}  {name}\n" for name in names if name != SUMS]
    write_whole(folder / SUMS, "".join(lines).encode())


def check_sums(folder: Path, remedy: str) -> list[Path]:
    """Check the files of a folder against its ``SHA256SUMS``.

    Args:
        folder: Folder with the digests that `write_sums` wrote.
        remedy: What to do if a file is damaged or missing, for the message.

    Returns:
        The files that were checked.

    Raises:
        ValueError: A file is missing or has changed, or the digests are missing or malformed.
        OSError: A file cannot be read.
    """
    if not (folder / SUMS).is_file():
        raise ValueError(
            f"{folder} must have the digests of its files ({SUMS}), got none: {remedy}; or, if you trust the "
            f"files: cd {folder} && sha256sum * > {SUMS}"
        )
    found = []
    for line in (folder / SUMS).read_bytes().splitlines():
        match = re.fullmatch(rb"([0-9a-f]{64})  ([^/\\]+)", line)
        if match is None:
            raise ValueError(f"{folder / SUMS} is damaged: {remedy}")
        path = folder / os.fsdecode(match[2])
        if not path.is_file() or file_digest(path) != match[1].decode():
            what = "is damaged" if path.is_file() else "is missing"
            raise ValueError(f"{path} {what}, or {SUMS} beside it is damaged (they do not agree): {remedy}")
        found.append(path)
    return found


@contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """Make a temporary folder ``NAME.OWNER.XXXXXXXX`` and remove it at the end.

    Those that killed processes of this name left behind are removed first.

    Args:
        parent: Where to make it.
        name: How its name begins.

    Yields:
        The folder.

    Raises:
        OSError: It cannot be made.
    """
    for path in leftovers(parent, rf"{re.escape(name)}\.(\S+)\.\w{{8}}"):
        shutil.rmtree(path, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}.{owner()}.", dir=parent) as scratch:
        yield Path(scratch)


def sweep_temporary(folder: Path) -> None:
    """Remove the temporary files that killed writers of `whole_file` left in a folder.

    Args:
        folder: The folder; it need not exist.
    """
    for path in leftovers(folder, r"\..+\.([^.]+)\.tmp"):
        path.unlink(missing_ok=True)


def owner() -> str:
    """Name this process among those of all machines that share a folder."""
    return f"{re.sub(r'[^A-Za-z0-9]', '-', socket.gethostname())}-{os.getpid()}"


def leftovers(parent: Path, pattern: str) -> list[Path]:
    """Find what processes that no longer run on this machine left behind.

    Args:
        parent: The folder to look in; it need not exist.
        pattern: Regular expression of the names; its first group is the `owner`.

    Returns:
        Files and folders of those processes; none on Windows, which cannot be asked without a signal.
    """
    if os.name != "posix" or not parent.is_dir():
        return []
    matches = [(path, re.fullmatch(pattern, path.name)) for path in parent.iterdir()]
    return [path for path, match in matches if match and _is_gone(match[1])]


def _is_gone(name: str) -> bool:
    """Whether an owner is a process of this machine that no longer runs; others' cannot be asked."""
    host, _, pid = name.rpartition("-")
    return host == owner().rpartition("-")[0] and pid.isdigit() and not _is_running(int(pid))


def _is_running(pid: int) -> bool:
    try:
        with suppress(PermissionError):  # another user's
            os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    return True


def replace_folder(path: Path, new: Path) -> None:
    """Put a folder in the place of another, or of none; the old one is then where the new one was.

    Where the system can exchange two names (Linux), there is at every moment the old folder or the new one;
    elsewhere the old one is moved away first, and back if the second move fails (or by `recover_folder`).

    Args:
        path: The place.
        new: Folder beside it, on the same file system.

    Raises:
        OSError: It cannot be moved; the old folder is in its place.
    """
    if not path.is_dir():
        new.rename(path)
    elif not _exchange(path, new):
        old = _moved_away(path)
        path.rename(old)
        try:
            new.rename(path)
        except BaseException:
            old.rename(path)
            raise
        old.rename(new)


def recover_folder(path: Path) -> None:
    """Put back a folder that a killed `replace_folder` had moved away.

    Args:
        path: Its place.
    """
    old = _moved_away(path)
    if old.is_dir() and not path.exists():
        old.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def _moved_away(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two folders in one step; False where that cannot be done."""
    if sys.platform != "linux":
        return False
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:  # an old C library
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return renameat2(here, os.fsencode(first), here, os.fsencode(second), exchange) == 0
