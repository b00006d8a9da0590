"""Means over questions with their standard errors, and how a table writes them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from .graph import CLASSES

NONE = "–"


class Mean(NamedTuple):
    """A mean of ``n`` values and its standard error, None for fewer than two values."""

    mean: float
    error: float | None
    n: int


ClassMeans = dict[str, Mean | None]
"""A mean for every class of concept."""


def mean(values: Iterable[float]) -> Mean | None:
    """Average ``values``; None for no values."""
    found = np.asarray(list(values), float)
    if not len(found):
        return None
    error = float(found.std(ddof=1) / math.sqrt(len(found))) if len(found) > 1 else None
    return Mean(float(found.mean()), error, len(found))


def class_means(questions: Iterable[Iterable[tuple[str, float]]]) -> ClassMeans:
    """Average values by class, first within each question, so that the errors are those of questions.

    Args:
        questions: For each question, pairs of a class and a value.

    Returns:
        The mean of the questions' means for every class.
    """
    groups: dict[str, list[float]] = defaultdict(list)
    for pairs in questions:
        of_class: dict[str, list[float]] = defaultdict(list)
        for name, value in pairs:
            of_class[name].append(value)
        for name, values in of_class.items():
            groups[name].append(float(np.mean(values)))
    return {name: mean(groups[name]) for name in CLASSES}


def percent(value: float) -> str:
    """Write a share in percent."""
    return f"{100 * value:.1f}"


def share(found: Mean | None) -> str:
    """Write a mean share in percent."""
    return NONE if found is None else percent(found.mean)


def number(found: Mean | None) -> str:
    """Write a mean alone."""
    return NONE if found is None else f"{found.mean:.3f}"


def interval(found: Mean | None) -> str:
    """Write a mean with its standard error."""
    if found is None:
        return NONE
    return f"{found.mean:.3f} ± {NONE if found.error is None else f'{found.error:.3f}'}"
