"""The end of a finished `run`: where its models are, and what one would do next.

Model: runs/tiny-coconut-0/model
Next:  coconut-bench samples runs/tiny-coconut-0
       coconut-bench controls runs/tiny-coconut-0
       coconut-bench leaderboard compare 1a14b8c2 e5b2c3d4
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import join

from ...coconut.methods import get_method
from ...leaderboard.own import read_boards
from ...leaderboard.result import Result
from ...leaderboard.store import DEFAULT
from .cell import Cell

MOST_MODELS = 3


def ending(cells: Sequence[Cell], rows: Sequence[Result], leaderboard: Path) -> str:
    """Say where the models are, and the commands that fit these runs.

    Args:
        cells: The finished cells.
        rows: The rows that they contributed to, each method's own first.
        leaderboard: The file that the rows are in.
    """
    models = [str(cell.folder / "model") for cell in cells]
    more = f" and {len(models) - MOST_MODELS} more" if len(models) > MOST_MODELS else ""
    thinking = [cell for cell in cells if get_method(cell.spec.method).filler != "none"]
    seeds = [str(cell.folder) for cell in thinking if cell.spec.method == thinking[0].spec.method]
    lines = [["samples", str((thinking or cells)[0].folder)]]
    lines += [["controls", *seeds]] if seeds else []
    lines += _comparison(rows, leaderboard)
    named = f"Model{'s' if len(models) > 1 else ''}: {', '.join(models[:MOST_MODELS])}{more}"
    return f"{named}\nNext:  " + "\n       ".join(join(["coconut-bench", *line]) for line in lines)


def _comparison(rows: Sequence[Result], leaderboard: Path) -> list[list[str]]:
    """The comparison of the first row with one of the same questions and seeds: this run's, or a baseline."""
    is_default = leaderboard.absolute() == DEFAULT.absolute()
    mine = {row.identity: place for place, row in reversed(list(enumerate(rows)))}
    known = read_boards(None if is_default else leaderboard).measured
    row = next((row for row in reversed(known) if row.identity == rows[0].identity), None)
    if row is None:
        return []
    seeds = {entry.seed for entry in row.seeds}
    others = [
        other
        for other in known
        if other.dataset == row.dataset
        and other.identity != row.identity
        and other.thoughts is None
        and seeds & {entry.seed for entry in other.seeds if entry.predictions}
    ]
    others.sort(
        key=lambda other: (
            mine.get(other.identity, len(rows)),
            other.recipe != row.recipe,  # another recipe differs in more than the method
            other.method != "no-cot",
        )
    )
    file = [] if is_default else ["--leaderboard", str(leaderboard)]
    return [["leaderboard", "compare", *file, row.key, others[0].key]] if others else []
