"""Where padding stands while a batch is trained: after what it must not disturb, so that no mask is needed.

Rows come padded on the left until their thoughts stand in one column. A causal prefix pass over them would
need a mask of [B, 1, T, T], which rules the fastest attention kernels out. The same padding behind each
row's prefix needs none: nothing that comes later in time attends to it but the later passes, whose masks are
one row high.

    · · q q q q L L s s a a .        q q q q · · L L s s a a .      · padding, q question, L thought,
    q q q q q q L L a a . · ·        q q q q q q L L a a . · ·      s step, a answer

Positions are counted over tokens, so every token keeps its own. Axes: B batch, T tokens, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """A batch as it is computed: ids, mask (None: no padding) and labels, each [B, T].

    ``is_causal``: whether the prefix is causal without its mask. ``last_B``: the column of each row's last
    token before the first thought, None where it is the column before in every row.
    """

    ids_BT: Tensor
    mask_BT: Tensor | None
    labels_BT: Tensor | None = None
    is_causal: bool = False
    last_B: Tensor | None = None

    def last_of_prefix(self, h_BTD: Tensor) -> Tensor:
        """The hidden state [B, 1, D] that each row's first thought takes as its input."""
        if self.last_B is None:
            return h_BTD[:, -1:]
        return h_BTD[torch.arange(len(h_BTD), device=h_BTD.device), self.last_B][:, None]


def unless_full(mask_BT: Tensor | None) -> Tensor | None:
    """None where nothing is padded: attention then needs no mask tensor, and the fused kernels apply."""
    return None if mask_BT is None or bool(mask_BT.all()) else mask_BT


def without_left_padding(ids_BT: Tensor, mask_BT: Tensor | None, labels_BT: Tensor, first: int) -> Layout:
    """The batch with the padding of its first ``first`` columns behind their tokens (see the drawing).

    ``first`` is the first thought's column, or T where there is none. A row that has padding between tokens
    of its prefix keeps every mask as it is.
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
