"""The parts of a recipe: data, model, base model, curriculum, optimizer. Each key is checked.

A key that is not set stays out of the recipe's hash, so that a new one does not change what old rows are.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ..coconut.settings import Fraction, Mixing, OptimizerSettings, Part, Positive

DEFAULT_SWEEPS = 3
QUICK_DIVISOR = 100
"""``--quick`` divides every number of steps by this."""


class DataPart(Part):
    """Which dataset, in which wording, and how many examples.

    ``name`` is a row of the table of datasets, ``gsm8k-aug``, or files (`generators.sources`). Without
    ``surface`` it is the dataset's first. Without ``train``, generated training examples are a fresh stream
    and files are used whole; without ``valid`` or ``test`` these splits have the size that the dataset has.
    """

    name: str
    surface: str | None = None
    seed: int = 0
    train: Positive | None = None
    valid: Positive | None = None
    test: Positive | None = None


class ModelPart(Part):
    """A ``pretrained`` model of the Hub or of a local folder, or one from scratch.

    From scratch: the transformers model type and its configuration's fields (without vocabulary). The
    embeddings of the tokens that are added to a pretrained one begin as a copy of ``copy_token``'s.
    """

    architecture: str | None = None
    config: dict[str, Any] | None = None
    pretrained: str | None = None
    revision: str | None = None
    copy_token: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> ModelPart:
        if (self.pretrained is None) == (self.architecture is None):
            raise ValueError("model must have just one of pretrained and architecture")
        if self.pretrained is None and (self.revision or self.copy_token):
            raise ValueError("revision and copy_token must be left out for a model from scratch")
        return self


class BasePart(Part):
    """The base model that every method starts from: trained on premise recall, growing from
    ``first_premises``.
    """

    steps: Positive
    growth_steps: Positive
    first_premises: Positive
    premises: Positive
    batch_size: Positive
    seed: int = 0
    optimizer: OptimizerSettings

    def quick(self) -> BasePart:
        """The same in a hundredth of the steps."""
        cut = {"steps": hundredth(self.steps), "growth_steps": hundredth(self.growth_steps)}
        return self.model_copy(update=cut)


class IcotPart(Part):
    """iCoT's own schedule (see `coconut.curriculum.TokenRemoval`): so many tokens an epoch, from the first.

    Without this part a chain is whole in stage 0, and loses its tokens evenly until the last stage begins.
    """

    tokens_per_epoch: Annotated[float, Field(gt=0)]
    smoothing: Annotated[float, Field(ge=0)] = 4.0
    all_above: Positive | None = None


class CurriculumPart(Part):
    """Stage 0…S: how long each is, in optimizer steps or in epochs, and its learning-rate scale (1 if left
    out); how many thoughts stand for a step.

    ``extra_stage``: the last stage has as many thoughts as the one before it, and no step left.
    ``earlier_stages`` is the share of batches that come from an earlier stage, ``mixing`` draws each example.
    ``optimizer_resets``: at each stage (so without this key) or at each epoch, as the published code does.
    ``sweeps``: how often thoughts that are made together are updated (method ``pccot``).
    """

    stage_steps: tuple[Positive, ...] | None = None
    stage_epochs: tuple[Positive, ...] | None = None
    lr_scales: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    thoughts_per_step: Positive = 1
    earlier_stages: Fraction = 0.0
    extra_stage: bool | None = None
    mixing: Mixing | None = None
    icot: IcotPart | None = None
    optimizer_resets: Literal["stage", "epoch"] | None = None
    sweeps: Annotated[int, Field(ge=0)] | None = None

    @property
    def lengths(self) -> tuple[int, ...]:
        """The length of each stage, in steps or in epochs."""
        return self.stage_steps or self.stage_epochs or ()

    def sweeps_of(self, slots: int) -> int:
        """How often ``slots`` thoughts are updated together: ``sweeps``, or 3, or one less than they are."""
        return min(DEFAULT_SWEEPS, max(slots - 1, 0)) if self.sweeps is None else self.sweeps

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning-rate scale of each stage."""
        return self.lr_scales or (1.0,) * len(self.lengths)

    @model_validator(mode="after")
    def _stages_fit(self) -> CurriculumPart:
        if (self.stage_steps is None) == (self.stage_epochs is None) or not self.lengths:
            raise ValueError("curriculum must have just one of stage_steps and stage_epochs")
        if len(self.lengths) != len(self.rates):
            raise ValueError(
                f"stages and lr_scales must be of one length, got {len(self.lengths)} and {len(self.rates)}"
            )
        if self.extra_stage and len(self.lengths) < 2:
            raise ValueError("an extra stage needs one before it, got 1 stage")
        if self.mixing and self.earlier_stages:
            raise ValueError("earlier_stages and mixing must not be given together")
        if self.stage_epochs is None and (self.icot or self.optimizer_resets == "epoch"):
            raise ValueError("icot and optimizer_resets: epoch need stage_epochs, got stage_steps")
        return self


def hundredth(steps: int) -> int:
    return max(2, steps // QUICK_DIVISOR)
