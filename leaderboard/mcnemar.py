"""McNemar's exact test of paired answers, in its form for clusters of dependent answers.

>>> round(mcnemar([1, 1, 1, 1, 0, 0], clusters="aabbcc").p, 9)      # two pairs of twins, not four questions
0.5
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from .statistics import by_cluster


class McNemar(NamedTuple):
    """Result of McNemar's test on paired answers.

    Attributes:
        only_a: Questions that only the first model answered right.
        only_b: Questions that only the second model answered right.
        p: Exact two-sided p-value, clustered.
    """

    only_a: int
    only_b: int
    p: float


def mcnemar(differences: Sequence[int], clusters: Sequence[Hashable]) -> McNemar:
    """The exact McNemar test of paired answers that are dependent within clusters.

    The sign of each cluster's sum of differences is flipped at random; where every cluster is one question
    this is McNemar's exact test.

    Args:
        differences: Per answer 1 where only the first model is right, -1 where only the second is, else 0.
        clusters: The cluster of each answer: its pair of twins (contrast pair), in all seeds.

    Returns:
        The counts of answers and the p-value.

    Raises:
        ValueError: For another number of clusters than of differences.
    """
    sums, _ = by_cluster(differences, clusters)
    sizes, counts = np.unique(np.abs(sums).astype(int), return_counts=True)
    p = _sign_flip_p(sizes, counts, abs(round(float(sums.sum()))))
    values = list(differences)
    return McNemar(values.count(1), values.count(-1), p)


def _sign_flip_p(sizes: np.ndarray, counts: np.ndarray, observed: int) -> float:
    """P(abs(S) >= ``observed``) of S, the sum of ``counts[i]`` values ±``sizes[i]`` with random signs.

    That is 2 P(H >= h) of H = (S + total) / 2, a sum of ``sizes[i]`` times Binomial(``counts[i]``, 1/2). The
    binomials are convolved by one Fourier transform, after a tilt that makes h the mean of H, so that a tail
    of 1e-200 keeps its relative precision: P(H >= h) = E[exp(tilt H)] Σ_{x >= h} Q(x) exp(-tilt x), with Q
    the tilted distribution.
    """
    from scipy import special

    if observed == 0:
        return 1.0
    total = int(sizes @ counts)
    h = (total + observed) // 2
    low, high = 0.0, 50.0  # a tilt of 50 makes every sign a plus
    for _ in range(40):
        tilt = (low + high) / 2
        low, high = (tilt, high) if (counts * sizes) @ special.expit(tilt * sizes) < h else (low, tilt)
    plus = special.expit(tilt * sizes)
    length = 1 << total.bit_length()  # H has total + 1 values
    angles = np.exp(-2j * np.pi / length * np.arange(length // 2 + 1))
    transform = np.ones_like(angles)
    for size, count, share in zip(sizes, counts, plus, strict=True):
        transform *= (1 - share + share * angles**size) ** count
    tilted = np.fft.irfft(transform, length)[h : total + 1]
    tail = (tilted.clip(min=0) * np.exp(-tilt * np.arange(len(tilted)))).sum()
    log_mean = counts @ (np.logaddexp(0, tilt * sizes) - np.log(2))
    return min(1.0, 2 * float(np.exp(log_mean - tilt * h) * tail))
