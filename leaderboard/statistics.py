"""Intervals and tests for accuracies.

Only `scipy.special` is imported, where a test needs it: it takes longer to load than the rest of a command
that reads or adds rows, and `scipy.stats` three times as long. The tests check each function against
`scipy.stats`.

Accuracies, differences and margins are fractions in 0..1; p-values are two-sided unless stated otherwise.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.95
NORMAL_QUANTILE = 1.959963984540054
"""``scipy.special.ndtri`` of 0.975: Wilson's interval of `CONFIDENCE`, which every record holds."""
POWER = 0.8
BOOTSTRAP_SAMPLES = 10_000


class Interval(NamedTuple):
    """A confidence interval, both ends included."""

    low: float
    high: float


class Mean(NamedTuple):
    """A mean and its confidence interval."""

    mean: float
    interval: Interval


class Estimate(NamedTuple):
    """A mean, its standard error and the degrees of freedom of that error."""

    mean: float
    error: float
    freedom: int


def wilson(n_correct: float, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927).

    Args:
        n_correct: Number of right answers, in 0..n; the mean over several runs may be a fraction.
        n: Number of answers, at least 1.
        confidence: Confidence level.

    Returns:
        The interval, within 0..1.

    Raises:
        ValueError: For counts out of range.
    """
    if n <= 0:
        raise ValueError(f"n must be positive, got {n}")
    if not 0 <= n_correct <= n:
        raise ValueError(f"n_correct must be in 0..{n}, got {n_correct}")
    z = NORMAL_QUANTILE if confidence == CONFIDENCE else _normal_quantile(0.5 + confidence / 2)
    share = n_correct / n
    center = share + z * z / (2 * n)
    spread = z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    # Rounding would otherwise leave 1e-17 outside 0..1 at the two ends.
    low = 0.0 if n_correct == 0 else (center - spread) / (1 + z * z / n)
    high = 1.0 if n_correct == n else (center + spread) / (1 + z * z / n)
    return Interval(low, high)


def _normal_quantile(share: float) -> float:
    from scipy import special

    return float(special.ndtri(share))


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Mean:
    """The mean of fractions and its t interval, clipped to 0..1.

    It covers the variation between seeds, not between questions, which all seeds share.

    Args:
        values: One fraction per seed, at least two.
        confidence: Confidence level.

    Returns:
        The mean and its interval.

    Raises:
        ValueError: For fewer than two values.
    """
    low, high = t_interval(estimate(values), confidence)
    return Mean(sum(values) / len(values), Interval(max(0.0, low), min(1.0, high)))


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of independent values and its standard error.

    Args:
        values: At least two values.

    Returns:
        The estimate.

    Raises:
        ValueError: For fewer than two values.
    """
    n = len(values)
    if n < 2:
        raise ValueError(f"values must be at least 2, got {n}")
    mean = sum(values) / n
    variance = sum((value - mean) ** 2 for value in values) / (n - 1)
    return Estimate(mean, (variance / n) ** 0.5, n - 1)


def cluster_estimate(values: Sequence[float], clusters: Sequence[Hashable]) -> Estimate:
    """The mean of values that are dependent within clusters (such as pairs of twins), with a robust error.

    The sandwich error of a mean, ``sqrt(G / (G - 1) · Σ_g (Σ_{i in g} (x_i - mean))²) / n`` over G clusters,
    as in Miller 2024 (arXiv 2411.00640) with the small-sample factor.

    Args:
        values: One value per question.
        clusters: The cluster of each value.

    Returns:
        The estimate, with G - 1 degrees of freedom.

    Raises:
        ValueError: For fewer than two clusters, or another number of clusters than of values.
    """
    sums, sizes = by_cluster(values, clusters)
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
    """The percentile bootstrap interval of the mean; whole clusters are drawn with replacement.

    Args:
        values: One value per question.
        clusters: The cluster of each value.
        samples: Number of resamples.
        confidence: Confidence level.
        seed: Seed of the resampling; reproducible with the same version of numpy.

    Returns:
        The interval.

    Raises:
        ValueError: For another number of clusters than of values.
    """
    sums, sizes = by_cluster(values, clusters)
    # Few clusters differ (right and wrong answers of one or two questions): it is drawn how often each kind
    # comes, which has the distribution of drawing the clusters themselves.
    kinds, counts = np.unique(np.stack([sums, sizes]), axis=1, return_counts=True)
    generator = np.random.Generator(np.random.PCG64(seed))
    drawn = generator.multinomial(len(sums), counts / len(sums), size=samples)
    means = (drawn @ kinds[0]) / (drawn @ kinds[1])
    low, high = np.quantile(means, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return Interval(float(low), float(high))


def t_interval(found: Estimate, confidence: float = CONFIDENCE) -> Interval:
    """The t interval of an estimate.

    Args:
        found: The estimate.
        confidence: Confidence level.

    Returns:
        The interval.
    """
    from scipy import special

    spread = float(special.stdtrit(found.freedom, 0.5 + confidence / 2)) * found.error
    return Interval(found.mean - spread, found.mean + spread)


def t_test(found: Estimate) -> float:
    """The t test of a mean of 0.

    Args:
        found: The estimate.

    Returns:
        The p-value; with an error of 0 it is 1 for a mean of 0 and 0 otherwise.
    """
    from scipy import special

    if found.error == 0:
        return 1.0 if found.mean == 0 else 0.0
    return 2 * float(special.stdtr(found.freedom, -abs(found.mean) / found.error))


def tost(found: Estimate, margin: float) -> float:
    """Two one-sided t tests of equivalence (Schuirmann 1987).

    Args:
        found: The estimate.
        margin: Half-width of the equivalence range, positive.

    Returns:
        The p-value of |mean| >= margin; small means equivalent.

    Raises:
        ValueError: For a margin that is not positive.
    """
    if margin <= 0:
        raise ValueError(f"margin must be positive, got {margin}")
    if found.error == 0:
        return 0.0 if abs(found.mean) < margin else 1.0
    from scipy import special

    return float(special.stdtr(found.freedom, (abs(found.mean) - margin) / found.error))


def detectable(found: Estimate, confidence: float = CONFIDENCE, power: float = POWER) -> float:
    """The smallest true difference that would be detected, given an error of this size.

    Args:
        found: The estimate.
        confidence: Confidence level of the test.
        power: Power of the test.

    Returns:
        The difference.
    """
    from scipy import special

    quantiles = special.stdtrit(found.freedom, [0.5 + confidence / 2, power])
    return float(quantiles.sum()) * found.error


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust the p-values of a family of tests (Holm 1979).

    Args:
        p_values: The unadjusted p-values.

    Returns:
        The adjusted p-values, in the same order.
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def by_cluster(values: Sequence[float], clusters: Sequence[Hashable]) -> tuple[np.ndarray, np.ndarray]:
    """Add up values by cluster.

    Args:
        values: One value per answer.
        clusters: The cluster of each value.

    Returns:
        Sum and size of each cluster, [G] each, in the order of their first values.

    Raises:
        ValueError: For another number of clusters than of values.
    """
    if len(values) != len(clusters):
        raise ValueError(f"clusters must be {len(values)}, one a value, got {len(clusters)}")
    numbers: dict[Hashable, int] = {}
    index = [numbers.setdefault(cluster, len(numbers)) for cluster in clusters]
    sums = np.bincount(index, weights=np.asarray(values, dtype=float))
    return sums, np.bincount(index)
