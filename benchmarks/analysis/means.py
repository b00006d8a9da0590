"""Means over questions, with their standard errors."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from .graph import CLASSES


class Mean(NamedTuple):
    """A mean of ``n`` values and its standard error, None for fewer than two values."""

    mean: float
    error: float | None
    n: int


def mean(values: Iterable[float]) -> Mean | None:
    """Average ``values``; None for no values."""
    found = np.asarray(list(values), float)
    if not len(found):
        return None
    error = float(found.std(ddof=1) / math.sqrt(len(found))) if len(found) > 1 else None
    return Mean(float(found.mean()), error, len(found))


def class_means(questions: Iterable[Iterable[tuple[str, float]]]) -> dict[str, Mean | None]:
    """Average values by class, first within a question, so that the errors are those of questions.

    Args:
        questions: For each question, pairs of a class and a value.

    Returns:
        For every class of ``CLASSES``, the mean of the questions' means.
    """
    groups: dict[str, list[float]] = defaultdict(list)
    for pairs in questions:
        of_class: dict[str, list[float]] = defaultdict(list)
        for name, value in pairs:
            of_class[name].append(value)
        for name, values in of_class.items():
            groups[name].append(float(np.mean(values)))
    return {name: mean(groups[name]) for name in CLASSES}
