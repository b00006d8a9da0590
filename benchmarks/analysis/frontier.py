"""Search tree: the values of the frontier after each thought (arXiv 2412.06769, section 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .graph import Search
from .means import Mean, mean, number, share
from .observation import Observed
from .view import View

GUIDE = (
    "After k thoughts the start of a reasoning step is forced, and the probability of each concept is its "
    "value. The frontier after k steps: the concepts k edges from the query entity. Breadth: several "
    "frontier concepts of similar value. Pruning: right concepts (the target is reachable) above dead ends. "
    "The target is named in the question and dead ends are not: a model that only knows the two candidates "
    "gives each half of the probability, and its “top right” is 100 %. It cannot rank the target above the "
    "other candidate, which is the last column."
)


class Row(NamedTuple):
    """The values of frontier concepts after ``thoughts``, which stand for ``steps`` steps.

    Attributes:
        mass: Their sum.
        right: Mean value of those from which the target can be reached.
        wrong: Mean value of those from which it cannot.
        other: Mean value of the other candidate, in the frontier or not.
        above_other: Share of questions where the target's value is higher than the other candidate's; a
            model that only knows the candidates' names gives both the same.
        top_right: Share of the decided questions where the highest value is that of a right concept.
        chance: Expected share if a frontier concept is chosen at random, over the same questions.
        decided: Questions whose frontier has both right and wrong concepts.
    """

    thoughts: int
    steps: int
    mass: Mean | None
    right: Mean | None
    wrong: Mean | None
    other: Mean | None
    above_other: Mean | None
    top_right: Mean | None
    chance: Mean | None
    decided: int


def read(observed: Observed) -> list[Row]:
    """Average the frontier's values over the questions whose search has not yet ended."""
    rows = []
    for k in observed.found[0].values:
        steps = observed.steps(k)
        columns: dict[str, list[float]] = {name: [] for name in Row._fields[2:-1]}
        for question, found in observed:
            for name, value in _at_frontier(question.search, found.values[k], steps).items():
                columns[name].append(value)
        means = {name: mean(values) for name, values in columns.items()}
        rows.append(Row(k, steps, **means, decided=len(columns["chance"])))
    return rows


def _at_frontier(search: Search, values_of: Sequence[float], steps: int) -> dict[str, float]:
    """The columns that one question has; none where the search has ended."""
    frontier = search.frontier(steps)
    if not frontier:
        return {}
    values = np.array([values_of[node] for node in frontier])
    is_right = np.array([search.is_right(node) for node in frontier], bool)
    target, other = values_of[search.graph.target], values_of[search.graph.neg_target]
    above = float(target > other) + 0.5 * float(target == other)
    row = {"mass": float(values.sum()), "other": other, "above_other": above}
    for name, chosen in (("right", is_right), ("wrong", ~is_right)):
        if chosen.any():
            row[name] = float(values[chosen].mean())
    if is_right.any() and not is_right.all():
        row["top_right"] = float(is_right[values == values.max()].mean())
        row["chance"] = float(is_right.mean())
    return row


VIEW: View[Row] = View(
    "frontier_values", "Search tree: values of the frontier", GUIDE, read,
    caption="Values of frontier concepts: sum, means, and how often the highest is right",
    header=["thoughts", "frontier", "right", "wrong", "other candidate",
            "top right %", "chance %", "target above other %"],
    cells=lambda row: [str(row.thoughts), *map(number, (row.mass, row.right, row.wrong, row.other)),
                       *map(share, (row.top_right, row.chance, row.above_other))],
    printed=True,
)  # fmt: skip
