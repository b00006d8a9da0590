"""Intervals and tests for accuracies.

Only `scipy.special` is imported: `scipy.stats` takes three times as long to load, and every command that
touches a result would wait for it. The tests hold each function against `scipy.stats`.

Accuracies, differences and margins are fractions in 0..1; p-values are two-sided except where it is said.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

CONFIDENCE = 0.95
POWER = 0.8
BOOTSTRAP_SAMPLES = 10_000
# Resamples are drawn in parts of about this many indices, so that memory does not grow with the questions.
DRAWN_AT_ONCE = 1 << 20


class Interval(NamedTuple):
    """A confidence interval, both ends included."""

    low: float
    high: float


class Mean(NamedTuple):
    """A mean and its confidence interval."""

    mean: float
    interval: Interval


class McNemar(NamedTuple):
    """Questions that only the one or only the other answered right, and the exact test's p-value."""

    only_a: int
    only_b: int
    p: float


class Estimate(NamedTuple):
    """A mean, its standard error and the degrees of freedom of that."""

    mean: float
    error: float
    freedom: int


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


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Mean:
    """The mean of fractions and its t interval, cut to 0..1; ValueError for fewer than two values.

    It covers the variation between seeds, not that of the questions, which are the same for all of them.
    """
    low, high = t_interval(estimate(values), confidence)
    return Mean(sum(values) / len(values), Interval(max(0.0, low), min(1.0, high)))


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of independent values and its standard error; ValueError for fewer than two values."""
    n = len(values)
    if n < 2:
        raise ValueError(f"values must be at least 2, got {n}")
    mean = sum(values) / n
    variance = sum((value - mean) ** 2 for value in values) / (n - 1)
    return Estimate(mean, (variance / n) ** 0.5, n - 1)


def cluster_estimate(values: Sequence[float], clusters: Sequence[Hashable]) -> Estimate:
    """The mean of values that depend on one another within a cluster (a pair of twins), its error robust.

    The sandwich error of a mean, ``sqrt(G / (G - 1) · Σ_g (Σ_{i in g} (x_i - mean))²) / n`` over G
    clusters, as in Miller 2024 (arXiv 2411.00640) with the small-sample factor. ValueError for fewer than
    two clusters.
    """
    sums, sizes = _by_cluster(values, clusters)
    groups, n = len(sums), len(values)
    if groups < 2:
        raise ValueError(f"clusters must be at least 2, got {groups}")
    mean = float(sums.sum()) / n
    residuals = sums - mean * sizes
    return Estimate(mean, float(np.sqrt(groups / (groups - 1) * (residuals**2).sum()) / n), groups - 1)


def bootstrap_interval(
    values: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    samples: int = BOOTSTRAP_SAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Interval:
    """The percentile bootstrap interval of the mean, whole clusters drawn with replacement.

    The same ``seed`` gives the same interval with the same version of numpy.
    """
    sums, sizes = _by_cluster(values, clusters)
    generator = np.random.Generator(np.random.PCG64(seed))
    rows = max(1, DRAWN_AT_ONCE // len(sums))
    means = []
    for start in range(0, samples, rows):
        drawn = generator.integers(len(sums), size=(min(rows, samples - start), len(sums)))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    low, high = np.quantile(np.concatenate(means), [0.5 - confidence / 2, 0.5 + confidence / 2])
    return Interval(float(low), float(high))


def mcnemar(only_a: int, only_b: int) -> McNemar:
    """The exact McNemar test: are the questions that one of two models misses split evenly between them?

    Counts of several seeds may be added; the test then takes the answers of different seeds as independent.
    """
    n = only_a + only_b
    p = 1.0 if n == 0 else min(1.0, 2 * float(special.bdtr(min(only_a, only_b), n, 0.5)))
    return McNemar(only_a, only_b, p)


def t_interval(found: Estimate, confidence: float = CONFIDENCE) -> Interval:
    """The t interval of an estimate."""
    spread = float(special.stdtrit(found.freedom, 0.5 + confidence / 2)) * found.error
    return Interval(found.mean - spread, found.mean + spread)


def t_test(found: Estimate) -> float:
    """The p-value of a mean of 0; without any spread it is 1 for a mean of 0 and else 0."""
    if found.error == 0:
        return 1.0 if found.mean == 0 else 0.0
    return 2 * float(special.stdtr(found.freedom, -abs(found.mean) / found.error))


def tost(found: Estimate, margin: float) -> float:
    """The p-value of |mean| >= margin by two one-sided t tests (Schuirmann 1987): small means equivalent."""
    if margin <= 0:
        raise ValueError(f"margin must be positive, got {margin}")
    if found.error == 0:
        return 0.0 if abs(found.mean) < margin else 1.0
    return float(special.stdtr(found.freedom, (abs(found.mean) - margin) / found.error))


def detectable(found: Estimate, confidence: float = CONFIDENCE, power: float = POWER) -> float:
    """The smallest true difference that would be found with the given power, with an error of this size."""
    quantiles = special.stdtrit(found.freedom, [0.5 + confidence / 2, power])
    return float(quantiles.sum()) * found.error


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values of a family of tests, in the order given (Holm 1979)."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def _by_cluster(values: Sequence[float], clusters: Sequence[Hashable]) -> tuple[np.ndarray, np.ndarray]:
    """Sum and size of each cluster, [G] each, in the order of their first values."""
    if len(values) != len(clusters):
        raise ValueError(f"clusters must be {len(values)}, one a value, got {len(clusters)}")
    numbers: dict[Hashable, int] = {}
    index = [numbers.setdefault(cluster, len(numbers)) for cluster in clusters]
    sums = np.bincount(index, weights=np.asarray(values, dtype=float))
    return sums, np.bincount(index)
