"""What the commands print: a leaderboard file and the options in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import compare as comparisons
from .check import check
from .query import arrange, find, select
from .result import Result
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


def table(path: Path, *, sort: str, ascending: bool, format: Format, **chosen: Any) -> str:
    """Select, sort, rank and format the rows of a leaderboard file.

    Args:
        path: The leaderboard file.
        sort: A column of `query.SORT_KEYS`.
        ascending: Sort in ascending order.
        format: A format of `table.render`.
        **chosen: Filters, as `query.select` takes them.

    Returns:
        The table, without a newline at its end.

    Raises:
        ValueError: For a name that no row has, or an invalid file.
    """
    board = read(path)
    rows = arrange(select(board.rows, **chosen), sort, ascending=ascending)
    return render(rows, format, comparisons.ranks(board.measured, side_files(path)))


def comparison(
    path: Path, names: Sequence[str], *, dataset: str | None = None, recipe: str | None = None
) -> str:
    """Compare all pairs of the named measured rows.

    Args:
        path: The leaderboard file.
        names: Methods or keys, as `query.find` takes them.
        dataset: Only rows of this dataset.
        recipe: Only rows of this recipe.

    Returns:
        The report of `compare.report`.

    Raises:
        ValueError: For a name of no row or of several, and for rows that cannot be compared.
    """
    chosen = select(read(path).rows, dataset=dataset, method=None, recipe=recipe, kind="measured", quick=True)
    measured = [row for row in chosen if isinstance(row, Result)]
    pairs = comparisons.compare([find(measured, name) for name in names], side_files(path))
    return comparisons.report(pairs)


def check_report(path: Path) -> CheckReport:
    """Check a leaderboard file and report the result.

    Args:
        path: The leaderboard file.

    Returns:
        The report of what `check.check` finds.
    """
    problems, board = check(path), read(path)
    found = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
    last = f"{path}: {len(board.measured)} measured and {len(board.quoted)} quoted rows, {found}"
    return CheckReport("\n".join([*problems, last]), not problems)
