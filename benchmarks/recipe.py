"""A recipe: everything that decides a run but the method and the seed. One YAML file a recipe, its name the
file's.

The files in ``benchmarks/recipes`` are what is shipped; a path to another YAML file works as well. Unknown
keys and bad values are refused, all at once.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..generators.lookup import pick

Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
QUICK_DIVISOR = 100
"""``--quick`` divides every number of steps by this."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataPart(_Part):
    """Which dataset, in which wording, and how many held-out examples; training examples are a fresh
    stream.
    """

    name: str
    surface: str
    seed: int = 0
    valid: Positive
    test: Positive


class ModelPart(_Part):
    """A model from scratch: the transformers model type and its configuration's fields (without
    vocabulary).
    """

    architecture: str
    config: dict[str, Any]


class OptimizerPart(_Part):
    """Learning rates at full scale; they rise over ``warmup`` steps and fall to ``final_lr`` within each
    stage.
    """

    name: Literal["adamw", "muon"]
    lr: Annotated[float, Field(gt=0)]
    muon_lr: Annotated[float, Field(gt=0)] = 0.02
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    warmup: Annotated[int, Field(ge=0)] = 0
    final_lr: Fraction = 1.0
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0


class BasePart(_Part):
    """The base model that every method starts from: trained on premise recall, growing from
    ``first_premises``.
    """

    steps: Positive
    growth_steps: Positive
    first_premises: Positive
    premises: Positive
    batch_size: Positive
    seed: int = 0
    optimizer: OptimizerPart


class CurriculumPart(_Part):
    """Stage 0…S: optimizer steps and learning-rate scales; how many thoughts stand for a step."""

    stage_steps: tuple[Positive, ...]
    lr_scales: tuple[Annotated[float, Field(gt=0)], ...]
    thoughts_per_step: Positive = 1
    earlier_stages: Fraction = 0.0
    """The share of batches that come from an earlier stage."""

    @model_validator(mode="after")
    def _one_rate_a_stage(self) -> CurriculumPart:
        if len(self.stage_steps) != len(self.lr_scales):
            raise ValueError(
                f"stage_steps and lr_scales must be of one length, got {len(self.stage_steps)} and "
                f"{len(self.lr_scales)}"
            )
        return self


class Recipe(_Part):
    """See the parts. ``markers``: whether <bot> and <eot> stand around the thoughts.

    ``answer_marker``: whether ``###`` stands before the answer. Without it the answer is what stands after
    the last full stop, which only the symbolic wording allows.
    """

    name: str
    description: str
    data: DataPart
    model: ModelPart
    base: BasePart
    curriculum: CurriculumPart
    optimizer: OptimizerPart
    markers: bool
    answer_marker: bool
    batch_size: Positive
    eval_batch_size: Positive
    max_new_tokens: Positive
    checks_in_last_stage: Positive
    """How often the last stage is validated; the best of these checkpoints is the one tested."""

    @model_validator(mode="after")
    def _answers_can_be_told_from_steps(self) -> Recipe:
        if not self.answer_marker and self.data.surface != "symbolic":
            raise ValueError(f"answer_marker must be true for the surface {self.data.surface}, got false")
        return self

    @property
    def hash(self) -> str:
        """The SHA-256 of the recipe's canonical JSON, its description left out."""
        fields = self.model_dump(mode="json", exclude={"description"})
        return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def quick(self) -> Recipe:
        """The same at about a hundredth of the work."""
        cut = {
            "data": self.data.model_copy(update={"valid": 32, "test": 64}),
            "base": self.base.model_copy(
                update={
                    "steps": _hundredth(self.base.steps),
                    "growth_steps": _hundredth(self.base.growth_steps),
                }
            ),
            "curriculum": self.curriculum.model_copy(
                update={"stage_steps": tuple(_hundredth(steps) for steps in self.curriculum.stage_steps)}
            ),
            "checks_in_last_stage": 1,
        }
        return self.model_copy(update=cut)


def _hundredth(steps: int) -> int:
    return max(2, steps // QUICK_DIVISOR)


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
        return Recipe.model_validate({**fields, "name": path.stem})
    except ValidationError as error:
        raise ValueError(f"recipe {path.name}: {_problems(error)}") from error


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
