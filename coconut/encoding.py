"""Example + method + stage → token ids, labels, and the positions of the thoughts.

The text format is that of the published code: the question and each step end with a line break, the answer
follows ``### ``, and each part is tokenized separately; the question also gets the special tokens that the
tokenizer puts before a text (Llama's BOS). With two thoughts and the markers a row is

    question ⏎ <bot> <latent> <latent> <eot> step 3 ⏎ … ### answer <eos>
    labels:      -    -        -        -    step 3 ⏎ … ### answer <eos>

Rows of a batch are padded on the left so that their first thoughts share a column, then on the right:

    · · q q q q L L s s a a .        · padding, q question, L thought, s step, a answer
    q q q q q q L L a a . · ·
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from ..generators.answers import ANSWER_MARKER
from ..generators.example import Example
from .curriculum import Schedule
from .frontier import drawn, visited
from .methods import Method, View
from .rows import Row, Segments, multiple_of, step_texts
from .tokens import SpecialIds, leading_tokens

IGNORE = -100


class Batch(NamedTuple):
    """Tensors [B, T]: token ids, attention mask (1 token, 0 padding), labels (-100 for no loss)."""

    input_ids: Tensor
    attention_mask: Tensor
    labels: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device.

        Args:
            device: Where to.
        """
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))


class Encoder:
    """Encodes examples as rows with one tokenizer.

    Args:
        tokenizer: Any tokenizer.
        ids: Ids of the special tokens.
        markers: Whether thoughts are enclosed in ``<bot>`` and ``<eot>``.
        answer_marker: Whether ``###`` precedes the answer; without it the last thought itself can predict
            the first token of the answer.
        empty_markers: Whether a method with thoughts or pause tokens keeps the markers where there are none
            (stage 0), as in the published code.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        ids: SpecialIds,
        markers: bool,
        answer_marker: bool = True,
        empty_markers: bool = False,
    ) -> None:
        self.tokenizer, self.ids, self.markers = tokenizer, ids, markers
        self.empty_markers, self.leading = empty_markers, leading_tokens(tokenizer)
        self.answer_prefix = f"{ANSWER_MARKER} " if answer_marker else ""
        self._concepts: dict[str, list[int]] = {}
        self._marker_tokens = len(self._tokens([ANSWER_MARKER])[0]) if answer_marker else 0

    def segments(self, examples: Sequence[Example]) -> list[Segments]:
        """Tokenize the parts of each example separately.

        Args:
            examples: The examples.

        Raises:
            ValueError: A word is not in the tokenizer's vocabulary.
        """
        texts: list[str] = []
        for example in examples:
            texts += [example.question + "\n", *(step + "\n" for step in example.steps)]
            texts.append(f"{self.answer_prefix}{example.answer}")
        tokens = iter(self._tokens(texts))
        return [
            Segments(
                [*self.leading, *next(tokens)],
                [next(tokens) for _ in example.steps],
                [*next(tokens), self.ids.end],
                example.graph,
            )
            for example in examples
        ]

    def concept(self, symbol: str) -> list[int]:
        """Return the tokens of a node's name, as it stands alone.

        Args:
            symbol: The name.

        Raises:
            ValueError: A word is not in the tokenizer's vocabulary.
        """
        if symbol not in self._concepts:
            [self._concepts[symbol]] = self._tokens([symbol])
        return self._concepts[symbol]

    def one_token(self, symbol: str) -> int:
        """Return the token of a node's name.

        Args:
            symbol: The name.

        Raises:
            ValueError: It has several, or a word is not in the tokenizer's vocabulary.
        """
        tokens = self.concept(symbol)
        if len(tokens) != 1:
            raise ValueError(f"a mixture needs concepts of one token each, got {symbol!r} of {len(tokens)}")
        return tokens[0]

    def marks(self, method: Method) -> bool:
        """Return whether the markers stand around thoughts.

        Args:
            method: The method that answers.
        """
        return self.markers or method.delimits

    def keeps_markers(self, method: Method) -> bool:
        """Return whether the markers stand around zero thoughts too.

        Args:
            method: The method that answers.
        """
        return method.delimits or (self.markers and self.empty_markers and method.thinks)

    def row(
        self,
        parts: Segments,
        schedule: Schedule,
        stage: int,
        tokens_removed: int = 0,
        view: View = "student",
        word: int = 0,
    ) -> Row:
        """Build the row of an example at a stage.

        Args:
            parts: The example's tokens.
            schedule: The method and its curriculum.
            stage: One of the schedule's stages.
            tokens_removed: The number of tokens removed from the front of the chain (iCoT).
            view: The student's view; the teacher's: the chain in words without its last step, which would
                reveal the answer (arXiv 2502.21074, section 3); or one of the other modes of ``multimode``,
                which begin with only one of the markers.
            word: Random bits by which a concept of the frontier is drawn (Coconut-BFS).

        Raises:
            ValueError: The method needs the example's graph, and it has none.
        """
        steps = len(parts.steps)
        if view == "teacher":
            return self._filled(parts, [], parts.steps[:-1], is_marked=False)
        if view != "student":
            return self._other_mode(parts, view)
        filler = self.ids.latent if schedule.method.filler == "latent" else self.ids.pause
        fillers = [filler] * schedule.thoughts(stage, steps)
        removed = schedule.steps_removed(stage, steps)
        chain = parts.steps[removed:]
        is_marked = (self.marks(schedule.method) and bool(fillers)) or self.keeps_markers(schedule.method)
        if schedule.method.mixes:
            return self._mixing(parts, fillers, is_marked, schedule.thoughts_per_step)
        if schedule.method.target == "frontier" and chain:
            return self._searching(parts, fillers, removed + 1, is_marked, word)
        row = self._filled(parts, fillers, chain, is_marked, tokens_removed)
        if not schedule.method.decodes_steps:
            return row
        groups = len(fillers) // schedule.thoughts_per_step
        return row._replace(texts=step_texts(parts, removed, groups, self.ids.end))

    def _other_mode(self, parts: Segments, view: View) -> Row:
        """``<bot>`` asks for the chain, which ends with ``<eot>``, and the answer; ``<eot>`` for it alone."""
        row, (begin, end) = self._filled(parts, [], [], is_marked=False), self.ids.around(True)
        written = [*(token for step in parts.steps for token in step), *end] if view == "chain" else []
        prompt = [*row.prompt, *(begin if view == "chain" else end)]
        return row._replace(prompt=prompt, target=written + row.target, first_filler=len(prompt))

    def _searching(
        self, parts: Segments, fillers: list[int], distance: int, is_marked: bool, word: int
    ) -> Row:
        """The row whose target is a concept ``distance`` edges from the root; the answer if there is none."""
        if parts.graph is None:
            raise ValueError("a concept of the frontier needs an example with a graph, got one without")
        row, concept = self._filled(parts, fillers, [], is_marked), drawn(parts.graph, distance, word)
        if concept is None:
            return row
        target = [*self.concept(concept), self.ids.end]
        return row._replace(target=target, answer=len(target))

    def _mixing(self, parts: Segments, fillers: list[int], is_marked: bool, each: int) -> Row:
        """The row whose thoughts are targets, ``each`` of a step."""
        if parts.graph is None:
            raise ValueError("a mixture of concepts needs an example with a graph, got one without")
        last = min(len(parts.steps), len(fillers) // each)
        names = [visited(parts.graph, k // each + 1, last) for k in range(len(fillers))]
        mixtures = tuple([self.one_token(name) for name in thought] for thought in names)
        row = self._filled(parts, fillers, [], is_marked)
        prompt, learned = row.prompt[: row.first_filler], row.prompt[row.first_filler :]
        return row._replace(prompt=prompt, target=learned + row.target, mixtures=mixtures)

    def _filled(
        self,
        parts: Segments,
        fillers: list[int],
        chain: Sequence[list[int]],
        is_marked: bool,
        tokens_removed: int = 0,
    ) -> Row:
        """The row of question, ``fillers`` (enclosed in markers if ``is_marked``), chain and answer."""
        begin, end = self.ids.around(is_marked)
        written = [token for step in chain for token in step][tokens_removed:]
        return Row(
            [*parts.question, *begin, *fillers, *end],
            written + parts.answer,
            len(parts.question) + len(begin),
            len(parts.answer) - self._marker_tokens,
        )

    def _tokens(self, texts: list[str]) -> list[list[int]]:
        if not texts:  # some tokenizers fail on none
            return []
        rows: list[list[int]] = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        unknown = self.tokenizer.unk_token_id
        if unknown is not None and unknown != self.ids.end:
            for text, tokens in zip(texts, rows, strict=True):
                if unknown in tokens:
                    word = text.strip()[:80]
                    raise ValueError(f"every word must be in the tokenizer's vocabulary, got {word!r}")
        return rows


def collate(rows: Sequence[Row], pad: int, multiples: tuple[int, int] = (1, 1)) -> Batch:
    """Pad rows to a batch with their thoughts aligned (see the drawing at the top of this file).

    Args:
        rows: The rows, at least one.
        pad: The padding token.
        multiples: The columns before the first thoughts, and those from there on, are padded to multiples of
            these numbers, so that few different shapes occur.
    """
    start = multiple_of(multiples[0], max(row.first_filler for row in rows))
    rest = max(len(row.prompt) + len(row.target) - row.first_filler for row in rows)
    width = start + multiple_of(multiples[1], rest)
    left_B, prompt_B, target_B = np.array(
        [(start - row.first_filler, len(row.prompt), len(row.target)) for row in rows]
    ).T[:, :, None]
    columns_T, first_B = np.arange(width), left_B + prompt_B
    is_label_BT = (columns_T >= first_B) & (columns_T < first_B + target_B)
    mask_BT = (columns_T >= left_B) & (columns_T < first_B + target_B)
    ids_BT, labels_BT = np.full((len(rows), width), pad), np.full((len(rows), width), IGNORE)
    ids_BT[mask_BT] = [token for row in rows for part in (row.prompt, row.target) for token in part]
    labels_BT[is_label_BT] = ids_BT[is_label_BT]
    return Batch(
        torch.from_numpy(ids_BT), torch.from_numpy(mask_BT.astype(np.int64)), torch.from_numpy(labels_BT)
    )


def collate_prompts(prompts: Sequence[list[int]], pad: int) -> tuple[Tensor, Tensor]:
    """Pad prompts on the left to one length, so that the next token has the same column in every row.

    Args:
        prompts: Token ids, at least one prompt.
        pad: The padding token.

    Returns:
        Token ids and attention mask (1 token, 0 padding), each [B, T].
    """
    width = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[pad] * (width - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    return ids, mask
