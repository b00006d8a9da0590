"""Specification of a run: recipe + method + seed, and its default directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...coconut.numerics import NUMERICS
from ..recipe import Recipe


@dataclass(frozen=True)
class RunSpec:
    """Specification of a run.

    Attributes:
        recipe: Recipe; already reduced (`Recipe.quick`) if ``quick``.
        method: Name of the method.
        seed: Training seed.
        quick: Whether this is a smoke test.
    """

    recipe: Recipe
    method: str
    seed: int
    quick: bool

    @property
    def identity(self) -> dict[str, Any]:
        """Fields that a checkpoint must match to belong to this run."""
        return {
            "recipe": self.recipe.name,
            "recipe_hash": self.recipe.hash,
            "method": self.method,
            "seed": self.seed,
            "numerics": NUMERICS,
        }


def run_folder(spec: RunSpec) -> Path:
    """Return the default output directory of a run.

    Args:
        spec: The run.

    Returns:
        A relative path, ``runs/RECIPE-METHOD-SEED``, with ``-quick`` appended for smoke tests.
    """
    quick = "-quick" if spec.quick else ""
    return Path("runs") / f"{spec.recipe.name}-{spec.method}-{spec.seed}{quick}"
