"""Add the rows of other leaderboard files; a run of a shipped row made again is filed as its reproduction.

    coconut on prosqa-tiny (tiny), seed 0, reproduces the shipped row 35913745: 998 → 999 right, p = 1, …
    leaderboard.json: 1 rows added or changed

A shipped seed stays as it is. The reproduction goes into the file that was asked for, in the place of a copy
of the shipped seed if it holds one; or, where that file is the shipped one, into ``leaderboard.json`` here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..generators.files import read_if_sealed
from ..generators.terminal import counted
from .own import own_rows, reproductions
from .result import Result, Row
from .store import DEFAULT, SHIPPED, Addition, add_all, read, record, side_files

RESULT = "result.json"
"""The record of a run, in its directory."""


def submit(path: Path, sources: Sequence[Path], *, replace: bool = False) -> list[str]:
    """Add the rows of leaderboard files and runs, with their predictions: all rows of a file, or none.

    Args:
        path: The leaderboard file to add to.
        sources: As `rows_of` takes them.
        replace: Replace seeds recorded with another result, shipped ones as well.

    Returns:
        What was done: a line per reproduced seed, a line per file.

    Raises:
        ValueError: As `store.add` and `store.read` do.
        OSError: As `store.add` and `store.read` do.
    """
    shipped = {row.identity: row for row in read(SHIPPED).measured}
    additions = rows_of(sources)
    measured = [one.row for one in additions if isinstance(one.row, Result)]
    folders = (*(side_files(_file(source)) for source in sources), side_files(SHIPPED))
    lines = reproductions(own_rows(measured, list(shipped.values())), folders)
    is_shipped = path.exists() and path.samefile(SHIPPED)
    here = [one for one in additions if is_shipped and not replace and _repeats(one, shipped)]
    there = [one for one in additions if one not in here]
    copies = [entry for row in shipped.values() for entry in row.seeds]
    changed = add_all(path, there, replace=replace, copies=() if is_shipped else copies)
    lines.append(f"{path}: {counted(changed, 'row')} added or changed")
    if here:
        lines.append(f"{DEFAULT}: {counted(add_all(DEFAULT, here, copies=copies), 'row')} added or changed")
    return lines


def submit_rule(path: Path, name: str, *, n: int | None = None, replace: bool = False) -> str:
    """Add the audit's best rule on a dataset as a row, see `rule_row`.

    Args:
        path: The leaderboard file to add to.
        name: The dataset.
        n: Number of test questions; None for the dataset's.
        replace: Replace the rule's row, if it is recorded with another result.

    Returns:
        What was done, in one line.

    Raises:
        ValueError: As `rule_row.rule_row` and `store.add` do.
        OSError: As `store.add` does.
    """
    from .rule_row import rule_row

    row = rule_row(name, side_files(path), n=n)
    record(path, row, replace=replace)
    score = row.seeds[0].test
    said = f"{row.seeds[0].checkpoint_rule}: {score.counts} right ({score.accuracy:.1%})"
    return f"{path}: {row.method} on {name}, {said}"


def rows_of(sources: Sequence[Path]) -> list[Addition]:
    """Read rows that are to be added to a leaderboard file.

    Args:
        sources: Leaderboard files, and finished runs: their directories or the ``result.json`` in them.

    Returns:
        Their rows, with the folders of their predictions.

    Raises:
        ValueError: A file is damaged or neither of the two.
        OSError: A file cannot be read.
    """
    return [Addition(row, side_files(file)) for file in map(_file, sources) for row in _rows(file)]


def _file(source: Path) -> Path:
    if source.is_dir() and not (source / RESULT).exists():
        raise ValueError(
            f"{source}: must be a finished run, got a folder without {RESULT}: if it is a run, "
            f"the `run` command that began it finishes it"
        )
    return source / RESULT if source.is_dir() else source


def _rows(file: Path) -> Sequence[Row]:
    if file.name != RESULT:
        return read(file).rows
    try:
        return [Result.model_validate_json(read_if_sealed(file))]
    except ValueError as error:
        raise ValueError(f"{file} must be a result written by `run`: {error}") from error


def _repeats(one: Addition, shipped: dict[tuple[object, ...], Result]) -> bool:
    """Whether the row has a shipped seed with another result."""
    known = shipped.get(one.row.identity)
    if known is None or not isinstance(one.row, Result):
        return False
    recorded = {entry.seed: entry for entry in known.seeds}
    return any(recorded.get(entry.seed, entry) != entry for entry in one.row.seeds)
