"""Sweeps: methods × seeds of one recipe, each result recorded as soon as its run is finished.

All cells start from the same base model and answer the same questions. Started again, a sweep reads its
finished cells and resumes the unfinished one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...coconut.methods import METHODS, get_method
from ...leaderboard.result import Result
from ...leaderboard.store import record
from ..recipe import Recipe
from .cluster import Cell, Cluster, run_on_cluster
from .ood import evaluate_ood, ood_datasets
from .pipeline import run
from .retest import evaluate_thoughts
from .saved import read_finished
from .spec import RunSpec, run_folder
from .tracking import check_tracker
from .training import check_slots

ALL = "all"


@dataclass(frozen=True)
class Grid:
    """The cells of a sweep and what is done with each.

    Attributes:
        recipe: Recipe; already reduced (`Recipe.quick`) if ``quick``.
        methods: Names of the methods.
        seeds: Training seeds.
        quick: Whether this is a smoke test.
        ood: Whether to evaluate on out-of-distribution variants too.
        thoughts: Other numbers of thoughts to evaluate with; ignored for methods without thoughts or pauses.
        track: Name of an experiment tracker, if any.
        cluster: Where the cells run; None for this process.
        overrides: See `RunSpec`.
    """

    recipe: Recipe
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    quick: bool
    ood: bool = False
    thoughts: tuple[int, ...] = ()
    track: str | None = None
    cluster: Cluster | None = None
    overrides: str = ""

    @property
    def cells(self) -> list[RunSpec]:
        """Runs ordered by seed, so that an unfinished sweep covers the methods evenly."""
        return [
            RunSpec(self.recipe, method, seed, self.quick, self.overrides)
            for seed in self.seeds
            for method in self.methods
        ]


def method_names(text: str) -> tuple[str, ...]:
    """Parse the command line's list of methods.

    Args:
        text: ``all``, or names separated by commas.

    Returns:
        Names without repetitions, in the given order.

    Raises:
        ValueError: A name is unknown.
    """
    if text == ALL:
        return tuple(METHODS)
    return tuple(dict.fromkeys(get_method(name.strip()).name for name in text.split(",")))


def sweep(
    grid: Grid, leaderboard: Path, *, replace: bool, say: Callable[[str], None], out: Path | None = None
) -> list[Result]:
    """Run every cell and record its results.

    Args:
        grid: Cells to run.
        leaderboard: Leaderboard file to add the rows to.
        replace: Whether to replace a recorded result of the same seed.
        say: Called with a line of progress.
        out: Output directory, for a grid of one cell; None for the default.

    Returns:
        The leaderboard's rows that this sweep contributed to.

    Raises:
        ValueError: ``out`` is given for several cells, an option does not fit the methods or the dataset, or
            a run fails in one of the ways of `run`.
        OSError: A file cannot be read or written.
    """
    if out is not None and len(grid.cells) > 1:
        raise ValueError(f"--out must be left out for several runs, got {out}")
    if grid.thoughts and all(get_method(name).filler == "none" for name in grid.methods):
        raise ValueError(f"--thoughts needs a method with thoughts or pauses, got {', '.join(grid.methods)}")
    for name in grid.methods:
        check_slots(grid.recipe.schedule(get_method(name)), max(grid.thoughts, default=0))
    for spec in grid.cells:
        read_finished(spec, out or run_folder(spec))  # another run's folder is found before the training
    if grid.track is not None:
        check_tracker(grid.track)
    if grid.ood:
        ood_datasets(grid.recipe.data.name)  # fail before the training, not after it
    if grid.cluster is not None:
        cells = [Cell(spec, out or run_folder(spec)) for spec in grid.cells]
        run_on_cluster(cells, grid.cluster, say, grid.track)
    rows: dict[tuple[object, ...], Result] = {}
    for place, spec in enumerate(grid.cells, start=1):
        if len(grid.cells) > 1:
            say(f"[{place}/{len(grid.cells)}] {spec.method}, seed {spec.seed}")
        folder = out or run_folder(spec)
        results = [run(spec, folder, say, grid.track)]
        if grid.ood:
            results += evaluate_ood(spec, folder, say)
        if get_method(spec.method).filler != "none":
            results += [evaluate_thoughts(spec, folder, number, say) for number in grid.thoughts]
        for result in results:
            row = record(leaderboard, result, predictions=folder / "predictions", replace=replace)
            assert isinstance(row, Result)
            rows[row.identity] = row
    return list(rows.values())
