"""A row's run as the leaderboard records it: its seed, and the recipe that it was trained by; no torch."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import NamedTuple

from ...coconut.numerics import NUMERICS
from ...generators.datasets import DATASETS
from ...generators.dial import address_at
from ...leaderboard.lineage import recorded_settings
from ...leaderboard.own import Boards, read_boards
from ...leaderboard.query import find
from ...leaderboard.result import Result, SeedResult
from ..recipe import Recipe, load_recipe


class Recorded(NamedTuple):
    """The leaderboard files, a row of them, and the entry of one of its seeds, which has predictions."""

    boards: Boards
    row: Result
    entry: SeedResult


def recorded_run(board: Path | None, name: str, seed: int | None) -> Recorded:
    """Find a seed of a measured row.

    Args:
        board: Leaderboard file; None for the shipped one and yours.
        name: Key of the row, or its method if that names one row.
        seed: One of the row's seeds; None for the first.

    Returns:
        The row and the seed's entry.

    Raises:
        ValueError: No such row or seed, a row that was not trained here, or one without predictions.
        OSError: A file is missing.
    """
    boards = read_boards(board)
    row = find(boards.measured, name)
    if row.kind != "measured":
        what = "external (made elsewhere)" if row.kind == "external" else "a rule"
        raise ValueError(f"{row.key} {row.method} is {what} and cannot be trained again here")
    entries = {entry.seed: entry for entry in row.seeds}
    seed = row.seeds[0].seed if seed is None else seed
    if seed not in entries:
        raise ValueError(f"--seed must be one of {', '.join(map(str, entries))} for {row.key}, got {seed}")
    if entries[seed].predictions is None:
        raise ValueError(f"{row.key}, seed {seed}: has no predictions to compare")
    return Recorded(boards, row, entries[seed])


def recorded_recipe(row: Result) -> Recipe:
    """Load the recipe of a row, with the overrides that the row shows.

    Args:
        row: A measured row.

    Returns:
        The recipe, whose hash is the row's.

    Raises:
        ValueError: The recipe is unknown, has changed since, or the row has other numerics.
    """
    if row.recipe.numerics != NUMERICS:
        raise ValueError(
            f"{row.key} must be of training numerics {NUMERICS}, which this version has, got "
            f"{row.recipe.numerics or 'none (recorded before they had a version)'}; {_checkout(row)}"
        )
    own = load_recipe(row.recipe.name).with_settings(recorded_settings(row.seeds[0].provenance.command))
    known = DATASETS.get(row.dataset.name)
    named = address_at(row.dataset.name, row.dataset.version)
    datasets = [None, named, *([known.base] if known and known.base else [])]
    models = [None, *([row.base_model.name] if own.model.pretrained else [])]
    for dataset, model, halting in product(datasets, models, (None, "classifier", "constant")):
        recipe = own.changed(dataset=dataset, model=model, halting=halting)
        recipe = recipe.quick() if row.quick else recipe
        if recipe.hash == row.recipe.hash:
            return recipe
    files = "" if known else " (a row on files of your own is made again by its own command)"
    raise ValueError(
        f"recipe {row.recipe.name} must have the hash {str(row.recipe.hash)[:12]} of {row.key}, got "
        f"{own.hash[:12]}{files}; {_checkout(row)}"
    )


def _checkout(row: Result) -> str:
    """Say where the row can be reproduced."""
    commits = {entry.provenance.commit for entry in row.seeds if entry.provenance.commit}
    return f"its commit is {' or '.join(sorted(commits)) or 'unknown'}"
