"""Student's t distribution: P(T >= t) and its inverse.

>>> round(tail(2.0, 10), 9)
0.036694017
>>> round(quantile(0.975, 4), 9)
2.776445105

`scipy.special` has both, but takes as long to load as numpy and pydantic together. The tests compare them
with `scipy.stats`.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, lgamma, log, log1p

PRECISION = 1e-15
TINY = 1e-300


def tail(t: float, freedom: int) -> float:
    """The probability of t or more; a tail of 1e-200 keeps its relative precision.

    It is half the regularized incomplete beta function I_x(freedom / 2, 1 / 2), x = freedom / (freedom + t²).

    Args:
        t: Any finite number.
        freedom: Degrees of freedom, at least 1.

    Returns:
        The probability.
    """
    if t < 0:
        return 1 - tail(-t, freedom)
    a, b, ratio = freedom / 2, 0.5, t * t / freedom  # the last one is (1 - x) / x
    if ratio == 0:
        return 0.5
    log_front = lgamma(a + b) - lgamma(a) - lgamma(b) - (a + b) * log1p(ratio) + b * log(ratio)
    if 1 / (1 + ratio) < (a + 1) / (a + b + 2):
        return exp(log_front) * _fraction(1 / (1 + ratio), a, b) / (2 * a)
    return (1 - exp(log_front) * _fraction(ratio / (1 + ratio), b, a) / b) / 2


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method (Numerical Recipes, 6.4)."""
    c, d = 1.0, 1 / _away_from_0(1 - (a + b) * x / (a + 1))
    found, m = d, 0
    while True:
        m += 1
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for numerator in (even, odd):
            d, c = 1 / _away_from_0(1 + numerator * d), _away_from_0(1 + numerator / c)
            found *= c * d
        if abs(c * d - 1) < PRECISION:
            return found


def _away_from_0(value: float) -> float:
    return value if abs(value) > TINY else TINY


@lru_cache(maxsize=1 << 10)
def quantile(share: float, freedom: int) -> float:
    """The t that T is below with a probability.

    Args:
        share: The probability, between 0 and 1.
        freedom: Degrees of freedom, at least 1.

    Returns:
        The inverse of ``1 - tail``.
    """
    if share < 0.5:
        return -quantile(1 - share, freedom)
    low, high = 0.0, 1.0
    while tail(high, freedom) > 1 - share:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if tail(middle, freedom) > 1 - share else (low, middle)
    return low
