"""Build a dataset repository of the Hugging Face Hub from a generated folder, or a folder of several.

    README.md                                        the card: YAML header and description of the data
    manifest.json                                    the version, and the hash of every split's canonical rows
    prosqa-fair/train-00000-of-00001.parquet         one config for each dataset; the split `valid` is called
    prosqa-fair/validation-00000-of-00001.parquet    `validation` there

Only folders that `verify` proves are built. A version is identified by the hash of its canonical rows
(``content_sha256``), which any library on any machine reproduces, not by that of the parquet files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..audit.report import Report, audit
from ..datasets import get_dataset
from ..example import Example
from ..proof.verify import verify_dir
from ..stored.folder import read_split
from ..stored.formats import FORMATS, HUB_SPLITS
from ..stored.manifest import MANIFEST, manifest_digest, read_manifest
from .card import CardSplit, Section, dataset_card
from .upload import Upload, describe, digests, parse_version, seal

_BLOCK = 2048  # rows of a parquet row group


class _Config(NamedTuple):
    """One dataset of the repository: its name there, its folder and the folder's manifest."""

    name: str
    folder: Path
    manifest: dict[str, Any]


def build_dataset(
    folder: Path, repo: str, version: str, scratch: Path, say: Callable[[str], None] = lambda line: None
) -> Upload:
    """Prove, audit and pack the datasets of a folder.

    Args:
        folder: Folder written by `generate`, or a folder of several.
        repo: Name of the repository, org/name.
        version: Three numbers, such as 1.0.0.
        scratch: Temporary folder for the parquet files.
        say: Is called with lines of progress.

    Returns:
        The upload.

    Raises:
        ValueError: Invalid version, no generated folder, a shard of one, the same dataset twice, or invalid
            data.
        OSError: A file is missing.
    """
    parse_version(version)
    files: dict[str, bytes | Path] = {}
    sections, configs = [], {}
    for config in _configs(folder):
        say(f"{config.name}: proving {sum(_counts(config.manifest).values())} questions")
        verify_dir(config.folder)
        splits = []
        for split in config.manifest["splits"]:
            packed = scratch / config.name / f"{HUB_SPLITS[split]}-00000-of-00001.parquet"
            splits.append(_pack(read_split(config.folder, config.manifest, split), packed))
            files[f"{config.name}/{packed.name}"] = packed
        say(f"{config.name}: guessing without reasoning")
        sections.append(Section(config.name, config.manifest, splits, _audited(config)))
        configs[config.name] = canonical_manifest(config.manifest)
    shared = describe("dataset", version, content_digest(configs), files)
    manifest = {**shared, "packed_sha256": digests(files), "configs": configs}
    return seal(f"Version {version}", files, manifest, dataset_card(repo, manifest, sections))


def canonical_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest that the same rows have as jsonl.

    With it, rows from any source can be laid out as the folder that `generate` writes, and be proved as one.

    Args:
        manifest: Manifest of a folder of any format.
    """
    splits = {
        split: {
            "file": f"{split}{FORMATS['jsonl'].suffix}",
            "examples": entry["examples"],
            "sha256": entry["rows_sha256"],  # a jsonl file is its rows
            "rows_sha256": entry["rows_sha256"],
        }
        for split, entry in manifest["splits"].items()
    }
    generator = {key: manifest["generator"][key] for key in ("package", "version")}
    config = {**manifest["config"], "format": "jsonl"}
    found = {**manifest, "generator": generator, "config": config, "splits": splits}
    found["manifest_sha256"] = manifest_digest(found)
    return found


def content_digest(configs: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the sha256 of the names of configs and splits and the hashes of their canonical rows.

    Args:
        configs: Name of each config -> its manifest.
    """
    rows = {
        name: {split: entry["rows_sha256"] for split, entry in config["splits"].items()}
        for name, config in configs.items()
    }
    text = json.dumps(rows, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _configs(folder: Path) -> list[_Config]:
    """Return the datasets in a folder, sorted by name."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no such folder: {folder}")
    found: dict[str, _Config] = {}
    for place in [folder] if (folder / MANIFEST).is_file() else sorted(folder.iterdir()):
        if not (place / MANIFEST).is_file():
            continue
        manifest = read_manifest(place)
        name, config = manifest["dataset"]["name"], manifest["config"]
        if "shard" in config:
            raise ValueError(f"{place} must be a whole dataset, it is part {config['shard']} of one")
        if config["surface"] != get_dataset(name).surfaces[0]:
            name = f"{name}-{config['surface']}"
        if name in found:
            raise ValueError(f"{folder} must hold {name} once, got it in {found[name].folder} and {place}")
        found[name] = _Config(name, place, manifest)
    if not found:
        raise ValueError(f"{folder} must be a folder made by `coconut-bench generate`, or hold some")
    return [found[name] for name in sorted(found)]


def _counts(manifest: Mapping[str, Any]) -> dict[str, int]:
    return {split: entry["examples"] for split, entry in manifest["splits"].items()}


def _pack(examples: Sequence[Example], path: Path) -> CardSplit:
    """Write one split as parquet, and measure it."""
    import pyarrow.parquet  # type: ignore[import-untyped]
    from tqdm import tqdm

    path.parent.mkdir(parents=True, exist_ok=True)
    form = FORMATS["parquet"]
    with path.open("wb") as file:
        sink = form.sink(file)
        starts = range(0, len(examples), _BLOCK)
        for start in tqdm(starts, desc=path.stem.partition("-")[0], unit=" row groups", disable=None):
            sink.append(form.encode(examples[start : start + _BLOCK]))
        sink.close()
    with pyarrow.parquet.ParquetFile(path) as packed:
        in_memory = sum(packed.read_row_group(index).nbytes for index in range(packed.num_row_groups))
    name = path.stem.partition("-")[0]
    return CardSplit(name, f"{path.parent.name}/{path.name}", len(examples), in_memory, path.stat().st_size)


def _audited(config: _Config) -> Report | None:
    """Audit the test split, or the only one; None where there are too few questions.

    Learned rules are included if scikit-learn and a training split are available.
    """
    sizes = {split: count for split, count in _counts(config.manifest).items() if count >= 4}
    if not sizes:
        return None
    split = "test" if "test" in sizes else next(iter(sizes))
    learned = split != "train" and "train" in sizes and _has_sklearn()
    return audit(
        config.folder,
        split=split,
        fit="train" if split != "train" else "valid",
        examples=min(sizes[split], 10_000),
        learned=learned,
    )


def _has_sklearn() -> bool:
    from importlib.util import find_spec

    return find_spec("sklearn") is not None
