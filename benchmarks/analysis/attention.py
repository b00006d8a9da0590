"""What a thought attends to: the premises, by the class of the concept that each begins with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .figures import class_bars, panels
from .graph import CLASSES
from .means import ClassMeans, class_means, interval
from .observation import Observed, Question
from .view import Columns, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GUIDE = (
    "How much of a thought's attention (mean of the heads) falls on one premise, by the class of the "
    "concept that the premise begins with, one step back. Lines are two standard errors. Attention "
    "says where a model looks, not what it does with it."
)


class Row(NamedTuple):
    """The attention of the thought with this number (from 1) in one layer, on a premise of each class."""

    thoughts: int
    layer: int
    classes: ClassMeans


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


def cells(row: Row) -> list[str]:
    """Thought, layer, classes."""
    return [str(row.thoughts), str(row.layer), *map(interval, row.classes.values())]


def panel(axes: Axes, rows: Sequence[Row]) -> None:
    """Draw bars by class for each layer."""
    class_bars(axes, [row.classes for row in rows])
    axes.set_xticks([row.layer for row in rows])


CAPTION = "Attention of a thought on a premise, by the class of the concept it begins with"
COLUMNS = Columns(CAPTION, ["thought", "layer", *CLASSES], cells)
DRAW = panels(panel, lambda row: f"thought {row.thoughts}", "layer", "attention on a premise")
VIEW = View("attention", "Attention", GUIDE, read, COLUMNS, DRAW)
