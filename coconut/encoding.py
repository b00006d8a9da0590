"""Example + method + stage → token ids, labels, and where the thoughts stand.

The text is the published code's: the question and each step end a line, the answer follows ``### ``, and each
part is tokenized by itself. With two thoughts and the markers a row is

    question ⏎ <bot> <latent> <latent> <eot> step 3 ⏎ … ### answer <eos>
    labels:      -    -        -        -    step 3 ⏎ … ### answer <eos>

Rows of a batch are padded on the left until their thoughts stand in one column, then on the right:

    · · q q q q L L s s a a .        · padding, q question, L thought, s step, a answer
    q q q q q q L L a a . · ·
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from ..generators.answers import ANSWER_MARKER
from ..generators.example import Example
from .curriculum import Schedule
from .methods import View
from .tokens import SpecialIds

IGNORE = -100


class Segments(NamedTuple):
    """One example as token ids, before any method: the question, each step, and marker + answer + end."""

    question: list[int]
    steps: list[list[int]]
    answer: list[int]


class Row(NamedTuple):
    """One row of a batch: what is given (question, thoughts) and what is to be written.

    ``first_filler`` is the place of the first thought. The last ``answer`` tokens of ``target`` are the
    answer itself, without its marker.
    """

    prompt: list[int]
    target: list[int]
    first_filler: int
    answer: int = 0


class Batch(NamedTuple):
    """Tensors [B, T]: token ids, 1 where a token stands, labels (-100 where there is no loss)."""

    input_ids: Tensor
    attention_mask: Tensor
    labels: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on ``device``."""
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))


class Encoder:
    """Turns examples into rows with one tokenizer.

    Args:
        tokenizer: Any; its special tokens are not added to a text.
        ids: The ids of the tokens that no text holds.
        markers: Whether ``<bot>`` and ``<eot>`` stand around thoughts.
        answer_marker: Whether ``###`` stands before the answer; without it the last thought itself predicts
            the answer's first token.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, ids: SpecialIds, markers: bool, answer_marker: bool = True
    ) -> None:
        self.tokenizer, self.ids, self.markers = tokenizer, ids, markers
        self.answer_prefix = f"{ANSWER_MARKER} " if answer_marker else ""
        self._marker_tokens = len(self._tokens([ANSWER_MARKER])[0]) if answer_marker else 0

    def segments(self, examples: Sequence[Example]) -> list[Segments]:
        """The parts of each example, each tokenized by itself.

        Raises ValueError where a word is not in the tokenizer's vocabulary.
        """
        texts: list[str] = []
        for example in examples:
            texts += [example.question + "\n", *(step + "\n" for step in example.steps)]
            texts.append(f"{self.answer_prefix}{example.answer}")
        tokens = iter(self._tokens(texts))
        return [
            Segments(next(tokens), [next(tokens) for _ in example.steps], [*next(tokens), self.ids.end])
            for example in examples
        ]

    def row(
        self,
        parts: Segments,
        schedule: Schedule,
        stage: int,
        tokens_removed: int = 0,
        view: View = "student",
    ) -> Row:
        """What is given and what must be written at a stage.

        Args:
            parts: The example's tokens.
            schedule: The method and its curriculum.
            stage: One of the schedule's.
            tokens_removed: How many tokens iCoT's chain has lost from its front.
            view: The student's, or the teacher's: the chain in words without its last step, which would give
                the answer away (arXiv 2502.21074, section 3).
        """
        steps = len(parts.steps)
        if view == "teacher":
            return self._filled(parts, [], parts.steps[:-1])
        filler = self.ids.latent if schedule.method.filler == "latent" else self.ids.pause
        fillers = [filler] * schedule.thoughts(stage, steps)
        chain = parts.steps[schedule.steps_removed(stage, steps) :]
        return self._filled(parts, fillers, chain, tokens_removed)

    def _filled(
        self, parts: Segments, fillers: list[int], chain: Sequence[list[int]], tokens_removed: int = 0
    ) -> Row:
        """The question, ``fillers`` (with the markers around them, if there are any), chain and answer."""
        begin, end = self.ids.around(self.markers and bool(fillers))
        written = [token for step in chain for token in step][tokens_removed:]
        return Row(
            [*parts.question, *begin, *fillers, *end],
            written + parts.answer,
            len(parts.question) + len(begin),
            len(parts.answer) - self._marker_tokens,
        )

    def _tokens(self, texts: list[str]) -> list[list[int]]:
        rows: list[list[int]] = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        unknown = self.tokenizer.unk_token_id
        if unknown is not None and unknown != self.ids.end:
            for text, tokens in zip(texts, rows, strict=True):
                if unknown in tokens:
                    word = text.strip()[:80]
                    raise ValueError(f"every word must be in the tokenizer's vocabulary, got {word!r}")
        return rows


def collate(rows: Sequence[Row], pad: int) -> Batch:
    """Rows of one step as a batch, thoughts aligned (see the drawing at the top of this file)."""
    start = max(row.first_filler for row in rows)
    width = max(start - row.first_filler + len(row.prompt) + len(row.target) for row in rows)
    ids = torch.full((len(rows), width), pad)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    labels = torch.full((len(rows), width), IGNORE)
    for b, row in enumerate(rows):
        left = start - row.first_filler
        stop = left + len(row.prompt) + len(row.target)
        ids[b, left:stop] = torch.tensor(row.prompt + row.target)
        mask[b, left:stop] = 1
        labels[b, left + len(row.prompt) : stop] = torch.tensor(row.target)
    return Batch(ids, mask, labels)


def collate_prompts(prompts: Sequence[list[int]], pad: int) -> tuple[Tensor, Tensor]:
    """Prompts padded on the left to one length: ids and mask, [B, T]; the next token's column is common."""
    width = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[pad] * (width - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    return ids, mask
