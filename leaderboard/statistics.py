"""Intervals and tests for accuracies.

Only `scipy.special` is imported: `scipy.stats` takes three times as long to load, and every command that
touches a result would wait for it. The tests hold each function against `scipy.stats`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scipy import special

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A confidence interval, both ends included."""

    low: float
    high: float


def wilson(n_correct: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927), as fractions in 0..1.

    ValueError unless ``0 <= n_correct <= n`` and ``n > 0``.
    """
    if n <= 0:
        raise ValueError(f"n must be positive, got {n}")
    if not 0 <= n_correct <= n:
        raise ValueError(f"n_correct must be in 0..{n}, got {n_correct}")
    z = float(special.ndtri(0.5 + confidence / 2))
    share = n_correct / n
    centre = share + z * z / (2 * n)
    spread = z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    # Rounding would otherwise leave 1e-17 outside 0..1 at the two ends.
    low = 0.0 if n_correct == 0 else (centre - spread) / (1 + z * z / n)
    high = 1.0 if n_correct == n else (centre + spread) / (1 + z * z / n)
    return Interval(low, high)


class Mean(NamedTuple):
    """A mean and its confidence interval."""

    mean: float
    interval: Interval


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Mean:
    """The mean of fractions and its t interval, cut to 0..1; ValueError for fewer than two values.

    It covers the variation between seeds, not that of the questions, which are the same for all of them.
    """
    n = len(values)
    if n < 2:
        raise ValueError(f"values must be at least 2, got {n}")
    mean = sum(values) / n
    variance = sum((value - mean) ** 2 for value in values) / (n - 1)
    spread = float(special.stdtrit(n - 1, 0.5 + confidence / 2)) * (variance / n) ** 0.5
    return Mean(mean, Interval(max(0.0, mean - spread), min(1.0, mean + spread)))
