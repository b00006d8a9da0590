"""Train a leaderboard row's run again and compare every answer.

    5f0c… coconut on prosqa-tiny, seed 0: every answer is the same, 998 of 1000 right

The run is the recorded one: recipe, method, seed and number of threads. The recipe must have the row's hash,
and this version of the package the row's numerics. On another processor or torch version the last bits of
the weights can differ, and with them single answers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from ...generators.datasets import DATASETS
from ...leaderboard.measures import SideFile
from ...leaderboard.predictions import Folders, read_predictions
from ...leaderboard.provenance import provenance
from ...leaderboard.result import Result, SeedResult
from .further import Further
from .pipeline import run
from .recorded import recorded_recipe, recorded_run
from .retest import evaluate_further
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
    boards, row, recorded = recorded_run(board, name, seed)
    spec = RunSpec(recorded_recipe(row), row.method, recorded.seed, row.quick)
    assert recorded.predictions is not None
    # A damaged file is found before the training.
    before = _answers(recorded.predictions, boards.folders)
    # The order of additions depends on the number of threads.
    torch.set_num_threads(recorded.provenance.environment.threads or 1)
    folder = out or Path("runs") / f"reproduce-{row.key}-{recorded.seed}"
    here = _run(row, spec, folder, say)
    assert here.predictions is not None
    now = _answers(here.predictions, folder / "predictions")
    differing = [key for key, answer in before.items() if now.get(key) != answer]
    return Reproduction(row, recorded, here, differing, environment_differences(recorded))


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
    one = evaluated(row, spec)
    if one != Further():
        [result] = evaluate_further(spec, folder, [one], say)
        [entry] = result.seeds
    return entry


def evaluated(row: Result, spec: RunSpec) -> Further:
    """Return how a row's run was evaluated.

    Args:
        row: The row.
        spec: Its run.
    """
    asked = DATASETS.get(row.dataset.name)
    is_variant = asked is not None and asked.base == spec.recipe.data.name
    return Further(row.dataset.name if is_variant else None, row.thoughts)


def _answers(record: SideFile, folders: Folders) -> dict[str, str]:
    """Question id → answer."""
    return {one.id: one.prediction for one in read_predictions(record, folders)}
