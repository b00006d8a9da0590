"""The value of right and wrong frontier concepts by their height (arXiv 2412.06769, section 5.4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from .figures import RIGHT, WRONG, panels, thoughts_label
from .graph import HEIGHTS
from .means import Mean, mean, number
from .observation import Observed
from .view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GUIDE = (
    "Height: the number of edges to a leaf, by the longest or the shortest path. The paper reports that "
    "right and wrong concepts are distinguished better at low heights. Where all dead ends are as long as "
    "the right path, each step has a single height, and there is nothing to compare."
)


class Row(NamedTuple):
    """Mean values after ``thoughts`` of frontier concepts ``edges`` high, by one of ``HEIGHTS``."""

    thoughts: int
    height: str
    edges: int
    right: Mean | None
    wrong: Mean | None


def read(observed: Observed) -> list[Row]:
    """Average the values of right and wrong frontier concepts of each height, for both kinds of height."""
    rows = []
    for k in observed.found[0].values:
        for which in HEIGHTS:
            groups: dict[tuple[int, bool], list[float]] = defaultdict(list)
            for question, found in observed:
                for node in question.search.frontier(observed.steps(k)):
                    height = question.search.height(node, which)
                    if height is not None:
                        groups[height, question.search.is_right(node)].append(found.values[k][node])
            for edges in sorted({edges for edges, _ in groups}):
                rows.append(Row(k, which, edges, mean(groups[edges, True]), mean(groups[edges, False])))
    return rows


def _panel(axes: Axes, rows: Sequence[Row]) -> None:
    for which in HEIGHTS:
        chosen = [row for row in rows if row.height == which]
        _line(axes, [(row.edges, row.right) for row in chosen], "right", which)
        _line(axes, [(row.edges, row.wrong) for row in chosen], "wrong", which)
    heights = sorted({row.edges for row in rows})
    axes.set_xticks(heights)
    axes.set_xlim(heights[0] - 0.6, heights[-1] + 0.6)
    axes.set_ylim(-0.05, 1.05)


def _line(axes: Axes, values: Sequence[tuple[int, Mean | None]], kind: str, which: str) -> None:
    """Draw the means of one kind, shifted so that equal means stay visible."""
    points = [(edges, found.mean) for edges, found in values if found is not None]
    if not points:
        return
    is_longest = which == HEIGHTS[0]
    color, aside = (RIGHT, 0.08) if kind == "right" else (WRONG, -0.08)
    axes.plot(
        [edges + aside * (1 if is_longest else 2) for edges, _ in points],
        [value for _, value in points],
        "-" if is_longest else ":",
        marker="o" if is_longest else "s",
        markersize=4,
        color=color,
        markerfacecolor=color if is_longest else "none",
        label=f"{kind}, {which} path",
    )


def _cells(row: Row) -> list[str]:
    means = [(number(found), str(found.n if found else 0)) for found in (row.right, row.wrong)]
    return [str(row.thoughts), row.height, str(row.edges), *chain(*means)]


VIEW: View[Row] = View(
    "value_by_height", "Value by height", GUIDE, read,
    caption="Mean value of frontier concepts by height, in edges to a leaf",
    header=["thoughts", "path", "height", "right", "n", "wrong", "n"],
    cells=_cells,
    draw=panels(_panel, lambda row: thoughts_label(row.thoughts), "height: edges to a leaf", "mean value"),
)  # fmt: skip
