"""Logit lens: the class of the most probable next token at each state."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from .figures import CLASS_COLORS, stacked_bars
from .graph import CLASSES
from .means import percent
from .observation import Observed
from .view import View

GUIDE = "The class of the most probable next token if the model had to write at this state."
OTHER_TOKEN = "no concept of the question"
KINDS = (*CLASSES, OTHER_TOKEN)
COLORS = {**CLASS_COLORS, OTHER_TOKEN: "#eeeeee"}


class Row(NamedTuple):
    """After ``thoughts``: the share of questions whose most probable token is of each kind."""

    thoughts: int
    steps: int
    shares: dict[str, float]


def read(observed: Observed) -> list[Row]:
    """Count the kinds of the most probable tokens after 0, 1, … thoughts.

    A token is a concept if it is the concept's name, so this says little where names are several tokens.
    """
    rows = []
    for k in range(len(observed.found[0].norms)):
        steps = observed.steps(k)
        counts: Counter[str] = Counter()
        for question, found in observed:
            node = question.search.node_of.get(found.lens[k][0][0])
            counts[OTHER_TOKEN if node is None else question.search.class_after(node, steps)] += 1
        rows.append(Row(k, steps, {kind: counts[kind] / len(observed.found) for kind in KINDS}))
    return rows


VIEW: View[Row] = View(
    "lens", "Logit lens", GUIDE, read,
    caption="Most probable next token at the state after the thoughts, % of questions",
    header=["thoughts", *KINDS],
    cells=lambda row: [str(row.thoughts), *map(percent, row.shares.values())],
    draw=stacked_bars(
        lambda row: row.shares, COLORS, "most probable next token, % of {n} questions", spacing=0.24,
        edgecolor="#999999", linewidth=0.3,
    ),
    printed=True,
)  # fmt: skip
