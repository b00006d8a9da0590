"""The page's charts as SVG, drawn here so that the page needs no library and shows them without a script.

Colors, fonts and dashes are the style sheet's (`page.css`): series n has the classes ``series`` and ``c0``
… ``c7``. Each series has its own shape as well as color, and the legend shows both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..aggregate import Aggregate
from ..result import QuotedResult, Result, SeedResult
from .axes import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Scale,
    accuracy_scale,
    nice_end,
    percent,
    ticks,
    x_axis,
    y_axis,
)
from .markup import Markup, join, tag

COLORS = 8
SHAPES = ("circle", "square", "up", "diamond", "down", "cross")
DOT_ROW = 34
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


def pareto_front(points: Iterable[tuple[str, float, float]]) -> list[str]:
    """Find the points that no other point beats in tokens or accuracy while being as good in the other.

    Args:
        points: Key, tokens and accuracy of each point.

    Returns:
        The keys on the front, by ascending tokens; equal points are on it together.
    """
    front: list[str] = []
    last = (math.nan, -math.inf)
    known = (point for point in points if not math.isnan(point[1]))
    for key, tokens, accuracy in sorted(known, key=lambda point: (point[1], -point[2])):
        if accuracy > last[1] or (tokens, accuracy) == last:
            front.append(key)
            last = (tokens, accuracy)
    return front


def tokens_chart(series: Sequence[Series], quoted: Sequence[QuotedResult], name: str) -> Markup:
    """Draw accuracy against generated tokens, with the Pareto front of the measured rows.

    Args:
        series: Measured rows; those of unknown token counts are left out.
        quoted: Quoted rows, drawn as hollow circles.
        name: The dataset, for the title.

    Returns:
        The SVG.
    """
    series = [one for one in series if not math.isnan(one.means.generated)]
    tokens = [0.0, *(one.means.generated for one in series), *(row.generated_tokens for row in quoted)]
    shares = [1.0, *(one.means.interval.low for one in series), *(row.accuracy for row in quoted)]
    x = Scale(0, nice_end(max(tokens)), LEFT, WIDTH - RIGHT)
    y = accuracy_scale(shares, HEIGHT - BOTTOM, TOP)
    points = {one.row.key: (one.means.generated, one.means.accuracy) for one in series}
    front = pareto_front((key, *point) for key, point in points.items())
    steps = "".join(_step(x(points[key][0]), y(points[key][1]), index) for index, key in enumerate(front))
    line = tag("path", class_="front", d=f"{steps}H{x.end:.1f}") if front else Markup()
    marks = [
        _group(
            one,
            tag(
                "path",
                class_="bar",
                d=_vertical(x(one.means.generated), y(one.means.interval.low), y(one.means.interval.high)),
            ),
            _mark(one.number, x(one.means.generated), y(one.means.accuracy)),
            title=f"{one.name}: {percent(one.means.accuracy)}, {one.means.generated:.1f} tokens",
        )
        for one in series
    ]
    hollow = [
        tag(
            "g",
            tag("title", f"{row.method}, quoted: {percent(row.accuracy)}, {row.generated_tokens:.1f} tokens"),
            tag("circle", cx=x(row.generated_tokens), cy=y(row.accuracy), r=4),
            class_="hollow",
        )
        for row in quoted
    ]
    axes = join(x_axis(x, ticks(x.low, x.high), "generated tokens per question"), y_axis(y))
    return _svg(HEIGHT, f"Accuracy against generated tokens, {name}", axes, line, *hollow, *marks)


def hops_chart(series: Sequence[Series], name: str) -> Markup | None:
    """Draw accuracy by hops, one line per row, seeds pooled.

    Args:
        series: Measured rows.
        name: The dataset, for the title.

    Returns:
        The SVG; None for fewer than two hop counts.
    """
    curves = {one.number: _by_hops(one.row) for one in series}
    hops = sorted({hop for curve in curves.values() for hop in curve})
    if len(hops) < 2:
        return None
    x = Scale(hops[0] - 0.3, hops[-1] + 0.3, LEFT, WIDTH - RIGHT)
    y = accuracy_scale([share for curve in curves.values() for share in curve.values()], HEIGHT - BOTTOM, TOP)
    lines = []
    for one in series:
        places = [(x(hop), y(share)) for hop, share in curves[one.number].items()]
        path = "M" + "L".join(f"{across:.1f},{down:.1f}" for across, down in places)
        marks = (_mark(one.number, across, down) for across, down in places)
        said = ", ".join(f"{hop} hops {percent(share)}" for hop, share in curves[one.number].items())
        if places:
            lines.append(_group(one, tag("path", class_="line", d=path), *marks, title=f"{one.name}: {said}"))
    return _svg(HEIGHT, f"Accuracy by hops, {name}", x_axis(x, hops, "hops"), y_axis(y), *lines)


def seeds_chart(series: Sequence[Series], name: str) -> Markup:
    """Draw one line per row: a mark per seed, the mean as a stroke and its interval as a bar.

    Args:
        series: Measured rows.
        name: The dataset, for the title.

    Returns:
        The SVG.
    """
    height = TOP + BOTTOM + DOT_ROW * len(series)
    shares = [entry.test.accuracy for one in series for entry in one.row.seeds]
    x = accuracy_scale([*shares, *(one.means.interval.low for one in series)], LEFT, WIDTH - RIGHT)
    rows = []
    for place, one in enumerate(series):
        middle = TOP + DOT_ROW * place + 22
        low, high = x(one.means.interval.low), x(one.means.interval.high)
        dots = (_mark(one.number, x(entry.test.accuracy), middle, 3.2) for entry in one.row.seeds)
        said = ", ".join(f"seed {entry.seed} {percent(entry.test.accuracy)}" for entry in one.row.seeds)
        rows.append(
            _group(
                one,
                tag("text", one.name, x=LEFT, y=middle - 10, class_="name"),
                tag("path", class_="bar", d=f"M{low:.1f},{middle}H{high:.1f}"),
                tag("path", class_="mean", d=_vertical(x(one.means.accuracy), middle - 7, middle + 7)),
                *dots,
                title=f"{one.name}: mean {percent(one.means.accuracy)}; {said}",
            )
        )
    axis = x_axis(x, ticks(x.low, x.high), "accuracy", height, shares=True)
    return _svg(height, f"Seeds and intervals, {name}", axis, *rows)


def curve_chart(entry: SeedResult) -> Markup | None:
    """Draw the learning curve of a seed: validation accuracy against optimizer steps, stages apart.

    Args:
        entry: The seed's entry.

    Returns:
        The SVG; None without validations.
    """
    curve = entry.curve
    if curve is None or not curve.steps:
        return None
    x = Scale(0, nice_end(curve.steps[-1]), LEFT, WIDTH - RIGHT)
    y = accuracy_scale(curve.accuracy, HEIGHT - BOTTOM, TOP)
    places = [
        f"{x(step):.1f},{y(share):.1f}" for step, share in zip(curve.steps, curve.accuracy, strict=True)
    ]
    ends = zip(curve.steps, curve.stages, curve.stages[1:], strict=False)
    stages = "".join(_vertical(x(step), TOP, HEIGHT - BOTTOM) for step, now, after in ends if after > now)
    line = tag("g", tag("path", class_="line", d="M" + "L".join(places)), class_=_classes(0))
    axes = join(x_axis(x, ticks(x.low, x.high), "optimizer steps"), y_axis(y))
    last = f"{percent(curve.accuracy[-1])} after {curve.steps[-1]:,} steps"
    return _svg(
        HEIGHT,
        f"Learning curve, seed {entry.seed}: {last}",
        axes,
        tag("path", class_="front", d=stages),
        line,
    )


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
                _mark(one.number, 8, 8),
                viewBox="0 0 16 16",
                class_=_classes(one.number),
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


def _by_hops(row: Result) -> dict[int, float]:
    """Hops → accuracy, seeds pooled; seeds without scores by hops are left out."""
    right: dict[int, list[int]] = {}
    for entry in row.seeds:
        for hops, score in (entry.by_hops or {}).items():
            counts = right.setdefault(hops, [0, 0])
            counts[0] += score.n_correct
            counts[1] += score.n
    return {hops: right[hops][0] / right[hops][1] for hops in sorted(right)}


def _svg(height: float, title: str, *content: Markup) -> Markup:
    return tag("svg", *content, viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=title)


def _group(one: Series, *content: Markup, title: str) -> Markup:
    return tag("g", tag("title", title), *content, class_=_classes(one.number), data_row=one.row.key)


def _classes(number: int) -> str:
    return f"series c{number % COLORS}"


def _mark(number: int, x: float, y: float, size: float = 4.5) -> Markup:
    """The mark of a series; numbers that share a color differ in shape."""
    shape = SHAPES[number % len(SHAPES)]
    if shape == "circle":
        return tag("circle", cx=x, cy=y, r=size)
    return tag(
        "polygon", points=" ".join(f"{x + size * a:.1f},{y + size * b:.1f}" for a, b in CORNERS[shape])
    )


def _step(x: float, y: float, index: int) -> str:
    return f"H{x:.1f}V{y:.1f}" if index else f"M{x:.1f},{y:.1f}"


def _vertical(x: float, top: float, bottom: float) -> str:
    return f"M{x:.1f},{top:.1f}V{bottom:.1f}"
