"""The training loop: stages in order, with validation, interruptible and resumable at any step.

Data order is a function of the step, so a resumed run ends with the weights of an uninterrupted one. The
weights kept are those with the best validation accuracy in the last stage.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor
from tqdm import tqdm

from .batches import Reading, TrainBatches
from .checkpoint import load_checkpoint, save_checkpoint
from .curriculum import StagePlan, lr_factor
from .encoding import collate
from .interrupt import StopRequest, stop_between_steps
from .methods import View
from .modeling import CoconutForCausalLM
from .objectives import Items, ViewBatch, get_objective
from .optim import Optimizers
from .progress import Progress, StageLog, Validation
from .settings import OptimizerSettings

FIELDS = ("stage", "thoughts", "progress", "model", "best", "optimizers", "torch_rng", "cuda_rng")
"""Fields of a checkpoint besides the run's identity."""


class TrainSettings(NamedTuple):
    """How to optimize.

    Attributes:
        optimizer: Which optimizer, and its learning rates.
        checks: The number of validations in the last stage; one in each other stage.
        check_every: Steps between validations, in every stage; overrides ``checks``.
        save_every: Seconds between checkpoints.
        micro_batch: Examples per forward and backward pass (gradient accumulation); None for a whole batch.
        precision: Precision of forward and backward passes; the weights are fp32.
    """

    optimizer: OptimizerSettings
    checks: int = 1
    check_every: int | None = None
    save_every: float = 30.0
    micro_batch: int | None = None
    precision: Literal["fp32", "bf16"] = "fp32"


class Trainer:
    """Trains one run.

    Args:
        model: Trained in place.
        batches: The training batches.
        plans: The stages in order.
        settings: How to optimize.
        validate: From a stage to the model's current accuracy on the validation split.
        checkpoint: The checkpoint file; if it exists, the run resumes from it.
        identity: Values that a checkpoint must agree with to belong to this run.
        log: Receives each validation: stage, steps, mean loss over up to a tenth of the stage, the terms of
            the last step's loss (if it has several), accuracy.

    Raises:
        ValueError: More than one process, or a checkpoint that is damaged or another run's.
    """

    def __init__(
        self,
        model: CoconutForCausalLM,
        batches: TrainBatches,
        plans: tuple[StagePlan, ...],
        settings: TrainSettings,
        validate: Callable[[int], float],
        checkpoint: Path,
        identity: dict[str, Any],
        log: Callable[[dict[str, Any]], None],
    ) -> None:
        self.accelerator = Accelerator(mixed_precision="no")  # the recipe says, not the environment
        if self.accelerator.num_processes > 1:
            raise ValueError(
                f"a run takes one process, got {self.accelerator.num_processes}; share out seeds instead"
            )
        self.model: CoconutForCausalLM = self.accelerator.prepare(model)
        self.batches, self.plans, self.settings = batches, plans, settings
        self.validate, self.checkpoint, self.identity, self.log = validate, checkpoint, identity, log
        self.progress = Progress()
        self.parts: dict[str, float] = {}
        self.best: dict[str, Tensor] | None = None
        self.objective = get_objective(batches.schedule.method.objective)
        self.optimizers = Optimizers(self.model, settings.optimizer)
        self._resume()

    def run(self) -> Progress:
        """Train the remaining steps, then load the best weights of the last stage into the model.

        Raises:
            Stopped: On Ctrl-C or SIGTERM, after the current step; a checkpoint has been written.
            ValueError: The loss or the weights are not finite; the last checkpoint is kept.
        """
        with stop_between_steps() as stop:
            while self.progress.plan < len(self.plans):
                self._stage(self.plans[self.progress.plan], stop)
            stop.raise_if_requested(f"the end of the training; saved in {self.checkpoint}")
        if self.best is not None:
            self.model.load_state_dict(self.best)
        return self.progress

    def _stage(self, plan: StagePlan, stop: StopRequest) -> None:
        at, started = self.progress, time.monotonic()
        before, saved = at.seconds, started
        checks = self._check_steps(plan)
        title = f"stage {plan.stage}"
        bar = tqdm(total=plan.steps, initial=at.step, desc=title, unit="step", disable=None, leave=False)
        self.model.train()
        with bar:
            while True:
                if at.step in checks and at.checked < at.step:
                    self._check(plan)
                at.seconds = before + time.monotonic() - started
                if at.step == plan.steps:
                    break
                if stop.requested or time.monotonic() - saved > self.settings.save_every:
                    self._check_weights()
                    self._save()
                    saved = time.monotonic()
                    stop.raise_if_requested(f"{self._place(plan)}; saved in {self.checkpoint}")
                at.recent_losses.append(self._step(plan))
                del at.recent_losses[: -max(1, plan.steps // 10)]
                at.step += 1
                at.global_step += 1
                bar.update()
        self._finish(plan)

    def _step(self, plan: StagePlan) -> float:
        """Make one optimizer step and return the batch's loss."""
        if self._starts_anew():
            self.optimizers = Optimizers(self.model, self.settings.optimizer)
        optimizer = self.settings.optimizer
        loss = self._backward(self.batches.readings(self.progress.global_step, plan, self.plans))
        if not math.isfinite(loss):
            raise ValueError(self._diverged(f"the loss is {loss}"))
        if optimizer.max_grad_norm:
            self.accelerator.clip_grad_norm_(self.model.parameters(), optimizer.max_grad_norm)
        self.optimizers.step(self._rate_factor(plan))
        return loss

    def _check_weights(self) -> None:
        """Raise ValueError before weights that are not finite are saved."""
        if not all(bool(torch.isfinite(value).all()) for value in self.model.parameters()):
            raise ValueError(self._diverged("the weights are not finite"))

    def _rate_factor(self, plan: StagePlan) -> float:
        """The factor on the full learning rates at this step."""
        optimizer = self.settings.optimizer
        factor = lr_factor(self.progress.step, plan.steps, optimizer.warmup, optimizer.final_lr)
        return factor * plan.lr_scale

    def _place(self, plan: StagePlan) -> str:
        return f"stage {plan.stage}, step {self.progress.step} of {plan.steps}"

    def _diverged(self, what: str) -> str:
        """Say where the training diverged and what is left of it."""
        plan = self._plan
        rate = self.settings.optimizer.lr * self._rate_factor(plan)
        kept = f"{self.checkpoint} is kept as it was" if self.checkpoint.exists() else "nothing was saved"
        return f"the training diverged: {what} at {self._place(plan)}, learning rate {rate:g}; {kept}"

    def _starts_anew(self) -> bool:
        """Whether this step begins with a new optimizer, besides those at the start of a stage."""
        step, batches = self.progress.global_step, self.batches
        if step == 0:
            return False
        removal, epoch = batches.removal, batches.steps_per_epoch
        grows = removal is not None and removal.scheduled(step) != removal.scheduled(step - 1)
        each_epoch = batches.schedule.optimizer_resets == "epoch"
        return grows or (each_epoch and epoch is not None and step % epoch == 0)

    def _backward(self, readings: Sequence[Reading]) -> float:
        """Accumulate gradients over parts of ``micro_batch`` examples and return the batch's loss.

        The terms of the loss are in ``self.parts`` afterwards.
        """
        size = self.settings.micro_batch or len(readings)
        if size < len(readings):  # rows of similar length need little padding
            readings = sorted(readings, key=lambda reading: len(reading["student"].prompt))
        parts = [readings[start : start + size] for start in range(0, len(readings), size)]
        items = items_of(readings, self.batches.encoder.ids.latent) if len(parts) > 1 else None
        total, is_bf16 = 0.0, self.settings.precision == "bf16"
        self.parts = {}
        for part in parts:
            views = {view: self._view(view, part) for view in part[0]}
            device = self.accelerator.device
            with torch.autocast(device.type, torch.bfloat16, enabled=is_bf16):
                loss = self.objective(self.model, views, items)
            self.accelerator.backward(loss.total)
            total += float(loss.total.detach())
            for name, value in loss.parts.items():
                self.parts[name] = self.parts.get(name, 0.0) + float(value.detach())
        return total

    def _view(self, view: View, readings: Sequence[Reading]) -> ViewBatch:
        """Collate one view of the examples on the device."""
        rows, device = [reading[view] for reading in readings], self.accelerator.device
        answers_B = torch.tensor([row.answer for row in rows], device=device)
        return ViewBatch(collate(rows, self.batches.encoder.ids.pad).to(device), answers_B)

    def _check_steps(self, plan: StagePlan) -> set[int]:
        """The steps of a stage that a validation follows: its last one, and those that the settings say."""
        if self.settings.check_every is not None:
            return {*range(self.settings.check_every, plan.steps, self.settings.check_every), plan.steps}
        checks = self.settings.checks if plan is self.plans[-1] else 1
        return {plan.steps * (i + 1) // checks for i in range(checks)} - {0}

    def _check(self, plan: StagePlan) -> None:
        """Validate; in the last stage, keep the weights if they are better than all earlier ones."""
        at = self.progress
        accuracy = self.validate(plan.stage)
        self.model.train()
        entry = {"stage": plan.stage, "step": at.step, "global_step": at.global_step}
        parts = {"parts": self.parts} if self.parts else {}
        self.log({**entry, "loss": at.loss, **parts, "valid": accuracy})
        at.validations.append(Validation(plan.stage, at.global_step, at.loss, accuracy))
        if plan is self.plans[-1] and accuracy > at.best_accuracy:
            at.best_accuracy = accuracy
            self.best = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        at.checked = at.step

    def _finish(self, plan: StagePlan) -> None:
        """Log the stage and move to the start of the next one, with a new optimizer."""
        self._check_weights()
        at = self.progress
        spent = at.seconds - sum(stage.seconds for stage in at.stages)
        per_epoch = self.batches.steps_per_epoch
        epochs = plan.steps / per_epoch if per_epoch else None
        accuracy = at.validations[-1].accuracy
        at.stages.append(StageLog(plan.stage, plan.steps, epochs, at.loss, accuracy, spent))
        at.plan, at.step, at.checked, at.recent_losses = at.plan + 1, 0, 0, []
        self.optimizers = Optimizers(self.model, self.settings.optimizer)
        self._save()

    def _save(self) -> None:
        save_checkpoint(
            self.checkpoint,
            {
                "identity": self.identity,
                "stage": self._plan.stage,
                "thoughts": self.batches.schedule.thoughts(self._plan.stage),
                "progress": self.progress.state(),
                "model": self.model.state_dict(),
                "best": self.best,
                "optimizers": self.optimizers.state_dict(),
                "torch_rng": torch.get_rng_state(),
                "cuda_rng": torch.cuda.get_rng_state_all(),
            },
        )

    @property
    def _plan(self) -> StagePlan:
        """The current stage, or the last one if all are done."""
        return self.plans[min(self.progress.plan, len(self.plans) - 1)]

    def _resume(self) -> None:
        state = load_checkpoint(self.checkpoint, self.identity, FIELDS)
        if state is None:
            return
        try:
            self.progress = Progress.of(state["progress"])
            self.model.load_state_dict(state["model"])
            self.best = state["best"]
            self.optimizers.load_state_dict(state["optimizers"])
            torch.set_rng_state(state["torch_rng"])
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ValueError(f"{self.checkpoint} does not fit this version's training: {error}") from error
        if len(state["cuda_rng"]) == torch.cuda.device_count():  # dropout draws from the GPU's generator
            torch.cuda.set_rng_state_all(state["cuda_rng"])


def items_of(readings: Sequence[Reading], latent: int) -> Items:
    """Count the labels, rows and thoughts (tokens ``latent``) of a whole batch."""
    labels = {view: sum(len(reading[view].target) for reading in readings) for view in readings[0]}
    thoughts = sum(reading["student"].prompt.count(latent) for reading in readings)
    return Items(labels, len(readings), thoughts)
