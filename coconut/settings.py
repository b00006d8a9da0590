"""Settings that a recipe defines and the trainer uses, validated by pydantic; no torch.

A key that is not set is left out of a recipe's hash, so that adding a key leaves existing hashes unchanged.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)


def or_word(word: str) -> WrapValidator:
    """Return what gives a field that is a whole number or one word a rule of its own, not one a kind.

    Args:
        word: The word.
    """

    def check(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
        try:
            return read(value)
        except ValidationError as error:
            rule = error.errors()[0]["msg"]
            raise ValueError(f"{rule[:1].lower()}{rule[1:]}, or be {word}") from None

    return WrapValidator(check)


Positive = Annotated[int, Field(ge=1, le=10**9)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
MicroBatch = Annotated[Positive | Literal["auto"], or_word("auto")]
Window = Annotated[int, Field(ge=2, le=1_000)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class Part(BaseModel):
    """Base of every part of a recipe: immutable, no unknown keys, and true is no number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        kind = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, bool) and bool not in (kind, *get_args(kind)):
            raise ValueError("must not be true or false")
        return value


class OptimizerSettings(Part):
    """AdamW as published, or Muon on the hidden matrices with AdamW on the rest.

    Attributes:
        name: Which optimizer.
        lr: AdamW's full learning rate.
        muon_lr: Muon's full learning rate (the spectral norm of an update of a hidden matrix).
        weight_decay: Decoupled weight decay, of Muon only where Muon is used.
        betas: AdamW's betas.
        warmup: Optimizer steps of linear warm-up in each stage.
        final_lr: Fraction of the full rates at the end of a stage; they decay linearly.
        max_grad_norm: Gradients are clipped to this norm; 0 for no clipping.
    """

    name: Literal["adamw", "muon"]
    lr: Annotated[float, Field(gt=0)]
    muon_lr: Annotated[float, Field(gt=0)] = 0.02
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    warmup: Annotated[int, Field(ge=0)] = 0
    final_lr: Fraction = 1.0
    max_grad_norm: Annotated[float, Field(ge=0)] = 1.0


class Mixing(Part):
    """Examples of other stages mixed into the current one; see `curriculum.mixed_stages`.

    Attributes:
        probability: Probability that an example's stage is drawn.
        stages: Drawn from ``all`` stages of the method, from the ``earlier`` ones and the current one, or
            from 0 to the number of steps of the ``sample`` itself (as in the published code).
        weights: Drawn uniformly, or with weight stage + 1 (``stage``).
    """

    probability: Fraction
    stages: Literal["all", "earlier", "sample"] = "all"
    weights: Literal["uniform", "stage"] = "uniform"


class TrainSettings(NamedTuple):
    """How to optimize.

    Attributes:
        optimizer: Which optimizer, and its learning rates.
        checks: The number of validations in the last stage; one in each other stage.
        check_every: Steps between validations, in every stage; overrides ``checks``.
        save_every: Seconds between checkpoints.
        micro_batch: Examples per forward and backward pass (gradient accumulation); None for a whole batch,
            auto for as many as fit.
        precision: Precision of forward and backward passes; the weights are fp32.
    """

    optimizer: OptimizerSettings
    checks: int = 1
    check_every: int | None = None
    save_every: float = 30.0
    micro_batch: MicroBatch | None = None
    precision: Literal["fp32", "bf16"] = "fp32"
