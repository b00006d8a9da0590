"""The curriculum: which stages are trained, for how long, at which learning rate, with which mixing.

Stage s replaces the first s steps of the chain by c thoughts each (arXiv 2412.06769, section 3). The
optimizer is reset at each stage, and within a stage the learning rate falls linearly. iCoT (arXiv 2405.14838)
has its own schedule over the same optimizer steps: `TokenRemoval`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..generators.seeding import U64, below, draws
from .methods import Method
from .settings import Mixing

ALL = 1 << 30
"""More tokens than any chain has."""
FINE = 1 << 30
"""Resolution of a probability: draws are integers below this."""
SMOOTHING = 4.0
"""λ of iCoT's smoothing, as published."""


class StagePlan(NamedTuple):
    """One stage: its number, its optimizer steps, and the factor on the learning rate."""

    stage: int
    steps: int
    lr_scale: float


@dataclass(frozen=True)
class Schedule:
    """A method bound to a recipe's curriculum: what each stage removes from the chain, and what replaces it.

    Attributes:
        method: The method.
        last: The recipe's last stage.
        thoughts_per_step: Thoughts (or pause tokens) per removed step, c in the paper.
        extra_stage: Whether the last stage removes all steps that are left and adds no thoughts.
        halting: Whether a classifier ends the thoughts: in training the example's own chain then limits their
            number too, not the stage alone.
        earlier_stages: Fraction of batches drawn from an earlier stage; ignored for methods whose prompt does
            not show the stage (`Method.shows_stage`).
        mixing: How single examples are drawn from other stages, None for no mixing.
        optimizer_resets: Whether the optimizer is reset at each stage only, or at each epoch too.
    """

    method: Method
    last: int
    thoughts_per_step: int = 1
    extra_stage: bool = False
    halting: bool = False
    earlier_stages: float = 0.0
    mixing: Mixing | None = None
    optimizer_resets: Literal["stage", "epoch"] = "stage"

    @property
    def stage_mixing(self) -> Mixing | None:
        """How single examples are drawn from other stages: the method's own way, or the recipe's."""
        return self.method.mixing or self.mixing

    @property
    def latent_stages(self) -> int:
        """The first stage with the largest number of thoughts."""
        return self.last - self.extra_stage

    @property
    def halts(self) -> bool:
        """Whether the classifier ends the thoughts when questions are answered; pauses are not ended."""
        return self.halting and self.method.filler == "latent"

    @property
    def final_stage(self) -> int:
        """The last stage that the method trains, at which it is evaluated."""
        return self.method.stages(self.last)[-1]

    def thoughts(self, stage: int, steps: int | None = None) -> int:
        """Return the number of thoughts or pause tokens at a stage.

        Args:
            stage: The stage.
            steps: Length of the example's own chain; used with ``halting`` only.
        """
        if not self.method.thinks:
            return 0
        if self.halting and steps is not None:
            stage = min(stage, steps)
        return min(stage, self.latent_stages) * self.thoughts_per_step

    def steps_removed(self, stage: int, steps: int) -> int:
        """Return the number of steps removed from the front of a chain.

        Args:
            stage: The stage.
            steps: Length of the chain.

        Returns:
            A number in 0..``steps``.
        """
        if self.method.curriculum == "tokens":
            return 0
        if self.method.curriculum == "steps":
            return steps if stage > self.latent_stages else min(stage, steps)
        return 0 if self.method.writes_chain else steps

    def plan(self, stage_steps: tuple[int, ...], lr_scales: tuple[float, ...]) -> tuple[StagePlan, ...]:
        """Return the stages in order.

        A method of one stage has the same optimizer steps, learning rates and optimizer resets within that
        stage, so that methods differ only in what they train on.

        Args:
            stage_steps: Optimizer steps of each of the recipe's stages 0…S.
            lr_scales: Factor on the learning rate, for each of them.

        Raises:
            ValueError: The two differ in length.
        """
        if len(stage_steps) != len(lr_scales):
            raise ValueError(
                f"stage_steps and lr_scales must be of one length, "
                f"got {len(stage_steps)} and {len(lr_scales)}"
            )
        stages: Sequence[int] = self.method.stages(len(stage_steps) - 1)
        if len(stages) == 1:
            stages = [stages[0]] * len(stage_steps)
        return tuple(map(StagePlan, stages, stage_steps, lr_scales))


def lr_factor(step: int, steps: int, warmup: int, final: float) -> float:
    """Return the factor on the learning rate: linear warm-up times linear decay.

    Args:
        step: Optimizer step within the stage, from 0.
        steps: Optimizer steps of the stage.
        warmup: Steps of warm-up, 0 for none.
        final: The factor that the decay ends with.
    """
    rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
    return rise * (1.0 - (1.0 - final) * step / steps)


def mixed_stages(
    mixing: Mixing, keys: U64, current: int, first: int, last: int, steps: Sequence[int]
) -> NDArray[np.int64]:
    """Draw the stage of each example.

    Args:
        mixing: Probability of another stage, and which stages are drawn.
        keys: Random key of each row, [B].
        current: The current stage.
        first: The method's first stage.
        last: The method's last stage.
        steps: Number of steps of each row's own chain, [B].

    Returns:
        Stages in ``first``…``last``, [B].
    """
    words = draws(keys, purpose=0, count=2)
    high_B = np.full(len(keys), last if mixing.stages == "all" else current)
    if mixing.stages == "sample":
        high_B = np.asarray(steps)
    stages = np.arange(first, high_B.max(initial=first) + 1)
    bounds = np.cumsum(stages + 1 if mixing.weights == "stage" else np.ones_like(stages))
    other_B = first + np.searchsorted(bounds, below(words[:, 1], bounds[high_B - first]), side="right")
    is_other_B = below(words[:, 0], FINE) < mixing.probability * FINE
    return np.where(is_other_B, np.minimum(other_B, last), current)


class TokenRemoval(NamedTuple):
    """iCoT's schedule: the chain loses one more token from its front at regular intervals (arXiv 2405.14838).

    Attributes:
        first_step: The optimizer step at which removal begins.
        steps_per_token: Optimizer steps between two removals.
        smoothing: λ: an example loses o more tokens with P(o) = (1 − e^−λ)·e^−λo, so that the model has
            already seen some of what comes next; 0 for none.
        all_at: Once this many tokens are removed, all are.
        all_from: From this optimizer step on, all are removed.
    """

    first_step: int
    steps_per_token: float
    smoothing: float = SMOOTHING
    all_at: int | None = None
    all_from: int | None = None

    @classmethod
    def smoothed(cls, smoothing: float) -> TokenRemoval:
        """Return a schedule that removes nothing, but for what its smoothing does.

        Args:
            smoothing: λ, above 0.
        """
        return cls(first_step=ALL, steps_per_token=1.0, smoothing=smoothing)

    def scheduled(self, step: int) -> int:
        """Return the number of tokens removed from every chain, before smoothing.

        Args:
            step: Optimizer step, counted over all stages.
        """
        if self.all_from is not None and step >= self.all_from:
            return ALL
        removed = (
            max(0, int((step - self.first_step) / self.steps_per_token) + 1) if step >= self.first_step else 0
        )
        return ALL if self.all_at is not None and removed >= self.all_at else removed

    def draw(self, keys: U64, step: int) -> NDArray[np.int64]:
        """Draw the number of tokens removed from each example.

        Args:
            keys: Random key of each row, [B].
            step: Optimizer step, counted over all stages.

        Returns:
            Numbers of tokens, [B]; `ALL` or more for the whole chain.
        """
        scheduled = self.scheduled(step)
        if not self.smoothing or scheduled == ALL:
            return np.full(len(keys), scheduled)
        uniform = (below(draws(keys, purpose=0, count=1)[:, 0], FINE) + 0.5) / FINE
        return scheduled + np.floor(-np.log(uniform) / self.smoothing).astype(np.int64)
