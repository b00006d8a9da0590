"""The manifest of a generated folder: what was generated, the sha256 of each of its files, and its own."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import __version__
from ..example import SPLITS
from ..files import file_digest
from ..reading import read_json, read_shape
from ..terminal import shown

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1


@dataclass
class _Dataset:
    name: str
    version: str
    description: str
    leak: str
    split_by: str
    twins: bool


@dataclass
class _Config:
    surface: str
    seed: int
    format: str
    shard: tuple[int, int] = (1, 1)


@dataclass
class _Split:
    file: str
    examples: int
    sha256: str
    rows_sha256: str
    start: int = 0


@dataclass
class _Manifest:
    """What `generate` writes; other keys are left alone."""

    manifest_version: int
    generator: dict[str, str]
    dataset: _Dataset
    config: _Config
    splits: dict[str, _Split]
    manifest_sha256: str


def describe(
    dataset: Mapping[str, Any],
    config: Mapping[str, Any],
    splits: Mapping[str, Mapping[str, Any]],
    **tools: str,
) -> dict[str, Any]:
    """Make a folder's manifest.

    Args:
        dataset: What the examples are of: name, version, description, leak, split_by, twins.
        config: Wording, seed, format; the shard, if it is one.
        splits: Split -> its file, number of examples and digests.
        **tools: Versions of what else decides the bytes of the files.

    Returns:
        The manifest, with its own digest.
    """
    manifest: dict[str, Any] = {
        "manifest_version": MANIFEST_VERSION,
        "generator": {"package": "coconut-bench", "version": __version__, **tools},
        "dataset": dict(dataset),
        "config": dict(config),
        "splits": dict(splits),
    }
    return {**manifest, "manifest_sha256": manifest_digest(manifest)}


def write_manifest(manifest: Mapping[str, Any], folder: Path) -> None:
    """Write the manifest of a folder.

    Args:
        manifest: The manifest.
        folder: The folder.
    """
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """Return the sha256 of a manifest as canonical JSON, without its own ``manifest_sha256``.

    Args:
        manifest: The manifest.
    """
    rest = {key: value for key, value in manifest.items() if key != "manifest_sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a folder and check its hash.

    Args:
        folder: Folder written by `generate`.

    Returns:
        The manifest, complete and unchanged.

    Raises:
        ValueError: The manifest is not JSON, changed, or has not the fields that `generate` writes.
        OSError: There is no manifest.
    """
    if not (folder / MANIFEST).exists():
        data = folder / "data"
        hint = f" (that of the run is {data})" if (data / MANIFEST).is_file() else ""
        raise FileNotFoundError(f"{folder}: must be a generated directory, got one without {MANIFEST}{hint}")
    content = (folder / MANIFEST).read_bytes()
    manifest = read_json(content, MANIFEST)
    if not isinstance(manifest, dict) or "manifest_sha256" not in manifest:
        raise ValueError(f"{MANIFEST} must be an object with manifest_sha256")
    digest, stated = manifest_digest(manifest), manifest["manifest_sha256"]
    if digest != stated:
        raise ValueError(f"{MANIFEST} was changed: its sha256 is {digest}, it says {shown(stated)}")
    fields: _Manifest = read_shape(_Manifest, content, MANIFEST)
    for name, split in fields.splits.items():
        if name not in SPLITS or not re.fullmatch(rf"{name}\.\w+", split.file):
            known = ", ".join(SPLITS)
            raise ValueError(f"{MANIFEST}: splits must be of {known} with a file each, got {shown(name)}")
        if min(split.examples, split.start) < 0:
            raise ValueError(f"{MANIFEST}: examples and start of {name} must be at least 0")
    return manifest


def check_listed(path: Path, manifest: Mapping[str, Any]) -> None:
    """Check a data file against the manifest of its folder.

    Args:
        path: The file; one that the manifest does not list is refused.
        manifest: The manifest, see `read_manifest`.

    Raises:
        ValueError: The file is not listed or was changed.
        OSError: The file is missing.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    stated = [entry["sha256"] for entry in manifest["splits"].values() if entry["file"] == path.name]
    if stated != [file_digest(path)]:
        what = f"was changed after {MANIFEST} was written" if stated else f"is not listed in {MANIFEST}"
        raise ValueError(f"{path} {what}; `coconut-bench verify` says where")


def is_generated(folder: Path) -> bool:
    """Return whether a folder has a manifest of `generate`, changed or not.

    Args:
        folder: Any folder.
    """
    path = folder / MANIFEST
    return path.is_file() and any(key in path.read_bytes() for key in (b'"manifest_version"', b'"splits"'))
