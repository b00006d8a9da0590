"""Where rows come from: what ``-o`` changed of the recipe, the weights of base models, the numerics' version.

A change of the code that changes the weights of a base model, but not its revision, would otherwise mix two
base models in one row, or compare methods that start from different ones. Of runs that disagree, the newest
counts, since running the others again gives what it has.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import pairwise
from textwrap import shorten
from typing import NamedTuple

from .result import Result, SeedResult


class Run(NamedTuple):
    """One seed of one row."""

    row: Result
    entry: SeedResult

    @property
    def weights(self) -> str:
        """The first digits of the hash of the base model's weights."""
        return (self.entry.base_weights or "not recorded")[:12]

    @property
    def base(self) -> tuple[str | None, str, bool]:
        """The base model as the row tells it from others; without a revision only within the row."""
        name, revision = self.row.start
        return name, revision or self.row.key, self.row.base_model.per_seed

    @property
    def start(self) -> tuple[object, ...]:
        """What runs must share to have the same base weights.

        Recipes that differ only in their data make the same base model, but perhaps on another machine, where
        its last bits are others: only runs of one recipe on one kind of processor must start from the same.
        """
        if not self.row.base_model.per_seed:
            return self.base
        return (*self.base, self.entry.seed, self.row.recipe.name, self.processor)

    @property
    def processor(self) -> str:
        """Its name and instructions, without the number of its cores."""
        return self.entry.provenance.environment.hardware.partition(",")[0]

    @property
    def recipe(self) -> tuple[str, str]:
        """What the runs of one table share: recipe and questions."""
        return self.row.recipe.name, self.row.dataset.content_hash

    def problem(self, text: str) -> str:
        """Name the run, what is wrong, its predictions file and the command that gives it again."""
        row, entry = self
        name = f"{row.key} {row.method} on {row.dataset.name}, seed {entry.seed}"
        file = entry.predictions.file if entry.predictions else "no predictions file"
        options = f"--method {row.method} --recipe {row.recipe.name} --seed {entry.seed}"
        thoughts = "" if row.thoughts is None else f" --thoughts {row.thoughts}"
        options += f"{thoughts}{' --quick' if row.quick else ''} --replace"
        return f"{name}: {text} ({file}); run again: coconut-bench run {options}"


def changes(row: Result) -> str:
    """Say what ``-o`` changed of a row's recipe.

    Args:
        row: The row.

    Returns:
        ``changed: optimizer.lr=0.5``, in one line of at most 200 characters; or nothing.
    """
    settings = recorded_settings(row.seeds[0].provenance.command)
    return f"changed: {shorten(' '.join(settings), 200, placeholder=' …')}" if settings else ""


def recipe_name(row: Result) -> str:
    """Name the recipe of a row, with what ``-o`` changed of it.

    Args:
        row: The row.

    Returns:
        ``tiny``, or ``tiny, changed: optimizer.lr=0.5``.
    """
    return ", ".join(filter(None, (row.recipe.name, changes(row))))


def recorded_settings(command: str) -> list[str]:
    """Return the settings of the recipe that a recorded command changed.

    Args:
        command: A shell-quoted command line.

    Returns:
        ``key=value`` of each ``-o``, and of ``--sweeps``; none where the line cannot be read.
    """
    if not re.search(" (-o|--override|--sweeps)", command):  # most have none, and are not split
        return []
    words = re.sub(r" (--override=|-o(?=[^ ]))", " -o ", command)  # click takes these forms as well
    try:
        given = list(pairwise(shlex.split(words.replace(" --sweeps=", " --sweeps "))))
    except ValueError:  # an open quote
        return []
    settings = [value for option, value in given if option in ("-o", "--override")]
    return settings + [f"curriculum.sweeps={value}" for option, value in given if option == "--sweeps"]


def lineage_problems(rows: Sequence[Result]) -> Iterator[str]:
    """Find runs whose base model is not the one that their row names, and rows without a numerics version.

    Args:
        rows: The measured rows of a leaderboard.

    Yields:
        One line per problem.
    """
    runs = [Run(row, entry) for row in rows for entry in row.seeds]
    expected: dict[tuple[object, ...], str] = {}
    owner: dict[tuple[object, ...], int] = {}
    for run in sorted(runs, key=lambda run: run.entry.provenance.date, reverse=True):
        if run.entry.base_weights:
            expected.setdefault(run.start, run.weights)
        owner.setdefault((*run.base, run.weights), run.entry.seed)
    versioned = {run.recipe for run in runs if run.row.recipe.numerics is not None}
    for run in runs:
        per_seed = run.row.base_model.per_seed
        first = owner[(*run.base, run.weights)]
        if run.weights != expected.get(run.start, run.weights):
            newest = (
                f"{expected[run.start]}, those of the newest run {'with this seed ' * per_seed}from this base"
            )
            yield run.problem(f"base_weights must be {newest}, got {run.weights}")
        elif per_seed and run.entry.base_weights and first != run.entry.seed:
            other = f"got {run.weights}, those of seed {first}"
            yield run.problem(f"base_weights must differ by seed, as base_model.per_seed says, {other}")
        if run.row.recipe.numerics is None and run.recipe in versioned:
            yield run.problem("recorded before the numerics had a version, unlike other rows of its recipe")
