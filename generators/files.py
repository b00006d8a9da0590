"""Atomic file writes: a file is replaced as a whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


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

    A temporary file beside it, ``.NAME.PID.tmp``, is written, flushed to disk and renamed over it. The mode
    of an existing file is kept.

    Args:
        path: File to replace or create; its folder must exist.

    Yields:
        The temporary file, open for writing in binary.

    Raises:
        OSError: The file cannot be written; the old one is unchanged.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the rename is durable once the folder is flushed; Windows cannot open one
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
