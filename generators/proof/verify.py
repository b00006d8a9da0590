"""Prove a dataset from its text: every answer, every step, every promise, every checksum.

    $ coconut-bench verify data/prosqa-tiny
    prosqa-tiny 1.0.0: 21000 examples proved (train 20000, valid 500, test 500)

The text is parsed and searched by code that shares nothing with the samplers; the manifest only says which
promises to check. The first thing that is wrong is reported with its file, line and id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ..files import file_digest
from ..stored.folder import id_prefix
from ..stored.formats import FORMATS, get_format, read_rows
from ..stored.manifest import MANIFEST, read_manifest
from ..workers import ordered
from .contracts import contract_of
from .records import Checked, Row, Told, VerificationError, check_block

BLOCK = 200
"""Records that a worker proves at once; even, so that twins are together."""
Each = Callable[..., Iterator[Any]]
"""What `ordered` yields."""


@dataclass(frozen=True)
class Report:
    """What was proved: the dataset, its version and the number of examples of each split."""

    dataset: str
    version: str
    examples: Mapping[str, int]

    def __str__(self) -> str:
        splits = ", ".join(f"{split} {count}" for split, count in self.examples.items())
        return f"{self.dataset} {self.version}: {sum(self.examples.values())} examples proved ({splits})"


def verify_file(path: str | Path, workers: int = 1) -> int:
    """Prove every record of one data file, ours or published.

    Checks what holds for any question (``prove``), not what one dataset promises and no checksum.

    Args:
        path: The file.
        workers: Number of processes.

    Returns:
        The number of records.

    Raises:
        VerificationError: At the first record that is wrong.
    """
    with ordered(workers) as each:
        return sum(1 for _ in _checked(Path(path), None, None, each))


def verify_dir(path: str | Path, workers: int = 1) -> Report:
    """Prove everything in a folder that ``generate`` wrote.

    Args:
        path: The folder.
        workers: Number of processes; it changes nothing but the time.

    Returns:
        What was proved.

    Raises:
        VerificationError: At the first thing that is wrong.
        OSError: For a file that is missing.
    """
    folder = Path(path)
    manifest = _read_manifest(folder)
    dataset, splits = manifest["dataset"], manifest["splits"]
    contract = contract_of(dataset["name"], dataset["version"])
    stated = (dataset["split_by"], dataset["twins"])
    if stated != (contract.form.__name__, contract.twins):
        raise VerificationError(
            f"{MANIFEST}: split_by and twins are not those of {dataset['name']}: {stated}"
        )
    owner: dict[object, str] = {}
    with ordered(workers) as each:
        for split in splits:
            _verify_split(folder, split, manifest, owner, each)
    known = {MANIFEST, *(entry["file"] for entry in splits.values())}
    suffixes = {row.suffix for row in FORMATS.values()}
    extra = sorted({file.name for file in folder.iterdir() if file.suffix in suffixes} - known)
    if extra:
        raise VerificationError(f"{extra[0]} is not listed in {MANIFEST}")
    counts = {split: entry["examples"] for split, entry in splits.items()}
    return Report(dataset["name"], dataset["version"], counts)


def _read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest and check that it is complete and unchanged."""
    try:
        return read_manifest(folder)
    except ValueError as error:
        raise VerificationError(str(error)) from None


def _verify_split(
    folder: Path, split: str, manifest: Mapping[str, Any], owner: dict[object, str], each: Each
) -> None:
    """Prove one file; ``owner`` maps the form of every graph seen so far to its split and is added to."""
    entry, config, dataset = manifest["splits"][split], manifest["config"], manifest["dataset"]
    path = folder / (split + get_format(config["format"]).suffix)
    start, prefix = entry.get("start", 0), id_prefix(manifest, split)  # a shard begins in the middle
    told = Told(dataset["name"], dataset["version"], config["surface"], prefix, start)
    digest, count = hashlib.sha256(), 0
    for one in _checked(path, told, entry["examples"], each):
        holder = owner.setdefault(one.form, split)
        if holder != split:
            raise VerificationError(f"{one.place}: the same graph is in {holder}")
        if one.unlike_twin:
            raise VerificationError(f"{one.place}: {one.unlike_twin}")
        digest.update(one.row)
        count += 1
    if count != entry["examples"]:
        raise VerificationError(f"{path.name} holds {count} examples, {MANIFEST} says {entry['examples']}")
    for what, found in (("rows_sha256", digest.hexdigest()), ("sha256", file_digest(path))):
        if found != entry[what]:
            raise VerificationError(
                f"{path.name} was changed: {what} is {found}, {MANIFEST} says {entry[what]}"
            )


def _checked(path: Path, told: Told | None, total: int | None, each: Each) -> Iterator[Checked]:
    """Yield the records of a file that are right by themselves, up to the first one that is not."""
    from tqdm import tqdm

    tasks = ((path.name, rows, error, told) for rows, error in _blocks(path))
    with tqdm(total=total, desc=path.stem, unit=" examples", disable=None, leave=False) as bar:
        for found, error in each(check_block, tasks):
            yield from found
            if error:
                raise error
            bar.update(len(found))


def _blocks(path: Path) -> Iterator[tuple[list[tuple[int, Row]], Exception | None]]:
    """Cut a file into blocks; one that ends before an unreadable record has its error."""
    rows, error = read_rows(path), None
    while error is None:
        block: list[tuple[int, Row]] = []
        try:
            block.extend(islice(rows, BLOCK))
        except (ValueError, OSError) as found:
            error = found
        if not block and error is None:
            return
        yield block, error
