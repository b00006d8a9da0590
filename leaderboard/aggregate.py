"""One row in a few numbers: means over its seeds."""

from __future__ import annotations

from typing import NamedTuple

from .result import Result
from .statistics import Interval, mean_interval


class Aggregate(NamedTuple):
    """Means over seeds: accuracy and its 95 % interval (fractions), counts per question, seconds.

    The interval of one seed is Wilson's over its questions; that of several is the t interval over the seeds.
    """

    accuracy: float
    interval: Interval
    language: float
    thoughts: float
    generated: float
    passes: float
    training_seconds: float
    inference_seconds: float


def aggregate(row: Result) -> Aggregate:
    """The means of a measured row. A quoted one has none: it is a number as printed."""
    seeds, n = row.seeds, len(row.seeds)
    if n == 1:
        accuracy, interval = seeds[0].test.accuracy, Interval(*seeds[0].test.interval)
    else:
        accuracy, interval = mean_interval([entry.test.accuracy for entry in seeds])
    return Aggregate(
        accuracy=accuracy,
        interval=interval,
        language=sum(entry.tokens.language for entry in seeds) / n,
        thoughts=sum(entry.tokens.thoughts for entry in seeds) / n,
        generated=sum(entry.tokens.generated for entry in seeds) / n,
        passes=sum(entry.tokens.forward_passes for entry in seeds) / n,
        training_seconds=sum(entry.training.seconds for entry in seeds) / n,
        inference_seconds=sum(entry.inference.seconds for entry in seeds) / n,
    )
