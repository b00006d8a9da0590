"""Train a leaderboard row's run again and compare every answer.

    5f0c… coconut on prosqa-tiny, seed 0: every answer is the same, 998 of 1000 right

The run is the recorded one: recipe, method, seed and number of threads. The recipe must have the row's hash,
and this version of the package the row's numerics. On another processor or torch version the last bits of
the weights can differ, and with them single answers.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import NamedTuple

import torch

from ...coconut.numerics import NUMERICS
from ...generators.datasets import DATASETS
from ...generators.dial import address_at
from ...leaderboard.lineage import recorded_settings
from ...leaderboard.measures import SideFile
from ...leaderboard.own import read_boards
from ...leaderboard.predictions import Folders, read_predictions
from ...leaderboard.provenance import provenance
from ...leaderboard.query import find
from ...leaderboard.result import Result, SeedResult
from ..recipe import Recipe, load_recipe
from .ood import evaluate_ood
from .pipeline import run
from .retest import evaluate_thoughts
from .spec import RunSpec

Say = Callable[[str], None]


class Reproduction(NamedTuple):
    """A recorded result beside the same run made here.

    Attributes:
        row: The recorded row.
        recorded: Its entry for the seed.
        here: The entry of the run made here.
        differing: Ids of the questions that were answered differently.
        environment: What differs between the two environments, as text.
    """

    row: Result
    recorded: SeedResult
    here: SeedResult
    differing: list[str]
    environment: list[str]

    @property
    def is_same(self) -> bool:
        """Whether every answer is the same."""
        return not self.differing

    def __str__(self) -> str:
        name = f"{self.row.key} {self.row.method} on {self.row.dataset.name}, seed {self.recorded.seed}"
        if self.is_same:
            return f"{name}: every answer is the same, {self.recorded.test.counts} right"
        counts = f"{self.recorded.test.n_correct} recorded and {self.here.test.n_correct} here"
        weights = "the same" if self.recorded.weights == self.here.weights else "others"
        base = "the same" if self.recorded.base_weights == self.here.base_weights else "another"
        lines = [
            f"{name}: {len(self.differing)} of {self.recorded.test.n} answers differ; right: {counts}",
            f"  first: {', '.join(self.differing[:5])}",
            f"  weights: {weights}; base model: {base}",
        ]
        return "\n".join([*lines, *(f"  {line}" for line in self.environment)])


def reproduce(board: Path | None, name: str, seed: int | None, out: Path | None, say: Say) -> Reproduction:
    """Train a row's run again and compare every answer.

    Args:
        board: Leaderboard file; None for the shipped one and yours.
        name: Key of the row, or its method if that names one row.
        seed: One of the row's seeds; None for the first.
        out: Output directory; None for ``runs/reproduce-KEY-SEED``.
        say: Called with a line of progress.

    Returns:
        Both results.

    Raises:
        ValueError: No such row or seed, another version of the recipe or of the numerics, or a run fails in
            one of the ways of `run`.
        OSError: A file is missing or cannot be written.
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
    spec = RunSpec(recorded_recipe(row), row.method, seed, row.quick)
    recorded = entries[seed]
    if recorded.predictions is None:
        raise ValueError(f"{row.key}, seed {seed}: has no predictions to compare")
    # A damaged file is found before the training.
    before = _answers(recorded.predictions, boards.folders)
    # The order of additions depends on the number of threads.
    torch.set_num_threads(recorded.provenance.environment.threads or 1)
    folder = out or Path("runs") / f"reproduce-{row.key}-{seed}"
    here = _run(row, spec, folder, say)
    assert here.predictions is not None
    now = _answers(here.predictions, folder / "predictions")
    differing = [key for key, answer in before.items() if now.get(key) != answer]
    return Reproduction(row, recorded, here, differing, environment_differences(recorded))


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


def environment_differences(recorded: SeedResult) -> list[str]:
    """Compare the environment of a recorded result with this one.

    Args:
        recorded: A seed's entry.

    Returns:
        One line per difference that can change the last bits of the weights.
    """
    then, now = recorded.provenance.environment, provenance(device="cpu").environment
    pairs: list[tuple[str, str | None, str | None]] = [
        ("processor", then.hardware.rpartition(",")[0], now.hardware.rpartition(",")[0])
    ]
    pairs += [(name, then.packages.get(name), now.packages.get(name)) for name in ("torch", "transformers")]
    pairs += [("device", then.device, "cuda" if torch.cuda.is_available() else "cpu")]
    return [f"{name}: {before} recorded, {after} here" for name, before, after in pairs if before != after]


def _run(row: Result, spec: RunSpec, folder: Path, say: Say) -> SeedResult:
    """Train, or read the finished run in ``folder``, and evaluate as the row was."""
    [entry] = run(spec, folder, say).seeds
    if row.thoughts is not None:
        [entry] = evaluate_thoughts(spec, folder, row.thoughts, say).seeds
    elif row.dataset.name != spec.recipe.data.name:
        [variant] = evaluate_ood(spec, folder, say, {row.dataset.name})
        [entry] = variant.seeds
    return entry


def _answers(record: SideFile, folders: Folders) -> dict[str, str]:
    """Question id → answer."""
    return {one.id: one.prediction for one in read_predictions(record, folders)}


def _checkout(row: Result) -> str:
    """Say where the row can be reproduced."""
    commits = {entry.provenance.commit for entry in row.seeds if entry.provenance.commit}
    return f"its commit is {' or '.join(sorted(commits)) or 'unknown'}"
