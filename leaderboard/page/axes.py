"""The axes of the page's charts as SVG: scales, round ticks, grid lines, labels, and the lines of guesses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .markup import Markup, join, tag

# A chart in its own units; the page scales it to the available width.
WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 14, 42
END = WIDTH - 64
"""Where a chart of accuracies upwards ends; the names of guesses stand to the right of it."""


class Scale(NamedTuple):
    """A linear axis.

    Attributes:
        low: The smallest value.
        high: The largest value.
        start: The place of ``low``, in the chart's units.
        end: The place of ``high``.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def accuracy_scale(shares: Iterable[float], start: float, end: float) -> Scale:
    """A scale from a round tenth below the lowest accuracy, at most 90 %, to 100 %.

    Args:
        shares: Accuracies, as fractions.
        start: The place of the low end, in the chart's units.
        end: The place of 100 %.

    Returns:
        The scale.
    """
    low = max(0.0, math.floor(10 * (min(shares) - 0.02)) / 10)
    return Scale(min(low, 0.9), 1.0, start, end)


class Guess(NamedTuple):
    """A guess without reasoning: how often it is right, and its name on the axis."""

    share: float
    name: str


def guess_lines(scale: Scale, guesses: Iterable[Guess], height: float = HEIGHT) -> Markup:
    """Draw the accuracy of each guess as a line across a chart.

    Args:
        scale: The axis of accuracy; vertical if it runs upwards.
        guesses: The guesses.
        height: The chart's height.

    Returns:
        The lines with their names, which stand outside the plot, beside or above it.
    """
    parts, before = [], math.inf
    for guess in sorted(guesses, reverse=True):
        place, share = scale(guess.share), percent(guess.share, 0)
        if scale.end < scale.start:
            path = f"M{LEFT},{place:.1f}H{END}"
            words = [(guess.name, END + 5.0, place - 1), (share, END + 5.0, place + 11)]
            anchor = "start"
        else:
            path = f"M{place:.1f},{TOP}V{height - BOTTOM}"
            words, anchor = [(f"{guess.name} {share}", place - 3, TOP - 2.0)], "end"
        parts.append(tag("path", class_="guess", d=path))
        if abs(place - before) > 26:  # the better one, where two fall together
            lines = join(*(join(tag("tspan", text, x=x, y=y), " ") for text, x, y in words))
            parts.append(tag("text", lines, text_anchor=anchor, class_="guess-name"))
        before = place
    return join(*parts)


def spread(
    places: Sequence[tuple[float, float]], least: float, low: float = -math.inf, high: float = math.inf
) -> list[float]:
    """Move marks that fall together apart, along one axis.

    Args:
        places: The marks, each with its place along the axis to move on and the one across it.
        least: The distance that two marks need.
        low: The first place on that axis that a mark may take.
        high: The last one.

    Returns:
        The new places along the axis.
    """
    taken: list[tuple[float, float]] = []
    for along, across in places:
        near = [other for other, height in taken if abs(height - across) < least]
        moves = (least * ((step + 1) // 2) * (1 if step % 2 else -1) for step in range(4 * len(near) + 1))
        free = (
            along + move
            for move in moves
            if low <= along + move <= high and all(abs(along + move - other) >= least for other in near)
        )
        taken.append((next(free, along), across))
    return [along for along, _ in taken]


def x_axis(
    x: Scale, places: Sequence[float], label: str, height: float = HEIGHT, shares: bool = False
) -> Markup:
    """Draw the axis at the bottom of a chart.

    Args:
        x: The scale.
        places: Values to mark.
        label: The axis label.
        height: The chart's height.
        shares: Write the values as percentages.

    Returns:
        The SVG.
    """
    bottom = height - BOTTOM
    texts = [percent(tick, 0) if shares else f"{tick:g}" for tick in places]
    marks = (
        join(
            tag("path", class_="grid", d=f"M{x(tick):.1f},{TOP}V{bottom}"),
            tag("text", text, x=x(tick), y=bottom + 16, text_anchor="middle"),
        )
        for tick, text in zip(places, texts, strict=True)
    )
    middle = (x.start + x.end) / 2
    return join(*marks, tag("text", label, x=middle, y=bottom + 34, text_anchor="middle", class_="label"))


def y_axis(y: Scale) -> Markup:
    """Draw the axis at the left, of fractions written as percentages.

    Args:
        y: The scale.

    Returns:
        The SVG.
    """
    return join(
        *(
            join(
                tag("path", class_="grid", d=f"M{LEFT},{y(tick):.1f}H{END}"),
                tag("text", percent(tick, 0), x=LEFT - 6, y=y(tick) + 4, text_anchor="end"),
            )
            for tick in ticks(y.low, y.high)
        )
    )


def ticks(low: float, high: float) -> list[float]:
    """About five round numbers in a range.

    Args:
        low: Start of the range.
        high: End of the range.

    Returns:
        The numbers, ascending.
    """
    step = _round_up((high - low) / 5)
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 9) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def nice_end(value: float) -> float:
    """A round end for an axis that starts at 0.

    Args:
        value: The largest value to show.

    Returns:
        A round number a little above it.
    """
    step = _round_up(max(value, 1.0) / 5)
    return step * math.ceil(1.04 * max(value, 1.0) / step)


def _round_up(step: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))


def percent(share: float, digits: int = 1) -> str:
    """Format a fraction: ``0.984`` is ``98.4 %``.

    Args:
        share: The fraction.
        digits: Decimals.

    Returns:
        The percentage.
    """
    return f"{100 * share:.{digits}f} %"
