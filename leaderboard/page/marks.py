"""What all charts of the page are made of: marks, series, the legend.

Colors, fonts and dashes are the style sheet's (`page.css`): series n has the classes ``series`` and ``c0``
… ``c7``. Each series has its own shape as well as color, and the legend shows both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..aggregate import Aggregate
from ..result import Result
from .axes import WIDTH
from .markup import Markup, tag

COLORS = 8
SHAPES = ("circle", "square", "up", "diamond", "down", "cross")
# The corners of each shape at size 1; a circle has none.
CORNERS = {
    "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "up": ((0, -1.2), (1.1, 0.9), (-1.1, 0.9)),
    "diamond": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    "down": ((0, 1.2), (1.1, -0.9), (-1.1, -0.9)),
    "cross": (
        (0, -0.5), (0.8, -1.3), (1.3, -0.8), (0.5, 0), (1.3, 0.8), (0.8, 1.3),
        (0, 0.5), (-0.8, 1.3), (-1.3, 0.8), (-0.5, 0), (-1.3, -0.8), (-0.8, -1.3),
    ),
}  # fmt: skip


class Series(NamedTuple):
    """A measured row in the charts of its section.

    Attributes:
        row: The row.
        means: Its means over seeds.
        number: Its position, which decides color and shape.
        name: Its name in charts and legend.
    """

    row: Result
    means: Aggregate
    number: int
    name: str


def legend(series: Sequence[Series], hollow: bool) -> Markup:
    """List the series with their marks.

    Args:
        series: Measured rows.
        hollow: Also explain the hollow circles.

    Returns:
        The list.
    """
    items = [
        tag(
            "li",
            tag(
                "svg",
                mark(one.number, 8, 8),
                viewBox="0 0 16 16",
                class_=classes(one.number),
                aria_hidden="true",
            ),
            one.name,
            data_row=one.row.key,
        )
        for one in series
    ]
    if hollow:
        circle = tag("g", tag("circle", cx=8, cy=8, r=4), class_="hollow")
        items.append(
            tag("li", tag("svg", circle, viewBox="0 0 16 16", aria_hidden="true"), "quoted from a paper")
        )
    return tag("ul", *items, class_="legend")


def svg(height: float, title: str, *content: Markup) -> Markup:
    """Wrap the parts of a chart.

    Args:
        height: The chart's height, in units of which `WIDTH` are its width.
        title: Its name for screen readers.
        *content: Its parts, the rearmost first.

    Returns:
        The SVG.
    """
    return tag("svg", *content, viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=title)


def group(one: Series, *content: Markup, title: str) -> Markup:
    """Group what a chart shows of a row, in its color; the page's filters hide it with the row.

    Args:
        one: The row.
        *content: Its marks and lines.
        title: What is shown while the pointer is on it.

    Returns:
        The SVG.
    """
    return tag("g", tag("title", title), *content, class_=classes(one.number), data_row=one.row.key)


def classes(number: int) -> str:
    """The classes of a series."""
    return f"series c{number % COLORS}"


def mark(number: int, x: float, y: float, size: float = 4.5) -> Markup:
    """Draw the mark of a series; numbers that share a color differ in shape.

    Args:
        number: The series.
        x: The mark's place.
        y: The mark's height.
        size: About half of its width.

    Returns:
        The SVG.
    """
    shape = SHAPES[number % len(SHAPES)]
    if shape == "circle":
        return tag("circle", cx=x, cy=y, r=size)
    points = " ".join(f"{x + size * a:.1f},{y + size * b:.1f}" for a, b in CORNERS[shape])
    return tag("polygon", points=points)


def vertical(x: float, top: float, bottom: float) -> str:
    """The path of a vertical line."""
    return f"M{x:.1f},{top:.1f}V{bottom:.1f}"
