"""Recipes: everything that defines a run except the method and the seed, one YAML file per recipe.

The files in ``benchmarks/recipes`` are shipped with the package; a path to any other YAML file works too.
Unknown keys and invalid values are all reported in one error.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError, field_validator, model_validator

from ..coconut.curriculum import Schedule
from ..coconut.methods import Method
from ..coconut.settings import MicroBatch, OptimizerSettings, Part, Positive, Window
from ..generators.datasets import DATASETS, examples
from ..generators.lookup import nearest, pick
from ..generators.reading import problems
from ..generators.terminal import visible
from ..generators.wordings.table import PLAIN, needs_marker
from .content import with_contents, without_paths
from .overrides import merged, parse_settings
from .plain_yaml import read_yaml
from .recipe_parts import BasePart, CurriculumPart, DataPart, ModelPart, hundredth

_SHOWN = 100
"""Questions of a dataset whose premises are counted."""

LONGEST_NAME = 100
NAME = r"(?![.\s])[^/\\\n\t]+"
"""A recipe's name: it is part of folder names."""


class Recipe(Part):
    """A validated, immutable recipe.

    Attributes:
        name: Name of the recipe: its file name without the suffix.
        description: What it trains, in one or two sentences; not part of the hash.
        data: Dataset, wording and split sizes.
        model: Pretrained model, or architecture to train from scratch.
        base: Premise-recall training of a model from scratch; None starts from random weights.
        curriculum: Length and content of each stage.
        optimizer: Optimizer settings of every stage.
        markers: Whether ``<bot>`` and ``<eot>`` surround the thoughts.
        answer_marker: Whether ``###`` precedes the answer. Without it the answer is the text after the last
            period, which only the symbolic wording allows.
        batch_size: Examples per optimizer step.
        eval_batch_size: Questions answered at once in evaluation.
        max_new_tokens: Maximum number of tokens written per answer.
        checks_in_last_stage: Number of validations in the last stage, one in each other stage. Of the last
            stage's checkpoints, that with the best validation accuracy is tested.
        validate_every: Optimizer steps between validations, in every stage; exactly one of the two is given.
        micro_batch_size: Examples per forward pass in training; None for the whole batch, auto for as many as
            fit (`coconut.steps.Steps`).
        group_by_length: Steps whose examples form batches of like lengths (`coconut.grouping`); None for no.
        precision: ``auto`` means bf16 where the device supports it; None means fp32.
        gradient_checkpointing: Whether activations are recomputed in the backward pass to save memory.
        halting: Whether the number of thoughts is constant, or a classifier on each thought ends them; None
            means constant.
        empty_markers: Whether ``<bot>`` and ``<eot>`` stand around zero thoughts too (stage 0), as in the
            published code; None means no.
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
    checks_in_last_stage: Positive | None = None
    validate_every: Positive | None = None
    micro_batch_size: MicroBatch | None = None
    group_by_length: Window | None = None
    precision: Literal["fp32", "bf16", "auto"] | None = None
    gradient_checkpointing: bool | None = None
    halting: Literal["constant", "classifier"] | None = None
    empty_markers: bool | None = None

    @field_validator("name")
    @classmethod
    def _name_is_part_of_a_file_name(cls, name: str) -> str:
        if (
            len(name.encode(errors="replace")) > LONGEST_NAME
            or not re.fullmatch(NAME, name)
            or name != visible(name)
        ):
            raise ValueError(
                f"must be a plain name of 1 to {LONGEST_NAME} bytes, without slashes and leading dots"
            )
        return name

    @model_validator(mode="after")
    def _the_base_is_trained_from_scratch(self) -> Recipe:
        if self.base is not None and self.model.pretrained is not None:
            raise ValueError("base (premise recall) must be left out for a pretrained model")
        return self

    @model_validator(mode="after")
    def _validations_are_counted_in_one_way(self) -> Recipe:
        if (self.checks_in_last_stage is None) == (self.validate_every is None):
            raise ValueError("recipe must have exactly one of checks_in_last_stage and validate_every")
        return self

    @model_validator(mode="after")
    def _answers_can_be_told_from_steps(self) -> Recipe:
        if not self.answer_marker and needs_marker(self.data.wording):
            raise ValueError(f"answer_marker must be true for the surface {self.data.wording}, got false")
        return self

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON of `decisive`."""
        text = json.dumps(self.decisive, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def decisive(self) -> dict[str, Any]:
        """What decides the result, as plain values: no description, no unset keys, no path of a local file.

        Reading a file of the dataset that is missing raises OSError.
        """
        return without_paths(
            self.identified.model_dump(mode="json", exclude={"description"}, exclude_none=True)
        )

    @property
    def identified(self) -> Recipe:
        """The recipe with the digests of the local files that it names; those that it has are kept."""
        return self.model_copy(update=with_contents(self.data, self.model))

    def schedule(self, method: Method) -> Schedule:
        """Bind a method to this recipe's curriculum.

        Args:
            method: Row of the table of methods.

        Returns:
            The method's stages under this recipe.
        """
        part = self.curriculum
        return Schedule(
            method,
            last=len(part.lengths) - 1,
            thoughts_per_step=part.thoughts_per_step,
            extra_stage=bool(part.extra_stage),
            halting=self.halting == "classifier",
            earlier_stages=part.earlier_stages,
            mixing=part.mixing,
            optimizer_resets=part.optimizer_resets or "stage",
        )

    def quick(self) -> Recipe:
        """Return the recipe reduced to about 1% of the work, for smoke tests."""
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
                "validate_every": None,
            }
        )

    def changed(
        self, *, dataset: str | None = None, model: str | None = None, halting: str | None = None
    ) -> Recipe:
        """Return the recipe with some settings overridden; None keeps the recipe's own.

        Args:
            dataset: Dataset name, or files (see `with_dataset`).
            model: Pretrained model: name on the Hub, or a directory.
            halting: ``constant`` or ``classifier``.

        Returns:
            The changed recipe, under the same name.

        Raises:
            ValueError: ``model`` is given and the recipe's model is trained from scratch.
        """
        changed = self if dataset is None else self.with_dataset(dataset)
        if model is not None:
            if self.model.pretrained is None:
                raise ValueError(f"{model} needs a recipe with a pretrained model, got {self.name}")
            part = self.model.model_copy(update={"pretrained": model, "revision": None, "content": None})
            changed = changed.model_copy(update={"model": part})
        return changed if halting is None else changed.model_copy(update={"halting": halting})

    def with_settings(self, texts: Sequence[str]) -> Recipe:
        """Return the recipe with single settings changed.

        Args:
            texts: ``key.key=value`` each, such as ``optimizer.lr=3e-4`` (see `overrides`).

        Returns:
            The changed recipe, under the same name.

        Raises:
            ValueError: A key is unknown (the nearest one is named), or a value is invalid.
        """
        if not texts:
            return self
        fields = merged(self.model_dump(mode="json", exclude_none=True), parse_settings(texts, Recipe))
        try:
            return Recipe.model_validate(fields)
        except ValidationError as error:
            raise ValueError(f"-o {' '.join(texts)}: {problems(error)}") from error

    def with_dataset(self, name: str) -> Recipe:
        """Return the recipe on another dataset.

        The recipe's wording is kept if the dataset has it, else the dataset's first is used. Generated
        datasets keep the recipe's split sizes. The answer marker is added if the wording needs it. A base
        model learns to recall as many premises as the dataset's questions have, if the recipe's has fewer.

        Args:
            name: Dataset name, or files (`generators.stored.sources`).

        Returns:
            The changed recipe, under the same name.
        """
        kept: dict[str, Any] = {"valid": self.data.valid, "test": self.data.test, "train": self.data.train}
        surface, sizes, base = PLAIN, {}, self.base
        if name in DATASETS:
            row = DATASETS[name]
            surface = self.data.surface if self.data.surface in row.surfaces else row.surfaces[0]
            sizes = kept
            shown = examples(name, "train", count=_SHOWN)
            premises = max(len(example.graph.edges) for example in shown if example.graph is not None)
            if base is not None and base.premises < premises:
                base = base.model_copy(update={"premises": premises})
        marked = self.answer_marker or needs_marker(surface)
        data = DataPart(name=name, surface=surface, seed=self.data.seed, **sizes)
        return self.model_copy(update={"data": data, "answer_marker": marked, "base": base})


def recipe_names() -> dict[str, Path]:
    """Return the shipped recipes, name → file."""
    return {path.stem: path for path in sorted(Path(__file__).with_name("recipes").glob("*.yaml"))}


def load_recipe(name: str) -> Recipe:
    """Load and validate a recipe.

    Args:
        name: Name of a shipped recipe, or path of a YAML file.

    Returns:
        The recipe, with that of its ``extends`` key merged in.

    Raises:
        ValueError: The name is unknown (the nearest one is named), the file is not a YAML mapping, it extends
            itself, or keys are unknown, missing or invalid (all of them are named).
        OSError: The file cannot be read.
    """
    return _load(name, ())


def _load(name: str, children: tuple[Path, ...]) -> Recipe:
    """Load a recipe that ``children`` extend, the outermost first."""
    is_path = name.endswith((".yaml", ".yml"))
    path = Path(name) if is_path else pick(recipe_names(), name, "recipe")
    if not path.exists():
        near = nearest(recipe_names(), path.stem)
        raise FileNotFoundError(f"no recipe file {path}; shipped recipes{near}: {', '.join(recipe_names())}")
    chain = (*children, path.resolve())
    if chain[-1] in children:
        raise ValueError(f"recipe {path.name} must not extend itself: {' > '.join(p.name for p in chain)}")
    fields = read_yaml(path.read_bytes(), f"recipe {path}")
    if not isinstance(fields, dict):
        raise ValueError(f"recipe {path} must be a YAML mapping, got {type(fields).__name__}")
    try:
        return Recipe.model_validate({"name": path.stem, **_extended(fields, chain)})
    except ValidationError as error:
        raise ValueError(f"recipe {path.name}: {problems(error)}") from error


def _extended(fields: dict[str, Any], chain: tuple[Path, ...]) -> dict[str, Any]:
    """Merge the keys of the last file in ``chain`` into the recipe it ``extends``, if any."""
    parent = fields.pop("extends", None)
    if parent is None:
        return fields
    base = _load(str(parent), chain)
    return merged(base.model_dump(mode="json", exclude={"name"}, exclude_none=True), fields)
