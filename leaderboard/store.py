"""Leaderboard files: read and checked as a whole, written as a whole or not at all.

An addition takes a lock beside the file (``.leaderboard.json.lock``), reads it, merges, writes a temporary
file, flushes it to disk and renames it over the old one. A kill at any moment leaves the old file or the new
one, and concurrent writers take turns. The lock belongs to the process: the system frees it if the process
dies.

Per-question predictions are files in the folder ``predictions`` beside the leaderboard file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout
from pydantic import ValidationError

from ..generators.files import write_whole
from .measures import explain
from .result import SCHEMA_VERSION, Leaderboard, QuotedResult, Result, SeedResult

DEFAULT = Path("leaderboard.json")
SHIPPED = Path(__file__).with_name("leaderboard.json")
PREDICTIONS = "predictions"
LOCK_SECONDS = 60

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
    return _parse(path.read_bytes(), path)


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
    result: Result | QuotedResult,
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
    return _add(path, [Addition(result, Path(predictions) if predictions else None)], replace).after


def merge_files(path: Path | str, sources: Sequence[Path | str], *, replace: bool = False) -> int:
    """Add the rows of other leaderboard files, with their predictions: all of them, or none.

    Args:
        path: The leaderboard file to add to.
        sources: The leaderboard files to read.
        replace: Replace seeds recorded with another result, instead of refusing them.

    Returns:
        The number of rows added or changed.

    Raises:
        ValueError: As `add` and `read` do.
        OSError: As `add` and `read` do.
    """
    additions = [Addition(row, side_files(source)) for source in sources for row in read(source).rows]
    change = _add(path, additions, replace)
    return sum(row not in change.before.rows for row in change.after.rows)


class Addition(NamedTuple):
    """A row to add, and the folder of its predictions files; None where they are in place."""

    row: Result | QuotedResult
    folder: Path | None


class Change(NamedTuple):
    """What a file held before an addition, and what it holds after."""

    before: Leaderboard
    after: Leaderboard


def _add(path: Path | str, additions: Sequence[Addition], replace: bool) -> Change:
    # Resolved: the rename must replace the file, not a symbolic link to it (as in an editable install).
    path = Path(path).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        existed = path.exists()
        content = path.read_bytes() if existed else b""
        board = _parse(content, path) if existed else Leaderboard(rows=list(read(SHIPPED).quoted))
        rows = list(board.rows)
        for addition in additions:
            rows = merge(rows, addition.row, replace=replace)
        # Predictions first: a row must never name a missing file.
        for addition in additions:
            _copy_side_files(addition, side_files(path))
        merged = Leaderboard(rows=sorted(rows, key=_order))
        if not existed or merged != board or _version(content) != SCHEMA_VERSION:
            if existed and _version(content) != SCHEMA_VERSION:
                write_whole(path.with_name(f"{path.name}.v{_version(content)}.bak"), content)
            write_whole(path, dump(merged).encode())
    return Change(board, merged)


def merge(
    rows: list[Result | QuotedResult], new: Result | QuotedResult, *, replace: bool = False
) -> list[Result | QuotedResult]:
    """Merge a row into a list of rows.

    Args:
        rows: The rows so far.
        new: The row to add, or whose seeds to add to the row of its identity.
        replace: Replace seeds recorded with another result, instead of refusing them.

    Returns:
        The merged rows.

    Raises:
        ValueError: For a seed or quotation that is recorded with another result.
    """
    for index, old in enumerate(rows):
        if old.kind == new.kind and old.identity == new.identity:
            return [*rows[:index], _merge_row(old, new, replace), *rows[index + 1 :]]
    return [*rows, new]


def dump(board: Leaderboard) -> str:
    """Serialize a leaderboard; equal content gives equal bytes.

    Args:
        board: The leaderboard.

    Returns:
        JSON, indented by two blanks, with LF line ends.
    """
    return json.dumps(board.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _merge_row(
    old: Result | QuotedResult, new: Result | QuotedResult, replace: bool
) -> Result | QuotedResult:
    if old == new:
        return old
    if isinstance(old, Result) and isinstance(new, Result):
        row = f"{new.method} on {new.dataset.name} ({new.recipe.name})"
        for field in ("dataset", "recipe", "base_model"):
            if getattr(old, field) != getattr(new, field):
                raise ValueError(
                    f"{row}: {field} must be that of the row with the same hashes, {getattr(old, field)}, "
                    f"got {getattr(new, field)}"
                )
        seeds = _merge_seeds(row, old.seeds, new.seeds, replace)
        # A verdict of controls outlives other seeds, but not the training that it was made from.
        is_same = all(entry in seeds for entry in old.seeds)
        controls = new.controls or (old.controls if is_same else None)
        return new.model_copy(update={"seeds": seeds, "controls": controls})
    if not replace:
        raise ValueError(f"quoted {new.method}: must equal the recorded row, or set replace")
    return new


def _merge_seeds(row: str, old: list[SeedResult], new: list[SeedResult], replace: bool) -> list[SeedResult]:
    seeds = {entry.seed: entry for entry in old}
    for entry in new:
        known = seeds.setdefault(entry.seed, entry)
        if known != entry:
            if not replace:
                raise ValueError(
                    f"{row}: seed {entry.seed} is already recorded, {known.test.counts} right on "
                    f"{known.provenance.date}; got {entry.test.counts} on {entry.provenance.date}; "
                    "set replace or use another seed"
                )
            seeds[entry.seed] = entry
    return [seeds[number] for number in sorted(seeds)]


def _order(row: Result | QuotedResult) -> tuple[str, ...]:
    """Sort key: measured before quoted, then by names, so that the order of additions does not matter."""
    identity = tuple(map(str, row.identity))
    if isinstance(row, Result):
        return (row.kind, row.dataset.name, row.dataset.version, row.recipe.name, row.method, *identity)
    return (row.kind, row.dataset, row.method, *identity)


def _parse(content: bytes, path: Path) -> Leaderboard:
    try:
        data = json.loads(content)
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
    return int(json.loads(content)["schema_version"])


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=LOCK_SECONDS):
            for left in path.parent.glob(f".{path.name}.*.tmp"):  # of a killed writer
                left.unlink()
            yield
    except Timeout:
        raise OSError(f"{path}: another process has held its lock for {LOCK_SECONDS} seconds") from None


def _copy_side_files(addition: Addition, target: Path) -> None:
    row = addition.row
    for entry in row.seeds if isinstance(row, Result) else []:
        if entry.predictions is None:
            continue
        found = (addition.folder or target) / entry.predictions.file
        if not found.is_file():
            raise FileNotFoundError(f"{found}: missing, the predictions of {row.method}, seed {entry.seed}")
        content = found.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest != entry.predictions.sha256:
            raise ValueError(f"{found}: sha256 must be {entry.predictions.sha256}, got {digest}")
        wanted = target / entry.predictions.file
        # The name begins with the checksum: an existing file is the same one, unless it was damaged.
        if not wanted.exists() or wanted.read_bytes() != content:
            target.mkdir(exist_ok=True)
            write_whole(wanted, content)
