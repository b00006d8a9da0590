"""Charts of single training runs: the accuracy of each seed, and how each seed learned."""

from __future__ import annotations

from collections.abc import Sequence

from ..measures import Curve
from ..result import SeedResult
from .axes import (
    BOTTOM,
    END,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Guess,
    Scale,
    accuracy_scale,
    guess_lines,
    nice_end,
    percent,
    spread,
    ticks,
    x_axis,
    y_axis,
)
from .marks import Series, classes, group, mark, svg, vertical
from .markup import Markup, join, tag

ROW = 34
"""Height of a row's line in the chart of seeds."""


def seeds_chart(series: Sequence[Series], guesses: Sequence[Guess], name: str) -> Markup:
    """Draw one line per row: a mark per seed, the mean as a stroke and its interval as a bar.

    Args:
        series: Measured rows. Seeds that fall together are moved apart upwards and downwards.
        guesses: Guesses, drawn as lines.
        name: The dataset, for the title.

    Returns:
        The SVG.
    """
    height = TOP + BOTTOM + ROW * len(series)
    shares = [entry.test.accuracy for one in series for entry in one.row.seeds]
    lows = [one.means.interval.low for one in series]
    x = accuracy_scale([*shares, *lows, *(guess.share for guess in guesses)], LEFT, WIDTH - RIGHT)
    rows = [_seeds(one, x, TOP + ROW * place + 24) for place, one in enumerate(series)]
    axis = x_axis(x, ticks(x.low, x.high), "accuracy", height, shares=True)
    return svg(height, f"Seeds and intervals, {name}", axis, guess_lines(x, guesses, height), *rows)


def _seeds(one: Series, x: Scale, middle: float) -> Markup:
    interval = one.means.interval
    places = [x(entry.test.accuracy) for entry in one.row.seeds]
    heights = spread([(middle, place) for place in places], 5.5)
    said = ", ".join(f"seed {entry.seed} {percent(entry.test.accuracy)}" for entry in one.row.seeds)
    return group(
        one,
        tag("text", one.name, x=LEFT, y=middle - 10, class_="name"),
        tag("path", class_="bar", d=f"M{x(interval.low):.1f},{middle}H{x(interval.high):.1f}"),
        tag("path", class_="mean", d=vertical(x(one.means.accuracy), middle - 8, middle + 8)),
        *(mark(one.number, x, y, 3) for x, y in zip(places, heights, strict=True)),
        title=f"{one.name}: mean {percent(one.means.accuracy)}; {said}",
    )


def learning_chart(series: Sequence[Series], guesses: Sequence[Guess], name: str) -> Markup | None:
    """Draw the learning curves of all rows, one line per seed.

    Args:
        series: Measured rows.
        guesses: Guesses, drawn as lines.
        name: The dataset, for the title.

    Returns:
        The SVG; None where no seed has a curve.
    """
    curves = {one.number: _curves(one) for one in series}
    every = [curve for found in curves.values() for curve in found]
    if not every:
        return None
    x = Scale(0, nice_end(max(curve.steps[-1] for curve in every)), LEFT, END)
    shares = [share for curve in every for share in curve.accuracy]
    y = accuracy_scale([*shares, *(guess.share for guess in guesses)], HEIGHT - BOTTOM, TOP)
    found = [_learning(one, curves[one.number], x, y) for one in series if curves[one.number]]
    axes = join(x_axis(x, ticks(x.low, x.high), "optimizer steps"), y_axis(y), guess_lines(y, guesses))
    return svg(HEIGHT, f"Learning curves, {name}", axes, *found)


def _learning(one: Series, curves: Sequence[Curve], x: Scale, y: Scale) -> Markup:
    paths = [tag("path", class_="curve", d=_path(curve, x, y)) for curve in curves]
    marks = (mark(one.number, x(curve.steps[-1]), y(curve.accuracy[-1]), 3) for curve in curves)
    said = ", ".join(percent(curve.accuracy[-1]) for curve in curves)
    return group(one, *paths, *marks, title=f"{one.name}, last validations: {said}")


def curve_chart(entry: SeedResult, guesses: Sequence[Guess]) -> Markup | None:
    """Draw the learning curve of a seed: validation accuracy against optimizer steps, stages apart.

    Args:
        entry: The seed's entry.
        guesses: Guesses, drawn as lines.

    Returns:
        The SVG; None without validations.
    """
    curve = entry.curve
    if curve is None or not curve.steps:
        return None
    x = Scale(0, nice_end(curve.steps[-1]), LEFT, END)
    y = accuracy_scale([*curve.accuracy, *(guess.share for guess in guesses)], HEIGHT - BOTTOM, TOP)
    ends = zip(curve.steps, curve.stages, curve.stages[1:], strict=False)
    stages = "".join(vertical(x(step), TOP, HEIGHT - BOTTOM) for step, now, after in ends if after > now)
    line = tag("g", tag("path", class_="line", d=_path(curve, x, y)), class_=classes(0))
    axes = join(x_axis(x, ticks(x.low, x.high), "optimizer steps"), y_axis(y), guess_lines(y, guesses))
    last = f"{percent(curve.accuracy[-1])} after {curve.steps[-1]:,} steps"
    shade = tag("path", class_="front", d=stages)
    return svg(HEIGHT, f"Learning curve, seed {entry.seed}: {last}", axes, shade, line)


def _curves(one: Series) -> list[Curve]:
    return [entry.curve for entry in one.row.seeds if entry.curve and entry.curve.steps]


def _path(curve: Curve, x: Scale, y: Scale) -> str:
    places = zip(curve.steps, curve.accuracy, strict=True)
    return "M" + "L".join(f"{x(step):.1f},{y(share):.1f}" for step, share in places)
