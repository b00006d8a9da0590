"""Training and held-out examples of a run, generated or from files, behind one interface; no torch.

So what a file lacks is told before torch is imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ...generators.datasets import DATASETS, examples, get_dataset
from ...generators.example import Example, rows_hash
from ...generators.stored.folder import read_split
from ...generators.stored.keep import Kept, keep
from ...generators.stored.manifest import MANIFEST, check_listed, read_manifest
from ...generators.stored.sources import is_source, load_source
from ...generators.stored.write import Plan, generate, plan
from ...leaderboard.result import Dataset
from ..recipe_parts import DataPart

if TYPE_CHECKING:
    from ...coconut.batches import ExampleSource, Pool


@dataclass(frozen=True)
class RunData:
    """The data of a run.

    Attributes:
        part: The recipe's data part, with wording and held-out sizes filled in.
        record: The leaderboard's record of the test split.
        train: Training examples; None for an endless generated stream.
        valid: Validation examples.
        test: Test examples.
        note: A warning for the user, such as questions shared between splits; may be empty.
        description: Where data from files come from; empty for generated ones.
    """

    part: DataPart
    record: Dataset
    train: Sequence[Example] | None
    valid: Sequence[Example]
    test: Sequence[Example]
    note: str = ""
    description: str = ""

    def training(self, seed: int) -> ExampleSource | Pool:
        """Return the training examples in the order of a run.

        Args:
            seed: Training seed: selects the generated stream, or the order of a finite set.

        Returns:
            A stream of generated examples, or a finite pool.
        """
        if self.train is not None:
            from ...coconut.batches import Pool  # with torch

            return Pool(self.train, seed)
        part = self.part

        def stream(start: int, count: int) -> Iterator[Example]:
            return examples(part.name, "train", seed=seed, start=start, count=count, surface=part.surface)

        return stream

    def write_held_out(self, folder: Path) -> bool:
        """Write the held-out splits with their manifest, so that a finished run needs no other files.

        Args:
            folder: Directory to write; left alone if it has these splits.

        Returns:
            Whether anything was written.

        Raises:
            ValueError: The directory has other data, or damaged ones.
        """
        planned = self._planned()
        if (folder / MANIFEST).is_file():
            manifest = read_manifest(folder)
            if not planned.is_of(manifest):
                raise ValueError(f"{folder} holds other data; remove it, or choose another --out")
            for entry in manifest["splits"].values():
                check_listed(folder / entry["file"], manifest)
            return False
        if isinstance(planned, Kept):
            keep(planned, folder)
        else:
            generate(planned, folder)
        return True

    def _planned(self) -> Plan | Kept:
        part, record = self.part, self.record
        if part.name not in DATASETS:
            splits = {"valid": self.valid, "test": self.test}
            return Kept(record.name, record.version, record.surface, self.description, splits)
        sizes = {"train": 0, "valid": len(self.valid), "test": len(self.test)}
        return plan(part.name, seed=part.seed, sizes=sizes, surface=part.surface)

    def vocabulary_examples(self, count: int) -> Iterator[Example]:
        """Iterate over examples that contain the words of the dataset.

        Args:
            count: Training examples of a generated dataset, and of each of its out-of-distribution variants.

        Returns:
            Those examples; all examples for data from files.
        """
        name, surface = self.part.name, self.part.surface
        if name not in DATASETS:
            return chain(self.train or (), self.valid, self.test)
        names = [name, *(row.name for row in DATASETS.values() if row.base == name)]
        return chain.from_iterable(examples(one, "train", count=count, surface=surface) for one in names)

    @property
    def longest_chain(self) -> int:
        """Number of steps of the longest chain in the stored splits (an endless stream is not searched)."""
        return max(len(example.steps) for example in chain(self.train or (), self.valid, self.test))


def open_data(part: DataPart) -> RunData:
    """Load or generate the data of a recipe.

    Args:
        part: The recipe's data part.

    Returns:
        Training and held-out examples.

    Raises:
        ValueError: The dataset is unknown, a file is invalid or a split is empty.
        OSError: A file cannot be read.
    """
    return _source(part) if is_source(part.name) else _generated(part)


def questions_of(part: DataPart, run: Path, split: str, recorded: Dataset) -> Sequence[Example]:
    """Return held-out questions of a finished run.

    Args:
        part: The data part of its recipe.
        run: Its directory; without its ``data``, the dataset is opened as for a new run.
        split: ``test`` or ``valid``.
        recorded: The dataset in its record.

    Returns:
        Questions with their true answers.

    Raises:
        ValueError: The test questions are not those of the run, or a file is damaged.
        OSError: A file is missing.
    """
    folder = run / "data"
    if (folder / MANIFEST).is_file():
        manifest = read_manifest(folder)
        found = {name: read_split(folder, manifest, name) for name in dict.fromkeys(("test", split))}
    else:
        data = open_data(part)
        found = {"valid": list(data.valid), "test": list(data.test)}
    content = rows_hash(found["test"])
    if content != recorded.content_hash:
        raise ValueError(
            f"the test questions of {recorded.name} must be those of the run (sha256 "
            f"{recorded.content_hash[:12]}), got others ({content[:12]})"
        )
    return found[split]


def held_out(part: DataPart, split: str) -> list[Example]:
    """Generate the validation or test examples, the same for every method and training seed."""
    count = part.valid if split == "valid" else part.test
    return list(examples(part.name, split, seed=part.seed, count=count, surface=part.surface))


def _generated(part: DataPart) -> RunData:
    row = get_dataset(part.name)
    sizes = {"valid": part.valid or row.sizes["valid"], "test": part.test or row.sizes["test"]}
    part = part.model_copy(update={**sizes, "surface": part.surface or row.surfaces[0]})
    surface = str(part.surface)
    train = None
    if part.train is not None:
        train = list(examples(row.name, "train", seed=part.seed, count=part.train, surface=surface))
    test = held_out(part, "test")
    record = Dataset(
        name=row.name, version=row.version, surface=surface, split="test", n=sizes["test"],
        content_hash=rows_hash(test), seed=part.seed,
    )  # fmt: skip
    return RunData(part, record, train, held_out(part, "valid"), test)


def _source(part: DataPart) -> RunData:
    source = load_source(part.name)
    part = part.model_copy(update={"surface": source.surface})
    train, valid, test = source.train[: part.train], source.valid[: part.valid], source.test[: part.test]
    record = Dataset(
        name=source.name, version=source.version, surface=source.surface, split="test", n=len(test),
        content_hash=rows_hash(test), revision=source.revision,
    )  # fmt: skip
    shared = f"{source.shared} held-out questions of {source.name} also occur in its training split"
    return RunData(part, record, train, valid, test, shared if source.shared else "", source.description)
