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

ALL = 1 << 30
"""More tokens than any chain has."""
FINE = 1 << 30
"""The grain of a probability."""


@dataclass(frozen=True)
class StagePlan:
    """One stage: its number, its optimizer steps, and the factor on the learning rate."""

    stage: int
    steps: int
    lr_scale: float


def plan(method: Method, stage_steps: tuple[int, ...], lr_scales: tuple[float, ...]) -> tuple[StagePlan, ...]:
    """The stages of ``method`` in order, where a recipe gives stage 0…S its steps and learning rates.

    A method of one stage goes through the same steps, learning rates and new optimizers within that stage, so
    that methods differ in what they train on and in nothing else.
    """
    if len(stage_steps) != len(lr_scales):
        raise ValueError(
            f"stage_steps and lr_scales must be of one length, got {len(stage_steps)} and {len(lr_scales)}"
        )
    stages: Sequence[int] = method.stages(len(stage_steps) - 1)
    if len(stages) == 1:
        stages = [stages[0]] * len(stage_steps)
    return tuple(map(StagePlan, stages, stage_steps, lr_scales))


def lr_factor(step: int, steps: int, warmup: int, final: float) -> float:
    """The factor at ``step`` of ``steps``: a linear warm-up, and a linear fall to ``final`` at the end."""
    rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
    return rise * (1.0 - (1.0 - final) * step / steps)


class Mixing(NamedTuple):
    """Examples of other stages among those of the current one.

    With ``probability`` an example takes another stage: one of ``all`` the method's stages (the published
    code) or of the ``earlier`` ones and the current, drawn uniformly or with a weight of stage + 1.
    """

    probability: float
    stages: Literal["all", "earlier"] = "all"
    weights: Literal["uniform", "stage"] = "uniform"

    def draw(self, keys: U64, current: int, first: int, last: int) -> NDArray[np.int64]:
        """The stage of each example: ``keys`` [B] → [B], each in ``first``…``last``."""
        words = draws(keys, purpose=0, count=2)
        high = last if self.stages == "all" else current
        sizes = np.arange(first, high + 1) + 1 if self.weights == "stage" else np.ones(high - first + 1, int)
        bounds = np.cumsum(sizes)
        other = first + np.searchsorted(bounds, below(words[:, 1], int(bounds[-1])), side="right")
        return np.where(below(words[:, 0], FINE) < self.probability * FINE, other, current)


class TokenRemoval(NamedTuple):
    """iCoT's schedule: one token more is removed from the chain's front every ``steps_per_token`` steps.

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
