"""Predictions joined with their questions, for the page and for export formats that hold both.

The leaderboard stores no questions: those of a generated dataset are generated again from its name, version,
seed and size, and used only if their content hash is the recorded one.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ..generators.example import Example, rows_hash
from .predictions import Prediction, read_predictions
from .result import Dataset, Result


class Sample(NamedTuple):
    """One question, with its true chain, and its prediction."""

    example: Example
    prediction: Prediction

    @property
    def question(self) -> str:
        """The question's text."""
        return self.example.question


def read_samples(row: Result, folder: Path | str) -> dict[int, list[Sample]]:
    """Join the predictions of a row with their questions.

    Args:
        row: The row.
        folder: The folder of the predictions files.

    Returns:
        Seed → its samples in the order of the questions; empty where the dataset cannot be generated here.

    Raises:
        ValueError: Where the predictions answer other questions than the dataset's, or a file is damaged.
        FileNotFoundError: Where a predictions file is missing.
    """
    # Read first: they bear out the number of questions, which a foreign row may give as a billion.
    answers = {
        entry.seed: {one.id: one for one in read_predictions(entry.predictions, folder)}
        for entry in row.seeds
        if entry.predictions
    }
    questions = regenerate(row.dataset) if answers else {}
    if not questions:
        return {}
    found = {}
    for seed, predictions in answers.items():
        if predictions.keys() != questions.keys():
            raise ValueError(
                f"{row.key} {row.method}, seed {seed}: predictions must be of {row.dataset.name}"
            )
        found[seed] = [Sample(question, predictions[name]) for name, question in questions.items()]
    return found


@lru_cache(maxsize=2)
def regenerate(data: Dataset) -> dict[str, Example]:
    """Generate the questions of a dataset again.

    Args:
        data: The recorded dataset.

    Returns:
        Question id → question; empty where the dataset has no generator or its content hash has changed.
    """
    from ..generators.datasets import examples

    at = address(data)
    if at is None or data.seed is None:
        return {}
    try:
        made = list(examples(at, data.split, seed=data.seed, count=data.n, surface=data.surface))
    except ValueError:  # a split, a surface or a size that the dataset does not have
        return {}
    return {example.id: example for example in made} if rows_hash(made) == data.content_hash else {}


def address(data: Dataset) -> str | None:
    """Find the generator of a dataset.

    Args:
        data: The recorded dataset.

    Returns:
        Its name in the table of datasets; None for another version, and for a file of one's own.
    """
    from ..generators.datasets import DATASETS
    from ..generators.dial import address_at

    at = address_at(data.name, data.version)
    try:
        known = DATASETS.get(at)
    except ValueError:  # settings that it does not have
        return None
    return at if known is not None and known.version == data.version else None
