"""Many runs on one machine: methods × seeds of one recipe, each filed as soon as it is done.

Every cell answers the same questions from the same start. Started again, finished cells are only read, an
unfinished one goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...coconut.methods import METHODS, get_method
from ...leaderboard.result import Result
from ...leaderboard.store import add
from ..recipe import Recipe
from .cluster import Cell, Cluster, run_on_cluster
from .ood import evaluate_ood, ood_datasets
from .pipeline import run
from .retest import evaluate_thoughts
from .spec import RunSpec, run_folder
from .tracking import check_tracker

ALL = "all"


@dataclass(frozen=True)
class Grid:
    """The cells of a sweep. ``recipe`` is cut down already where ``quick``; ``ood``: see `evaluate_ood`.

    ``thoughts``: numbers of thoughts that every finished run is tested with again; methods without thoughts
    are not. ``track`` names an experiment tracker; ``cluster`` is where the cells run, here if None.
    """

    recipe: Recipe
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    quick: bool
    ood: bool = False
    thoughts: tuple[int, ...] = ()
    track: str | None = None
    cluster: Cluster | None = None

    @property
    def cells(self) -> list[RunSpec]:
        """Seed by seed, so that an unfinished sweep has as many seeds of each method as possible."""
        return [
            RunSpec(self.recipe, method, seed, self.quick) for seed in self.seeds for method in self.methods
        ]


def method_names(text: str) -> tuple[str, ...]:
    """The methods of ``"all"`` or of a list like ``"coconut,no-cot"``; ValueError for an unknown one."""
    if text == ALL:
        return tuple(METHODS)
    return tuple(dict.fromkeys(get_method(name.strip()).name for name in text.split(",")))


def sweep(
    grid: Grid, leaderboard: Path, *, replace: bool, say: Callable[[str], None], out: Path | None = None
) -> list[Result]:
    """Run every cell and file its result; returns the leaderboard's rows of this sweep.

    ``out`` is the folder of a grid of one cell. Raises ValueError where it is given for more.
    """
    if out is not None and len(grid.cells) > 1:
        raise ValueError(f"out must be left out where there are several runs, got {out}")
    if grid.thoughts and all(get_method(name).filler == "none" for name in grid.methods):
        raise ValueError(f"--thoughts needs a method with thoughts or pauses, got {', '.join(grid.methods)}")
    if grid.track is not None:
        check_tracker(grid.track)
    if grid.ood:
        ood_datasets(grid.recipe.data.name)  # where there are none is said before the training, not after it
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
            board = add(leaderboard, result, predictions=folder / "predictions", replace=replace)
            rows |= {row.identity: row for row in board.measured if row.identity == result.identity}
    return list(rows.values())
