"""What a thought attends to: the premises, by the class of the concept that each begins with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from .figures import SMALL, class_bars, finish, panels
from .graph import CLASSES
from .means import Mean, class_means
from .observation import Question
from .table import Table, interval
from .view import Found, Observed, View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GUIDE = (
    "How much of a thought's attention (mean of the heads) falls on one premise, by the class of the "
    "concept that the premise begins with, one step back. Lines are two standard errors. Attention "
    "says where a model looks, not what it does with it."
)


class Row(NamedTuple):
    """The attention of the thought with this number (from 1) in one layer, on a premise of each class."""

    thoughts: int
    layer: int
    classes: dict[str, Mean | None]


def read(observed: Observed) -> list[Row]:
    """Average the attention on a premise by class, over the questions where it was observed.

    Thought k takes the search from step k - 1 to step k, so the class is that after k - 1 steps: Frontier and
    Optimal premises lead to the next frontier.
    """
    looked = [(question, found.attention) for question, found in observed if found.attention]
    if not looked:
        return []
    layers = looked[0][1]
    return [
        Row(k, layer, class_means(
            zip(_classes(question, observed.steps(k) - 1), shares[layer][k - 1], strict=True)
            for question, shares in looked
        ))
        for k in range(1, len(layers[0]) + 1)
        for layer in range(len(layers))
    ]  # fmt: skip


def _classes(question: Question, steps: int) -> Iterator[str]:
    """The class after ``steps`` steps of the concept that each premise begins with."""
    search = question.search
    return (search.class_after(search.node_of[start], steps) for start, _ in question.reading.edges)


def table(found: Found[Row]) -> Table:
    """One row a model, thought and layer."""
    rows = [
        [name, str(row.thoughts), str(row.layer), *(interval(row.classes[key]) for key in CLASSES)]
        for name, row in found
    ]
    title = "Attention of a thought on a premise, by the class of the concept it begins with"
    return Table(title, ["model", "thought", "layer", *CLASSES], rows)


def draw(found: Found[Row]) -> Figure:
    """One panel a thought and model: bars by class for each layer."""
    thoughts = sorted({row.thoughts for row in found.first})
    figure, grid = panels(len(thoughts), len(found.models))
    for (name, rows), column in zip(found.models.items(), grid.T, strict=True):
        for k, axes in zip(thoughts, column, strict=True):
            here = [row for row in rows if row.thoughts == k]
            class_bars(axes, [row.classes for row in here])
            axes.set_xticks([row.layer for row in here])
            axes.set_title(f"{name}, thought {k}", fontsize=SMALL)
    finish(figure, grid, "layer", "attention on a premise")
    return figure


VIEW = View("attention", "Attention", GUIDE, read, table, draw)
