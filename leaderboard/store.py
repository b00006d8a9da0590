"""Leaderboard files: read and checked as a whole, written as a whole or not at all.

An addition takes a lock beside the file (`lock`), reads it, merges, writes a temporary file, flushes it to
disk and renames it over the old one. A kill at any moment leaves the old file or the new one, and concurrent
writers take turns.

Per-question predictions are files in the folder ``predictions`` beside the leaderboard file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from ..generators.files import write_whole
from .collector import collector_paused
from .lock import locked
from .measures import explain
from .merging import Replace, Row, merge_rows, order
from .predictions import mismatches, read_predictions
from .result import SCHEMA_VERSION, Leaderboard, Result, SeedResult
from .splice import HEAD, Text, count_rows
from .stamp import is_stamped, write_stamp

DEFAULT = Path("leaderboard.json")
SHIPPED = Path(__file__).with_name("leaderboard.json")
PREDICTIONS = "predictions"
FEW = 16
"""Up to so many rows are put into the text of a file, more into all of its rows."""

# Schema version → the function that turns such a file's content into that of the next version.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
    1: lambda data: {**data, "schema_version": 2},  # 2 has more fields, none of which must be there
}


def read(path: Path | str) -> Leaderboard:
    """Read a leaderboard file; an older schema is migrated in memory and the file left as it is.

    Args:
        path: The leaderboard file.

    Returns:
        Its checked content.

    Raises:
        ValueError: For an invalid leaderboard or a newer schema, with the file and every place in it.
        OSError: For a file that cannot be read.
    """
    path = Path(path)
    return _parse(_content(path), path)


def _content(path: Path) -> bytes:
    """The bytes of a file; a named pipe would be waited for without end."""
    if path.is_fifo():
        raise ValueError(f"{path}: must be a file, got a named pipe")
    return path.read_bytes()


def default_file() -> Path:
    """``leaderboard.json`` in the current folder, or the shipped file if there is none."""
    return DEFAULT if DEFAULT.exists() else SHIPPED


def side_files(path: Path | str) -> Path:
    """Locate the predictions files of a leaderboard.

    Args:
        path: The leaderboard file.

    Returns:
        The folder of its predictions files.
    """
    return Path(path).resolve().parent / PREDICTIONS


def add(
    path: Path | str,
    result: Row,
    *,
    predictions: Path | str | None = None,
    replace: bool = False,
) -> Leaderboard:
    """Add a result to a leaderboard file.

    A new file starts with the quoted rows of the shipped one. An existing row of the same identity gains the
    seeds that it lacks.

    Args:
        path: The leaderboard file.
        result: The row to add.
        predictions: The folder of the predictions files named in ``result``, to be copied beside the
            leaderboard; None if they are there already.
        replace: Replace a seed recorded with another result, instead of refusing it.

    Returns:
        What the file now holds.

    Raises:
        ValueError: For a seed that is recorded with another result, and a damaged predictions file.
        OSError: For a file that is missing or cannot be written.
    """
    record(path, result, predictions=predictions, replace=replace)
    return read(path)


def record(
    path: Path | str, result: Row, *, predictions: Path | str | None = None, replace: bool = False
) -> Row:
    """Do as `add`, without reading the whole of a large file.

    Args:
        path: The leaderboard file.
        result: The row to add.
        predictions: As `add` takes it.
        replace: As `add` takes it.

    Returns:
        The row with all seeds that the file now holds of it.

    Raises:
        ValueError: As `add` does.
        OSError: As `add` does.
    """
    return _add(path, [Addition(result, Path(predictions) if predictions else None)], Replace(replace)).rows[
        0
    ]


def add_all(
    path: Path | str,
    additions: Sequence[Addition],
    *,
    replace: bool = False,
    copies: Sequence[SeedResult] = (),
) -> int:
    """Add rows: all of them, or none.

    Args:
        path: The leaderboard file to add to.
        additions: The rows.
        replace: Replace seeds recorded with another result, instead of refusing them.
        copies: Seeds that another one replaces in any case, since they are recorded elsewhere.

    Returns:
        The number of rows added or changed.

    Raises:
        ValueError: As `add` does.
        OSError: As `add` does.
    """
    return _add(path, additions, Replace(replace, copies)).changed


class Addition(NamedTuple):
    """A row to add, and the folder of its predictions files; None where they are in place."""

    row: Row
    folder: Path | None


class Change(NamedTuple):
    """What an addition made of a file: its bytes, the merged rows that were asked for, how many changed."""

    content: bytes
    rows: list[Row]
    changed: int


def _add(path: Path | str, additions: Sequence[Addition], replace: Replace) -> Change:
    # Resolved: the rename must replace the file, not a symbolic link to it (as in an editable install).
    path = Path(path).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path):
        for left in path.parent.glob(f".{path.name}.*.tmp"):  # of a killed writer
            left.unlink()
        old = _content(path) if path.exists() else None
        change = _change(path, old, [addition.row for addition in additions], replace)
        # Predictions first: a row must never name a missing file.
        for addition in additions:
            _copy_side_files(addition, side_files(path))
        version = SCHEMA_VERSION if old is None else _version(old)
        if old is not None and version != SCHEMA_VERSION:
            write_whole(path.with_name(f"{path.name}.v{version}.bak"), old)
        if change.changed or old is None or version != SCHEMA_VERSION:
            write_whole(path, change.content)
            write_stamp(path, change.content)
    return change


def _change(path: Path, old: bytes | None, new: Sequence[Row], replace: Replace) -> Change:
    """Merge rows into the bytes of a file: into its text if that is in order, else into all of its rows."""
    board = None
    if old is None or not is_stamped(path, old):
        board = Leaderboard(rows=list(read(SHIPPED).quoted)) if old is None else _parse(old, path)
    if old is not None and len(new) <= FEW and (board is None or _is_in_order(board, old)):
        content, changed = old, 0
        rows: list[Row] = []
        with suppress(ValidationError):  # a form that is not quite that of `dump`
            for row in new:
                after, merged = Text(content).merged(row, replace)
                changed += after is not content
                content, rows = after, [*rows, merged]
            return Change(content, rows, changed)
    board = board or _parse(old or b"", path)
    merged_rows, changed = merge_rows(board.rows, new, replace)
    known = {(row.kind, row.identity): row for row in merged_rows}
    content = dump(Leaderboard(rows=merged_rows)).encode()
    return Change(content, [known[row.kind, row.identity] for row in new], changed)


def _is_in_order(board: Leaderboard, content: bytes) -> bool:
    """Whether the text has one place a row, as `dump` would write them, and the rows are sorted."""
    keys = [order(row) for row in board.rows]
    return keys == sorted(keys) and count_rows(content) == len(keys)


def dump(board: Leaderboard) -> str:
    """Serialize a leaderboard; equal content gives equal bytes.

    Args:
        board: The leaderboard.

    Returns:
        JSON, indented by two blanks, with LF line ends.
    """
    return json.dumps(board.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


@collector_paused()
def _parse(content: bytes, path: Path) -> Leaderboard:
    try:
        board = Leaderboard.model_validate_json(content)
        if "schema_version" in board.model_fields_set:
            return board
    except ValidationError:  # of another version, or told below
        pass
    try:
        data = json.loads(content)
    except RecursionError:
        raise ValueError(f"{path}: must be JSON of a leaderboard, got a deeply nested one") from None
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError
        raise ValueError(f"{path}: must be JSON, got {error}") from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if type(version) is not int or version < 0:
        raise ValueError(f"{path}: must be an object with a schema_version, a whole number, got {version!r}")
    if version > SCHEMA_VERSION:
        limit = f"at most {SCHEMA_VERSION} in this version of coconut-bench"
        raise ValueError(f"{path}: schema_version must be {limit}, got {version}")
    for step in range(version, SCHEMA_VERSION):
        if step not in MIGRATIONS:
            known = [*MIGRATIONS, SCHEMA_VERSION]
            raise ValueError(f"{path}: schema_version must be one of {known}, got {version}")
        data = MIGRATIONS[step](data)
        content = json.dumps(data).encode()
    try:
        return Leaderboard.model_validate_json(content)
    except ValidationError as error:
        raise ValueError(f"{path}: {explain(error)}") from None


def _version(content: bytes) -> int:
    if content.startswith(HEAD):
        return SCHEMA_VERSION
    return int(json.loads(content)["schema_version"])


def _copy_side_files(addition: Addition, target: Path) -> None:
    row = addition.row
    for entry in row.seeds if isinstance(row, Result) else []:
        if entry.predictions is None:
            continue
        found = (addition.folder or target) / entry.predictions.file
        if not found.is_file():
            raise FileNotFoundError(f"{found}: missing, the predictions of {row.method}, seed {entry.seed}")
        predictions = read_predictions(entry.predictions, found.parent)
        if problems := list(mismatches(predictions, entry)):
            raise ValueError(f"{found}: {'; '.join(problems)}")
        content = found.read_bytes()
        wanted = target / entry.predictions.file
        # The name begins with the checksum: an existing file is the same one, unless it was damaged.
        if not wanted.exists() or wanted.read_bytes() != content:
            target.mkdir(exist_ok=True)
            write_whole(wanted, content)
