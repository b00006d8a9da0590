"""Write a dataset to a folder: one file for each split and a manifest, all or nothing.

    DIR/train.jsonl  DIR/valid.jsonl  DIR/test.jsonl  DIR/manifest.json

The folder is built beside its destination under a temporary name and renamed at the end. Memory does not grow
with the number of examples, and the bytes do not depend on the number of workers or the date.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from ..datasets import examples, get_dataset, resolve_surface
from ..files import file_digest, recover_folder, replace_folder, scratch_folder
from ..row import Dataset
from ..stopping import terminable
from ..workers import ordered
from .formats import FORMATS, encode_jsonl, get_format
from .manifest import MANIFEST, describe, read_manifest, write_manifest

_BLOCK = 2048  # examples encoded together; also the size of a parquet row group, so part of those bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """What one call of `generate` writes.

    Attributes:
        dataset: Row of the table of datasets.
        surface: Surface of the text.
        seed: Dataset seed.
        format: Row of `FORMATS`.
        sizes: Each split to write -> its number of examples, all shards together.
        shard: (i, n): write the i-th of n parts of every split, i in 1..n.
    """

    dataset: Dataset
    surface: str
    seed: int
    format: str
    sizes: Mapping[str, int]
    shard: tuple[int, int] = (1, 1)

    def part(self, split: str) -> range:
        """Return the indices of the shard's examples of ``split``: consecutive, twins in the same shard."""
        total, pair = self.sizes[split], 2 if self.dataset.twins else 1
        index, count = self.shard
        # Pairs of twins (rounded up) are divided evenly: shard i has those from (i - 1) / n to i / n of all.
        start, stop = (-(-total // pair) * at // count * pair for at in (index - 1, index))
        return range(start, min(stop, total))

    def is_of(self, manifest: Mapping[str, Any]) -> bool:
        """Return whether a folder holds what this would write.

        Args:
            manifest: The folder's manifest.
        """
        wanted = _manifest(self, {})
        sizes = {split: entry["examples"] for split, entry in manifest["splits"].items()}
        same = all(manifest[key] == wanted[key] for key in ("dataset", "config"))
        return same and sizes == {split: len(self.part(split)) for split in self.sizes}


def plan(
    name: str,
    *,
    seed: int = 0,
    sizes: Mapping[str, int | None] | None = None,
    surface: str | None = None,
    format: str = "jsonl",
    shard: str = "1/1",
) -> Plan:
    """Check a request before any file is touched.

    Args:
        name: Name of the dataset.
        seed: Dataset seed.
        sizes: Split -> number of examples; None or missing for the default size, 0 to omit the split.
        surface: Surface of the text; None for the dataset's default.
        format: Row of `FORMATS`.
        shard: "i/n" to write the i-th of n parts of every split; the concatenated jsonl files of all parts
            are the bytes of the whole.

    Returns:
        The checked plan.

    Raises:
        ValueError: Unknown name, split, surface or format, or a size, seed or shard out of range.
    """
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", shard)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"shard must be i/n with i in 1..n, got {shard}")
    dataset = get_dataset(name)
    get_format(format)
    wanted = dict(dataset.sizes)
    wanted.update({split: size for split, size in (sizes or {}).items() if size is not None})
    for split, size in wanted.items():
        examples(name, split, seed=seed, count=size, surface=surface)  # checks, samples nothing yet
    wanted = {split: size for split, size in wanted.items() if size}
    if not wanted:
        raise ValueError("at least one split must have a size above 0")
    part = (int(match[1]), int(match[2]))
    return Plan(dataset, resolve_surface(dataset, surface), seed, format, wanted, part)


def generate(plan: Plan, out: str | Path, *, workers: int = 1, force: bool = False) -> dict[str, Any]:
    """Write the planned dataset to a folder.

    On an error, Ctrl-C or SIGTERM the folder is unchanged and no temporary files are left.

    Args:
        plan: What to write, see `plan`.
        out: Output directory.
        workers: Number of processes, 1..1024.
        force: Replace a folder that `generate` wrote.

    Returns:
        The manifest.

    Raises:
        ValueError: The folder is not empty and ``force`` is not set or the folder is none of `generate`'s,
            or ``workers`` is out of range.
        OSError: The folder cannot be written.
    """
    out = Path(out).resolve()
    recover_folder(out)
    if out.exists() and not out.is_dir():
        raise ValueError(f"out must be a folder, {out} is a file")
    if out.is_dir() and any(out.iterdir()):
        if not force:
            raise ValueError(
                f"out must be an empty folder, {out} is not (--force replaces what `generate` wrote)"
            )
        _check_own(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with terminable(), scratch_folder(out.parent, f".{out.name}") as scratch:
        built = scratch / "new"
        built.mkdir()
        with ordered(workers) as each:
            splits = {
                split: _write_split(plan, split, built, each(_encode, _tasks(plan, split)))
                for split in plan.sizes
            }
        manifest = _manifest(plan, splits)
        write_manifest(manifest, built)
        replace_folder(out, built)
    return manifest


def _check_own(out: Path) -> None:
    """Raise ValueError unless a folder was written by `generate` and may be replaced."""
    try:
        listed = {MANIFEST, *(entry["file"] for entry in read_manifest(out)["splits"].values())}
        foreign = sorted({path.name for path in out.iterdir()} - listed)
        if foreign:
            raise ValueError(f"{foreign[0]} is not of `generate`")
    except (OSError, ValueError) as error:
        raise ValueError(
            f"out must be a folder that `generate` wrote for --force to replace it, {out} is not ({error})"
        ) from None


def _manifest(plan: Plan, splits: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Describe what the folder holds and how to generate it again."""
    dataset = plan.dataset
    fields = ("name", "version", "description", "leak", "split_by", "twins")
    config: dict[str, Any] = {"surface": plan.surface, "seed": plan.seed, "format": plan.format}
    if plan.shard != (1, 1):
        config["shard"] = list(plan.shard)
    # The bytes of parquet depend on the library that wrote them.
    tools = {"pyarrow": metadata.version("pyarrow")} if plan.format == "parquet" else {}
    return describe({name: getattr(dataset, name) for name in fields}, config, splits, **tools)


class Block(NamedTuple):
    """Consecutive examples: their canonical rows, the same in the file's format, and their number."""

    rows: bytes
    encoded: bytes
    size: int


def _write_split(plan: Plan, split: str, folder: Path, blocks: Iterator[Block]) -> dict[str, Any]:
    """Write one split, block by block, and return its entry of the manifest."""
    from tqdm import tqdm

    row = FORMATS[plan.format]
    path = folder / f"{split}{row.suffix}"
    digest = hashlib.sha256()
    part = plan.part(split)
    with path.open("wb") as file, tqdm(total=len(part), desc=split, unit=" examples", disable=None) as bar:
        sink = row.sink(file)
        for block in blocks:
            digest.update(block.rows)
            sink.append(block.encoded)
            bar.update(block.size)
        sink.close()
    start = {} if plan.shard == (1, 1) else {"start": part.start}
    return {
        "file": path.name,
        **start,
        "examples": len(part),
        "sha256": file_digest(path),
        "rows_sha256": digest.hexdigest(),
    }


Task = tuple[str, str, int, int, int, str, str]


def _tasks(plan: Plan, split: str) -> Iterator[Task]:
    """Cut a split into blocks: the arguments of ``_encode``."""
    part = plan.part(split)
    for start in part[::_BLOCK]:
        count = min(_BLOCK, part.stop - start)
        yield plan.dataset.address, split, plan.seed, start, count, plan.surface, plan.format


def _encode(name: str, split: str, seed: int, start: int, count: int, surface: str, format: str) -> Block:
    """Sample and encode one block; runs in a worker."""
    block = list(examples(name, split, seed=seed, start=start, count=count, surface=surface))
    rows = encode_jsonl(block)
    return Block(rows, rows if format == "jsonl" else FORMATS[format].encode(block), count)
