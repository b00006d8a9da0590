"""SIM-CoT's step decoder (arXiv 2509.20317): while training, each thought must be decodable into its step.

A second language model reads the thoughts of one removed step, nothing else, and must write that step. Its
loss goes back through the thoughts into the model. No question is answered with it.

    student   q q q L L s s ### a .       thoughts 1 and 2 of 3 steps
    decoder           L s s .             reads what is fed as thought 1, writes step 1
                      L s s .             reads what is fed as thought 2, writes step 2

It is a copy of the base model as it is before the training, and shares the model's embeddings and head.

Axes: B batch, K columns of thoughts, D width, G steps of all rows, C thoughts of a step, S tokens, N labels.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from . import deferred
from .encoding import IGNORE
from .kernels import any_shape, attending
from .layout import Layout
from .rows import Row, multiple_of, round_up

MULTIPLE = 8
"""Texts are padded to multiples of it where steps are replayed."""


class StepTexts(NamedTuple):
    """What the thoughts of a batch must be decodable into, step by step.

    Attributes:
        thoughts_GC: Which thoughts a step's text is read off: row · K + column.
        ids_GS: The text without its end token, padded.
        targets_N: The texts with their end tokens; -100 for one that does not count.
        places_N: Where the hidden state is that predicts each: step · (C + S) + column.
    """

    thoughts_GC: Tensor
    ids_GS: Tensor
    targets_N: Tensor
    places_N: Tensor

    @classmethod
    def of(cls, rows: Sequence[Row], latent: int, pad: int, is_rounded: bool = False) -> StepTexts | None:
        """Collate the texts of rows, on the CPU.

        Args:
            rows: The rows, whose first thoughts are to share a column.
            latent: The token that marks a thought.
            pad: The padding token.
            is_rounded: Whether their sizes are to come in few different numbers.

        Returns:
            The texts; None where no thought has any.
        """
        texts = [text for row in rows for text in row.texts]
        if not texts:
            return None
        counts = [row.prompt.count(latent) for row in rows]
        each = max(count // max(len(row.texts), 1) for count, row in zip(counts, rows, strict=True))
        length = max(map(len, texts)) - 1
        length = multiple_of(MULTIPLE, length) if is_rounded else length
        thoughts = [
            [number * max(counts) + step * each + k for k in range(each)]
            for number, row in enumerate(rows)
            for step in range(len(row.texts))
        ]
        ids = [text[:-1] + [pad] * (length - len(text) + 1) for text in texts]
        targets = [token for text in texts for token in text]
        places = [
            step * (each + length) + each - 1 + column
            for step, text in enumerate(texts)
            for column in range(len(text))
        ]
        made = cls(*(torch.tensor(numbers) for numbers in (thoughts, ids, targets, places)))
        return made._rounded() if is_rounded else made

    def _rounded(self) -> StepTexts:
        """Texts that nothing is predicted of are added, and labels that do not count."""
        steps, labels = (round_up(len(tensor)) - len(tensor) for tensor in (self.ids_GS, self.targets_N))
        return StepTexts(
            F.pad(self.thoughts_GC, (0, 0, 0, steps)),
            F.pad(self.ids_GS, (0, 0, 0, steps)),
            F.pad(self.targets_N, (0, labels), value=IGNORE),
            F.pad(self.places_N, (0, labels)),
        )

    def map(self, change: Callable[[Tensor], Tensor]) -> StepTexts:
        """Return the texts with each of their tensors replaced.

        Args:
            change: From a tensor to the one in its place.
        """
        return StepTexts(*map(change, self))


class StepDecoder(nn.Module):
    """Writes steps from their thoughts.

    Args:
        base: The base model, of whose decoder it is a copy, without the embeddings of tokens.
    """

    def __init__(self, base: PreTrainedModel) -> None:
        super().__init__()
        left_out = {id(base.get_input_embeddings()): None}
        self.decoder: PreTrainedModel = copy.deepcopy(base.get_decoder(), left_out)

    def forward(
        self, fed_BKD: Tensor, texts: StepTexts, embed: nn.Module, is_deferred: bool = False
    ) -> Tensor:
        """Compute the hidden states that predict the texts.

        Args:
            fed_BKD: What is fed as thoughts.
            texts: The texts.
            embed: The model's embeddings of tokens.
            is_deferred: Whether the model's passes are, so that transformers makes no mask: plain causal
                attention is right, as texts are padded at their end.

        Returns:
            [N, D].
        """
        steps, each = texts.thoughts_GC.shape
        thoughts_XD = fed_BKD.flatten(0, 1).index_select(0, texts.thoughts_GC.flatten())
        inputs_GSD = torch.cat([thoughts_XD.view(steps, each, -1), embed(texts.ids_GS)], dim=1)
        with any_shape(inputs_GSD.device), attending(self.decoder, deferred.NAME if is_deferred else None):
            h_GSD = self.decoder(inputs_embeds=inputs_GSD, use_cache=False).last_hidden_state
        found: Tensor = h_GSD.flatten(0, 1).index_select(0, texts.places_N)
        return found


def before_thoughts(layout: Layout, states_P: Sequence[Tensor]) -> Tensor:
    """Return the hidden state just before each thought, which is what thoughts are made of.

    Args:
        layout: A batch with thoughts.
        states_P: Hidden states of its passes, the prefix's first, [B, columns, D] each.

    Returns:
        [B, K, D]; of no meaning after a row's last thought.
    """
    assert layout.columns is not None
    first, end = layout.columns
    return torch.cat([layout.last_of_prefix(states_P[0]), *states_P[1:]], dim=1)[:, : end - first]
