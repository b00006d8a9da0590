"""What the commands print: a leaderboard file and the user's choices in, text out."""

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
    """The problems of a file with a last line that counts them, and whether there are none."""

    text: str
    is_clean: bool


def table(path: Path, *, sort: str, ascending: bool, format: Format, **chosen: Any) -> str:
    """The rows of the file that are ``chosen`` (as `query.select` takes it), sorted, with their ranks."""
    board = read(path)
    rows = arrange(select(board.rows, **chosen), sort, ascending=ascending)
    return render(rows, format, comparisons.ranks(board.measured, side_files(path)))


def comparison(
    path: Path, names: Sequence[str], *, dataset: str | None = None, recipe: str | None = None
) -> str:
    """All pairs of the measured rows with these names, of one dataset or recipe where several have them."""
    chosen = select(read(path).rows, dataset=dataset, method=None, recipe=recipe, kind="measured", quick=True)
    measured = [row for row in chosen if isinstance(row, Result)]
    pairs = comparisons.compare([find(measured, name) for name in names], side_files(path))
    return comparisons.report(pairs)


def check_report(path: Path) -> CheckReport:
    """What `check.check` finds in the file."""
    problems, board = check(path), read(path)
    found = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
    last = f"{path}: {len(board.measured)} measured and {len(board.quoted)} quoted rows, {found}"
    return CheckReport("\n".join([*problems, last]), not problems)
