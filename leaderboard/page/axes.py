"""The axes of the page's charts as SVG: scales, round ticks, grid lines and labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .markup import Markup, join, tag

# A chart in its own units; the page scales it to the available width.
WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 12, 42


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
                tag("path", class_="grid", d=f"M{LEFT},{y(tick):.1f}H{WIDTH - RIGHT}"),
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
