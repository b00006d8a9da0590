"""Finished parts of a long analysis: kept as they are made, and read instead of made when asked again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ...generators.example import Example
from ...generators.files import write_whole
from ..controls.battery import batches
from .observe import Observation, Subject, observe

ATTENTION_QUESTIONS = 32
"""Attention is looked at for so many questions, the first; it is made layer by layer for each of them."""


def kept(path: Path, key: Any, make: Callable[[], Any]) -> Any:
    """What ``make`` returns, from ``path`` if it was kept there under the same ``key``. Both are JSON."""
    key = json.loads(json.dumps(key))
    if path.exists():
        part = json.loads(path.read_bytes())
        if part["key"] == key:
            return part["value"]
    value = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps({"key": key, "value": value}).encode())
    return value


def observations(subject: Subject, questions: Sequence[Example], folder: Path) -> list[Observation]:
    """Every question looked at, batch by batch; those that ``folder`` holds already are read."""
    size = subject.run.recipe.eval_batch_size
    with_attention = questions[:ATTENTION_QUESTIONS]
    parts = [(0, with_attention)]
    parts += [
        (first + len(with_attention), part) for first, part in batches(questions[len(with_attention) :], size)
    ]
    found: list[Observation] = []
    for first, part in tqdm(parts, desc=subject.name, unit="batch", disable=None, leave=False):
        key = {
            **subject.key, "thoughts": subject.thoughts, "writes": subject.writes,
            "questions": [[e.id, e.question] for e in part],
        }  # fmt: skip
        path = folder / subject.name.replace(" ", "-").replace(",", "") / f"batch-{first}.json"

        def look(part: Sequence[Example] = part, first: int = first) -> list[Observation]:
            return observe(subject, part, with_attention=first == 0)

        found.extend(kept(path, key, look))
    return found
