"""The verdict of a report, recorded in the leaderboard's row of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...leaderboard.measures import Controls, Score
from ...leaderboard.store import read, record
from ..run.saved import read_result
from .battery import REMOVED_FORCED
from .report import Report


def record_verdict(report: Report, folders: Sequence[Path], path: Path) -> bool:
    """Record what a report says in the row that its runs are seeds of.

    Args:
        report: The report.
        folders: Directories of its runs.
        path: The leaderboard file.

    Returns:
        Whether the file has that row, with these very runs as seeds.

    Raises:
        ValueError: The file is no leaderboard.
        OSError: It cannot be written.
    """
    results = [read_result(folder) for folder in folders]
    if not path.is_file() or len({result.identity for result in results}) > 1:
        return False
    row = next((row for row in read(path).measured if row.identity == results[0].identity), None)
    entries = [entry for result in results for entry in result.seeds]
    if row is None or not all(entry in row.seeds for entry in entries):
        return False
    seeds = sorted(entry.seed for entry in entries)
    forced = next((line for line in report.lines if line.name == REMOVED_FORCED), None)
    removed = Score.of(round(forced.here * forced.n), forced.n) if forced else None
    said = Controls(verdict=report.verdict, seeds=seeds, n=report.n, removed=removed)
    record(path, row.model_copy(update={"controls": said}))
    return True
