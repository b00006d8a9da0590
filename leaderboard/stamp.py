"""A leaderboard file that was checked and written here is known by its digest, ``.leaderboard.json.checked``.

An addition to it need not check all of it again. Any other byte, or another version of the package, and it
is checked as a whole.
"""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path


def write_stamp(path: Path, content: bytes) -> None:
    """Say that a file was checked and is in order.

    Args:
        path: The file.
        content: Its bytes.

    Raises:
        OSError: It cannot be written.
    """
    _place(path).write_text(_text(content), encoding="utf-8")


def is_stamped(path: Path, content: bytes) -> bool:
    """Whether a file was written here as it is.

    Args:
        path: The file.
        content: Its bytes.

    Returns:
        False also where nothing is known of it.

    Raises:
        OSError: The stamp cannot be read.
    """
    return _place(path).is_file() and _place(path).read_bytes() == _text(content).encode()


def _place(path: Path) -> Path:
    return path.with_name(f".{path.name}.checked")


def _text(content: bytes) -> str:
    return f"{metadata.version('coconut-bench')} {hashlib.sha256(content).hexdigest()}\n"
