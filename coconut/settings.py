"""Settings that a recipe states and the trainer uses, each key checked; no torch.

A key that is not set stays out of a recipe's hash, so that a new one does not change what old rows are.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class Part(BaseModel):
    """Base of every part: never changed, no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OptimizerSettings(Part):
    """AdamW as published, or Muon on the hidden matrices with AdamW on the rest.

    Attributes:
        lr: AdamW's learning rate at full scale.
        muon_lr: Muon's (the spectral norm of an update of a hidden matrix).
        warmup: Optimizer steps in which the rates rise, in each stage.
        final_lr: The share of the full rates that a stage ends with; they fall linearly.
        max_grad_norm: Gradients are clipped to this norm.
    """

    name: Literal["adamw", "muon"]
    lr: Annotated[float, Field(gt=0)]
    muon_lr: Annotated[float, Field(gt=0)] = 0.02
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    warmup: Annotated[int, Field(ge=0)] = 0
    final_lr: Fraction = 1.0
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0


class Mixing(Part):
    """Examples of other stages among those of the current one; see `curriculum.mixed_stages`.

    Attributes:
        probability: With which an example takes another stage.
        stages: One of ``all`` the method's (the published code), or of the ``earlier`` ones and the current.
        weights: Drawn uniformly, or with a weight of stage + 1 (``stage``).
    """

    probability: Fraction
    stages: Literal["all", "earlier"] = "all"
    weights: Literal["uniform", "stage"] = "uniform"
