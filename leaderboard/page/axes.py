"""The axes of the page's charts: scales, round ticks, grid lines and their labels, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .markup import Markup, join, tag

# A chart in its own units; the page scales it to the width that there is.
WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 12, 42


class Scale(NamedTuple):
    """A linear axis: values low..high at places start..end."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def accuracy_scale(shares: Iterable[float], start: float, end: float) -> Scale:
    """From a round tenth below the lowest share to 100 %, at least the last tenth."""
    low = max(0.0, math.floor(10 * (min(shares) - 0.02)) / 10)
    return Scale(min(low, 0.9), 1.0, start, end)


def x_axis(
    x: Scale, places: Sequence[float], label: str, height: float = HEIGHT, shares: bool = False
) -> Markup:
    """The axis at the bottom of a chart of ``height``; ``shares`` writes the ``places`` as percentages."""
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
    """The axis at the left, of fractions written as percentages."""
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
    """About five round numbers from ``low`` to ``high``."""
    step = _round_up((high - low) / 5)
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 9) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def nice_end(value: float) -> float:
    """A round number a little above ``value``."""
    step = _round_up(max(value, 1.0) / 5)
    return step * math.ceil(1.04 * max(value, 1.0) / step)


def _round_up(step: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))


def percent(share: float, digits: int = 1) -> str:
    """A fraction as text: ``0.984`` is ``98.4 %``."""
    return f"{100 * share:.{digits}f} %"
