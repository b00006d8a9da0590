"""Observations of one model, kept batch by batch: an interrupted analysis goes on with what is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ...generators.example import Example
from ...generators.files import read_sealed, write_sealed
from ...generators.reading import read_shape
from ..controls.pairs import batches
from .observation import Observation
from .observe import Subject, observe

ATTENTION_QUESTIONS = 32
"""Attention is observed for the first questions only, this many: it is slow."""


@dataclass
class _Kept:
    """A kept batch: what was observed, and what was found."""

    key: dict[str, Any]
    value: list[Observation]


def observations(subject: Subject, questions: Sequence[Example], folder: Path) -> list[Observation]:
    """Observe every question, or read what was observed before.

    Args:
        subject: The model.
        questions: Examples with graphs.
        folder: Where batches are kept, each with a key: what was observed, of which model and questions.

    Returns:
        One observation a question.
    """
    first, rest = questions[:ATTENTION_QUESTIONS], questions[ATTENTION_QUESTIONS:]
    size = subject.run.recipe.eval_batch_size
    parts = [(0, first), *((len(first) + start, part) for start, part in batches(rest, size))]
    folder = folder / subject.name.replace(" ", "-").replace(",", "")
    folder.mkdir(parents=True, exist_ok=True)
    found: list[Observation] = []
    for start, part in tqdm(parts, desc=subject.name, unit="batch", disable=None, leave=False):
        found += _batch(subject, part, folder / f"batch-{start}.json", with_attention=start == 0)
    return found


def _batch(
    subject: Subject, questions: Sequence[Example], path: Path, with_attention: bool
) -> list[Observation]:
    key = {
        **subject.key, "thoughts": subject.thoughts, "writes": list(subject.writes),
        "questions": [[example.id, example.question] for example in questions],
    }  # fmt: skip
    with suppress(ValueError, OSError):  # none, or a damaged one, which is made again
        kept = read_shape(_Kept, read_sealed(path), str(path))
        if kept.key == key and len(kept.value) == len(questions):
            return list(kept.value)
    found = observe(subject, questions, with_attention)
    content = {"key": key, "value": [one.to_json() for one in found]}
    write_sealed(path, json.dumps(content).encode())
    return found
