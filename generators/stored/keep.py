"""Held-out questions of a source, kept beside what was trained on it.

    RUN/data/valid.jsonl  test.jsonl  manifest.json

A finished run can then be examined anywhere, whatever becomes of the files that it was trained on. The folder
is laid out as one of `generate`, all or nothing. Training examples, which nothing needs any more, are not in
it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..example import Example, rows_hash
from ..files import file_digest, replace_folder, scratch_folder
from .formats import encode_jsonl
from .manifest import describe, write_manifest

FORMAT = "jsonl"


@dataclass(frozen=True)
class Kept:
    """What is kept of a source.

    Attributes:
        name: Name of the dataset.
        version: Its version.
        surface: Its wording.
        description: Where it comes from.
        splits: Split -> its examples.
    """

    name: str
    version: str
    surface: str
    description: str
    splits: Mapping[str, Sequence[Example]]

    def is_of(self, manifest: Mapping[str, Any]) -> bool:
        """Return whether a folder holds this.

        Args:
            manifest: The folder's manifest.
        """
        found = {split: entry["rows_sha256"] for split, entry in manifest["splits"].items()}
        return found == {split: rows_hash(rows) for split, rows in self.splits.items()}


def keep(kept: Kept, folder: Path) -> None:
    """Write the splits and their manifest.

    Args:
        kept: What to write.
        folder: Where; may be empty.

    Raises:
        ValueError: There are files in it.
        OSError: It cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} must be an empty folder, it is not; remove it, or choose another --out")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(folder.parent, f".{folder.name}") as scratch:
        built = scratch / "new"
        built.mkdir()
        splits = {}
        for split, rows in kept.splits.items():
            path = built / f"{split}.{FORMAT}"
            path.write_bytes(encode_jsonl(rows))
            digest = file_digest(path)  # canonical rows, so the file's digest is theirs
            splits[split] = {
                "file": path.name, "examples": len(rows), "sha256": digest, "rows_sha256": digest,
            }  # fmt: skip
        dataset = {
            "name": kept.name, "version": kept.version, "description": kept.description,
            "leak": "", "split_by": "", "twins": False,
        }  # fmt: skip
        config = {"surface": kept.surface, "seed": 0, "format": FORMAT}
        write_manifest(describe(dataset, config, splits), built)
        replace_folder(folder, built)
