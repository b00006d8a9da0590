"""Losses over the hidden states of a batch's passes, with the LM head applied at labeled positions only.

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
    """Select the hidden states that predict a label.

    Args:
        passes: Hidden states of the passes over a batch, the prefix's first, [B, columns, D] each.
        layout: The batch as computed, with labels.

    Returns:
        The hidden states [N, D], row by row, and their labels [N].
    """
    assert layout.labels_BT is not None
    labels_BT, prefix_BTD, rest = layout.labels_BT, passes[0], list(passes[1:])
    first = prefix_BTD.shape[1]
    if not rest:
        h_BTD, targets_BT = prefix_BTD[:, :-1], labels_BT[:, 1:]
    else:
        # The label in the first column after the prefix is predicted from the row's last prefix token, which
        # is in another column than the last where padding follows it.
        h_BTD = torch.cat([layout.last_of_prefix(prefix_BTD), *rest], dim=1)[:, :-1]
        targets_BT = labels_BT[:, first:]
        if bool((labels_BT[:, 1:first] != IGNORE).any()):
            h_BTD = torch.cat([prefix_BTD[:, :-1], h_BTD], dim=1)
            targets_BT = labels_BT[:, 1:]
    is_target_BT = targets_BT != IGNORE
    return h_BTD[is_target_BT], targets_BT[is_target_BT]


def read_positions(layout: Layout, first: int | None) -> Tensor:
    """Mark the hidden states that are used: those that predict a label, and the first thought's input.

    Args:
        layout: The batch as computed, with labels.
        first: The first thought's column, None without thoughts.

    Returns:
        Whether each position is used, [B, T].
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
    """Return the mean cross-entropy of the labels, or a part's share of it.

    Args:
        logits_NV: Logits at the labeled positions.
        targets_N: The labels.
        items: The number of labels in the whole batch, of which these are a part (gradient accumulation);
            None where these are the whole batch.
    """
    if items is None:
        return F.cross_entropy(logits_NV.float(), targets_N)
    return F.cross_entropy(logits_NV.float(), targets_N, reduction="sum") / items


def share_of(count: int, whole: int | Tensor | None) -> float | Tensor:
    """Return the share of a whole batch's labels, thoughts or rows that a part of it has.

    Args:
        count: The part's number.
        whole: The whole batch's number; None where the part is the whole.
    """
    return 1.0 if whole is None else count / whole


def halting_loss(head: nn.Module, thoughts: Sequence[Tensor], is_thought_BT: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of the classification "this is the row's last thought".

    Args:
        head: From hidden states [N, D] to the log-odds [N, 1] that a thought is the last.
        thoughts: Hidden states from the first thought's column on, [B, columns, D] each.
        is_thought_BT: Which of them are thoughts.
    """
    h_BTD = torch.cat(list(thoughts), dim=1)
    later_BT = is_thought_BT.flip(1).cumsum(1).flip(1) - is_thought_BT.long()
    is_last_N = (later_BT == 0)[is_thought_BT]
    logits_N = head(h_BTD[is_thought_BT]).squeeze(-1)
    return F.binary_cross_entropy_with_logits(logits_N.float(), is_last_N.float())
