"""What the commands print: a leaderboard file and the options in, text out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..generators.tables import folded
from ..generators.terminal import terminal_width
from . import compare as comparisons
from .check import check
from .compare import MARGIN, Answers, Comparison
from .lineage import recipe_name
from .mcnemar import McNemar
from .own import OwnResult, Repeat, read_boards
from .query import arrange, find_all, select
from .ranking import ranks
from .result import Result
from .statistics import Interval, detectable, t_interval
from .store import read, side_files
from .table import Format, render


class CheckReport(NamedTuple):
    """What `check.check` found.

    Attributes:
        text: One line per problem, then a line with the counts.
        is_clean: True if there is no problem.
    """

    text: str
    is_clean: bool


def table(path: Path | None, *, sort: str, ascending: bool, format: Format, **chosen: Any) -> str:
    """Select, sort, rank and format the rows of a leaderboard file.

    Args:
        path: The leaderboard file; None for the shipped one and yours.
        sort: A column of `query.SORT_KEYS`.
        ascending: Sort in ascending order.
        format: A format of `table.render`.
        **chosen: Filters, as `query.select` takes them.

    Returns:
        The table, without a newline at its end.

    Raises:
        ValueError: For a name that no row has, or an invalid file.
    """
    boards = read_boards(path)
    rows = arrange(select(boards.rows, **chosen), sort, ascending=ascending)
    return render(rows, format, ranks(boards.ranked, Answers(boards.folders)))


def comparison(
    path: Path | None, names: Sequence[str], *, dataset: str | None = None, recipe: str | None = None
) -> str:
    """Compare all pairs of the named measured rows.

    Args:
        path: The leaderboard file; None for the shipped one and yours.
        names: Methods or keys, as `query.find_all` takes them.
        dataset: Only rows of this dataset.
        recipe: Only rows of this recipe.

    Returns:
        The text of `comparison_text`.

    Raises:
        ValueError: For a name of no row or of several, and for rows that cannot be compared.
    """
    boards = read_boards(path)
    chosen = select(boards.rows, dataset=dataset, method=None, recipe=recipe, quick=True)
    measured = [row for row in chosen if isinstance(row, Result)]
    rows = find_all(measured, names)
    if len(rows) > 1 and len({row.key for row in rows}) == 1:
        raise ValueError(f"{' and '.join(names)} are the same row, {rows[0].key}: name another one")
    pairs = comparisons.compare(rows, boards.folders)
    return comparison_text(pairs)


def check_report(path: Path) -> CheckReport:
    """Check a leaderboard file and report the result.

    Args:
        path: The leaderboard file.

    Returns:
        The report of what `check.check` finds.
    """
    board = read(path)
    problems = check(board, side_files(path))
    found = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
    counts = Counter(row.kind for row in board.rows)
    others = "".join(f", {counts[kind]} {kind}" for kind in ("external", "rule") if counts[kind])
    last = f"{path}: {counts['measured']} measured{others} and {counts['quoted']} quoted rows, {found}"
    return CheckReport("\n".join([*problems, last]), not problems)


def comparison_text(pairs: Sequence[Comparison]) -> str:
    """Format comparisons as text, one block per pair.

    Args:
        pairs: What `compare.compare` returned.

    Returns:
        The text, without a newline at its end.
    """
    return folded("\n\n".join(_report(pair, len(pairs)) for pair in pairs), terminal_width())


def _report(pair: Comparison, family: int) -> str:
    a, b = map(_named, (pair.a, pair.b))
    questions, clusters = pair.by_questions, pair.by_questions.freedom + 1
    lines = [
        f"{a} vs. {b}: {pair.verdict}",
        f"  difference {_points(questions.mean)}",
        f"  95 % interval over questions {_range(pair.bootstrap)} (bootstrap, {clusters} clusters)",
    ]
    if pair.by_seeds:
        seeds = _range(t_interval(pair.by_seeds))
        lines.append(f"  95 % interval over seeds {seeds} (t, {pair.by_seeds.freedom + 1} seeds)")
    by_seed = pair.paired.by_seed()
    for seed, test in by_seed.items():
        lines.append(f"  seed {seed}: {_mcnemar(test)}")
    if len(by_seed) > 1:
        lines.append(f"  all seeds: {_mcnemar(pair.paired.combined())}")
    lines.append(
        f"  no difference: {_p(pair.p)}; difference of {100 * MARGIN:.0f} points or more (TOST): "
        f"{_p(pair.equivalence_p)}; Holm-adjusted over {family} pair{'s' if family > 1 else ''}"
    )
    lines.append(f"  minimum detectable difference at 80 % power: {100 * detectable(questions):.1f} points")
    return "\n".join(lines)


def _named(row: Result) -> str:
    yours = ", yours" if isinstance(row, OwnResult) and not isinstance(row, Repeat) else ""
    return f"{row.method} ({recipe_name(row)}, {row.key}{yours})"


def _mcnemar(test: McNemar) -> str:
    return f"right only in a {test.only_a}, only in b {test.only_b}, exact McNemar by clusters {_p(test.p)}"


def _p(value: float) -> str:
    return f"p = {value:.3g}" if value else "p < 1e-300"  # below the smallest double


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f} points"


def _range(interval: Interval) -> str:
    return f"{100 * interval.low:+.1f}..{100 * interval.high:+.1f}"
