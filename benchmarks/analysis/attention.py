"""The attention of a thought on the premises, by class of the concept that each begins with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .figures import class_bars, panels
from .graph import CLASSES
from .means import ClassMeans, class_means, interval
from .observation import Observed, Question
from .view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GUIDE = (
    "The attention of a thought (mean over heads) on one premise, by the class, one step earlier, of the "
    "concept that the premise begins with. Error bars are two standard errors. Attention shows where a "
    "model looks, not what it does with what it finds."
)


class Row(NamedTuple):
    """The attention in one layer of thought number ``thoughts`` (from 1) on a premise of each class."""

    thoughts: int
    layer: int
    classes: ClassMeans


def read(observed: Observed) -> list[Row]:
    """Average the attention on a premise by class, over the questions where it was observed.

    Thought k takes the search from step k - 1 to step k, so the class is that after k - 1 steps: Frontier and
    Optimal premises lead to the next frontier.
    """
    attended = [(question, found.attention) for question, found in observed if found.attention]
    if not attended:
        return []
    layers = attended[0][1]
    return [
        Row(k, layer, class_means(
            zip(_classes(question, observed.steps(k) - 1), shares[layer][k - 1], strict=True)
            for question, shares in attended
        ))
        for k in range(1, len(layers[0]) + 1)
        for layer in range(len(layers))
    ]  # fmt: skip


def _classes(question: Question, steps: int) -> Iterator[str]:
    """The class after ``steps`` steps of the concept that each premise begins with."""
    search = question.search
    return (search.class_after(search.node_of[start], steps) for start, _ in question.reading.edges)


def _panel(axes: Axes, rows: Sequence[Row]) -> None:
    class_bars(axes, [row.classes for row in rows])
    axes.set_xticks([row.layer for row in rows])


VIEW: View[Row] = View(
    "attention", "Attention", GUIDE, read,
    caption="Attention of a thought on one premise, by class of the concept that the premise begins with",
    header=["thought", "layer", *CLASSES],
    cells=lambda row: [str(row.thoughts), str(row.layer), *map(interval, row.classes.values())],
    draw=panels(_panel, lambda row: f"thought {row.thoughts}", "layer", "attention on a premise"),
)  # fmt: skip
