"""Charts of whole rows as SVG, drawn here so that the page needs no library and no script for them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..aggregate import pooled
from ..costs import Axis, pareto_front
from ..result import QuotedResult
from .axes import (
    BOTTOM,
    END,
    HEIGHT,
    LEFT,
    TOP,
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
from .marks import Series, group, mark, svg, vertical
from .markup import Markup, join, tag


def cost_chart(
    axis: Axis, series: Sequence[Series], quoted: Sequence[QuotedResult], guesses: Sequence[Guess], name: str
) -> Markup | None:
    """Draw accuracy against a cost, with the Pareto front of the measured rows.

    Args:
        axis: The cost.
        series: Measured rows; those of unknown cost are left out. Marks that fall together are moved apart
            sideways.
        quoted: Quoted rows, drawn as hollow circles where their cost is printed.
        guesses: Guesses, drawn as lines.
        name: The dataset, for the title.

    Returns:
        The SVG; None where no cost is known.
    """
    series = [one for one in series if not math.isnan(axis.value(one.means))]
    known = [(row, axis.quoted(row)) for row in quoted] if axis.quoted else []
    costs = [*(axis.value(one.means) for one in series), *(cost for _, cost in known)]
    if not costs:
        return None
    shares = [1.0, *(one.means.interval.low for one in series), *(row.accuracy for row, _ in known)]
    power = max(0, int(math.log10(max(*costs, 1.0))) // 3 * 3)
    scale = 10.0**power
    x = Scale(0, nice_end(max(costs) / scale), LEFT, END)
    y = accuracy_scale([*shares, *(guess.share for guess in guesses)], HEIGHT - BOTTOM, TOP)
    points = {one.row.key: (axis.value(one.means) / scale, one.means.accuracy) for one in series}
    front = pareto_front((key, *point) for key, point in points.items())
    steps = "".join(_step(x(points[key][0]), y(points[key][1]), index) for index, key in enumerate(front))
    line = tag("path", class_="front", d=f"{steps}H{x.end:.1f}") if front else Markup()
    places = [(x(points[one.row.key][0]), y(one.means.accuracy)) for one in series]
    apart = spread(places, 10, LEFT, END)
    marks = [_point(one, axis, across, y) for one, across in zip(series, apart, strict=True)]
    hollow = [
        tag(
            "g",
            tag("title", f"{row.method}, quoted: {percent(row.accuracy)}, {axis.written(cost)} {axis.unit}"),
            tag("circle", cx=x(cost / scale), cy=y(row.accuracy), r=4),
            class_="hollow",
        )
        for row, cost in known
    ]
    label = axis.label if power == 0 else f"{axis.label}, in {_POWERS.get(power, f'10^{power}')}"
    axes = join(x_axis(x, ticks(x.low, x.high), label), y_axis(y))
    title = f"Accuracy against {axis.label.removesuffix(' per question')}, {name}"
    return svg(HEIGHT, title, axes, guess_lines(y, guesses), line, *hollow, *marks)


_POWERS = {3: "thousands", 6: "millions", 9: "billions", 12: "trillions"}


def _point(one: Series, axis: Axis, across: float, y: Scale) -> Markup:
    """A row at its mean, with its interval."""
    means = one.means
    said = f"{one.name}: {percent(means.accuracy)}, {axis.written(axis.value(means))} {axis.unit}"
    bar = tag("path", class_="bar", d=vertical(across, y(means.interval.low), y(means.interval.high)))
    return group(one, bar, mark(one.number, across, y(means.accuracy)), title=said)


def hops_chart(series: Sequence[Series], guesses: Sequence[Guess], name: str) -> Markup | None:
    """Draw accuracy by hops, one line per row, seeds pooled.

    Args:
        series: Measured rows.
        guesses: Guesses, drawn as lines.
        name: The dataset, for the title.

    Returns:
        The SVG; None for fewer than two hop counts.
    """
    curves = {
        one.number: {
            hops: score.accuracy for hops, score in pooled([entry.by_hops for entry in one.row.seeds]).items()
        }
        for one in series
    }
    hops = sorted({hop for curve in curves.values() for hop in curve})
    if len(hops) < 2:
        return None
    x = Scale(hops[0] - 0.3, hops[-1] + 0.3, LEFT, END)
    shares = [share for curve in curves.values() for share in curve.values()]
    y = accuracy_scale([*shares, *(guess.share for guess in guesses)], HEIGHT - BOTTOM, TOP)
    found = [_line(one, curves[one.number], x, y) for one in series if curves[one.number]]
    axes = join(x_axis(x, hops, "hops"), y_axis(y), guess_lines(y, guesses))
    return svg(HEIGHT, f"Accuracy by hops, {name}", axes, *found)


def _line(one: Series, curve: dict[int, float], x: Scale, y: Scale) -> Markup:
    places = [(x(hop), y(share)) for hop, share in curve.items()]
    path = "M" + "L".join(f"{across:.1f},{down:.1f}" for across, down in places)
    marks = (mark(one.number, across, down) for across, down in places)
    said = ", ".join(f"{hop} hops {percent(share)}" for hop, share in curve.items())
    return group(one, tag("path", class_="line", d=path), *marks, title=f"{one.name}: {said}")


def _step(x: float, y: float, index: int) -> str:
    return f"H{x:.1f}V{y:.1f}" if index else f"M{x:.1f},{y:.1f}"
