"""Training of a run: the recipe's stages, batches and settings in the trainer's terms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ...coconut.batches import Pool, TrainBatches
from ...coconut.curriculum import SMOOTHING, Schedule, StagePlan, TokenRemoval
from ...coconut.encoding import Encoder
from ...coconut.grouping import Groups
from ...coconut.methods import Method
from ...coconut.progress import Progress
from ...coconut.recurrence import RECURRENCES
from ...coconut.settings import TrainSettings
from ...coconut.training import Trainer
from ...leaderboard.predictions import summarize
from ..recipe import Recipe
from .data import RunData
from .evaluate import Evaluator, model_positions, precision
from .spec import RunSpec


class Trained(NamedTuple):
    """Progress of a finished training, and its last stage, at which the model is tested."""

    progress: Progress
    stage: int


def train(
    spec: RunSpec,
    data: RunData,
    evaluator: Evaluator,
    log: Callable[[dict[str, Any]], None],
    checkpoint: Path,
) -> Trained:
    """Train the evaluator's model in place, together with the other processes of the launcher.

    Args:
        spec: The run.
        data: Its data.
        evaluator: Model to train, also used to validate it.
        log: Called with an entry for each validation, in process 0.
        checkpoint: File of the training's state; resumed from if it exists.

    Returns:
        Progress of the training and its last stage.

    Raises:
        ValueError: The checkpoint belongs to another run, or the recipe does not fit the data.
    """
    torch.manual_seed(spec.seed)
    batches, plans = train_batches(spec, data, evaluator)

    def validate(stage: int) -> float:
        return summarize(evaluator(data.valid, stage, "validation").predictions).test.accuracy

    settings = train_settings(spec.recipe, evaluator.model.device)
    progress = Trainer(
        evaluator.model, batches, plans, settings, validate, checkpoint, spec.identity, log, evaluator.replica
    ).run()
    return Trained(progress, plans[-1].stage)


def train_batches(
    spec: RunSpec, data: RunData, evaluator: Evaluator
) -> tuple[TrainBatches, tuple[StagePlan, ...]]:
    """Return the training batches of a run, and its stages.

    Args:
        spec: The run.
        data: Its data.
        evaluator: Model and encoder.
    """
    recipe, schedule, encoder = spec.recipe, evaluator.schedule, evaluator.encoder
    source = data.training(spec.seed)
    per_epoch = source.steps_per_epoch(recipe.batch_size) if isinstance(source, Pool) else None
    plans = stage_plans(schedule, recipe, per_epoch)
    batches = TrainBatches(
        source=source,
        encoder=encoder,
        schedule=schedule,
        batch_size=recipe.batch_size,
        seed=spec.seed,
        removal=token_removal(schedule.method, recipe, data, encoder, plans, per_epoch),
        positions=model_positions(evaluator.model),
        groups=Groups(recipe.group_by_length, spec.seed) if recipe.group_by_length else None,
    )
    return batches, plans


def stage_plans(schedule: Schedule, recipe: Recipe, per_epoch: int | None) -> tuple[StagePlan, ...]:
    """Plan the stages in optimizer steps; ``per_epoch`` of them are one epoch, None for an endless stream."""
    curriculum = recipe.curriculum
    if curriculum.stage_steps is not None:
        return schedule.plan(curriculum.stage_steps, curriculum.rates)
    if per_epoch is None:
        raise ValueError(
            f"data.train must be the number of training examples of {recipe.data.name}, for stage_epochs; "
            f"got none"
        )
    return schedule.plan(tuple(per_epoch * epochs for epochs in curriculum.lengths), curriculum.rates)


def token_removal(
    method: Method,
    recipe: Recipe,
    data: RunData,
    encoder: Encoder,
    plans: tuple[StagePlan, ...],
    per_epoch: int | None,
) -> TokenRemoval | None:
    """Return iCoT's removal schedule: the recipe's, else evenly over the stages between first and last.

    Another method removes what the recipe's smoothing does, and nothing without it.
    """
    part, smoothing = recipe.curriculum.icot, recipe.curriculum.smoothing
    if method.curriculum != "tokens":
        return None if smoothing is None else TokenRemoval.smoothed(smoothing)
    if part is not None and per_epoch is not None:
        interval = max(1, round(per_epoch / part.tokens_per_epoch))  # none is removed in the first one
        return TokenRemoval(interval, interval, part.smoothing, part.all_at)
    longest = max(sum(map(len, parts.steps)) for parts in encoder.segments(data.valid))
    first, last = plans[0].steps, sum(stage.steps for stage in plans[:-1])
    return TokenRemoval(
        first, max(1.0, (last - first) / max(1, longest)), smoothing or SMOOTHING, all_from=last
    )


def train_settings(recipe: Recipe, device: torch.device) -> TrainSettings:
    """Convert the recipe's optimization settings to the trainer's."""
    on_gpu = torch.device("cuda") if torch.cuda.is_available() else device
    return TrainSettings(
        optimizer=recipe.optimizer,
        checks=recipe.checks_in_last_stage or 1,
        check_every=recipe.validate_every,
        micro_batch=recipe.micro_batch_size,
        precision=precision(recipe, on_gpu),
    )


def check_slots(schedule: Schedule, thoughts: int, sweeps: int | None = None) -> None:
    """Check that a method whose thoughts must be equally many in every row is asked for what it can do.

    Args:
        schedule: Method and curriculum.
        thoughts: The largest number of thoughts that it is to be tested with.
        sweeps: How often they are to be updated together; None for the default.

    Raises:
        ValueError: A classifier is to end them, or there are more, or more updates, than the model learns.
    """
    name, most = schedule.method.name, schedule.thoughts(schedule.final_stage)
    row = RECURRENCES[schedule.method.recurrence]
    if row.is_constant and schedule.halts:
        why = "are updated together" if row.has_slots else "must be equally many in every row"
        raise ValueError(f"halting must be constant for {name}, whose thoughts {why}")
    if row.has_slots and thoughts > most:
        raise ValueError(f"--thoughts must be in 0..{most} for {name}, got {thoughts}")
    if row.has_slots and sweeps is not None and sweeps > most:
        raise ValueError(
            f"sweeps must be in 0..{most} (its number of thoughts: one after another) for {name}, got "
            f"{sweeps}"
        )
