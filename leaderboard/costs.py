"""What a row costs, and the rows that no other one beats: accuracy against each cost.

The front of a cost are the rows that have the best accuracy among those that cost no more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..generators.figures import new_figure, require_plot
from .aggregate import Aggregate, aggregate, shown, shown_count, shown_flops
from .result import QuotedResult, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = [f"C{number}" for number in range(10)] + [
    "black",
    "navy",
    "darkgreen",
    "darkred",
    "goldenrod",
    "indigo",
]
MARKS = "osD^vP*X<>hp"


class Axis(NamedTuple):
    """What accuracy is drawn against.

    Attributes:
        value: From a row's means; NaN where unknown.
        label: Of the axis, and in the chart's title.
        unit: What a value is followed by.
        quoted: From a quoted row; None where papers do not say it.
        written: Formats a value.
    """

    value: Callable[[Aggregate], float]
    label: str
    unit: str
    quoted: Callable[[QuotedResult], float] | None = None
    written: Callable[[float], str] = shown


TOKENS = Axis(lambda m: m.generated, "generated tokens per question", "tokens", lambda q: q.generated_tokens)
COSTS = (
    Axis(lambda means: means.passes, "sequential forward passes per question", "forward passes"),
    Axis(lambda means: means.training_flops, "FLOPs of training", "FLOPs", written=shown_flops),
    Axis(lambda means: means.parameters, "parameters used when answering", "parameters", written=shown_count),
)


def pareto_front(points: Iterable[tuple[str, float, float]]) -> list[str]:
    """Find the points that no other point beats in cost or accuracy while being as good in the other.

    Args:
        points: Key, cost and accuracy of each point.

    Returns:
        The keys on the front, by ascending cost; equal points are on it together.
    """
    front: list[str] = []
    last = (math.nan, -math.inf)
    known = (point for point in points if not math.isnan(point[1]))
    for key, cost, accuracy in sorted(known, key=lambda point: (point[1], -point[2])):
        if accuracy > last[1] or (cost, accuracy) == last:
            front.append(key)
            last = (cost, accuracy)
    return front


class Named(NamedTuple):
    """A row under the name that it has in a table."""

    name: str
    row: Result


def plot(rows: Sequence[Named], path: Path, floor: Result | None = None) -> None:
    """Draw the rows of one dataset, accuracy against each cost in which they differ.

    Args:
        rows: The rows, at least one.
        path: File to write (.png, .svg, .pdf).
        floor: The rule that does not read the query entity, drawn across; None without one.

    Raises:
        ValueError: As for `require_plot`, or no cost is known in which two rows differ.
        OSError: The file cannot be written.
    """
    require_plot(path)
    means = [aggregate(one.row) for one in rows]
    drawn = [axis for axis in (TOKENS, *COSTS) if len(_known(axis, means)) > 1]
    if not drawn:
        raise ValueError("plot needs rows that differ in a cost: tokens, passes, FLOPs or parameters")
    figure = new_figure(3.1 * len(drawn) + 1.2, 3.9)
    for panel, axis in zip(figure.subplots(1, len(drawn), sharey=True, squeeze=False)[0], drawn, strict=True):
        _panel(panel, axis, rows, means)
        if floor is not None:
            panel.axhline(100 * aggregate(floor).accuracy, color="gray", linestyle="--", linewidth=1)
    first = figure.axes[0]
    first.set_ylabel("% of the test questions right", fontsize=9)
    handles, labels = first.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)


def _known(axis: Axis, means: Iterable[Aggregate]) -> set[float]:
    """The different values of a cost."""
    return {value for one in means if not math.isnan(value := axis.value(one))}


def _panel(panel: Axes, axis: Axis, rows: Sequence[Named], means: Sequence[Aggregate]) -> None:
    """One cost: a mark with its interval a row, those that fall together side by side; the front as steps."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    points = {
        one.row.key: (axis.value(mean), 100 * mean.accuracy) for one, mean in zip(rows, means, strict=True)
    }
    front = [points[key] for key in pareto_front((key, *point) for key, point in points.items())]
    panel.step(*zip(*front, strict=True), where="post", color="black", linewidth=1, alpha=0.5)
    width = max(cost for cost, _ in points.values() if not math.isnan(cost))
    for place, (one, mean) in enumerate(zip(rows, means, strict=True)):
        cost, share = points[one.row.key]
        beside = [key for key in points if _is_near(points[key], (cost, share), width)]
        at = cost + 0.03 * width * (beside.index(one.row.key) - (len(beside) - 1) / 2) if beside else cost
        color, mark = COLORS[place % len(COLORS)], MARKS[place % len(MARKS)]
        panel.plot([at, at], [100 * end for end in mean.interval], color=color, linewidth=1, alpha=0.6)
        panel.plot(at, share, linestyle="", marker=mark, color=color, markersize=6, label=one.name)
    panel.set_ylim(30, 103)
    panel.set_xlim(0, 1.1 * width)
    panel.grid(linewidth=0.4, alpha=0.6)
    panel.xaxis.set_major_locator(MaxNLocator(5))
    panel.xaxis.set_major_formatter(EngFormatter(sep=""))
    panel.set_xlabel(axis.label, fontsize=9)


def _is_near(one: tuple[float, float], other: tuple[float, float], width: float) -> bool:
    """Whether the marks of two points would fall together."""
    return abs(one[0] - other[0]) < 0.01 * width and abs(one[1] - other[1]) < 3
