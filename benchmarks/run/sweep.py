"""Sweeps: methods × seeds of one recipe, each result recorded as soon as its run is finished.

All cells start from the same base model and answer the same questions. Started again, a sweep reads its
finished cells and resumes the unfinished one. Sweeps that run at once share the cells: each works on one that
no other process has locked, and ends when all are measured.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ...coconut import launch
from ...coconut.methods import get_method
from ...generators.datasets import DATASETS
from ...leaderboard.result import Result
from ...leaderboard.store import record
from ..content import data_content
from ..recipe import Recipe
from .cell import Cell, measure
from .choice import check_dataset, ood_datasets
from .cluster import Cluster, run_on_cluster
from .data import open_data
from .lock import POLL_SECONDS, RUN_LOCK, InUse, check_free
from .needs import SHOWN_EXAMPLES, check_fit
from .saved import read_finished
from .spec import RunSpec, run_folder
from .tracking import check_tracker


@dataclass(frozen=True)
class Grid:
    """The cells of a sweep and what is done with each.

    Attributes:
        recipe: Recipe; already reduced (`Recipe.quick`) if ``quick``.
        methods: Names of the methods.
        seeds: Training seeds.
        quick: Whether this is a smoke test.
        ood: Whether to evaluate on out-of-distribution variants too.
        thoughts: Other numbers of thoughts to evaluate with, on the variants too if ``ood``; ignored for
            methods without thoughts or pauses.
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

    def cells(self, out: Path | None = None) -> list[Cell]:
        """Return the cells ordered by seed, so that an unfinished sweep covers the methods evenly.

        Args:
            out: Output directory, for a grid of one cell; None for the default.

        Raises:
            ValueError: ``out`` is given for several cells.
        """
        specs = [
            RunSpec(self.recipe, method, seed, self.quick, self.overrides)
            for seed in self.seeds
            for method in self.methods
        ]
        if out is not None and len(specs) > 1:
            raise ValueError(f"--out must be left out for several runs, got {out}")
        return [
            Cell(spec, out or run_folder(spec), self.ood, self.thoughts, self.track, tuple(sys.argv))
            for spec in specs
        ]


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
    cells = grid.cells(out)
    if grid.thoughts and all(get_method(name).filler == "none" for name in grid.methods):
        raise ValueError(f"--thoughts needs a method with thoughts or pauses, got {', '.join(grid.methods)}")
    check_dataset(grid.recipe.data.name)
    # another run's folder is found before the training
    unfinished = [cell for cell in cells if read_finished(cell.spec, cell.folder) is None]
    if grid.track is not None:
        check_tracker(grid.track)
    if grid.ood:
        ood_datasets(grid.recipe.data.name)  # fail before the training, not after it
    if grid.cluster is not None and launch.size() > 1:
        raise ValueError(f"--cluster submits jobs from one process, got {launch.size()}")
    if not grid.cluster and not _waits(cells):
        check_free(cells[0].folder / RUN_LOCK)
    _check_data(unfinished)
    from .training import check_slots  # with torch, after all that needs none

    sweeps = grid.recipe.curriculum.sweeps
    for name in grid.methods:
        check_slots(grid.recipe.schedule(get_method(name)), max(grid.thoughts, default=0), sweeps)
    measured = _of_jobs(cells, grid.cluster, say) if grid.cluster else _shared(cells, say)
    rows: dict[tuple[object, ...], Result] = {}
    with closing(measured):
        for cell, results in measured:
            for result in results if launch.rank() == 0 else ():  # process 0 files
                row = record(leaderboard, result, predictions=cell.folder / "predictions", replace=replace)
                assert isinstance(row, Result)
                rows[row.identity] = row
    return sorted(rows.values(), key=lambda row: grid.methods.index(row.method))


def _check_data(cells: Sequence[Cell]) -> None:
    """Check that methods and recipe fit the local files, or the first examples of a generated dataset."""
    if not cells:
        return
    part = cells[0].spec.recipe.data
    if part.name in DATASETS:
        few = {"valid": min(part.valid or 1, SHOWN_EXAMPLES), "test": min(part.test or 1, SHOWN_EXAMPLES)}
        part = part.model_copy(update={"train": None, **few})
    elif data_content(part.name) is None:  # from the Hub
        return
    data = open_data(part)
    for spec in (cell.spec for cell in cells):
        check_fit(spec.recipe, spec.method, data)


def _waits(cells: Sequence[Cell]) -> bool:
    """Whether a locked cell comes later; processes of a launcher work on the same one, and wait for none."""
    return len(cells) > 1 and launch.size() == 1


Measuring = Generator[tuple[Cell, list[Result]], None, None]


def _of_jobs(cells: Sequence[Cell], cluster: Cluster, say: Callable[[str], None]) -> Measuring:
    """Yield the cells in the order in which jobs measure them."""
    for cell in run_on_cluster(cells, cluster, say):
        say(f"{cell.folder}: finished")
        yield cell, measure(cell, lambda line: None)


def _shared(cells: Sequence[Cell], say: Callable[[str], None]) -> Measuring:
    """Yield the cells as they are measured, here or elsewhere; of several, a locked one comes later."""
    left, told = dict(enumerate(cells, start=1)), set[int]()
    while left:
        before = len(left)
        for place, cell in list(left.items()):
            try:
                check_free(cell.folder / RUN_LOCK)
                if len(cells) > 1:
                    say(f"[{place}/{len(cells)}] {cell.spec.method}, seed {cell.spec.seed}")
                yield cell, measure(cell, say)
            except InUse as busy:
                if not _waits(cells):
                    raise
                if place not in told:
                    say(f"{busy}: the sweep comes back to it")
                told.add(place)
            else:
                del left[place]
        if len(left) == before:
            time.sleep(POLL_SECONDS)
