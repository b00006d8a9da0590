"""The curriculum: which stages are trained, for how long, at which learning rate, with what mixed in.

Stage s writes the chain without its first s steps, with c thoughts a step in their place (arXiv 2412.06769,
section 3). The optimizer is made anew at each stage, and the learning rate starts high and falls within it.
iCoT (arXiv 2405.14838) has a schedule of its own within the same steps: `TokenRemoval`.
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
"""The grain of a probability."""


class StagePlan(NamedTuple):
    """One stage: its number, its optimizer steps, and the factor on the learning rate."""

    stage: int
    steps: int
    lr_scale: float


@dataclass(frozen=True)
class Schedule:
    """A method bound to a recipe's curriculum: what each stage removes, and what it puts in its place.

    Attributes:
        method: Whose stages these are.
        last: The recipe's last stage.
        thoughts_per_step: Thoughts (or pauses) that stand for one step, c in the paper.
        extra_stage: Whether the last stage has the thoughts of the one before it, and no step left.
        own_number: Whether an example has as many thoughts as its own chain calls for (with a halting
            classifier), not as many as its stage.
        earlier_stages: The share of batches that come from an earlier stage.
        mixing: How single examples are drawn from other stages, None for none.
        optimizer_resets: Whether the optimizer is made anew at each stage only, or at each epoch too.
    """

    method: Method
    last: int
    thoughts_per_step: int = 1
    extra_stage: bool = False
    own_number: bool = False
    earlier_stages: float = 0.0
    mixing: Mixing | None = None
    optimizer_resets: Literal["stage", "epoch"] = "stage"

    @property
    def latent_stages(self) -> int:
        """The stage with the most thoughts, from which on there are no more."""
        return self.last - self.extra_stage

    @property
    def final_stage(self) -> int:
        """The last stage that the method trains, in which questions are answered."""
        return self.method.stages(self.last)[-1]

    def thoughts(self, stage: int, steps: int | None = None) -> int:
        """How many thoughts or pauses stand before what is written at ``stage``.

        ``steps`` is the length of the example's own chain, which counts with ``own_number`` only.
        """
        if not self.method.thinks:
            return 0
        if self.own_number and steps is not None:
            stage = min(stage, steps)
        return min(stage, self.latent_stages) * self.thoughts_per_step

    def steps_removed(self, stage: int, steps: int) -> int:
        """How many of a chain's ``steps`` are not written at ``stage``; a shorter chain loses all."""
        if self.method.curriculum == "tokens":
            return 0
        if self.method.curriculum == "steps":
            return steps if stage > self.latent_stages else min(stage, steps)
        return 0 if self.method.writes_chain else steps

    def plan(self, stage_steps: tuple[int, ...], lr_scales: tuple[float, ...]) -> tuple[StagePlan, ...]:
        """The stages in order, where the recipe gives stage 0…S its optimizer steps and learning rates.

        A method of one stage goes through the same steps, learning rates and new optimizers within that
        stage, so that methods differ in what they train on and in nothing else.
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
    """The factor at ``step`` of ``steps``: a linear warm-up, and a linear fall to ``final`` at the end."""
    rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
    return rise * (1.0 - (1.0 - final) * step / steps)


def mixed_stages(mixing: Mixing, keys: U64, current: int, first: int, last: int) -> NDArray[np.int64]:
    """The stage of each example under ``mixing``.

    Args:
        mixing: With which probability, from which stages.
        keys: One a row, [B].
        current: The stage under way.
        first: The method's first stage.
        last: Its last.

    Returns:
        Stages in ``first``…``last``, [B].
    """
    words = draws(keys, purpose=0, count=2)
    high = last if mixing.stages == "all" else current
    sizes = np.arange(first, high + 1) + 1 if mixing.weights == "stage" else np.ones(high - first + 1, int)
    bounds = np.cumsum(sizes)
    other = first + np.searchsorted(bounds, below(words[:, 1], int(bounds[-1])), side="right")
    return np.where(below(words[:, 0], FINE) < mixing.probability * FINE, other, current)


class TokenRemoval(NamedTuple):
    """iCoT's schedule: one more token is removed from the chain's front every ``steps_per_token`` steps.

    It begins with ``first_step``; from more than ``all_above`` tokens on, and from ``all_from`` on, all are
    removed at once. With ``smoothing`` λ an example loses o tokens more, P(o) = (1 − e^−λ)·e^−λo, so that the
    model has met what comes next; 0 is no smoothing.
    """

    first_step: int
    steps_per_token: float
    smoothing: float = 4.0
    all_above: int | None = None
    all_from: int | None = None

    def scheduled(self, step: int) -> int:
        """Tokens that every chain has lost at optimizer step ``step``, counted over the whole training."""
        if self.all_from is not None and step >= self.all_from:
            return ALL
        removed = (
            max(0, int((step - self.first_step) / self.steps_per_token) + 1) if step >= self.first_step else 0
        )
        return ALL if self.all_above is not None and removed > self.all_above else removed

    def draw(self, keys: U64, step: int) -> NDArray[np.int64]:
        """How many tokens each example loses at ``step``: ``keys`` [B] → [B]."""
        scheduled = self.scheduled(step)
        if not self.smoothing or scheduled == ALL:
            return np.full(len(keys), scheduled)
        uniform = (below(draws(keys, purpose=0, count=1)[:, 0], FINE) + 0.5) / FINE
        return scheduled + np.floor(-np.log(uniform) / self.smoothing).astype(np.int64)
