"""Your own leaderboard beside the shipped one: read together, your rows marked.

    3f2a91c0        coconut  …                                           shipped
    77b01f2e        coconut  …  yours, quick
    3f2a91c0-yours  coconut  …  yours, reproduces 3f2a91c0: seed 0 998 → 999 of 1000

A row of yours that agrees with a shipped one in all that makes two rows the same one (`Result.identity`) is
its *reproduction*: it has a key of its own and no rank, and no line of it is merged into the shipped row.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pydantic import PrivateAttr

from .compare import Answers
from .result import Leaderboard, QuotedResult, Result
from .store import DEFAULT, SHIPPED, read, side_files


class OwnResult(Result):
    """A measured row of your own file."""

    @property
    def note(self) -> str:
        """``yours``, and what it reproduces."""
        return "yours"


class Repeat(OwnResult):
    """A row of yours that reproduces a shipped one."""

    _shipped: Result = PrivateAttr()

    @property
    def key(self) -> str:
        """The key of the row; it differs from the shipped row's."""
        return f"{super().key}-yours"

    @property
    def shipped(self) -> Result:
        """The shipped row that this one reproduces."""
        return self._shipped

    @property
    def note(self) -> str:
        """``yours``, and what it reproduces."""
        recorded = {entry.seed: entry.test for entry in self.shipped.seeds}
        seeds = ", ".join(
            f"seed {entry.seed} {recorded[entry.seed].n_correct} → {entry.test.counts}"
            for entry in self.seeds
            if entry.seed in recorded
        )
        return f"yours, reproduces {self.shipped.key}: {seeds or 'other seeds'}"


class Boards(NamedTuple):
    """The rows of one leaderboard file, or of yours and the shipped one.

    Attributes:
        rows: Measured and quoted rows; those of your file are `OwnResult`, if there are two files.
        folders: The folders of their predictions files.
        files: The leaderboard files.
    """

    rows: list[Result | QuotedResult]
    folders: tuple[Path, ...]
    files: tuple[Path, ...]

    @property
    def measured(self) -> list[Result]:
        """The measured rows."""
        return [row for row in self.rows if isinstance(row, Result)]

    @property
    def ranked(self) -> list[Result]:
        """The measured rows but for reproductions, which compete with nothing."""
        return [row for row in self.measured if not isinstance(row, Repeat)]

    @property
    def quoted(self) -> list[QuotedResult]:
        """The quoted rows."""
        return [row for row in self.rows if isinstance(row, QuotedResult)]


def read_boards(path: Path | None = None) -> Boards:
    """Read a leaderboard file, or by default the shipped one and ``leaderboard.json`` beside you.

    Args:
        path: The only file to read; None for the default.

    Returns:
        Their rows. What your file has copied from the shipped one is there once.

    Raises:
        ValueError: For an invalid leaderboard.
        OSError: For a file that cannot be read.
    """
    if path is None and DEFAULT.exists() and not DEFAULT.samefile(SHIPPED):
        return _together(read(DEFAULT), read(SHIPPED))
    path = path or SHIPPED
    return Boards(list(read(path).rows), (side_files(path),), (path,))


def _together(own: Leaderboard, shipped: Leaderboard) -> Boards:
    quoted = {row.identity for row in shipped.quoted}
    rows: list[Result | QuotedResult] = [*shipped.rows, *own_rows(own.measured, shipped.measured)]
    rows += [row for row in own.quoted if row.identity not in quoted]
    return Boards(rows, (side_files(SHIPPED), side_files(DEFAULT)), (SHIPPED, DEFAULT))


def own_rows(own: list[Result], shipped: list[Result]) -> list[OwnResult]:
    """Mark rows as yours.

    Args:
        own: The rows of your file.
        shipped: The shipped rows.

    Returns:
        Your rows, without the seeds that are the shipped ones.
    """
    known = {row.identity: row for row in shipped}
    rows = []
    for row in own:
        same = known.get(row.identity)
        seeds = [entry for entry in row.seeds if same is None or entry not in same.seeds]
        if seeds:
            tested = row.controls and set(row.controls.seeds) <= {entry.seed for entry in seeds}
            controls = row.controls if tested else None  # else they are of seeds that are not shown here
            kind = OwnResult if same is None else Repeat
            made = kind.model_construct(**{**dict(row), "seeds": seeds, "controls": controls})
            if same is not None and isinstance(made, Repeat):
                made._shipped = same
            rows.append(made)
    return rows


def reproductions(rows: list[OwnResult], folders: tuple[Path, ...]) -> list[str]:
    """Compare rows with the shipped ones that they reproduce, seed by seed.

    Args:
        rows: Rows of yours.
        folders: The folders of the predictions files.

    Returns:
        One line per seed that both have.
    """
    lines, answers = [], Answers(folders)
    for row in [row for row in rows if isinstance(row, Repeat)]:
        recorded = {entry.seed: entry for entry in row.shipped.seeds}
        for entry in row.seeds:
            if entry.seed not in recorded:
                continue
            before, after = recorded[entry.seed].test, entry.test
            try:
                tested = answers.paired(row, row.shipped).by_seed()[entry.seed]
                moved = tested.only_a + tested.only_b
                said = f"p = {tested.p:.3g}, right or wrong otherwise on {moved} of {after.n} questions"
            except (OSError, ValueError):
                said = "not compared, without predictions"
            lines.append(
                f"{row.method} on {row.dataset.name} ({row.recipe.name}), seed {entry.seed}, reproduces the "
                f"shipped row {row.shipped.key}: {before.n_correct} → {after.n_correct} right, {said}"
            )
    return lines
