"""Greedy answers to questions, as a method answers them at a stage, counted and scored."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from tqdm import tqdm

from ...coconut.decoding import Generation, greedy, write
from ...coconut.encoding import Encoder, Segments, collate_prompts
from ...coconut.halting import think
from ...coconut.methods import Method
from ...coconut.modeling import CoconutForCausalLM
from ...coconut.tokens import special_ids
from ...generators.answers import ANSWER_MARKER
from ...generators.example import Example
from ...leaderboard.measures import Answered
from ...leaderboard.predictions import Prediction
from ..recipe import Recipe
from .metrics import score

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FULL_STOP = "."
"""What ends a step of the symbolic wording, and so stands before the answer where nothing else does."""


class Evaluation(NamedTuple):
    """Predictions in the order of the questions, and the wall-clock seconds they took."""

    predictions: list[Prediction]
    seconds: float


class Evaluator:
    """Answers questions with a model. ``thoughts``: how many there are, whatever the stage has."""

    def __init__(
        self,
        model: CoconutForCausalLM,
        encoder: Encoder,
        method: Method,
        recipe: Recipe,
        thoughts: int | None = None,
    ) -> None:
        if thoughts is not None and (thoughts < 0 or method.filler == "none"):
            raise ValueError(
                f"thoughts must be at least 0, of a method that has some; got {thoughts} for {method.name}"
            )
        self.model, self.encoder, self.method, self.recipe = model, encoder, method, recipe
        self.thoughts = thoughts
        self.marker = ANSWER_MARKER if recipe.answer_marker else FULL_STOP
        is_halting = recipe.halting == "classifier" and method.filler == "latent"
        self.halts = is_halting and thoughts is None

    def __call__(self, asked: Sequence[Example], stage: int, label: str) -> Evaluation:
        """Answer ``asked``; ``label`` names the progress bar.

        Questions of like length are answered together. Raises ValueError where one is too long for the model.
        """
        started = time.monotonic()
        self.model.eval()
        segments = self.encoder.segments(asked)
        prompts = [self._prompt(parts, stage) for parts in segments]
        limit = self._limit(prompts, stage)
        order = sorted(range(len(asked)), key=lambda i: len(prompts[i]))
        size = self.recipe.eval_batch_size
        found: dict[int, Generation] = {}
        for start in tqdm(range(0, len(asked), size), desc=label, unit="batch", disable=None, leave=False):
            chosen = order[start : start + size]
            found.update(zip(chosen, self._answer([prompts[i] for i in chosen], limit, stage), strict=True))
        predictions = [
            score(example, self._text(found[i].tokens), self._text(parts.answer), found[i], self.marker)
            for i, (example, parts) in enumerate(zip(asked, segments, strict=True))
        ]
        return Evaluation(predictions, time.monotonic() - started)

    def answered(self, stage: int) -> Answered:
        """How questions are answered at ``stage``, for the record."""
        if self.halts:
            return Answered(stage=stage, thoughts=self._most_thoughts(stage), halting="classifier")
        thoughts = self._most_thoughts(stage) if self.thoughts is None else self.thoughts
        return Answered(stage=stage, thoughts=thoughts, halting="constant")

    def _prompt(self, parts: Segments, stage: int) -> list[int]:
        """The question with what stands between it and what is written."""
        encoder, ids = self.encoder, self.encoder.ids
        if self.halts:
            begin = [ids.begin_thought] if encoder.markers and stage else []
            return [*parts.question, *begin]
        if self.thoughts is None:
            return encoder.row(parts, self.method, stage, self.recipe.curriculum.thoughts_per_step).prompt
        filler = ids.latent if self.method.filler == "latent" else ids.pause
        return encoder.filled(parts, [filler] * self.thoughts, len(parts.steps)).prompt

    def _limit(self, prompts: list[list[int]], stage: int) -> int:
        """How many tokens may be written: the recipe's number, or what the model has positions for."""
        thoughts = self._most_thoughts(stage) + 1 if self.halts else 0
        longest = max(map(len, prompts)) + thoughts
        positions = model_positions(self.model)
        if positions is not None and longest >= positions:
            raise ValueError(
                f"a question with its thoughts must fit into the model's {positions} positions, got {longest}"
            )
        limit = self.recipe.max_new_tokens
        return limit if positions is None else min(limit, positions - longest)

    def _answer(self, prompts: list[list[int]], limit: int, stage: int) -> list[Generation]:
        ids = self.encoder.ids
        bf16 = precision(self.recipe, self.model.device) == "bf16"
        with torch.autocast(self.model.device.type, torch.bfloat16, enabled=bf16):
            if not (self.halts and stage):
                return greedy(self.model, prompts, pad=ids.pad, end=ids.end, max_new_tokens=limit)
            ids_BT, mask_BT = (tensor.to(self.model.device) for tensor in collate_prompts(prompts, ids.pad))
            after = [ids.end_thought] if self.encoder.markers else []
            most = self._most_thoughts(stage)
            prompted, used_B = think(self.model, ids_BT, mask_BT, max_thoughts=most, after=after)
            written = write(self.model, prompted, end=ids.end, max_new_tokens=limit)
        return [
            Generation(tokens, used, 1 + used + len(after) + len(tokens) - 1)
            for tokens, used in zip(written, used_B.tolist(), strict=True)
        ]

    def _most_thoughts(self, stage: int) -> int:
        curriculum = self.recipe.curriculum
        return self.method.fillers(stage, curriculum.thoughts_per_step, curriculum.latent_stages)

    def _text(self, tokens: list[int]) -> str:
        return str(self.encoder.tokenizer.decode(tokens, skip_special_tokens=True))


def model_positions(model: CoconutForCausalLM) -> int | None:
    """How many tokens the base model can read, None where its configuration sets no limit."""
    limit: int | None = getattr(model.base.config, "max_position_embeddings", None)
    return limit


def precision(recipe: Recipe, device: torch.device) -> Literal["fp32", "bf16"]:
    """What a recipe's ``precision`` means on ``device``: auto is bf16 on a GPU that has it, else fp32."""
    if recipe.precision == "auto":
        return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    return recipe.precision or "fp32"


def recipe_encoder(recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> Encoder:
    """How the recipe's questions become tokens."""
    return Encoder(
        tokenizer,
        special_ids(tokenizer),
        recipe.markers,
        recipe.answer_marker,
        recipe.curriculum.latent_stages,
        padded=recipe.halting != "classifier",
    )
