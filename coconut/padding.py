"""Padding in training: moved behind each row's prefix, so that the prefix pass needs no mask.

Rows are padded on the left so that their first thoughts share a column. A causal prefix pass over them
would need a mask of [B, 1, T, T], which rules out the fastest attention kernels. With the padding behind each
row's prefix, plain causal attention suffices: no prefix token attends to it, and the later passes mask it out
(their masks are small: few query positions).

    · · q q q q L L s s a a .        q q q q · · L L s s a a .      · padding, q question, L thought,
    q q q q q q L L a a . · ·        q q q q q q L L a a . · ·      s step, a answer

Position ids count tokens only, so no token's position changes. Axes: B batch, T tokens, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """A batch as computed.

    Attributes:
        ids_BT: Token ids, thoughts marked.
        mask_BT: 1 token, 0 padding; None for no padding.
        labels_BT: -100 for no loss.
        is_causal: Whether causal attention without a mask is right for the prefix.
        last_B: The column of each row's last token before the first thought; None if that is the column just
            before the first thought in every row.
    """

    ids_BT: Tensor
    mask_BT: Tensor | None
    labels_BT: Tensor | None = None
    is_causal: bool = False
    last_B: Tensor | None = None

    def last_of_prefix(self, h_BTD: Tensor) -> Tensor:
        """Select the hidden state that is each row's first thought's input.

        Args:
            h_BTD: Hidden states of the prefix.

        Returns:
            [B, 1, D].
        """
        if self.last_B is None:
            return h_BTD[:, -1:]
        return h_BTD[torch.arange(len(h_BTD), device=h_BTD.device), self.last_B][:, None]


def unless_full(mask_BT: Tensor | None) -> Tensor | None:
    """Return the mask, or None if it has no padding: attention can then use the fused kernels.

    Args:
        mask_BT: 1 token, 0 padding, or None.
    """
    return None if mask_BT is None or bool(mask_BT.all()) else mask_BT


def without_left_padding(ids_BT: Tensor, mask_BT: Tensor | None, labels_BT: Tensor, first: int) -> Layout:
    """Move the prefix's padding behind its tokens (see the drawing).

    Args:
        ids_BT: Token ids.
        mask_BT: 1 token, 0 padding, or None.
        labels_BT: -100 for no loss.
        first: The first thought's column, T if there is none.

    Returns:
        The layout; the batch unchanged if any row has padding between tokens of its prefix.
    """
    mask_BT = unless_full(mask_BT)
    if mask_BT is None:
        return Layout(ids_BT, None, labels_BT, is_causal=True)
    columns_T = torch.arange(ids_BT.shape[1], device=ids_BT.device)
    prefix_BP = mask_BT[:, :first]
    tokens_B = prefix_BP.sum(1)
    skipped_B = (prefix_BP.cumsum(1) == 0).sum(1) % max(first, 1)
    rolled_BP = (columns_T[:first] + skipped_B[:, None]) % max(first, 1)
    source_BT = torch.cat([rolled_BP, columns_T[first:].expand(len(ids_BT), -1)], dim=1)
    ids, mask, labels = (tensor.gather(1, source_BT) for tensor in (ids_BT, mask_BT, labels_BT))
    if not torch.equal(mask[:, :first] != 0, columns_T[:first] < tokens_B[:, None]):
        return Layout(ids_BT, mask_BT, labels_BT)
    return Layout(ids, mask, labels, is_causal=True, last_B=(tokens_B - 1).clamp(min=0))
