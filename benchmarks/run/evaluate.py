"""Greedy answers to questions, as a method answers them at a stage, counted and scored."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from tqdm import tqdm

from ...coconut.curriculum import Schedule
from ...coconut.encoding import Encoder
from ...coconut.modeling import CoconutForCausalLM
from ...coconut.thinking import Generation, Reasoner, Thinking
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
    """Answers questions with a model, as a method does.

    Args:
        model: Trained, or on its way.
        encoder: Its tokenizer and layout.
        schedule: The method and its curriculum.
        recipe: How many tokens may be written, how many questions are answered together, and so on.
        thoughts: A constant number of thoughts or pauses instead of the stage's.

    Raises:
        ValueError: ``thoughts`` is given for a method that has none.
    """

    def __init__(
        self,
        model: CoconutForCausalLM,
        encoder: Encoder,
        schedule: Schedule,
        recipe: Recipe,
        thoughts: int | None = None,
    ) -> None:
        if thoughts is not None and not schedule.method.thinks:
            raise ValueError(
                f"thoughts must be at least 0, of a method that has some; got {thoughts} for "
                f"{schedule.method.name}"
            )
        self.model, self.encoder, self.schedule, self.recipe = model, encoder, schedule, recipe
        self.thoughts = thoughts
        self.marker = ANSWER_MARKER if recipe.answer_marker else FULL_STOP

    def thinking(self, stage: int) -> Thinking:
        """What stands between question and answer at ``stage``."""
        filler = self.schedule.method.filler
        is_halting = self.recipe.halting == "classifier" and filler == "latent"
        return Thinking(
            self.schedule.thoughts(stage) if self.thoughts is None else self.thoughts,
            is_pause=filler == "pause",
            halts=is_halting and self.thoughts is None,
            markers=self.encoder.markers,
        )

    def reasoner(self, stage: int) -> Reasoner:
        """The model answering as it does at ``stage``."""
        return Reasoner(self.model.eval(), self.encoder.ids, self.thinking(stage))

    def __call__(self, asked: Sequence[Example], stage: int, label: str) -> Evaluation:
        """Answer ``asked``; ``label`` names the progress bar.

        Questions of like length are answered together. Raises ValueError where one is too long for the model.
        """
        started = time.monotonic()
        reasoner, segments = self.reasoner(stage), self.encoder.segments(asked)
        questions = [parts.question for parts in segments]
        limit = self._limit(questions, reasoner.thinking)
        order = sorted(range(len(asked)), key=lambda i: len(questions[i]))
        size, bf16 = self.recipe.eval_batch_size, precision(self.recipe, self.model.device) == "bf16"
        found: dict[int, Generation] = {}
        for start in tqdm(range(0, len(asked), size), desc=label, unit="batch", disable=None, leave=False):
            chosen = order[start : start + size]
            with torch.autocast(self.model.device.type, torch.bfloat16, enabled=bf16):
                found.update(zip(chosen, reasoner.answer([questions[i] for i in chosen], limit), strict=True))
        predictions = [
            score(example, self.text(found[i].tokens), self.text(parts.answer), found[i], self.marker)
            for i, (example, parts) in enumerate(zip(asked, segments, strict=True))
        ]
        return Evaluation(predictions, time.monotonic() - started)

    def answered(self, stage: int) -> Answered:
        """How questions are answered at ``stage``, for the record."""
        thinking = self.thinking(stage)
        halting: Literal["constant", "classifier"] = "classifier" if thinking.halts else "constant"
        return Answered(stage=stage, thoughts=thinking.count, halting=halting)

    def text(self, tokens: list[int]) -> str:
        """What the tokens say, special ones left out."""
        return str(self.encoder.tokenizer.decode(tokens, skip_special_tokens=True))

    def _limit(self, questions: list[list[int]], thinking: Thinking) -> int:
        """How many tokens may be written: the recipe's number, or what the model has positions for."""
        between = thinking.count + 2 * (thinking.markers and thinking.count > 0)
        longest, positions = max(map(len, questions)) + between, model_positions(self.model)
        if positions is not None and longest >= positions:
            raise ValueError(
                f"a question with its thoughts must fit into the model's {positions} positions, got {longest}"
            )
        limit = self.recipe.max_new_tokens
        return limit if positions is None else min(limit, positions - longest)


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
    return Encoder(tokenizer, special_ids(tokenizer), recipe.markers, recipe.answer_marker)
