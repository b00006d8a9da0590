"""The datasets in reasoning-gym, under their own names.

    from coconut_bench.benchmarks.integrations.reasoning_gym import register
    register()
    reasoning_gym.create_dataset("prosqa-fair", seed=0, size=100)

Needs reasoning-gym (the extra ``tools``); `generators.tasks.create_dataset` gives the same entries without
it.
"""

from __future__ import annotations

from dataclasses import dataclass, make_dataclass
from typing import Any

from reasoning_gym.dataset import ProceduralDataset
from reasoning_gym.factory import DATASETS as REGISTERED
from reasoning_gym.factory import register_dataset

from ...generators.datasets import DATASETS
from ...generators.tasks import create_dataset


@dataclass
class CoconutBenchConfig:
    """What `generators.tasks.create_dataset` takes."""

    seed: int = 0
    size: int = 500
    split: str = "train"
    surface: str | None = None
    dataset: str = ""

    def validate(self) -> None:
        """ValueError for what the dataset does not have."""
        create_dataset(self.dataset, self.seed, self.size, split=self.split, surface=self.surface)


class CoconutBenchDataset(ProceduralDataset):
    """A dataset of the table as reasoning-gym's ``ProceduralDataset``."""

    def __init__(self, config: CoconutBenchConfig) -> None:
        super().__init__(config=config, seed=config.seed, size=config.size)
        self.tasks = create_dataset(
            config.dataset, config.seed, config.size, split=config.split, surface=config.surface
        )

    def __getitem__(self, idx: int) -> dict[str, Any]:
        return self.tasks[idx]

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float:
        return self.tasks.score_answer(answer, entry)


def register() -> list[str]:
    """Make every dataset of the table known to reasoning-gym; the names that were new to it."""
    added = [name for name in DATASETS if name not in REGISTERED]
    for name in added:
        # reasoning-gym calls both without a name and wants a dataclass and a class, so each name has its own.
        config = make_dataclass("Config", [("dataset", str, name)], bases=(CoconutBenchConfig,))
        register_dataset(name, CoconutBenchDataset, config)
    return added
