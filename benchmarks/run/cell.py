"""A cell of a sweep: one run with its further evaluations."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ...coconut import launch
from ...coconut.methods import get_method
from ...generators.plugins import load_plugins
from ...leaderboard.result import Result
from .further import Further, further
from .spec import RunSpec


class Cell(NamedTuple):
    """A run and what else is measured of it.

    Attributes:
        spec: The run.
        folder: Its directory.
        ood: Whether to evaluate on out-of-distribution variants.
        thoughts: Other numbers of thoughts to evaluate with, on the variants too; ignored for a method
            without thoughts or pauses.
        track: Name of an experiment tracker, if any.
        command: Program and arguments that a job records instead of its own.
    """

    spec: RunSpec
    folder: Path
    ood: bool = False
    thoughts: tuple[int, ...] = ()
    track: str | None = None
    command: tuple[str, ...] = ()

    @property
    def further(self) -> list[Further]:
        """What is evaluated beside the run's own test."""
        numbers = self.thoughts if get_method(self.spec.method).filler != "none" else ()
        return further(self.spec.recipe.data.name, self.ood, numbers)

    @property
    def is_measured(self) -> bool:
        """Whether all results are in the directory."""
        paths = [self.folder / "result.json", *(one.path(self.folder) for one in self.further)]
        return all(path.exists() for path in paths)


def measure(cell: Cell, say: Callable[[str], None]) -> list[Result]:
    """Train, test and evaluate a cell, or read what is there already.

    Args:
        cell: The cell.
        say: Called with a line of progress.

    Returns:
        Its results: the run's own, then those of its further evaluations.

    Raises:
        InUse: Another process works on it.
        ValueError: As for `run`.
        OSError: As for `run`.
        KeyboardInterrupt: A signal stopped it; the message says what is saved.
    """
    from .pipeline import run  # with torch: a mistake in a command is found without it
    from .retest import evaluate_further

    spec, folder = cell.spec, cell.folder
    try:
        results = [run(spec, folder, say, cell.track)]
        if launch.rank() > 0:  # process 0 tests further
            return results
        return results + evaluate_further(spec, folder, cell.further, say)
    except KeyboardInterrupt as stop:
        if not stop.args:  # not in the training, which has said where it stopped
            stop.args = (f"Stopped: {_saved(folder)}",)
        raise


def work(cell: Cell, say: Callable[[str], None]) -> int:
    """Measure a cell in a job.

    Args:
        cell: The cell.
        say: Called with a line of progress, or the line of an error.

    Returns:
        The exit code: 2 after a known error, 128 + the signal's number after a stop.
    """
    try:
        load_plugins()
        sys.argv[:] = cell.command or sys.argv  # `reproduce` takes the recipe's changes from the command
        measure(cell, say)
    except (ValueError, OSError) as error:
        say(f"Error: {error}")
        return 2
    except KeyboardInterrupt as stop:
        say(str(stop))
        return getattr(stop, "exit_code", 130)
    return 0


def _saved(folder: Path) -> str:
    """What there is of an unfinished cell, and how it goes on."""
    if (folder / "result.json").exists():
        return f"{folder} is trained and tested; the same command evaluates what is missing"
    if (folder / "checkpoint.pt").exists():
        return f"the training so far is saved in {folder}; the same command resumes there"
    return f"{folder} has no checkpoint yet; the same command begins it again"
