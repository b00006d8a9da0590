"""Datasets in reasoning-gym, under their own names.

    from coconut_bench.benchmarks.integrations.reasoning_gym import register
    register()
    reasoning_gym.create_dataset("prosqa-fair", seed=0, size=100)

Needs reasoning-gym (the extra ``tools``); `generators.tasks.create_dataset` gives the same entries.
"""

from __future__ import annotations

from dataclasses import dataclass, make_dataclass
from typing import Any

from ...generators.datasets import DATASETS
from ...generators.extras import missing
from ...generators.tasks import TaskDataset, create_dataset

try:
    from reasoning_gym.dataset import ProceduralDataset
    from reasoning_gym.factory import DATASETS as REGISTERED
    from reasoning_gym.factory import register_dataset
except ImportError as error:
    raise missing("reasoning_gym", __name__) from error


@dataclass
class CoconutBenchConfig:
    """Arguments of `generators.tasks.create_dataset`."""

    seed: int = 0
    size: int = 500
    split: str = "train"
    surface: str | None = None
    dataset: str = ""

    def create(self) -> TaskDataset:
        """Return the dataset."""
        return create_dataset(self.dataset, self.seed, self.size, split=self.split, surface=self.surface)

    def validate(self) -> None:
        """Raise ValueError for an unknown dataset, split or surface, or a size out of range."""
        self.create()


class CoconutBenchDataset(ProceduralDataset):
    """A dataset of this package as a ``ProceduralDataset`` of reasoning-gym."""

    def __init__(self, config: CoconutBenchConfig) -> None:
        """Generate the questions of ``config``."""
        super().__init__(config=config, seed=config.seed, size=config.size)
        self.tasks = config.create()

    def __getitem__(self, idx: int) -> dict[str, Any]:
        """Return one entry."""
        return self.tasks[idx]

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float:
        """Score ``answer`` with `generators.tasks.score_answer`."""
        return self.tasks.score_answer(answer, entry)


def register() -> list[str]:
    """Register every dataset with reasoning-gym, and return the names that were new to it."""
    added = [name for name in DATASETS if name not in REGISTERED]
    for name in added:
        # reasoning-gym passes no name to the class or its config, so each name gets a config of its own.
        config = make_dataclass("Config", [("dataset", str, name)], bases=(CoconutBenchConfig,))
        register_dataset(name, CoconutBenchDataset, config)
    return added
