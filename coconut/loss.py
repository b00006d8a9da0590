"""Losses over the hidden states of a batch's passes, with the LM head applied at labeled positions only.

Axes: B batch, T tokens, D width, V vocabulary, N labeled positions, K thoughts of all rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layout import Layout


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


def halting_loss(head: nn.Module, thoughts: Sequence[Tensor], layout: Layout) -> Tensor:
    """Return the mean binary cross-entropy of the classification "this is the row's last thought".

    Args:
        head: From hidden states [K, D] to the log-odds [K, 1] that a thought is the last.
        thoughts: Hidden states from the first thought's column on, [B, columns, D] each.
        layout: The batch, with thoughts.
    """
    assert layout.thoughts_K is not None
    h_KD = torch.cat(list(thoughts), dim=1).flatten(0, 1).index_select(0, layout.thoughts_K)
    # A thought is its row's last one where the next thought of the batch is in another row.
    width = layout.ids_BT.shape[1] - layout.prefix
    rows_K = layout.thoughts_K // width
    is_last_K = F.pad(rows_K[1:] != rows_K[:-1], (0, 1), value=True)
    logits_K = head(h_KD).squeeze(-1)
    return F.binary_cross_entropy_with_logits(logits_K.float(), is_last_K.float())
