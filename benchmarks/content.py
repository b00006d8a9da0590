"""What the local files are that a recipe names: digests of their content, names without a machine's folders.

A recipe may name files of a dataset, a folder made by `generate`, or the folder of a pretrained model. Where
they lie differs from machine to machine; what they hold decides the result. So a digest stands for the path
in whatever says that two runs are the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path, PurePath
from typing import Any

from ..generators.files import file_digest
from ..generators.stored.manifest import MANIFEST
from ..generators.stored.sources import is_source
from .recipe_parts import DataPart, ModelPart

NAMED = {"data": "name", "model": "pretrained"}
"""Part of a recipe -> the key that may be a path."""


def with_contents(data: DataPart, model: ModelPart) -> dict[str, DataPart | ModelPart]:
    """Fill in the digests of local files; those that are there are kept.

    Args:
        data: Data part of a recipe.
        model: Its model part.

    Returns:
        Both parts by name.

    Raises:
        OSError: A file of the dataset is missing.
    """
    return {
        "data": data.model_copy(update={"content": data.content or data_content(data.name)}),
        "model": model.model_copy(update={"content": model.content or model_content(model.pretrained)}),
    }


def without_paths(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out the paths for which a digest stands.

    Args:
        fields: Plain values of a recipe.

    Returns:
        The same with ``content`` alone in place of a path.
    """
    paths = {part: name for part, name in NAMED.items() if "content" in fields[part]}
    parts = {part: {key: fields[part][key] for key in fields[part] if key != paths[part]} for part in paths}
    return {**fields, **parts}


def check_contents(data: DataPart, model: ModelPart) -> None:
    """Check local files against the digests that a recipe has, if it has any.

    Args:
        data: Data part of the recipe.
        model: Its model part.

    Raises:
        ValueError: They are others.
        OSError: A file of the dataset is missing.
    """
    for name, stated, found in (
        ("data", data.content, data_content(data.name)),
        ("model", model.content, model_content(model.pretrained)),
    ):
        if stated not in (None, found):
            raise ValueError(
                f"{name}.content must be that of the files that are here, {found or 'none'}, got {stated}; "
                f"leave it out to train on these"
            )


def data_content(name: str) -> str | None:
    """Hash the local files of a dataset.

    Args:
        name: Dataset of a recipe; a generated folder's manifest has the digests of its files.

    Returns:
        SHA-256 of their digests in order; None for a dataset of the table or the Hub.

    Raises:
        OSError: A file is missing.
    """
    paths = [Path(part.strip()) for part in name.split(",")]
    if not is_source(name) or not (len(paths) > 1 or paths[0].exists()):
        return None
    if paths[0].is_dir():
        paths = [path for path in (paths[0] / MANIFEST,) if path.is_file()]
    return _digest(paths)


def model_content(name: str | None) -> str | None:
    """Hash the files of a pretrained model.

    Args:
        name: Pretrained model of a recipe, if any.

    Returns:
        SHA-256 of the digests of its visible files, in order; None if it is not a local folder.
    """
    if name is None or not Path(name).is_dir():
        return None
    return _digest(sorted(path for path in Path(name).iterdir() if path.is_file() and path.name[0] != "."))


def model_label(name: str) -> str:
    """Name a pretrained model for people.

    Args:
        name: Pretrained model of a recipe.

    Returns:
        Of a local folder the last part, which says nothing of the machine; else the name on the Hub.
    """
    return Path(name).resolve().name or name if Path(name).is_dir() else name


def without_folders(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave the last part of each path for which a digest stands.

    Args:
        fields: Plain values of a recipe.

    Returns:
        The same, with names that say nothing of the machine.
    """
    changed = dict(fields)
    for part, name in NAMED.items():
        if "content" in fields[part]:
            paths = str(fields[part][name]).split(",")
            changed[part] = {**fields[part], name: ",".join(PurePath(path.strip()).name for path in paths)}
    return changed


def _digest(files: Iterable[Path]) -> str | None:
    """Hash the contents of files in order; None where there are none."""
    digests = []
    for path in files:
        if not path.is_file():
            raise FileNotFoundError(f"no such file: {path}")
        found = path.stat()
        digests.append(_file_digest(path.resolve(), found.st_size, found.st_mtime_ns))
    return hashlib.sha256("".join(digests).encode()).hexdigest() if digests else None


@cache
def _file_digest(path: Path, size: int, changed: int) -> str:
    """Hash a file once for all cells of a sweep, and again where its size or time of change has changed."""
    return file_digest(path)
