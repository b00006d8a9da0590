"""The staged curriculum: which stages are trained, for how long, and at which learning rate.

Stage s writes the chain without its first s steps, with c thoughts a step in their place (arXiv 2412.06769,
section 3). The optimizer is made anew at each stage, and the learning rate starts high and falls within it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .methods import Method


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
