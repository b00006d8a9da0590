"""Parts of a recipe: data, model, base model, curriculum. Every key is validated.

Unset keys are left out of the recipe's hash, so that adding a key does not invalidate recorded results.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ..coconut.settings import Fraction, Mixing, OptimizerSettings, Part, Positive, Seed, or_word
from ..generators.datasets import DATASETS, resolve_surface

DEFAULT_SWEEPS = 3
"""Joint updates of thoughts that are computed in parallel, unless the recipe sets ``sweeps``."""
FULL_STOP = "."
"""Ends each step of the symbolic wording, so it precedes the answer where there is no answer marker."""
QUICK_DIVISOR = 100
"""``--quick`` divides all step counts by this."""


class DataPart(Part):
    """Dataset, wording and split sizes.

    Attributes:
        name: Row of the table of datasets, ``gsm8k-aug``, or files (`generators.stored.sources`).
        content: SHA-256 that stands for local files in the recipe's hash (`content`); filled in by a run.
        surface: Wording; None for the dataset's first.
        seed: Seed of generated validation, test and finite training sets.
        train: Training examples per epoch; None for an endless stream (generated) or all examples (files).
        valid: Validation examples; None for the dataset's own number.
        test: Test examples; None for the dataset's own number.
    """

    name: str
    content: str | None = None
    surface: str | None = None
    seed: Seed = 0
    train: Positive | None = None
    valid: Positive | None = None
    test: Positive | None = None

    @property
    def wording(self) -> str | None:
        """The surface; the dataset's first where none is named, and None for files."""
        if self.surface is None and self.name in DATASETS:
            return resolve_surface(DATASETS[self.name], None)
        return self.surface


class ModelPart(Part):
    """A pretrained model, or an architecture to train from scratch; exactly one of the two.

    Attributes:
        architecture: Model type of transformers, to train from scratch.
        config: Fields of its configuration, without the vocabulary.
        loops: Number of times that its layers are applied, with the same weights (`coconut.looping`); None
            for once.
        pretrained: Name on the Hub, or a directory.
        content: SHA-256 that stands for a directory in the recipe's hash (`content`); filled in by a run.
        revision: Commit, tag or branch of the pretrained model on the Hub.
        copy_token: Token whose embedding initializes those of the added tokens; None for the mean embedding.
    """

    architecture: str | None = None
    config: dict[str, Any] | None = None
    loops: Annotated[int, Field(ge=2, le=1000)] | None = None
    pretrained: str | None = None
    content: str | None = None
    revision: str | None = None
    copy_token: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> ModelPart:
        if (self.pretrained is None) == (self.architecture is None):
            raise ValueError("model must have exactly one of pretrained and architecture")
        if self.pretrained is None and (self.revision or self.copy_token):
            raise ValueError("revision and copy_token must be left out for a model from scratch")
        if self.pretrained is not None and self.loops is not None:
            raise ValueError(f"loops must be left out for a pretrained model, got {self.loops}")
        return self


class BasePart(Part):
    """Premise-recall training of the base model, from which every method starts.

    Attributes:
        steps: Optimizer steps.
        growth_steps: Steps over which the number of premises grows from ``first_premises`` to ``premises``.
        first_premises: Premises per example before the growth.
        premises: Premises per example after the growth.
        growth_from: The step at which the growth begins; None for 0. Many concepts need some hundred steps
            with few premises before they are looked up at all.
        batch_size: Examples per step.
        seed: Seed of initial weights and data; ``run`` for the training seed, so each training seed has a
            base model of its own.
        optimizer: Optimizer settings.
    """

    steps: Positive
    growth_steps: Positive
    first_premises: Positive
    premises: Positive
    growth_from: Positive | None = None
    batch_size: Positive
    seed: Annotated[Seed | Literal["run"], or_word("run")] = 0
    optimizer: OptimizerSettings

    @model_validator(mode="after")
    def _grows_before_its_end(self) -> BasePart:
        if self.growth_from is not None and self.growth_from >= self.steps:
            raise ValueError(f"growth_from must be below steps ({self.steps}), got {self.growth_from}")
        return self

    def premises_at(self, step: int) -> int:
        """Return the number of premises per example at a step.

        Args:
            step: The step.
        """
        grown = max(0, step - (self.growth_from or 0))
        more = (self.premises - self.first_premises) * grown // self.growth_steps
        return min(self.premises, self.first_premises + more)

    def bound(self, seed: int) -> BasePart:
        """Return the part with a number as its seed.

        Args:
            seed: Training seed of the run.
        """
        return self.model_copy(update={"seed": seed}) if self.seed == "run" else self

    def quick(self) -> BasePart:
        """Return the part with 1% of the steps."""
        cut = {"steps": hundredth(self.steps), "growth_steps": hundredth(self.growth_steps)}
        late = {"growth_from": hundredth(self.growth_from)} if self.growth_from else {}
        return self.model_copy(update=cut | late)


class IcotPart(Part):
    """iCoT's removal of chain tokens as published: one more after each interval of optimizer steps.

    Without this part the chain is complete in stage 0 and its tokens are removed at a constant rate until the
    last stage begins.

    Attributes:
        tokens_per_epoch: Tokens removed per epoch.
        smoothing: Rate λ of the random extra number of removed tokens.
        all_at: Number of removed tokens from which on all are removed; None for no such limit.
    """

    tokens_per_epoch: Annotated[float, Field(gt=0)]
    smoothing: Annotated[float, Field(ge=0)] = 4.0
    all_at: Positive | None = None


class CurriculumPart(Part):
    """Stages 0…S of training (arXiv 2412.06769, section 3); lengths in exactly one of steps and epochs.

    Attributes:
        stage_steps: Length of each stage in optimizer steps.
        stage_epochs: Length of each stage in epochs.
        lr_scales: Learning-rate scale of each stage; None for 1.
        thoughts_per_step: Continuous thoughts that replace one reasoning step (c in the paper).
        earlier_stages: Share of batches that are drawn from an earlier stage; 0 for methods whose prompt does
            not show the stage.
        extra_stage: Whether the last stage has as many thoughts as the one before it, and no steps.
        mixing: Per-example mixing of other stages; excludes ``earlier_stages``.
        icot: iCoT's own removal schedule; None derives it from the stages.
        smoothing: λ of iCoT's smoothing for all methods: what is written of a chain loses o more tokens of
            its front with probability (1 − e^−λ)·e^−λo; None for iCoT only, whose own part goes first.
        optimizer_resets: Whether the optimizer is reset at each stage (None too), or at each epoch as in the
            published code.
        sweeps: Joint updates of thoughts that are computed in parallel (PCCoT); None for the default.
    """

    stage_steps: tuple[Positive, ...] | None = None
    stage_epochs: tuple[Positive, ...] | None = None
    lr_scales: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    thoughts_per_step: Positive = 1
    earlier_stages: Fraction = 0.0
    extra_stage: bool | None = None
    mixing: Mixing | None = None
    icot: IcotPart | None = None
    smoothing: Annotated[float, Field(gt=0)] | None = None
    optimizer_resets: Literal["stage", "epoch"] | None = None
    sweeps: Annotated[int, Field(ge=0)] | None = None

    @property
    def lengths(self) -> tuple[int, ...]:
        """Length of each stage, in steps or in epochs."""
        return self.stage_steps or self.stage_epochs or ()

    def sweeps_of(self, slots: int) -> int:
        """Return how often parallel thoughts are updated (PCCoT).

        Args:
            slots: Number of parallel thoughts.

        Returns:
            ``sweeps``, else 3 but no more than ``slots`` - 1.
        """
        return min(DEFAULT_SWEEPS, max(slots - 1, 0)) if self.sweeps is None else self.sweeps

    @property
    def rates(self) -> tuple[float, ...]:
        """Learning-rate scale of each stage."""
        return self.lr_scales or (1.0,) * len(self.lengths)

    @model_validator(mode="after")
    def _stages_fit(self) -> CurriculumPart:
        if (self.stage_steps is None) == (self.stage_epochs is None):
            raise ValueError("curriculum must have exactly one of stage_steps and stage_epochs")
        if not self.lengths:
            raise ValueError("stage_steps or stage_epochs must name at least one stage, got []")
        if len(self.lengths) != len(self.rates):
            raise ValueError(
                f"stages and lr_scales must be equally long, got {len(self.lengths)} and {len(self.rates)}"
            )
        if self.extra_stage and len(self.lengths) < 2:
            raise ValueError("extra_stage needs at least 2 stages, got 1")
        if self.mixing and self.earlier_stages:
            raise ValueError("earlier_stages and mixing must not be given together")
        if self.stage_epochs is None and (self.icot or self.optimizer_resets == "epoch"):
            raise ValueError("icot and optimizer_resets: epoch need stage_epochs, got stage_steps")
        return self


def hundredth(steps: int) -> int:
    """Reduce a number of steps for ``--quick``.

    Args:
        steps: Steps of the full recipe.

    Returns:
        1% of them, at least 2.
    """
    return max(2, steps // QUICK_DIVISOR)
