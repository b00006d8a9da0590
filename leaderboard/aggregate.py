"""Summarize a measured row: means over its seeds."""

from __future__ import annotations

from typing import NamedTuple

from .result import Result
from .statistics import Interval, mean_interval


class Aggregate(NamedTuple):
    """Means over seeds.

    Attributes:
        accuracy: A fraction.
        interval: Its 95 % interval: Wilson's over the questions for one seed, the t interval over several.
        language: Language tokens written per question.
        thoughts: Continuous thoughts per question.
        generated: The sum of the two, the paper's "generated tokens".
        passes: Forward passes per question.
        training_seconds: Wall-clock seconds of training.
        inference_seconds: Wall-clock seconds of evaluation.
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
    """Average a measured row over its seeds.

    Args:
        row: The row.

    Returns:
        The means.
    """
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
