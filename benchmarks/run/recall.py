"""Premise-recall training of a base model; like a run's own it can be interrupted and resumed at any step."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from ...coconut.checkpoint import load_checkpoint, save_checkpoint
from ...coconut.curriculum import lr_factor
from ...coconut.interrupt import stop_between_steps
from ...coconut.modeling import CoconutForCausalLM
from ...coconut.optim import Optimizers
from ...coconut.premise_recall import RecallTokens, recall_batch
from ...coconut.tokens import BACKWARD, FORWARD, special_ids
from ..recipe_parts import BasePart

SAVE_EVERY = 30.0
"""Seconds between checkpoints."""
FIELDS = ("step", "seconds", "rates", "model", "optimizers", "torch_rng")


class Recall(NamedTuple):
    """Outcome of the training.

    Attributes:
        rate: Share of premises recalled correctly in the last tenth of the steps.
        seconds: Duration.
    """

    rate: float
    seconds: float


class RecallTrainer:
    """Trains a base model on premise recall.

    Args:
        model: Trained in place.
        part: How to train; its seed is a number.
        tokenizer: The model's.
        concepts: Names of the concepts.
        checkpoint: The checkpoint file; if it exists, the training resumes from it.
        origin: Hash of everything that the base model is made from.

    Raises:
        ValueError: The checkpoint is damaged.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        part: BasePart,
        tokenizer: PreTrainedTokenizerFast,
        concepts: list[str],
        checkpoint: Path,
        origin: str,
    ) -> None:
        self.part, self.checkpoint, self.identity = part, checkpoint, {"origin": origin}
        self.tokens = recall_tokens(tokenizer, concepts)
        self.model = CoconutForCausalLM.wrap(model, special_ids(tokenizer).latent)
        self.optimizers = Optimizers(self.model, part.optimizer)
        self.step, self.seconds, self.rates = 0, 0.0, list[float]()
        self.recalled = 0.0
        state = load_checkpoint(checkpoint, self.identity, FIELDS)
        if state is not None:
            self.step, self.seconds, self.rates = state["step"], state["seconds"], state["rates"]
            self.model.load_state_dict(state["model"])
            self.optimizers.load_state_dict(state["optimizers"])
            torch.set_rng_state(state["torch_rng"])

    def run(self) -> Recall:
        """Train the remaining steps.

        Returns:
            The outcome.

        Raises:
            Stopped: On Ctrl-C or SIGTERM, after the current step; a checkpoint has been written.
            ValueError: The loss or the weights are not finite; the last checkpoint is kept.
        """
        steps, before, started = self.part.steps, self.seconds, time.monotonic()
        saved = started
        self.model.train()
        bar = tqdm(total=steps, initial=self.step, desc="base model", unit="step", disable=None, leave=False)
        with bar, stop_between_steps() as stop:
            while True:
                self.seconds = before + time.monotonic() - started
                if stop.requested or time.monotonic() - saved > SAVE_EVERY:
                    self._save()
                    saved = time.monotonic()
                    place = f"step {self.step} of {steps} of the base model's training"
                    stop.raise_if_requested(f"{place}; saved in {self.checkpoint}")
                if self.step == steps:
                    self._check_weights()
                    break
                self._step()
                self.step += 1
                asked = self.part.premises_at(self.step - 1)
                bar.set_postfix_str(f"{self.recalled:.0%} of {asked} premises", refresh=False)
                bar.update()
        return Recall(sum(self.rates) / len(self.rates), self.seconds)

    def _step(self) -> None:
        """Make one optimizer step; in the last tenth, note the share recalled correctly."""
        part, step = self.part, self.step
        batch = recall_batch(self.tokens, part.premises_at(step), part.batch_size, int(part.seed), step)
        output = self.model(batch.input_ids, labels=batch.labels)
        loss = float(output.loss.detach())
        if not math.isfinite(loss):
            raise ValueError(self._diverged(f"the loss is {loss}"))
        output.loss.backward()
        if part.optimizer.max_grad_norm:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), part.optimizer.max_grad_norm)
        self.optimizers.step(self._rate_factor())
        wanted = batch.labels[batch.labels >= 0]
        self.recalled = float((output.logits.argmax(-1) == wanted).float().mean())
        if step >= part.steps - max(1, part.steps // 10):
            self.rates.append(self.recalled)

    def _rate_factor(self) -> float:
        """The factor on the full learning rates at this step."""
        optimizer = self.part.optimizer
        return lr_factor(self.step, self.part.steps, optimizer.warmup, optimizer.final_lr)

    def _check_weights(self) -> None:
        """Raise ValueError before weights are saved that are not finite."""
        if not all(bool(weight.isfinite().all()) for weight in self.model.parameters()):
            raise ValueError(self._diverged("the weights are not finite"))

    def _diverged(self, what: str) -> str:
        """Say where the training diverged and what is left of it."""
        rate = self.part.optimizer.lr * self._rate_factor()
        place = f"step {self.step} of {self.part.steps}, learning rate {rate:g}"
        kept = f"{self.checkpoint} is kept as it was" if self.checkpoint.exists() else "nothing was saved"
        return f"the base model's training diverged: {what} at {place}; {kept}"

    def _save(self) -> None:
        self._check_weights()
        state: dict[str, Any] = {
            "identity": self.identity,
            "step": self.step,
            "seconds": self.seconds,
            "rates": self.rates,
            "model": self.model.state_dict(),
            "optimizers": self.optimizers.state_dict(),
            "torch_rng": torch.get_rng_state(),
        }
        save_checkpoint(self.checkpoint, state)


def recall_tokens(tokenizer: PreTrainedTokenizerFast, concepts: list[str]) -> RecallTokens:
    """Look up the token ids of the concepts, the separator and the direction markers."""
    ids = tokenizer.get_vocab()
    concept_ids = np.array([ids[concept] for concept in concepts], dtype=np.int64)
    return RecallTokens(concept_ids, ids["."], ids[FORWARD], ids[BACKWARD])
