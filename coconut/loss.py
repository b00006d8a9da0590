"""The loss over the hidden states of a batch's passes, with the head at labeled positions only.

Axes: B batch, T tokens, D width, V vocabulary, N labeled positions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .encoding import IGNORE
from .padding import Layout


def predicting(passes: Sequence[Tensor], layout: Layout) -> tuple[Tensor, Tensor]:
    """The hidden states [N, D] that predict the labels of ``layout``, row by row, and the labels [N]."""
    assert layout.labels_BT is not None
    labels_BT, prefix_BTD, rest = layout.labels_BT, passes[0], list(passes[1:])
    first = prefix_BTD.shape[1]
    if not rest:
        h_BTD, targets_BT = prefix_BTD[:, :-1], labels_BT[:, 1:]
    else:
        # The first column after the prefix is predicted from each row's own last token of the prefix.
        h_BTD = torch.cat([layout.last_of_prefix(prefix_BTD), *rest], dim=1)[:, :-1]
        targets_BT = labels_BT[:, first:]
        if bool((labels_BT[:, 1:first] != IGNORE).any()):
            h_BTD = torch.cat([prefix_BTD[:, :-1], h_BTD], dim=1)
            targets_BT = labels_BT[:, 1:]
    is_target_BT = targets_BT != IGNORE
    return h_BTD[is_target_BT], targets_BT[is_target_BT]


def read_positions(layout: Layout, first: int | None) -> Tensor:
    """Which hidden states [B, T] are read: those that predict a label, and the one that each row's first
    thought takes; ``first`` is the first thought's column, None without thoughts.
    """
    assert layout.labels_BT is not None
    is_read_BT = (layout.labels_BT != IGNORE).roll(-1, dims=1)
    is_read_BT[:, -1] = False
    if first is not None:
        columns_T = torch.arange(is_read_BT.shape[1], device=is_read_BT.device)
        last_B1 = first - 1 if layout.last_B is None else layout.last_B[:, None]
        is_read_BT |= columns_T == last_B1
    return is_read_BT


def label_loss(logits_NV: Tensor, targets_N: Tensor, items: int | Tensor | None) -> Tensor:
    """The mean cross-entropy of the labels, or its sum divided by ``items``."""
    if items is None:
        return F.cross_entropy(logits_NV.float(), targets_N)
    return F.cross_entropy(logits_NV.float(), targets_N, reduction="sum") / items


def halting_loss(head: nn.Module, thoughts: Sequence[Tensor], is_thought_BT: Tensor) -> Tensor:
    """The mean binary cross-entropy of "this is the row's last thought" over the thoughts.

    ``thoughts`` are the hidden states of the columns from the first thought on, and ``is_thought_BT`` tells
    which of them are thoughts.
    """
    h_BTD = torch.cat(list(thoughts), dim=1)
    later_BT = is_thought_BT.flip(1).cumsum(1).flip(1) - is_thought_BT.long()
    is_last_N = (later_BT == 0)[is_thought_BT]
    logits_N = head(h_BTD[is_thought_BT]).squeeze(-1)
    return F.binary_cross_entropy_with_logits(logits_N.float(), is_last_N.float())
