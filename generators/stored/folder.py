"""A folder that ``coconut-bench generate`` wrote, read back.

    data/tiny/train.jsonl  valid.jsonl  test.jsonl  manifest.json

Files that differ from the manifest are refused. The published format has no ids; they are restored, so the
rows equal those of the other formats and of the table of datasets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..example import Example
from .formats import MANIFEST, file_digest, manifest_digest, read_rows


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a folder and check its hash.

    Args:
        folder: Folder written by `generate`.

    Returns:
        The manifest, complete and unchanged.

    Raises:
        ValueError: The manifest is not JSON, incomplete or changed.
        OSError: There is no manifest.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except ValueError as error:
        raise ValueError(f"{MANIFEST} is not JSON: {error}") from None
    if not isinstance(manifest, dict) or "manifest_sha256" not in manifest:
        raise ValueError(f"{MANIFEST} must be an object with manifest_sha256")
    digest, stated = manifest_digest(manifest), manifest["manifest_sha256"]
    if digest != stated:
        raise ValueError(f"{MANIFEST} was changed: its sha256 is {digest}, it says {stated}")
    return manifest


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
        manifest: Its manifest, see `read_manifest`.
        split: Name of the split.

    Returns:
        The examples in order.

    Raises:
        ValueError: The file was changed, or a record is invalid (with file and line).
        OSError: The file is missing.
    """
    entry = manifest["splits"][split]
    path = folder / entry["file"]
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    if file_digest(path) != entry["sha256"]:
        raise ValueError(
            f"{path} was changed after {MANIFEST} was written; `coconut-bench verify` says where"
        )
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
