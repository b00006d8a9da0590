"""The training loop: stages in order, with validation, interruptible and resumable at any step.

Data order is a function of the step, so a resumed run ends with the weights of an uninterrupted one. The
weights kept are those with the best validation accuracy in the last stage.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .batches import TrainBatches
from .checkpoint import load_checkpoint, random_state, restore_random_state, save_checkpoint
from .counting import Counter
from .curriculum import StagePlan, lr_factor
from .interrupt import StopRequest, stop_between_steps
from .memory import keep_freed
from .modeling import CoconutForCausalLM
from .objectives import get_objective
from .optim import Optimizers
from .processes import join, stream_seed
from .progress import Progress, StageLog, Validation, progress_bar
from .replica import Replica
from .settings import TrainSettings
from .steps import Ahead, Done, Steps
from .throughput import Throughput

FIELDS = ("stage", "thoughts", "progress", "model", "best", "optimizers", "rng")
"""Fields of a checkpoint besides the run's identity."""


class Trainer:
    """Trains one run, together with the other processes of the launcher, if any.

    Args:
        model: Trained in place.
        batches: The training batches.
        plans: The stages in order.
        settings: How to optimize.
        validate: From a stage to the model's current accuracy on the validation split.
        checkpoint: The checkpoint file; if it exists, the run resumes from it.
        identity: Values that a checkpoint must agree with to belong to this run.
        log: Receives each validation, in process 0: stage, steps, mean loss over up to a tenth of the stage,
            the terms of the last step's loss (if it has several), accuracy, the loss curve since then.
        replica: What this process holds of the model; None for all of it.

    Raises:
        ValueError: A checkpoint is damaged or another run's, or processes do not have the same.
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
        replica: Replica | None = None,
    ) -> None:
        self.replica = replica or Replica(model, join())
        self.model, self.processes = model, self.replica.processes
        self.batches, self.plans, self.settings = batches, plans, settings
        self.validate, self.checkpoint, self.identity, self.log = validate, checkpoint, identity, log
        self.progress, self.parts = Progress(), dict[str, float]()
        self.best: dict[str, Tensor] | None = None
        here, objective = self.processes, batches.schedule.method.objective
        self.steps = Steps(
            self.replica, get_objective(objective), batches.encoder.ids,
            settings.micro_batch, settings.precision, self._tell,
        )  # fmt: skip
        self.ahead = Ahead(self.steps, batches, plans)
        self.counter = Counter(model, objective, self.steps.micro_batch, here.count, here.rank)
        self.optimizers = Optimizers(self.model, settings.optimizer)
        if self.processes.is_main:
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
        self._resume()
        self.throughput = Throughput(here.device, settings.precision)
        self.replica.check_same()

    def run(self) -> Progress:
        """Train the remaining steps, then load the best weights of the last stage into the model.

        Raises:
            Stopped: On Ctrl-C or SIGTERM, after the current step; a checkpoint has been written.
            ValueError: The loss or the weights are not finite; the last checkpoint is kept.
        """
        keep_freed()
        steps, hidden = sum(plan.steps for plan in self.plans), self.processes.hides_bars
        with progress_bar(self.progress.global_step, steps, hidden) as self.bar, stop_between_steps() as stop:
            while self.progress.plan < len(self.plans):
                self._stage(self.plans[self.progress.plan], stop)
            self._is_due(stop)
            stop.raise_if_requested(f"the end of the training; saved in {self.checkpoint}")
        if self.best is not None:
            self.replica.load(self.best)
        return self.progress

    def _stage(self, plan: StagePlan, stop: StopRequest) -> None:
        at, started = self.progress, time.monotonic()
        before, saved = at.seconds, started
        checks = self._check_steps(plan)
        self.bar.set_description_str(f"stage {plan.stage} ({at.plan + 1}/{len(self.plans)})")
        self.model.train()
        while True:
            if at.step in checks and at.checked < at.step:
                self._check(plan)
            at.seconds = before + time.monotonic() - started
            if at.step == plan.steps:
                break
            if self._is_due(stop, time.monotonic() - saved):
                self._check_weights()
                self._save()
                saved = time.monotonic()
                stop.raise_if_requested(f"{self._place(plan)}; saved in {self.checkpoint}")
            at.recent_losses.append(self._step(plan))
            at.unlogged.append(at.recent_losses[-1])
            del at.recent_losses[: -max(1, plan.steps // 10)]
            at.step, at.global_step = at.step + 1, at.global_step + 1
            self.bar.speed, self.bar.more = self.throughput.words(at.flops)
            self.bar.set_postfix_str(f"loss {at.recent_losses[-1]:.4f}", refresh=False)
            self.bar.update()
        self._finish(plan)

    def _is_due(self, stop: StopRequest, since: float = 0.0) -> bool:
        """Whether a checkpoint is, as a process was told to stop or process 0 saved the last one long ago."""
        late = self.processes.is_main and since > self.settings.save_every
        number, is_late = self.processes.largest([stop.number or 0, late])
        if number:  # a signal that arrives meanwhile must not be forgotten
            stop.number = int(number)
        return bool(number or is_late)

    def _step(self, plan: StagePlan) -> float:
        """Make one optimizer step and return the batch's loss."""
        if self._starts_anew():
            self._renew_optimizers()
        at, done = self.progress, self._backward(plan)
        if at.step + 1 < plan.steps:
            self.ahead.prepare(at.global_step + 1, plan)  # while a GPU computes
        (loss,) = self.processes.total([done.loss])
        self.parts = done.parts
        if not math.isfinite(loss):
            raise ValueError(self._diverged(f"the loss is {loss}"))
        self.replica.finish_gradients(self.settings.optimizer.max_grad_norm)
        self.optimizers.step(self._rate_factor(plan), keeps_gradients=self.steps.graphs is not None)
        return loss

    def _backward(self, plan: StagePlan) -> Done:
        """Forward and backward of this step's batch; in smaller parts if it does not fit, and may be."""
        at = self.progress
        while True:
            batch = self.ahead.batch(at.global_step, plan, is_plain=at.step == 0)
            try:
                done, at.flops = self.counter.counted(
                    partial(self.steps.backward, batch.parts),
                    batch.readings,
                    at.flops,
                    at.step == 0,
                )
            except torch.OutOfMemoryError:
                self.steps.check_smaller(len(batch.readings))
            else:
                read = self.throughput.step(batch.readings)
                at.tokens = None if at.tokens is None else at.tokens + read
                return done
            self.steps.shrink(len(batch.readings))  # here the error has let go of what it held
            self.counter.micro_batch = self.steps.micro_batch

    def _tell(self, line: str) -> None:
        """Print a line beside the bar, in process 0."""
        if self.processes.is_main:
            self.bar.write(line)

    def _check_weights(self) -> None:
        """Raise ValueError before weights are saved that are not finite, or not the same everywhere."""
        if not self.replica.is_finite():
            raise ValueError(self._diverged("the weights are not finite"))
        self.replica.check_same()

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

    def _renew_optimizers(self) -> None:
        self.optimizers = Optimizers(self.model, self.settings.optimizer)
        self.steps.begin()

    def _check_steps(self, plan: StagePlan) -> set[int]:
        """The steps of a stage that a validation follows: its last one, and those that the settings say."""
        if self.settings.check_every is not None:
            return {*range(self.settings.check_every, plan.steps, self.settings.check_every), plan.steps}
        checks = self.settings.checks if plan is self.plans[-1] else 1
        return {plan.steps * (i + 1) // checks for i in range(checks)} - {0}

    def _check(self, plan: StagePlan) -> None:
        """Validate; in the last stage, keep the weights if they are better than all earlier ones."""
        at, speed = self.progress, self.throughput.look(self.progress.flops)
        accuracy = self.validate(plan.stage)
        self.model.train()
        entry = {"stage": plan.stage, "step": at.step, "global_step": at.global_step}
        shares = self.processes.gathered(self.parts)
        terms = {name: sum(share.get(name, 0.0) for share in shares) for name in self.parts}
        told = {**entry, "loss": at.loss, **({"parts": terms} if terms else {}), "valid": accuracy, **speed}
        self.processes.of_first(lambda: self.log({**told, "losses": at.loss_curve}))
        at.unlogged = []
        self.throughput.begin(at.flops)
        at.validations.append(Validation(plan.stage, at.global_step, at.loss, accuracy))
        if plan is self.plans[-1] and accuracy > at.best_accuracy:
            at.best_accuracy = accuracy
            self.best = self.replica.weights()
        at.checked = at.step

    def _finish(self, plan: StagePlan) -> None:
        """Log the stage and move to the start of the next one, with a new optimizer."""
        self._check_weights()
        at = self.progress
        spent = [at.of_stage(name) for name in ("seconds", "tokens", "flops")]
        per_epoch = self.batches.steps_per_epoch
        epochs = plan.steps / per_epoch if per_epoch else None
        accuracy = at.validations[-1].accuracy
        at.stages.append(StageLog(plan.stage, plan.steps, epochs, at.loss, accuracy, *spent))
        at.plan, at.step, at.checked, at.recent_losses = at.plan + 1, 0, 0, []
        self._renew_optimizers()
        self._save()

    def _save(self) -> None:
        """Write a checkpoint in process 0; the others wait for it."""
        state = {
            "identity": self.identity,
            "stage": self._plan.stage,
            "thoughts": self.batches.schedule.thoughts(self._plan.stage),
            "progress": self.progress.state(),
            "model": self.replica.whole(),
            "best": self.best and self.replica.whole(self.best),
            "optimizers": self.replica.whole_optimizers(self.optimizers),
            "rng": self.processes.gathered(random_state()),
        }
        self.processes.of_first(lambda: save_checkpoint(self.checkpoint, state))

    @property
    def _plan(self) -> StagePlan:
        """The current stage, or the last one if all are done."""
        return self.plans[min(self.progress.plan, len(self.plans) - 1)]

    def _resume(self) -> None:
        rank, state = self.processes.rank, load_checkpoint(self.checkpoint, self.identity, FIELDS)
        try:
            if state is not None:
                self.progress = Progress.of(state["progress"])
                self.replica.load(state["model"])
                self.best = self.replica.own(state["best"])
                self.replica.load_optimizers(self.optimizers, state["optimizers"])
            if state is not None and rank < len(state["rng"]):
                restore_random_state(state["rng"][rank])
            elif rank > 0:
                torch.manual_seed(stream_seed(self.batches.seed, rank, self.progress.global_step))
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ValueError(f"{self.checkpoint} does not fit this version's training: {error}") from error
