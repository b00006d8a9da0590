"""The same methods on several datasets or recipes, side by side: what a leak, a size, a depth is worth.

    method    prosqa-tiny-leaky  prosqa-tiny  difference  95 % interval
    CoT       98.9 (1)           99.0 (1)     −0.1        −1.2 to +0.9
    Rule      87.5               50.0         +37.5       +33.2 to +41.6

(a sample of the form). Accuracy is the mean over the seeds in brackets. Two columns have their difference,
that of the seeds that both rows have; its interval is not paired, since the questions may differ: Newcombe's,
from the Wilson intervals of both, a pair of twins counted as one question; with several seeds, that of the
differences between seeds (t) where it is wider.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..generators.lookup import pick
from ..generators.tables import with_note
from .aggregate import aggregate
from .own import Repeat, read_boards
from .paper_table import ORDER
from .query import full_runs
from .result import Result, SeedResult
from .statistics import Interval, estimate, t_interval, wilson

RULE = "rule"


class Gap(NamedTuple):
    """The difference between two accuracies, as fractions, and its 95 % interval."""

    mean: float
    interval: Interval


class Line(NamedTuple):
    """One method: its row in each column, None where there is none.

    Attributes:
        name: Of the method.
        rows: One per column.
        is_removed: Whether the line is that of answers forced without thoughts, which `controls` has counted.
    """

    name: str
    rows: tuple[Result | None, ...]
    is_removed: bool = False

    @property
    def shares(self) -> list[Share | None]:
        """The accuracy in each column."""
        return [_removed(row) if self.is_removed else _as_trained(row) for row in self.rows]

    @property
    def gap(self) -> Gap | None:
        """The first accuracy minus the second; None unless both rows share a seed."""
        first, second = self.rows
        return None if first is None or second is None or self.is_removed else gap(first, second)


class Share(NamedTuple):
    """An accuracy: a fraction, its 95 % interval, and the number of seeds, 0 for a rule."""

    value: float
    interval: Interval
    seeds: int

    def __str__(self) -> str:
        return f"{100 * self.value:.1f}" + (f" ({self.seeds})" if self.seeds else "")


class Beside(NamedTuple):
    """Columns, and the methods in them.

    Attributes:
        names: The columns, as they were asked for.
        recipes: The recipe of the rows of each.
        lines: One per method, and one for its forced answers if asked for; that of the rules last.
    """

    names: tuple[str, ...]
    recipes: tuple[str, ...]
    lines: list[Line]

    def cells(self) -> list[tuple[str, ...]]:
        """The rows of the table, the header first."""
        header: tuple[str, ...] = ("method", *self.names)
        lines = [
            (line.name, *("–" if one is None else str(one) for one in line.shares)) for line in self.lines
        ]
        if len(self.names) != 2:
            return [header, *lines]
        gaps = (_gap(line.gap) for line in self.lines)
        return [
            (*header, "difference", "95 % interval"),
            *((*line, *found) for line, found in zip(lines, gaps, strict=True)),
        ]


def beside(path: Path | None, *names: str, methods: Sequence[str] = (), removed: bool = False) -> Beside:
    """Put the rows of datasets or recipes side by side.

    Args:
        path: The leaderboard file; None for the shipped one and yours.
        *names: Two or more, each taken once: a dataset, or ``DATASET:RECIPE``. Without a recipe, that of
            most of the dataset's rows.
        methods: Only these, in this order; empty for all.
        removed: Whether a method has a second line: answers forced without its thoughts, where `controls` has
            counted them.

    Returns:
        All, with a line per method that any has.

    Raises:
        ValueError: For fewer than two different names, one that no row has (the nearest one is named), or an
            invalid file.
    """
    rows = [row for row in read_boards(path).measured if not isinstance(row, Repeat)]
    found = {name: _column(rows, name) for name in names}
    once = {(name.partition(":")[0], recipe): name for name, (recipe, _) in reversed(found.items())}
    asked, names = names, tuple(name for name in found if name in once.values())
    if len(names) < 2:
        raise ValueError(f"beside needs two different columns or more, got {', '.join(asked) or 'none'}")
    recipes, columns = zip(*(found[name] for name in names), strict=True)
    known = set().union(*columns)
    for method in methods:
        pick(dict.fromkeys(sorted(known)), method, "method of these rows")
    order = methods or [one for one in dict.fromkeys([*ORDER, *sorted(known - {RULE}), RULE]) if one in known]
    lines = [line for method in order for line in _lines(method, columns, removed)]
    return Beside(names, recipes, lines)


def _lines(method: str, columns: Sequence[dict[str, Result]], removed: bool) -> list[Line]:
    """The lines of a method: as trained, and forced to answer without thoughts if that was counted."""
    rows = tuple(column.get(method) for column in columns)
    line = Line(ORDER.get(method, method.capitalize()), rows)
    if not removed or all(_removed(row) is None for row in rows):
        return [line]
    unit = "pauses" if method.startswith("pause") else "thoughts"
    return [line, Line(f"{line.name.removeprefix('– ')}, {unit} removed", rows, is_removed=True)]


def _column(rows: Sequence[Result], name: str) -> tuple[str, dict[str, Result]]:
    """The recipe of a column, and its rows by method; the rule's under its own name."""
    dataset, colon, recipe = name.partition(":")
    pick({row.dataset.name: row for row in rows}, dataset, "dataset")
    own = [row for row in rows if row.dataset.name == dataset and row.kind != "external"]
    plain = [row for row in full_runs(own) if row.thoughts is None]
    counted = Counter(row.recipe.name for row in plain)
    if colon:
        pick(counted, recipe, f"recipe on {dataset}")
    recipe = recipe or max(counted, key=lambda known: (counted[known], known), default="")
    found = {row.method: row for row in plain if row.recipe.name == recipe}
    asked = {row.dataset.content_hash for row in found.values()}
    rules = [row for row in own if row.kind == RULE and (not asked or row.dataset.content_hash in asked)]
    return recipe, found | ({RULE: rules[0]} if rules else {})


def _as_trained(row: Result | None) -> Share | None:
    if row is None:
        return None
    share, interval = aggregate(row)[:2]
    return Share(share, interval, 0 if row.kind == RULE else len(row.seeds))


def _removed(row: Result | None) -> Share | None:
    """The share of right forced answers; a pair of twins counts as one question in its interval."""
    said = row.controls if row else None
    if row is None or said is None or said.removed is None:
        return None
    share = said.removed.accuracy
    interval = _interval(share, said.removed.n, row.seeds[0], len(said.seeds))
    return Share(share, interval, len(said.seeds))


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
    return share, *_interval(share, entries[0].test.n, entries[0], 1)


def _interval(share: float, n: int, entry: SeedResult, sets: int) -> Interval:
    """Wilson's interval of a share of n answers, ``sets`` times an entry's questions; a pair counts once."""
    independent = n - sets * (entry.twins.n if entry.twins else 0)
    return wilson(share * independent, independent)


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
    recipes = "; ".join(
        f"{name}: recipe {recipe or 'none'}"
        for name, recipe in zip(found.names, found.recipes, strict=True)
        if ":" not in name
    )
    rules = {
        name: row.method.removeprefix("rule-")
        for line in found.lines
        for name, row in zip(found.names, line.rows, strict=True)
        if row is not None and row.kind == RULE
    }
    alike = len(found.names) > 2 and len(set(rules.values())) == 1
    told = [*rules.values()][:1] if alike else [f"{rule} on {name}" for name, rule in rules.items()]
    said = f" The rule does not read the query entity: {', '.join(told)}." if rules else ""
    parts = [
        "Accuracy in %, in brackets the number of seeds",
        *["the difference in points, over the seeds that both have"] * (len(found.names) == 2),
        *["removed: the answer must follow the question at once, over all seeds together"]
        * any(line.is_removed for line in found.lines),
    ]
    note = " ".join([f"{'; '.join(parts)}.", *[f"{recipes}."] * bool(recipes)]) + said
    return with_note(found.cells(), note, format)
