"""Specification of a run: recipe + method + seed; what makes it this run, and its default directory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
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
        overrides: What differs from the recipe of this name, for the directory's name (see `overrides`).
    """

    recipe: Recipe
    method: str
    seed: int
    quick: bool
    overrides: str = ""

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Fields that a directory and a checkpoint must match to belong to this run.

        ``data`` and ``start`` are digests of local files: those of the dataset, and of the pretrained model.
        One that is missing raises OSError.
        """
        recipe = self.recipe.identified
        return {
            "recipe": recipe.name,
            "data": recipe.data.content,
            "start": recipe.model.content,
            "recipe_hash": recipe.hash,
            "method": self.method,
            "seed": self.seed,
            "numerics": NUMERICS,
        }


def run_folder(spec: RunSpec) -> Path:
    """Return the default output directory of a run.

    Args:
        spec: The run.

    Returns:
        A relative path, ``runs/RECIPE-METHOD-SEED``, with the overrides and ``-quick`` for smoke tests
        appended, such as ``runs/tiny-coconut-0-prontoqa-tiny-quick``.
    """
    quick = "-quick" if spec.quick else ""
    return Path("runs") / f"{spec.recipe.name}-{spec.method}-{spec.seed}{spec.overrides}{quick}"


def overrides(own: Recipe, changed: Recipe) -> str:
    """Name what differs between a recipe and its changed form in a directory's name.

    Args:
        own: The recipe.
        changed: The same after `Recipe.changed`.

    Returns:
        Dataset, model and halting as far as they differ, each after a hyphen; empty if none does.
    """
    parts = []
    if changed.data.name != own.data.name:
        parts.append(_short(changed.data.name.split(",")[0].strip()))
    if changed.model != own.model:
        parts.append(_short(str(changed.model.pretrained)))
    if changed.halting != own.halting:
        parts.append(str(changed.halting))
    return "".join(f"-{part}" for part in parts)


def _short(name: str) -> str:
    """Shorten a name or path: its last part, without suffix; of ``sums/train.json`` it is ``sums``."""
    path = Path(name)
    stem = path.stem if path.suffix in (".json", ".jsonl", ".parquet", ".txt") else path.name
    stem = stem.replace("train", "").strip("_-. ") or path.resolve().parent.name
    return re.sub(r"[^A-Za-z0-9._]+", "-", stem).strip("-.") or "other"
