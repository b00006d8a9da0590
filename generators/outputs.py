"""Where a command is to write, checked before the work that leads to it."""

from __future__ import annotations

import os
from pathlib import Path


def require_file(option: str, path: str | Path) -> None:
    """Check that a file can be written where it is to be.

    Args:
        option: What names the file, for the message.
        path: The file.

    Raises:
        ValueError: It is a folder, its folder is not there, or cannot be written to.
    """
    path = Path(path)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"{option} must be a file in an existing folder, got {path}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(f"{option} must be a file that can be written, got {path}")


def require_folder(option: str, path: Path) -> None:
    """Check that a folder can be made, or is there.

    Args:
        option: What names the folder, for the message.
        path: The folder.

    Raises:
        ValueError: It is a file, or would be in one, or in a folder that cannot be written to.
    """
    there = next((one for one in (path, *path.parents) if one.exists()), path)
    if there.exists() and not there.is_dir():
        raise ValueError(f"{option} must be a folder, got the file {there}")
    if not os.access(there, os.W_OK):
        raise ValueError(f"{option} must be a folder that can be written to, got {path}")
