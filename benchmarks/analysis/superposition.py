"""Inner products of the states with the concepts' embeddings, by class (arXiv 2505.12514)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .figures import class_bars, panels
from .graph import CLASSES
from .means import ClassMeans, Mean, class_means, interval, mean, number
from .observation import Observed
from .view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GUIDE = (
    "Inner products of the state after k thoughts with the input embeddings of the concepts, by class after "
    "k steps of the search: Optimal (k edges from the query entity, on a shortest path to the target), "
    "Frontier (k edges, on none), Reachable (fewer edges), Not Reachable (more, or never). With tied "
    "embeddings the inner product is the concept's logit, so it repeats what the values show. The state "
    "after 0 thoughts is the input of thought 1."
)


class Row(NamedTuple):
    """The state after ``thoughts``: its inner product with concepts of each class, and its length."""

    thoughts: int
    steps: int
    classes: ClassMeans
    norm: Mean | None


def read(observed: Observed) -> list[Row]:
    """Average the inner products by class, and the length, of the state after 0, 1, … thoughts."""
    rows = []
    for k in range(len(observed.found[0].norms)):
        steps = observed.steps(k)
        classes = class_means(
            ((question.search.class_after(node, steps), of[k]) for node, of in enumerate(found.products))
            for question, found in observed
        )
        rows.append(Row(k, steps, classes, mean(found.norms[k] for found in observed.found)))
    return rows


def _panel(axes: Axes, rows: Sequence[Row]) -> None:
    class_bars(axes, [row.classes for row in rows])
    axes.set_xticks([row.thoughts for row in rows])
    axes.axhline(0, color="black", linewidth=0.6)


def _parts(rows: Sequence[Row]) -> dict[str, Any]:
    """In analysis.json the lengths are a list of their own."""
    products = [{"thoughts": row.thoughts, "steps": row.steps, "classes": row.classes} for row in rows]
    return {"norms": [row.norm for row in rows], "superposition": products}


VIEW: View[Row] = View(
    "superposition", "Superposition", GUIDE, read,
    caption="Inner product of the state with concepts (mean ± standard error), and length of the state",
    header=["thoughts", *CLASSES, "length"],
    cells=lambda row: [str(row.thoughts), *map(interval, row.classes.values()), number(row.norm)],
    draw=panels(_panel, lambda row: "", "thoughts", "inner product"),
    printed=True,
    parts=_parts,
)  # fmt: skip
