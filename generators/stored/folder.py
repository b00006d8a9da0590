"""A folder that ``coconut-bench generate`` wrote, read back.

    data/tiny/train.jsonl  valid.jsonl  test.jsonl  manifest.json

Files that differ from the manifest are refused. The published format has no ids; they are restored, so the
rows equal those of the other formats and of the table of datasets.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..example import Example
from .formats import read_rows
from .manifest import check_listed


def id_prefix(manifest: Mapping[str, Any], split: str) -> str:
    """Return the prefix of the ids of a split; the index follows it.

    Args:
        manifest: Manifest of the folder.
        split: Name of the split.
    """
    dataset, config = manifest["dataset"], manifest["config"]
    return f"{dataset['name']}/{dataset['version']}/{config['surface']}/{split}/{config['seed']}/"


def read_split(folder: Path, manifest: Mapping[str, Any], split: str) -> list[Example]:
    """Read the examples of one split with their ids and twins.

    Args:
        folder: Folder written by `generate`.
        manifest: Its manifest, see `manifest.read_manifest`.
        split: Name of the split.

    Returns:
        The examples in order.

    Raises:
        ValueError: The file was changed, or a record is invalid (with file and line).
        OSError: The file is missing.
    """
    entry = manifest["splits"][split]
    path = folder / entry["file"]
    check_listed(path, manifest)
    prefix, start = id_prefix(manifest, split), entry.get("start", 0)
    found = []
    for number, row in read_rows(path):
        index = start + number - 1
        # Twins (same premises, other query entity, other answer) have indices 2 i and 2 i + 1.
        twin = f"{prefix}{index ^ 1}" if manifest["dataset"]["twins"] else None
        try:
            found.append(Example.from_json({"id": f"{prefix}{index}", "twin": twin, **row}))
        except ValueError as error:
            raise ValueError(f"{path.name}:{number} {error}") from None
    return found
