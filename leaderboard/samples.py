"""Predictions together with their questions, for the formats that hold both.

The leaderboard keeps no question: those of a generated dataset are made again from its name, version, seed
and size, and taken only if their content hash is the recorded one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from .predictions import Prediction, read_predictions
from .result import Dataset, Result


class Sample(NamedTuple):
    """One question as it was asked, and what was answered."""

    question: str
    prediction: Prediction


def read_samples(row: Result, folder: Path | str) -> dict[int, list[Sample]]:
    """Seed → its samples in the order of the questions; empty where the dataset cannot be generated here.

    ``folder`` holds the side files. Raises as `read_predictions` does; ValueError where the predictions are
    of other questions than the dataset's.
    """
    questions = regenerate(row.dataset)
    if not questions:
        return {}
    found = {}
    for entry in row.seeds:
        if entry.predictions is None:
            continue
        predictions = {
            prediction.id: prediction for prediction in read_predictions(entry.predictions, folder)
        }
        if predictions.keys() != questions.keys():
            raise ValueError(
                f"{row.key} {row.method}, seed {entry.seed}: predictions must be of {row.dataset.name}"
            )
        found[entry.seed] = [Sample(question, predictions[name]) for name, question in questions.items()]
    return found


def regenerate(data: Dataset) -> Mapping[str, str]:
    """Question id → question; empty where the dataset is not generated, or not with this content any more."""
    from ..generators.datasets import DATASETS, content_hash, examples

    known = DATASETS.get(data.name)
    if known is None or data.seed is None or known.version != data.version:
        return {}
    arguments = {"seed": data.seed, "count": data.n}
    try:
        found = content_hash(data.name, data.split, surface=data.surface, **arguments)
    except ValueError:  # a split, a surface or a size that the dataset does not have
        return {}
    if found != data.content_hash:
        return {}
    made = examples(data.name, data.split, surface=data.surface, **arguments)
    return {example.id: example.question for example in made}
