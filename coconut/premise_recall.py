"""The training data of the small recipes' base model: looking up premises, in both directions.

    premises                   recall, in another order
    4 7 . 9 2 . 2 5 .          > 9 2 < 5 2 > 4 7
                                     2     2     7      the loss is on the tokens to look up

``> a`` asks for the b of the premise ``a b .``, ``< b`` for its a. A transformer trained from scratch does
not learn this look-up (an induction head) from the questions themselves, and without it every method stays at
chance. A pretrained language model, which the paper starts from, has it. The number of premises grows from a
few to all: with all of them from the start, the look-up is not learned either.

Axes: B rows, P premises, T tokens.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..generators.seeding import below, draws, example_keys, shuffled
from .encoding import IGNORE

Ints = NDArray[np.int64]


class RecallTokens(NamedTuple):
    """Token ids of the concepts, the separator, and the two direction markers."""

    concepts: Ints
    separator: int
    forward: int
    backward: int


class RecallBatch(NamedTuple):
    """Token ids and labels [B, T]."""

    input_ids: Tensor
    labels: Tensor


def recall_batch(tokens: RecallTokens, premises: int, batch_size: int, seed: int, step: int) -> RecallBatch:
    """Draw random premises, distinct starts, distinct ends, each queried once in a random direction.

    A pure function of its arguments.

    Args:
        tokens: The ids to build rows from.
        premises: Premises per row, P.
        batch_size: Rows, B.
        seed: Training seed.
        step: The training step.

    Returns:
        Ids and labels, [B, 6 P].

    Raises:
        ValueError: ``premises`` is below 1 or above the number of concepts.
    """
    pool = len(tokens.concepts)
    if not 1 <= premises <= pool:
        raise ValueError(f"premises must be in 1..{pool} (the concepts), got {premises}")
    rows = range(step * batch_size, (step + 1) * batch_size)
    keys = example_keys("premise-recall", "1", "train", seed, rows)
    starts_BP = tokens.concepts[shuffled(draws(keys, purpose=0, count=pool))[:, :premises]]
    ends_BP = tokens.concepts[shuffled(draws(keys, purpose=1, count=pool))[:, :premises]]
    order_BP = shuffled(draws(keys, purpose=2, count=premises))
    backward_BP = below(draws(keys, purpose=3, count=premises), 2) == 1
    asked_start_BP = np.take_along_axis(starts_BP, order_BP, 1)
    asked_end_BP = np.take_along_axis(ends_BP, order_BP, 1)
    given_BP = np.where(backward_BP, asked_end_BP, asked_start_BP)
    wanted_BP = np.where(backward_BP, asked_start_BP, asked_end_BP)
    marker_BP = np.where(backward_BP, tokens.backward, tokens.forward)
    separator_BP = np.full_like(starts_BP, tokens.separator)
    listed_BT = _interleave(starts_BP, ends_BP, separator_BP)
    recall_BT = _interleave(marker_BP, given_BP, wanted_BP)
    nothing_BP = np.full_like(wanted_BP, IGNORE)
    labels_BT = _interleave(nothing_BP, nothing_BP, wanted_BP)
    return RecallBatch(
        torch.from_numpy(np.concatenate([listed_BT, recall_BT], axis=1)),
        torch.from_numpy(np.concatenate([np.full_like(listed_BT, IGNORE), labels_BT], axis=1)),
    )


def _interleave(*columns_BP: Ints) -> Ints:
    """[B, P] each → [B, P × number of arguments]: the first of each, then the second of each, …"""
    return np.stack(columns_BP, axis=2).reshape(len(columns_BP[0]), -1)
