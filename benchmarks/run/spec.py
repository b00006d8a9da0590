"""Specification of a run: recipe + method + seed; what makes it this run, and its default directory."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from ...coconut.numerics import NUMERICS
from ...generators.files import file_digest
from ...generators.stored.manifest import MANIFEST
from ...generators.stored.sources import is_source
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
        Reading one that is missing raises OSError.
        """
        return {
            "recipe": self.recipe.name,
            "recipe_hash": self.recipe.hash,
            "method": self.method,
            "seed": self.seed,
            "numerics": NUMERICS,
            "data": _digest(_data_files(self.recipe.data.name)),
            "start": _digest(_model_files(self.recipe.model.pretrained)),
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


def _data_files(name: str) -> list[Path]:
    """The local files that decide a dataset's content; a generated folder's manifest has their digests."""
    paths = [Path(part.strip()) for part in name.split(",")]
    if not is_source(name) or not (len(paths) > 1 or paths[0].exists()):
        return []
    if paths[0].is_dir():
        return [path for path in (paths[0] / MANIFEST,) if path.is_file()]
    return paths


def _model_files(name: str | None) -> list[Path]:
    """The files of a pretrained model that is a local folder."""
    if name is None or not Path(name).is_dir():
        return []
    return sorted(path for path in Path(name).iterdir() if path.is_file() and path.name[0] != ".")


def _digest(files: Iterable[Path]) -> str | None:
    """Hash the contents of files in order; None where there are none."""
    digests = []
    for path in files:
        if not path.is_file():
            raise FileNotFoundError(f"no such file: {path}")
        found = path.stat()
        digests.append(_file_digest(path.resolve(), found.st_size, found.st_mtime_ns))
    return hashlib.sha256("".join(digests).encode()).hexdigest() if digests else None


@cache
def _file_digest(path: Path, size: int, changed: int) -> str:
    """Hash a file once for all cells of a sweep, and again where its size or time of change has changed."""
    return file_digest(path)
