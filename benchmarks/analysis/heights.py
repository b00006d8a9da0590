"""The value of right and wrong frontier concepts by their height (arXiv 2412.06769, section 5.4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .figures import RIGHT, SMALL, WRONG, finish, panels, thoughts_label
from .graph import HEIGHTS
from .means import Mean, mean
from .table import Table, number
from .view import Found, Observed, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GUIDE = (
    "Height is the number of edges to a leaf, by the longest or the shortest way. The paper reports "
    "that right and wrong concepts are told apart better when they are low. Where all dead ends are "
    "as long as the right path there is one height a step, and nothing to compare."
)


class Row(NamedTuple):
    """Mean values after so many thoughts of the frontier concepts that are ``edges`` high.

    ``height`` is the kind of height, one of ``HEIGHTS``.
    """

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


def table(found: Found[Row]) -> Table:
    """One row a model, number of thoughts and height."""
    rows = [
        [name, str(row.thoughts), row.height, str(row.edges)]
        + [cell for value in (row.right, row.wrong) for cell in (number(value), str(value.n if value else 0))]
        for name, row in found
    ]
    title = "Mean value of frontier concepts by their height, in edges to a leaf"
    return Table(title, ["model", "thoughts", "way", "height", "right", "of", "wrong", "of"], rows)


def draw(found: Found[Row]) -> Figure:
    """One panel a number of thoughts and model: right and wrong over the height, both kinds of height."""
    thoughts = sorted({row.thoughts for row in found.first})
    figure, grid = panels(len(thoughts), len(found.models))
    for (name, rows), column in zip(found.models.items(), grid.T, strict=True):
        for k, axes in zip(thoughts, column, strict=True):
            here = [row for row in rows if row.thoughts == k]
            for which in HEIGHTS:
                chosen = [row for row in here if row.height == which]
                _line(axes, [(row.edges, row.right) for row in chosen], "right", which)
                _line(axes, [(row.edges, row.wrong) for row in chosen], "wrong", which)
            heights = sorted({row.edges for row in here})
            axes.set_xticks(heights)
            axes.set_xlim(heights[0] - 0.6, heights[-1] + 0.6)
            axes.set_ylim(-0.05, 1.05)
            axes.set_title(f"{name}, {thoughts_label(k)}", fontsize=SMALL)
    finish(figure, grid, "height: edges to a leaf", "mean value")
    return figure


def _line(axes: Axes, values: Sequence[tuple[int, Mean | None]], kind: str, which: str) -> None:
    """Draw one kind's means, a little aside, so that equal ones do not hide each other."""
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
        label=f"{kind}, {which} way",
    )


VIEW = View("value_by_height", "Value against height", GUIDE, read, table, draw)
