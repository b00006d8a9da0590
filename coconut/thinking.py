"""Inference: read a question, think, write the answer, and count forward passes.

Evaluation, controls, probes and analyses all use a `Reasoner`: a model that answers as one method does at one
stage. A question is read once; every continuation appends to a fork of its KV cache:

    q q q q q ─┬─ L L a a        as trained
               ├─ a a            no thoughts
               └─ 0 0 a a        zeros in place of the thoughts' inputs

The number of thoughts is constant, or a classifier ends them (arXiv 2412.06769, section 3, "inference
process", which does not specify its training; here: `loss.halting_loss`): the model's halting head predicts
from the hidden state at a thought whether it is the last one. Rows of a batch then differ in their number:

    q q q q L L L e        · padding or masked, q question, L thought, e the end marker ``<eot>``, if used
    · · q q L · · e        this row has ended after its first thought; the columns of later ones are masked

Generated tokens of a question = language tokens written (answer marker and end token included) + continuous
thoughts; pause tokens are part of the prompt and do not count. Forward passes: one for the prompt, those of
the thoughts, and one for each token written but the last, which is not fed back.

Axes: B batch, T tokens, K thoughts, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .cache import growing_cache
from .decoding import Prompted, append, fork, longer, write
from .encoding import collate_prompts
from .kernels import allowed
from .modeling import CoconutForCausalLM
from .readout import continuation_values
from .recurrence import RECURRENCES, Replace, Span
from .replay import Replayers, can_replay
from .tokens import SpecialIds


@dataclass(frozen=True)
class Thinking:
    """What is between a question and its answer.

    Attributes:
        count: The number of thoughts or pause tokens; the largest number if the classifier ends them.
        is_pause: Whether there are pause tokens in place of thoughts.
        halts: Whether the classifier ends the thoughts.
        markers: Whether they are enclosed in ``<bot>`` and ``<eot>``, if there are any.
        empty_markers: Whether the markers stand there too if there are none.
    """

    count: int
    is_pause: bool = False
    halts: bool = False
    markers: bool = False
    empty_markers: bool = False

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"thoughts must be at least 0, got {self.count}")

    def is_marked(self, thoughts: int) -> bool:
        """Return whether the markers stand around a number of thoughts or pause tokens.

        Args:
            thoughts: The number.
        """
        return self.empty_markers or (self.markers and thoughts > 0)


class Generation(NamedTuple):
    """One answer: the tokens written (end token included), and the number of thoughts and forward passes."""

    tokens: list[int]
    thoughts: int
    forward_passes: int


class Readings(NamedTuple):
    """Questions as token ids, and as processed by the model up to their first thought."""

    questions: Sequence[list[int]]
    opened: Prompted


class Thoughts(NamedTuple):
    """The state after the thoughts; K is the largest number of any row.

    Attributes:
        prompted: Question and thoughts, ready to be continued.
        fed_BKD: Input vectors of the thoughts; of no meaning after a row's last thought.
        states_BKD: Hidden states at the thoughts; after a row's last thought, that one's again.
        used: The number of thoughts of each row.
    """

    prompted: Prompted
    fed_BKD: Tensor
    states_BKD: Tensor
    used: list[int]


class Reasoner:
    """A model that reads, thinks and writes. The rows of a batch are independent of each other.

    Args:
        model: The model, in evaluation mode.
        ids: Ids of the special tokens.
        thinking: What is between question and answer.

    Raises:
        ValueError: ``thinking.halts`` with a model that has no classifier, or whose thoughts must be equally
            many in every row.
    """

    def __init__(self, model: CoconutForCausalLM, ids: SpecialIds, thinking: Thinking) -> None:
        if thinking.halts and model.halting_head is None:
            raise ValueError("a model without a halting head (config.halting) cannot end its thoughts")
        if thinking.halts and RECURRENCES[model.config.recurrence].is_constant:
            raise ValueError("a classifier cannot end thoughts whose number must be constant")
        self.model, self.ids, self.thinking = model, ids, thinking
        self._replayers = Replayers(model)

    def answer(self, questions: Sequence[list[int]], max_new_tokens: int) -> list[Generation]:
        """Answer questions as the model was trained to.

        Args:
            questions: Token ids of each question.
            max_new_tokens: The largest number of tokens in an answer.
        """
        written: list[list[int]] = []
        if self.thinking.is_pause:  # pause tokens are part of the prompt: one pass for all of them
            begin, after = self._around(self.thinking.count)
            fillers = [*begin, *[self.ids.pause] * self.thinking.count, *after]
            prompted, used = self._read(questions, fillers), [0] * len(questions)
        elif self._replays:
            prompted, count = self.read(questions).opened, self.thinking.count
            _, after = self._around(count)
            written = self._replayers.write(prompted, count, after, self.ids.end, max_new_tokens)
            prompted = prompted._replace(passes=[passes + count for passes in prompted.passes])
            used = [count] * len(questions)
        else:
            thought = self.think(self.read(questions))
            prompted, used = thought.prompted, thought.used
        if not written:
            written = self.write(prompted, max_new_tokens)
        return [
            Generation(tokens, thoughts, passes + len(tokens) - 1)
            for tokens, thoughts, passes in zip(written, used, prompted.passes, strict=True)
        ]

    @property
    def _replays(self) -> bool:
        """Whether answers are replayed: on a GPU, unless told otherwise (`kernels.allowed`)."""
        wanted = self.model.device.type == "cuda" and allowed()
        return wanted and not self.thinking.halts and can_replay(self.model)

    def read(self, questions: Sequence[list[int]]) -> Readings:
        """Process questions, each up to its first thought, or its whole prompt if it has none.

        Args:
            questions: Token ids of each question.
        """
        begin, after = self._around(self.thinking.count)
        return Readings(questions, self._read(questions, begin if self.thinking.count else [*begin, *after]))

    @torch.inference_mode()
    def think(
        self,
        readings: Readings,
        count: int | None = None,
        *,
        replace: Replace | None = None,
        counts: Sequence[int] | None = None,
    ) -> Thoughts:
        """Think on a fork of ``readings``, which can be used again, and read the end marker, if any.

        The hidden states equal those of as many ``<latent>`` tokens in the model's input.

        Args:
            readings: The questions.
            count: A constant number of thoughts; None for the number used in training.
            replace: Changes the input vector of each thought, None for no change.
            counts: A number of thoughts for each row (`Thoughts.used` of another call); overrides ``count``.
        """
        is_halting = counts is None and count is None and self.thinking.halts
        most = max(counts) if counts else self.thinking.count if count is None else count
        if not most:
            return self._without(readings)
        if counts or is_halting:
            return self._until(readings, counts, replace)
        h_BD, mask_BT, cache, passes = fork(readings.opened)
        rows, count, (_, after) = len(h_BD), most, self._around(self.thinking.count)  # as it was opened
        after_BTD = self._embed(after, rows) if after else None
        start, mask_BT = mask_BT.shape[1], longer(mask_BT, count + len(after))
        span = Span(count, start, None if bool(mask_BT.all()) else mask_BT, after_BTD)
        think = RECURRENCES[self.model.config.recurrence].think
        found = think(self.model.latent(), h_BD, span, cache, self._replacing(replace, rows))
        states_BTD = torch.cat(found.passes, dim=1)
        prompted = Prompted(states_BTD[:, -1], mask_BT, cache, [n + found.computed for n in passes])
        return Thoughts(prompted, torch.stack(found.fed_KBD, 1), states_BTD[:, :count], [count] * rows)

    def write(self, prompted: Prompted, max_new_tokens: int) -> list[list[int]]:
        """Continue each prompt greedily; see `decoding.write`.

        Args:
            prompted: Prompts as after `think`; their cache is consumed.
            max_new_tokens: The largest number of tokens written to a prompt.
        """
        return write(self.model, prompted, end=self.ids.end, max_new_tokens=max_new_tokens)

    def choose(self, prompted: Prompted, options: Sequence[Sequence[list[int]]]) -> list[int]:
        """Choose the most probable of given continuations, for each prompt.

        Args:
            prompted: Prompts as after `think`; left as they are.
            options: ``[b][c]``: the tokens of option c of row b.

        Returns:
            The index of the option with the highest log probability (the first of equal ones) for each row;
            -1 for a row without options.
        """
        values = continuation_values(self.model, prompted, [], options)
        return [max(range(len(row)), key=row.__getitem__, default=-1) for row in values]

    def _without(self, readings: Readings) -> Thoughts:
        """No thoughts, and markers around them only with ``empty_markers``: the prompt of stage 0."""
        is_open = self.thinking.count > 0 and self.thinking.is_marked(self.thinking.count)
        begin, after = self._around(0)
        prompted = self._read(readings.questions, [*begin, *after]) if is_open else fork(readings.opened)
        none_BKD = prompted.h_BD.new_empty((len(prompted.h_BD), 0, prompted.h_BD.shape[1]))
        return Thoughts(prompted, none_BKD, none_BKD, [0] * len(prompted.h_BD))

    @torch.inference_mode()
    def _until(self, readings: Readings, counts: Sequence[int] | None, replace: Replace | None) -> Thoughts:
        """Think sequentially, each row up to its own number in ``counts`` or until the classifier ends it.

        A row ends with the first thought whose log-odds of being the last are above 0, or at the limit.
        """
        model, (h_BD, mask_BT, cache, passes) = self.model, fork(readings.opened)
        rows, latent = len(h_BD), model.latent()
        if RECURRENCES[model.config.recurrence].is_constant:
            raise ValueError("counts must be left out for thoughts whose number must be constant")
        most_B = torch.full((rows,), self.thinking.count) if counts is None else torch.tensor(counts)
        most_B = most_B.to(h_BD.device)
        used_B, replace = torch.zeros_like(most_B), self._replacing(replace, rows)
        running_B = used_B < most_B
        fed, states = [h_BD.new_empty((rows, 0, h_BD.shape[1]))], [h_BD.new_empty((rows, 0, h_BD.shape[1]))]
        while bool(running_B.any()):
            vector_BD = latent.project(h_BD)
            vector_BD = vector_BD if replace is None else replace(len(fed) - 1, vector_BD)
            mask_BT = torch.cat([mask_BT, running_B[:, None].to(mask_BT.dtype)], dim=1)
            thought_BD = append(model, vector_BD[:, None], mask_BT, cache)[:, -1]
            h_BD = torch.where(running_B[:, None], thought_BD, h_BD)
            fed.append(vector_BD[:, None])
            states.append(h_BD[:, None])
            used_B += running_B
            if counts is None and model.halting_head is not None:
                running_B = running_B & (model.halting_head(h_BD).squeeze(-1) <= 0)
            running_B = running_B & (used_B < most_B)
        used = used_B.tolist()
        _, after = self._around(self.thinking.count)
        if after:
            mask_BT = longer(mask_BT, len(after))
            h_BD = append(model, self._embed(after, rows), mask_BT, cache)[:, -1]
        passes = [n + thoughts + bool(after) for n, thoughts in zip(passes, used, strict=True)]
        return Thoughts(Prompted(h_BD, mask_BT, cache, passes), torch.cat(fed, 1), torch.cat(states, 1), used)

    @torch.inference_mode()
    def _read(self, questions: Sequence[list[int]], then: list[int]) -> Prompted:
        """Process the questions, each followed by the tokens ``then``, in one pass."""
        model, prompts = self.model, [[*question, *then] for question in questions]
        ids_BT, mask_BT = collate_prompts(prompts, self.ids.pad)
        cache = growing_cache(model.base.config)
        h_BD = model.hidden_states(ids_BT, mask_BT, cache, keep=1).h_BTD[:, -1]
        return Prompted(h_BD, mask_BT.to(model.device), cache, [1] * len(questions))

    def _around(self, thoughts: int) -> tuple[list[int], list[int]]:
        return self.ids.around(self.thinking.is_marked(thoughts))

    def _replacing(self, replace: Replace | None, rows: int) -> Replace | None:
        """``replace``, applied to pause tokens where the method has them in place of thoughts."""
        if not self.thinking.is_pause:
            return replace
        pause_BD = self._embed([self.ids.pause], rows)[:, 0]
        return lambda k, fed_BD: pause_BD if replace is None else replace(k, pause_BD)

    def _embed(self, tokens: list[int], rows: int) -> Tensor:
        ids_BT = torch.tensor(tokens, device=self.model.device).expand(rows, -1)
        embedded: Tensor = self.model.get_input_embeddings()(ids_BT)
        return embedded
