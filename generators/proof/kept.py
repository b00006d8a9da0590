"""Check the questions that a run keeps of files of one's own: nothing has changed, and what can be is proved.

$ coconut-bench verify runs/scratch-coconut-0-sums/data
sums 5c1f0e9a7b2d: 700 examples as when they were kept (valid 200, test 500)
Answers: 0 proved, 700 in no wording that can be read.
Not compared with a generator: there is none of files train.json, valid.json, test.json.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..example import Example, rows_hash
from ..files import file_digest
from ..stored.formats import read_rows
from ..stored.manifest import MANIFEST, read_manifest
from ..wordings.reading import read_question
from .records import VerificationError, prove

NOT_READ = "in no wording that can be read"


@dataclass(frozen=True)
class Whole:
    """What was found of a folder that is as it was written.

    Attributes:
        dataset: Name of the dataset.
        version: Its version, that of its content.
        origin: Where it comes from.
        examples: Split -> number of examples.
        proved: Number of answers that were proved from the text.
        unproved: Why the others were not -> how many of them.
    """

    dataset: str
    version: str
    origin: str
    examples: Mapping[str, int]
    proved: int
    unproved: Mapping[str, int]

    def __str__(self) -> str:
        splits = ", ".join(f"{split} {count}" for split, count in self.examples.items())
        answers = [f"{self.proved} proved", *(f"{count} {why}" for why, count in self.unproved.items())]
        return (
            f"{self.dataset} {self.version}: {sum(self.examples.values())} examples as when they were kept "
            f"({splits})\nAnswers: {', '.join(answers)}.\nNot compared with a generator: there is none of "
            f"{self.origin}."
        )


def is_kept(folder: Path) -> bool:
    """Return whether a folder holds questions that a run keeps of files, and no generated ones.

    Args:
        folder: A folder with a manifest.

    Raises:
        ValueError: The manifest was changed.
        OSError: There is none.
    """
    return not read_manifest(folder)["dataset"]["split_by"]


def verify_kept(folder: Path) -> Whole:
    """Check every record and digest of a folder of `stored.keep`.

    Args:
        folder: The folder.

    Returns:
        What was found.

    Raises:
        VerificationError: At the first record that is no example or has the id of another, or a file that
            has changed.
        OSError: A file is missing.
    """
    manifest = read_manifest(folder)
    counts: Counter[str] = Counter()
    seen: set[str] = set()
    for entry in manifest["splits"].values():
        counts.update(_outcomes(folder / entry["file"], entry, seen))
    dataset = manifest["dataset"]
    examples = {split: entry["examples"] for split, entry in manifest["splits"].items()}
    proved = counts.pop("", 0)
    return Whole(dataset["name"], dataset["version"], dataset["description"], examples, proved, counts)


def _outcomes(path: Path, entry: Mapping[str, Any], seen: set[str]) -> Counter[str]:
    """Why answers of a file are not proved -> how many; nothing for those that are. Adds ids to ``seen``."""
    rows, outcomes = [], Counter[str]()
    for number, row in read_rows(path):
        place = f"{path.name}:{number} {row.get('id', '')}".rstrip()
        try:
            example = Example.from_json(row)
        except ValueError as error:
            raise VerificationError(f"{place}: {error}") from None
        if example.id in seen:
            raise VerificationError(f"{place}: the id must not be that of another question")
        seen.add(example.id)
        rows.append(example)
        outcomes[_why_not_proved(example)] += 1
    for what, found in (("rows_sha256", rows_hash(rows)), ("sha256", file_digest(path))):
        if found != entry[what]:
            raise VerificationError(
                f"{path.name} was changed: {what} is {found}, {MANIFEST} says {entry[what]}"
            )
    return outcomes


def _why_not_proved(example: Example) -> str:
    """What keeps an answer from being proved; nothing if it is."""
    try:
        read_question(example.question)
    except ValueError:
        return NOT_READ
    try:
        prove(example)
    except ValueError:
        return "in a known wording and not proved (`verify FILE` says why)"
    return ""
