"""Evaluation: questions answered greedily as a method answers them at a stage, counted and scored."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from tqdm import tqdm

from ...coconut.curriculum import Schedule
from ...coconut.encoding import Encoder
from ...coconut.modeling import CoconutForCausalLM
from ...coconut.processes import Processes
from ...coconut.replica import Replica
from ...coconut.thinking import Generation, Reasoner, Thinking
from ...coconut.tokens import special_ids
from ...generators.answers import ANSWER_MARKER
from ...generators.example import Example
from ...leaderboard.measures import Answered
from ...leaderboard.predictions import Prediction
from ..recipe import Recipe
from ..recipe_parts import FULL_STOP
from .metrics import score

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Evaluation(NamedTuple):
    """Predictions in the order of the questions, and the wall-clock time in seconds."""

    predictions: list[Prediction]
    seconds: float


class Evaluator:
    """Answers questions with a model, in the way of a method.

    Args:
        model: Model, trained or in training.
        encoder: Tokenizer and token layout.
        schedule: Method and curriculum.
        recipe: Recipe of the run (token limit, evaluation batch size, precision, halting).
        thoughts: Constant number of thoughts or pauses; None for the stage's own.
        replica: The model in the processes that share the questions; None for this one alone.

    Raises:
        ValueError: ``thoughts`` is given for a method without thoughts or pauses.
    """

    def __init__(
        self,
        model: CoconutForCausalLM,
        encoder: Encoder,
        schedule: Schedule,
        recipe: Recipe,
        thoughts: int | None = None,
        replica: Replica | None = None,
    ) -> None:
        if thoughts is not None and not schedule.method.thinks:
            raise ValueError(
                f"thoughts must be left out for a method without thoughts or pauses, got {thoughts} for "
                f"{schedule.method.name}"
            )
        self.model, self.encoder, self.schedule, self.recipe = model, encoder, schedule, recipe
        self.thoughts = thoughts
        self.replica = replica or Replica(model, Processes(model.device))
        self.processes = self.replica.processes
        self.marker = ANSWER_MARKER if recipe.answer_marker else FULL_STOP

    def with_thoughts(self, thoughts: int | None) -> Evaluator:
        """Return an evaluator of the same model with another number of thoughts.

        Args:
            thoughts: As for the class.

        Raises:
            ValueError: As for the class.
        """
        return Evaluator(self.model, self.encoder, self.schedule, self.recipe, thoughts, self.replica)

    def thinking(self, stage: int) -> Thinking:
        """Return what stands between question and answer.

        Args:
            stage: Stage of the curriculum.

        Returns:
            Number and kind of thoughts, and how they end.
        """
        return Thinking(
            self.schedule.thoughts(stage) if self.thoughts is None else self.thoughts,
            is_pause=self.schedule.method.filler == "pause",
            halts=self.schedule.halts and self.thoughts is None,
            markers=self.encoder.marks(self.schedule.method),
            empty_markers=self.encoder.keeps_markers(self.schedule.method),
        )

    def after_question(self, stage: int, count: int | None = None) -> list[int]:
        """Return the token ids between question and answer, for `CoconutConfig.after_question`.

        Args:
            stage: Stage of the curriculum.
            count: Number of thoughts or pauses; None for the stage's own.
        """
        thinking, ids = self.thinking(stage), self.encoder.ids
        count = thinking.count if count is None else count
        begin, end = ids.around(thinking.is_marked(count))
        return [*begin, *[ids.pause if thinking.is_pause else ids.latent] * count, *end]

    def reasoner(self, stage: int) -> Reasoner:
        """Return the model answering as at a stage, in eval mode.

        Args:
            stage: Stage of the curriculum.

        Returns:
            What reads, thinks and writes.
        """
        return Reasoner(self.model.eval(), self.encoder.ids, self.thinking(stage))

    def __call__(self, asked: Sequence[Example], stage: int, label: str) -> Evaluation:
        """Answer questions; those of similar length are batched together, and batches shared by processes.

        Args:
            asked: Questions with their true answers.
            stage: Stage of the curriculum.
            label: Label of the progress bar.

        Returns:
            Predictions and duration.

        Raises:
            ValueError: A question is too long for the model.
        """
        started = time.monotonic()
        found = self.generate(asked, stage, label)
        answers = [self.text(parts.answer) for parts in self.encoder.segments(asked)]
        predictions = [
            score(example, self.text(one.tokens), answer, one, self.marker)
            for example, answer, one in zip(asked, answers, found, strict=True)
        ]
        return Evaluation(predictions, time.monotonic() - started)

    def generate(self, asked: Sequence[Example], stage: int, label: str) -> list[Generation]:
        """Write the answers to questions; those of similar length are batched together.

        Args:
            asked: Questions.
            stage: Stage of the curriculum.
            label: Label of the progress bar.

        Returns:
            What the model wrote, in the order of the questions.

        Raises:
            ValueError: A question is too long for the model.
        """
        reasoner = self.reasoner(stage)
        questions = [parts.question for parts in self.encoder.segments(asked)]
        limit = self.limit(questions, reasoner.thinking)
        order = sorted(range(len(asked)), key=lambda i: len(questions[i]))
        size, bf16 = self.recipe.eval_batch_size, precision(self.recipe, self.model.device) == "bf16"
        here = self.processes
        starts = range(0, len(asked), size)[here.rank :: here.count]

        def share() -> dict[int, Generation]:
            own: dict[int, Generation] = {}
            for start in tqdm(starts, desc=label, unit="batch", disable=here.hides_bars, leave=False):
                chosen = order[start : start + size]
                with torch.autocast(self.model.device.type, torch.bfloat16, enabled=bf16):
                    answers = reasoner.answer([questions[i] for i in chosen], limit)
                own.update(zip(chosen, answers, strict=True))
            return own

        shares = here.gathered(self.replica.compute(share))
        found = {place: answer for one in shares for place, answer in one.items()}
        return [found[i] for i in range(len(asked))]

    def answered(self, stage: int) -> Answered:
        """Return the leaderboard's record of how questions are answered.

        Args:
            stage: Stage of the curriculum.

        Returns:
            Stage, number of thoughts and halting.
        """
        thinking = self.thinking(stage)
        halting: Literal["constant", "classifier"] = "classifier" if thinking.halts else "constant"
        return Answered(stage=stage, thoughts=thinking.count, halting=halting)

    def text(self, tokens: list[int]) -> str:
        """Decode token ids.

        Args:
            tokens: Token ids.

        Returns:
            The text, without special tokens.
        """
        return str(self.encoder.tokenizer.decode(tokens, skip_special_tokens=True))

    def limit(self, questions: list[list[int]], thinking: Thinking) -> int:
        """Return the token limit: the recipe's, or fewer if the model has too few positions.

        Args:
            questions: Token ids of each question.
            thinking: What stands between question and answer.

        Raises:
            ValueError: A question is too long for the model.
        """
        between = thinking.count + 2 * thinking.is_marked(thinking.count)
        longest, positions = max(map(len, questions)) + between, model_positions(self.model)
        if positions is not None and longest >= positions:
            raise ValueError(
                f"question and thoughts must fit into the model's {positions} positions, got {longest} tokens"
            )
        limit = self.recipe.max_new_tokens
        return limit if positions is None else min(limit, positions - longest)


def model_positions(model: CoconutForCausalLM) -> int | None:
    """Return the context length of a model.

    Args:
        model: Model.

    Returns:
        Positions of the base model; None if its configuration sets no limit.
    """
    limit: int | None = getattr(model.base.config, "max_position_embeddings", None)
    return limit


def precision(recipe: Recipe, device: torch.device) -> Literal["fp32", "bf16"]:
    """Resolve a recipe's precision.

    Args:
        recipe: Recipe of the run.
        device: Where the model is.

    Returns:
        The precision; ``auto`` is bf16 on a GPU that supports it, else fp32.
    """
    if recipe.precision == "auto":
        return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    return recipe.precision or "fp32"


def recipe_encoder(recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> Encoder:
    """Build the encoder of a recipe.

    Args:
        recipe: Recipe of the run.
        tokenizer: Tokenizer with Coconut's special tokens.

    Returns:
        What turns examples into token ids.
    """
    return Encoder(
        tokenizer, special_ids(tokenizer), recipe.markers, recipe.answer_marker, bool(recipe.empty_markers)
    )
