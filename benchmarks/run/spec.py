"""What a run is: recipe + method + seed, and the folder that it is kept in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..recipe import Recipe


@dataclass(frozen=True)
class RunSpec:
    """What a run is. ``quick`` recipes are already cut down (`Recipe.quick`)."""

    recipe: Recipe
    method: str
    seed: int
    quick: bool

    @property
    def identity(self) -> dict[str, Any]:
        """What a checkpoint must agree with to be this run's."""
        return {
            "recipe": self.recipe.name,
            "recipe_hash": self.recipe.hash,
            "method": self.method,
            "seed": self.seed,
        }


def run_folder(spec: RunSpec) -> Path:
    """Where a run is kept unless another folder is named."""
    quick = "-quick" if spec.quick else ""
    return Path("runs") / f"{spec.recipe.name}-{spec.method}-{spec.seed}{quick}"
