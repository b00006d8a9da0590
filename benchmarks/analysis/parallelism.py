"""How many frontier concepts hold value at once (arXiv 2412.06769, section 5.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .figures import panels
from .observation import Observed
from .view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GUIDE = (
    "The summed value of the best 1, 2 and 3 frontier concepts; each curve is sorted over the questions. A "
    "wide gap between two curves: several concepts hold value at once. No gap: one concept has all of it, "
    "or the frontier has no more concepts."
)
PERCENTILES = tuple(range(0, 101, 5))
STEPS = (1, 2)
"""The steps whose parallelism the paper shows."""
COLORS = ("#225588", "#77aadd", "#cce0f0")


class Row(NamedTuple):
    """After ``steps``: the summed value of the best 1, 2, 3 concepts at each percentile of the questions."""

    steps: int
    percentiles: tuple[int, ...]
    top: list[list[float]]


def read(observed: Observed) -> list[Row]:
    """Sum the values of the 1, 2 and 3 best frontier concepts, and sort each sum over the questions."""
    rows = []
    for steps in STEPS:
        k = steps * observed.per_step
        if k not in observed.found[0].values:
            continue
        sums = []
        for question, found in observed:
            values = sorted((found.values[k][node] for node in question.search.frontier(steps)), reverse=True)
            sums.append(np.cumsum([*values, 0.0, 0.0, 0.0][:3]))
        rows.append(Row(steps, PERCENTILES, np.percentile(np.array(sums), PERCENTILES, axis=0).T.tolist()))
    return rows


def _panel(axes: Axes, rows: Sequence[Row]) -> None:
    [row] = rows
    below = [0.0] * len(row.percentiles)
    for best, (curve, color) in enumerate(zip(row.top, COLORS, strict=True), 1):
        label = "the best concept" if best == 1 else f"the best {best}"
        axes.fill_between(row.percentiles, below, curve, color=color, linewidth=0, label=label)
        below = curve
    axes.set_ylim(0, 1.02)


VIEW: View[Row] = View(
    "parallelism", "Parallelism", GUIDE, read,
    draw=panels(_panel, lambda row: f"thought {row.steps}", "percentile of the questions", "value"),
)  # fmt: skip
