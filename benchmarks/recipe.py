"""A recipe: everything that decides a run but the method and the seed. One YAML file a recipe, its name the
file's.

The files in ``benchmarks/recipes`` are what is shipped; a path to another YAML file works as well. Unknown
keys and bad values are refused, all at once.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ValidationError, model_validator

from ..coconut.curriculum import Schedule
from ..coconut.methods import Method
from ..coconut.settings import OptimizerSettings, Part, Positive
from ..generators.datasets import DATASETS
from ..generators.files import write_whole
from ..generators.lookup import pick
from ..generators.wordings.table import PLAIN, needs_marker
from .recipe_parts import (
    BasePart,
    CurriculumPart,
    DataPart,
    ModelPart,
    hundredth,
)


class Recipe(Part):
    """See the parts. ``markers``: whether ``<bot>`` and ``<eot>`` stand around the thoughts.

    ``answer_marker``: whether ``###`` stands before the answer. Without it the answer is what stands after
    the last full stop, which only the symbolic wording allows.
    ``batch_size`` is that of an optimizer step; ``micro_batch_size`` how much of it is computed at once.
    ``precision``: auto is bf16 where the device has it; fp32 if left out. ``halting``: whether a constant
    number of thoughts is used, or a classifier on each thought ends them.
    """

    name: str
    description: str
    data: DataPart
    model: ModelPart
    base: BasePart | None = None
    curriculum: CurriculumPart
    optimizer: OptimizerSettings
    markers: bool
    answer_marker: bool
    batch_size: Positive
    eval_batch_size: Positive
    max_new_tokens: Positive
    checks_in_last_stage: Positive
    """How often the last stage is validated; the best of these checkpoints is the one tested."""
    micro_batch_size: Positive | None = None
    precision: Literal["fp32", "bf16", "auto"] | None = None
    gradient_checkpointing: bool | None = None
    halting: Literal["constant", "classifier"] | None = None

    @model_validator(mode="after")
    def _the_base_is_trained_from_scratch(self) -> Recipe:
        if self.base is not None and self.model.pretrained is not None:
            raise ValueError("base (premise recall) must be left out for a pretrained model")
        return self

    @model_validator(mode="after")
    def _answers_can_be_told_from_steps(self) -> Recipe:
        if not self.answer_marker and needs_marker(self.data.surface):
            raise ValueError(f"answer_marker must be true for the surface {self.data.surface}, got false")
        return self

    @property
    def hash(self) -> str:
        """The SHA-256 of the recipe's canonical JSON, without its description and what is not set."""
        fields = self.model_dump(mode="json", exclude={"description"}, exclude_none=True)
        return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def schedule(self, method: Method) -> Schedule:
        """The method bound to this recipe's curriculum."""
        part = self.curriculum
        return Schedule(
            method,
            last=len(part.lengths) - 1,
            thoughts_per_step=part.thoughts_per_step,
            extra_stage=bool(part.extra_stage),
            own_number=self.halting == "classifier",
            earlier_stages=part.earlier_stages,
            mixing=part.mixing,
            optimizer_resets=part.optimizer_resets or "stage",
        )

    def quick(self) -> Recipe:
        """The same at about a hundredth of the work."""
        curriculum, train = self.curriculum, None
        if curriculum.stage_steps is not None:
            cut = {"stage_steps": tuple(hundredth(steps) for steps in curriculum.stage_steps)}
        else:
            train, cut = 2 * self.batch_size, {"stage_epochs": (1,) * len(curriculum.lengths)}
        return self.model_copy(
            update={
                "data": self.data.model_copy(update={"train": train, "valid": 32, "test": 64}),
                "base": self.base and self.base.quick(),
                "curriculum": curriculum.model_copy(update=cut),
                "checks_in_last_stage": 1,
            }
        )

    def changed(
        self, *, dataset: str | None = None, model: str | None = None, halting: str | None = None
    ) -> Recipe:
        """The same with another dataset, pretrained model or way of ending the thoughts; None: as it is.

        Raises ValueError for another model where the recipe's is not a pretrained one.
        """
        changed = self if dataset is None else self.with_dataset(dataset)
        if model is not None:
            if self.model.pretrained is None:
                raise ValueError(f"--model needs a recipe with a pretrained model, got {self.name}")
            part = self.model.model_copy(update={"pretrained": model, "revision": None})
            changed = changed.model_copy(update={"model": part})
        return changed if halting is None else changed.model_copy(update={"halting": halting})

    def with_dataset(self, name: str) -> Recipe:
        """The same on another dataset, in the recipe's wording if the dataset has it.

        Sizes are the dataset's own, or the recipe's; the answer marker is put in where the wording needs it.
        """
        kept = {"valid": self.data.valid, "test": self.data.test, "train": self.data.train}
        surface, sizes = PLAIN, {}
        if name in DATASETS:
            row = DATASETS[name]
            surface = self.data.surface if self.data.surface in row.surfaces else row.surfaces[0]
            sizes = kept
        marked = self.answer_marker or needs_marker(surface)
        data = DataPart(name=name, surface=surface, seed=self.data.seed, **sizes)
        return self.model_copy(update={"data": data, "answer_marker": marked})


def recipe_names() -> dict[str, Path]:
    """The shipped recipes: name → file."""
    return {path.stem: path for path in sorted(Path(__file__).with_name("recipes").glob("*.yaml"))}


def load_recipe(name: str) -> Recipe:
    """The recipe called ``name``, or the one in the YAML file of that path.

    Raises ValueError for an unknown name (with the nearest one) and for every unknown key and bad value at
    once.
    """
    is_path = name.endswith((".yaml", ".yml"))
    path = Path(name) if is_path else pick(recipe_names(), name, "recipe")
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"recipe {path} must be YAML: {error}") from error
    if not isinstance(fields, dict):
        raise ValueError(f"recipe {path} must be a YAML mapping, got {type(fields).__name__}")
    try:
        return Recipe.model_validate({"name": path.stem, **_extended(fields, path)})
    except ValidationError as error:
        raise ValueError(f"recipe {path.name}: {_problems(error)}") from error


def _extended(fields: dict[str, Any], path: Path) -> dict[str, Any]:
    """The keys of the recipe's file over those of the recipe that it ``extends``, if it names one.

    A part (a mapping) is replaced whole.
    """
    parent = fields.pop("extends", None)
    if parent is None:
        return fields
    base = load_recipe(str(parent))
    if base.name == path.stem:
        raise ValueError(f"recipe {path.name} must not extend itself")
    return {**base.model_dump(mode="json", exclude={"name"}, exclude_none=True), **fields}


def save_recipe(recipe: Recipe, path: Path) -> None:
    """Write the recipe, with its name, as a YAML file that `load_recipe` reads."""
    fields = recipe.model_dump(mode="json", exclude_none=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, yaml.safe_dump(fields, sort_keys=False, allow_unicode=True).encode())


def _problems(error: ValidationError) -> str:
    """Every problem in one line: where, which rule, which value (an unknown key has no rule but its name)."""
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(f"unknown key {where}")
        elif problem["type"] == "missing":
            lines.append(f"missing key {where}")
        else:
            lines.append(f"{where}: {problem['msg']}, got {problem['input']!r}")
    return "; ".join(lines)
