"""Summarize a measured row: means over its seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from .measures import Score
from .result import Result
from .statistics import Interval, mean_interval

TARGET = 0.99
"""The validation accuracy whose steps are counted; an end point at a transition says little."""


class Reached(NamedTuple):
    """How fast the seeds of a row learn.

    Attributes:
        seeds: Number of seeds whose last stage validates at `TARGET` or more.
        of: Number of seeds with a learning curve.
        steps: Median over the former of the optimizer steps until then, over all stages; None without any.
    """

    seeds: int
    of: int
    steps: float | None

    def __str__(self) -> str:
        steps = "–" if self.steps is None else f"{self.steps:,.0f}"
        return f"{steps} ({self.seeds}/{self.of})"


class Aggregate(NamedTuple):
    """Means over seeds; NaN where a seed's value is unknown.

    Attributes:
        accuracy: A fraction.
        interval: Its 95 % interval: Wilson's over the questions for one seed, the t interval over several.
        language: Language tokens written per question.
        thoughts: Continuous thoughts per question.
        generated: The sum of the two, the paper's "generated tokens".
        passes: Forward passes per question.
        training_seconds: Wall-clock seconds of training.
        inference_seconds: Wall-clock seconds of evaluation.
        reached: Steps to `TARGET`; None where no seed has a learning curve.
        training_flops: Floating-point operations of training, without the base model's.
        base_flops: Those of the base model's training.
        parameters: Parameters used when answering.
    """

    accuracy: float
    interval: Interval
    language: float
    thoughts: float
    generated: float
    passes: float
    training_seconds: float
    inference_seconds: float
    reached: Reached | None
    training_flops: float
    base_flops: float
    parameters: float


def mean_accuracy(row: Result) -> float:
    """Average a measured row's accuracy over its seeds, without the rest of `aggregate`.

    Args:
        row: The row.

    Returns:
        A fraction.
    """
    return sum(entry.test.accuracy for entry in row.seeds) / len(row.seeds)


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
        language=_mean([entry.tokens.language for entry in seeds]),
        thoughts=_mean([entry.tokens.thoughts for entry in seeds]),
        generated=_mean([entry.tokens.generated for entry in seeds]),
        passes=_mean([entry.tokens.forward_passes for entry in seeds]),
        training_seconds=_mean([entry.training.seconds for entry in seeds]),
        inference_seconds=_mean([entry.inference.seconds for entry in seeds]),
        reached=_reached(row),
        training_flops=_mean([entry.compute.training_flops if entry.compute else None for entry in seeds]),
        base_flops=_mean([entry.compute.base_flops if entry.compute else None for entry in seeds]),
        parameters=_mean([entry.compute.parameters if entry.compute else None for entry in seeds]),
    )


def pooled(seeds: Sequence[Mapping[int, Score] | None]) -> dict[int, Score]:
    """Pool the scores by hops of several seeds.

    Args:
        seeds: For each seed, hops → score; None where it has none.

    Returns:
        Hops, ascending → score over all questions of all seeds.
    """
    parts = [one for one in seeds if one]
    found = {}
    for hops in sorted({hops for one in parts for hops in one}):
        scores = [one[hops] for one in parts if hops in one]
        found[hops] = Score.of(sum(one.n_correct for one in scores), sum(one.n for one in scores))
    return found


def shown(mean: float, digits: int = 1) -> str:
    """Format a mean.

    Args:
        mean: The mean; NaN where unknown.
        digits: Decimals.

    Returns:
        The number; empty where unknown.
    """
    return "" if math.isnan(mean) else f"{mean:.{digits}f}"


def shown_flops(mean: float) -> str:
    """Format a mean number of operations: ``1.73e13``.

    Args:
        mean: The mean; NaN where unknown.

    Returns:
        The number; empty where unknown.
    """
    return "" if math.isnan(mean) else f"{mean:.2e}".replace("e+", "e").replace("e0", "e")


def shown_count(mean: float) -> str:
    """Format a mean count: ``495,872``.

    Args:
        mean: The mean; NaN where unknown.

    Returns:
        The number; empty where unknown.
    """
    return "" if math.isnan(mean) else f"{mean:,.0f}"


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else math.nan


def _reached(row: Result) -> Reached | None:
    curves = [entry.curve for entry in row.seeds if entry.curve and entry.curve.steps]
    found = [steps for curve in curves if (steps := curve.steps_to(TARGET)) is not None]
    return Reached(len(found), len(curves), median(found) if found else None) if curves else None
