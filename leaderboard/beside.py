"""The same methods on two datasets, side by side: what a leak, a size or a wording is worth.

    method    prosqa-tiny-leaky  prosqa-tiny  difference  95 % interval
    CoT       98.9 (1)           99.0 (1)     −0.1        −1.2 to +0.9
    Rule      87.5               50.0         +37.5       +33.2 to +41.6

(a sample of the form). Accuracy is the mean over the seeds in brackets. The difference is that of the seeds
that both rows have. The questions are different ones, so its interval is not paired: it is Newcombe's, from
the Wilson intervals of both, with a pair of twins counted as one question; with several seeds, that of the
differences between seeds (t) where it is wider.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..generators.figures import new_figure, require_plot
from ..generators.lookup import pick
from ..generators.tables import aligned, folded, markdown
from ..generators.terminal import terminal_width
from .aggregate import aggregate, mean_accuracy
from .lineage import changes
from .own import Repeat, read_boards
from .paper_table import ORDER
from .result import Result, SeedResult
from .statistics import Interval, estimate, t_interval, wilson

COLORS = ("#ee6677", "#4477aa")
RULE = "rule"


class Gap(NamedTuple):
    """The difference between two accuracies, as fractions, and its 95 % interval."""

    mean: float
    interval: Interval


class Line(NamedTuple):
    """One method: its row on either dataset, None where there is none."""

    name: str
    rows: tuple[Result | None, Result | None]

    @property
    def gap(self) -> Gap | None:
        """The first accuracy minus the second; None unless both rows share a seed."""
        first, second = self.rows
        return None if first is None or second is None else gap(first, second)


class Beside(NamedTuple):
    """Two datasets and the methods on them.

    Attributes:
        names: The datasets, as they were asked for.
        recipes: The recipe of the rows of each.
        lines: One per method, that of the rules last.
    """

    names: tuple[str, str]
    recipes: tuple[str, str]
    lines: list[Line]

    def cells(self) -> list[tuple[str, ...]]:
        """The rows of the table, the header first."""
        header = ("method", *self.names, "difference", "95 % interval")
        return [header, *((line.name, *map(_accuracy, line.rows), *_gap(line.gap)) for line in self.lines)]


def beside(path: Path | None, first: str, second: str) -> Beside:
    """Put the rows of two datasets side by side.

    Args:
        path: The leaderboard file; None for the shipped one and yours.
        first: A dataset, or ``DATASET:RECIPE``. Without a recipe, that of most of the dataset's rows.
        second: Another one.

    Returns:
        Both, with a line per method that either has.

    Raises:
        ValueError: For a name that no row has (the nearest one is named), or an invalid file.
    """
    rows = [row for row in read_boards(path).measured if not isinstance(row, Repeat)]
    (one, left), (other, right) = (_column(rows, name) for name in (first, second))
    methods = [*ORDER, *sorted({*left, *right} - {*ORDER, RULE}), RULE]
    lines = [
        Line(ORDER.get(method, method.capitalize()), (left.get(method), right.get(method)))
        for method in methods
        if method in left or method in right
    ]
    return Beside((first, second), (one, other), lines)


def _column(rows: Sequence[Result], name: str) -> tuple[str, dict[str, Result]]:
    """The recipe of a column, and its rows by method; the rule's under its own name."""
    dataset, colon, recipe = name.partition(":")
    pick({row.dataset.name: row for row in rows}, dataset, "dataset")
    own = [row for row in rows if row.dataset.name == dataset and row.kind != "external"]
    plain = [row for row in own if row.kind == "measured" and row.thoughts is None and not row.quick]
    counted = Counter(row.recipe.name for row in plain if not changes(row))
    if colon:
        pick(counted, recipe, f"recipe on {dataset}")
    recipe = recipe or max(counted, key=lambda known: (counted[known], known), default="")
    found = {row.method: row for row in plain if row.recipe.name == recipe and not changes(row)}
    asked = {row.dataset.content_hash for row in found.values()}
    rules = [row for row in own if row.kind == RULE and (not asked or row.dataset.content_hash in asked)]
    return recipe, found | ({RULE: rules[0]} if rules else {})


def gap(first: Result, second: Result) -> Gap | None:
    """The difference between two rows of different questions.

    Args:
        first: A row.
        second: A row, of another dataset.

    Returns:
        First minus second, over the seeds that both have; None where they share none.
    """
    ours, theirs = ({entry.seed: entry for entry in row.seeds} for row in (first, second))
    seeds = sorted(ours.keys() & theirs.keys())
    if not seeds:
        return None
    (a, low_a, high_a), (b, low_b, high_b) = (
        _share([entries[seed] for seed in seeds]) for entries in (ours, theirs)
    )
    low = a - b - math.hypot(a - low_a, high_b - b)
    high = a - b + math.hypot(high_a - a, b - low_b)
    if len(seeds) > 1:
        moved = [ours[seed].test.accuracy - theirs[seed].test.accuracy for seed in seeds]
        over_seeds = t_interval(estimate(moved))
        low, high = min(low, over_seeds.low), max(high, over_seeds.high)
    return Gap(a - b, Interval(max(-1.0, low), min(1.0, high)))


def _share(entries: Sequence[SeedResult]) -> tuple[float, float, float]:
    """The mean accuracy over seeds, and Wilson's interval for one answer a question or pair of twins."""
    share = sum(entry.test.accuracy for entry in entries) / len(entries)
    pairs = entries[0].twins.n if entries[0].twins else 0
    independent = entries[0].test.n - pairs
    return share, *wilson(share * independent, independent)


def _accuracy(row: Result | None) -> str:
    if row is None:
        return "–"
    seeds = "" if row.kind == RULE else f" ({len(row.seeds)})"
    return f"{100 * mean_accuracy(row):.1f}{seeds}"


def _gap(found: Gap | None) -> tuple[str, str]:
    if found is None:
        return "–", "–"
    low, high = found.interval
    return _points(found.mean), f"{_points(low)} to {_points(high)}"


def _points(share: float) -> str:
    points = round(100 * share, 1)
    return f"{'−' if points < 0 else '+' if points > 0 else ''}{abs(points):.1f}"


def text(found: Beside, format: str = "text") -> str:
    """Format the table, and below it what its columns are.

    Args:
        found: The table.
        format: ``text`` or ``markdown``.

    Returns:
        The text, without a newline at its end.
    """
    cells = found.cells()
    lines = markdown(cells) if format == "markdown" else aligned(cells, width=terminal_width())
    recipes = "; ".join(
        f"{name}: recipe {recipe or 'none'}" for name, recipe in zip(found.names, found.recipes, strict=True)
    )
    rules = [
        f"{row.method.removeprefix('rule-')} on {name}"
        for line in found.lines
        for name, row in zip(found.names, line.rows, strict=True)
        if row is not None and row.kind == RULE
    ]
    said = f" The rule does not read the query entity: {', '.join(rules)}." if rules else ""
    note = (
        "Accuracy in %, in brackets the number of seeds; the difference in points, over the seeds that both "
        f"have. {recipes}.{said}"
    )
    return "\n".join([*lines, "", note if format == "markdown" else folded(note, terminal_width())])


def plot(found: Beside, path: Path) -> None:
    """Draw a line a method with its accuracy on both datasets, and the rule of each dataset across.

    Args:
        found: The table.
        path: File to write (.png, .svg, .pdf).

    Raises:
        ValueError: As for `require_plot`.
        OSError: The file cannot be written.
    """
    require_plot(path)
    lines = [line for line in found.lines if line.name.lower() != RULE]
    floors = next((line.rows for line in found.lines if line.name.lower() == RULE), (None, None))
    figure = new_figure(7.5, 1.4 + 0.36 * max(1, len(lines)))
    axes = figure.subplots()
    for side, (name, color) in enumerate(zip(found.names, COLORS, strict=True)):
        offset = 0.13 * (2 * side - 1)
        for place, line in enumerate(lines):
            row = line.rows[side]
            if row is None:
                continue
            share, (low, high) = aggregate(row)[:2]
            axes.plot([100 * low, 100 * high], [place + offset] * 2, color=color, linewidth=2)
            axes.plot(100 * share, place + offset, "o", color=color, markersize=6, clip_on=False)
        axes.plot([], [], "o-", color=color, linewidth=2, label=name)
        floor = floors[side]
        if floor is not None:
            share = 100 * mean_accuracy(floor)
            label = f"rule that does not read the query entity, {share:.1f} %"
            axes.axvline(share, color=color, linestyle="--", linewidth=1.2, label=label)
    axes.set_yticks(range(len(lines)), [line.name for line in lines], fontsize=9)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.set_xlim(40, 101)
    axes.grid(axis="x", linewidth=0.4, alpha=0.6)
    axes.set_xlabel("% of the test questions right, with the 95 % interval", fontsize=9)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)
