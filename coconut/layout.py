"""What a batch looks like, found out on the CPU: columns of the thoughts, padding, which positions are read.

A GPU that is asked for a value makes the program wait for everything before it. So all that decides what is
computed is read off the batch where it is collated (`arrange`); the layout then goes to the GPU as a whole.

Rows are padded on the left so that their first thoughts share a column. A causal prefix pass over them
would need a mask of [B, 1, T, T], which rules out the fastest attention kernels. With the padding behind each
row's prefix, plain causal attention suffices: no prefix token attends to it, and the later passes mask it out
(their masks are small: few query positions).

    · · q q q q L L s s a a .        q q q q · · L L s s a a .      · padding, q question, L thought,
    q q q q q q L L a a . · ·        q q q q q q L L a a . · ·      s step, a answer

Position ids count tokens only, so no token's position changes. Axes: B batch, T tokens, D width, N labels,
R positions of the prefix, K thoughts of all rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .encoding import IGNORE, Batch
from .mixtures import Mixtures
from .rows import round_up


class Labels(NamedTuple):
    """The labels of a batch, row by row.

    Attributes:
        targets_N: The labels; -100 for one that does not count.
        places_N: Where the hidden state is that predicts each: its index in `Layout.join`'s result,
            flattened.
        known: The number of labels that count.
        in_prefix: Whether there are labels before the first thought.
    """

    targets_N: Tensor
    places_N: Tensor
    known: int
    in_prefix: bool = False


@dataclass(frozen=True)
class Layout:
    """A batch as computed.

    Attributes:
        ids_BT: Token ids, thoughts marked.
        mask_BT: 1 token, 0 padding; None for no padding.
        columns: The first column that holds a thought, and the one after the last; None without thoughts.
        is_mixed: Whether a row has no thought in one of these columns.
        is_causal: Whether causal attention without a mask is right for the prefix.
        last_B: The column of each row's last token before the first thought; None if that is the column just
            before the first thought in every row.
        labels: The labels, None where there are none.
        read_R: The positions of the prefix (row · columns + column) whose last hidden state is used; None for
            all.
        thoughts_K: Where the thoughts are, counted over the columns from the first thought on, row by row.
        mixtures: Thoughts that are given, which no column counts as one; None for none.
        reads_last: Whether ``read_R`` is known to be the prefix's last column in every row.
    """

    ids_BT: Tensor
    mask_BT: Tensor | None
    columns: tuple[int, int] | None = None
    is_mixed: bool = False
    is_causal: bool = False
    last_B: Tensor | None = None
    labels: Labels | None = None
    read_R: Tensor | None = None
    thoughts_K: Tensor | None = None
    mixtures: Mixtures | None = None
    reads_last: bool = False

    @property
    def prefix(self) -> int:
        """The number of columns before the first thought; all without thoughts."""
        return self.columns[0] if self.columns else self.ids_BT.shape[1]

    def map(self, change: Callable[[Tensor], Tensor]) -> Layout:
        """Return a layout with each of its tensors replaced.

        Args:
            change: From a tensor to the one in its place.
        """
        made: dict[str, Tensor | Labels | Mixtures] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                made[field.name] = change(value)
            elif isinstance(value, Mixtures):
                made[field.name] = value.map(change)
            elif isinstance(value, Labels):
                made[field.name] = value._replace(
                    targets_N=change(value.targets_N), places_N=change(value.places_N)
                )
        return replace(self, **made)  # type: ignore[arg-type]

    def to(self, device: torch.device) -> Layout:
        """Return the layout on a device, copied while that device works.

        Args:
            device: Where to.
        """
        if device.type != "cuda":
            return self.map(lambda tensor: tensor.to(device))
        return self.map(lambda tensor: tensor.pin_memory().to(device, non_blocking=True))

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

    def predicting(self, states_P: list[Tensor]) -> Tensor:
        """Select the hidden states that predict the labels.

        Args:
            states_P: Hidden states of the passes, the prefix's first, [B, columns, D] each.

        Returns:
            [N, D], row by row.
        """
        assert self.labels is not None
        prefix_BTD, *rest = states_P
        if rest:
            # The label in the first column after the prefix is predicted from the row's last prefix token,
            # which is in another column than the last where padding follows it.
            before = [prefix_BTD[:, :-1]] if self.labels.in_prefix else []
            joined_BTD = torch.cat([*before, self.last_of_prefix(prefix_BTD), *rest], dim=1)
        else:
            joined_BTD = prefix_BTD
        return joined_BTD.flatten(0, 1).index_select(0, self.labels.places_N)


def arrange(batch: Batch, latent: int, moves_padding: bool = True) -> Layout:
    """Find out what a batch looks like.

    Args:
        batch: Ids, mask and labels, on the CPU.
        latent: The token that marks a thought.
        moves_padding: Whether padding may be moved behind the prefix; not in a model with attention windows,
            whose places padding between tokens would take up.

    Returns:
        The layout.
    """
    ids_BT, mask_BT, labels_BT = batch.input_ids, unless_full(batch.attention_mask), batch.labels
    found = thought_columns(ids_BT, latent)
    first = found[0] if found else ids_BT.shape[1]
    is_causal, last_B = moves_padding, None
    if moves_padding and mask_BT is not None:
        ids_BT, mask_BT, labels_BT, last_B = _without_left_padding(ids_BT, mask_BT, labels_BT, first)
        is_causal = last_B is not None
    layout = _bare(ids_BT, mask_BT, latent, is_causal, last_B)
    return replace(layout, labels=_labels(labels_BT, layout), read_R=_read(labels_BT, layout))


def prompt_layout(ids_BT: Tensor, mask_BT: Tensor | None, latent: int, keep: int = 0) -> Layout:
    """Return the layout of prompts without labels, whose padding stays where it is.

    Args:
        ids_BT: Token ids, on the CPU.
        mask_BT: 1 token, 0 padding, cached positions before ``ids_BT`` included; None for no padding.
        latent: The token that marks a thought.
        keep: How many last positions are used besides those before a thought; 0 for all.
    """
    layout = _bare(ids_BT, unless_full(mask_BT), latent, False, None)
    if not keep:
        return layout
    is_read_BT = (ids_BT == latent).roll(-1, dims=1)
    is_read_BT[:, -keep:] = True
    is_read_BR = is_read_BT[:, : layout.prefix]
    reads_last = bool(is_read_BR[:, -1:].all()) and not bool(is_read_BR[:, :-1].any())
    return replace(layout, read_R=_where(is_read_BR), reads_last=reads_last)


def rounded(layout: Layout) -> Layout:
    """Round the numbers of labels and of read positions up, so that few different ones occur.

    The labels added do not count, and the positions added are read in vain. Where the thoughts are, which
    only a halting classifier reads, is left out: their number differs from batch to batch.

    Args:
        layout: The layout of a batch with labels, on the CPU.
    """
    labels, read_R = layout.labels, layout.read_R
    assert labels is not None
    more = round_up(len(labels.targets_N)) - len(labels.targets_N)
    labels = labels._replace(
        targets_N=F.pad(labels.targets_N, (0, more), value=IGNORE), places_N=F.pad(labels.places_N, (0, more))
    )
    if read_R is not None:
        is_free = torch.ones(len(layout.ids_BT) * layout.prefix, dtype=torch.bool)
        is_free[read_R] = False
        free = is_free.nonzero().squeeze(1)[: round_up(len(read_R)) - len(read_R)]
        read_R = torch.cat([read_R, free])
    return replace(layout, labels=labels, read_R=read_R, thoughts_K=None)


def thought_columns(ids_BT: Tensor, latent: int) -> tuple[int, int] | None:
    """Return the first column that holds a thought, and the one after the last; None without thoughts.

    Args:
        ids_BT: Token ids, on the CPU.
        latent: The token that marks a thought.
    """
    columns = (ids_BT == latent).any(0).nonzero().flatten()
    return (int(columns[0]), int(columns[-1]) + 1) if len(columns) else None


def unless_full(mask_BT: Tensor | None) -> Tensor | None:
    """Return the mask, or None if it has no padding: attention can then use the fused kernels.

    Args:
        mask_BT: 1 token, 0 padding, or None.
    """
    return None if mask_BT is None or bool(mask_BT.all()) else mask_BT


def _bare(
    ids_BT: Tensor, mask_BT: Tensor | None, latent: int, is_causal: bool, last_B: Tensor | None
) -> Layout:
    columns, is_thought_BT = thought_columns(ids_BT, latent), ids_BT == latent
    if columns is None:
        return Layout(ids_BT, mask_BT, None, False, is_causal, last_B)
    is_mixed = not bool(is_thought_BT[:, slice(*columns)].all())
    thoughts_K = is_thought_BT[:, columns[0] :].flatten().nonzero().squeeze(1)
    return Layout(ids_BT, mask_BT, columns, is_mixed, is_causal, last_B, thoughts_K=thoughts_K)


def _without_left_padding(
    ids_BT: Tensor, mask_BT: Tensor, labels_BT: Tensor, first: int
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Move the prefix's padding behind its tokens (see the drawing).

    Returns:
        Ids, mask, labels, and the column of each row's last prefix token; the batch unchanged and None if any
        row has padding between tokens of its prefix.
    """
    columns_T = torch.arange(ids_BT.shape[1])
    prefix_BP = mask_BT[:, :first]
    tokens_B = prefix_BP.sum(1)
    skipped_B = (prefix_BP.cumsum(1) == 0).sum(1) % max(first, 1)
    rolled_BP = (columns_T[:first] + skipped_B[:, None]) % max(first, 1)
    source_BT = torch.cat([rolled_BP, columns_T[first:].expand(len(ids_BT), -1)], dim=1)
    ids, mask, labels = (tensor.gather(1, source_BT) for tensor in (ids_BT, mask_BT, labels_BT))
    if not torch.equal(mask[:, :first] != 0, columns_T[:first] < tokens_B[:, None]):
        return ids_BT, mask_BT, labels_BT, None
    return ids, mask, labels, (tokens_B - 1).clamp(min=0)


def _labels(labels_BT: Tensor, layout: Layout) -> Labels:
    """Where the labels are predicted: in the column before, or at the row's last prefix token."""
    first, width = layout.prefix, labels_BT.shape[1]
    in_prefix = layout.columns is not None and bool((labels_BT[:, 1:first] != IGNORE).any())
    # Columns of `Layout.predicting`'s joined states: the prefix's, or its last one only; then all others.
    skipped = first if layout.columns is not None and not in_prefix else 1
    targets_BT = labels_BT[:, skipped:]
    is_target_BT = targets_BT != IGNORE
    stride = width - skipped + 1
    rows_N, columns_N = is_target_BT.nonzero(as_tuple=True)
    return Labels(targets_BT[is_target_BT], rows_N * stride + columns_N, len(rows_N), in_prefix)


def _read(labels_BT: Tensor, layout: Layout) -> Tensor | None:
    """The prefix's positions that predict a label or are the first thought's input."""
    is_read_BT = (labels_BT != IGNORE).roll(-1, dims=1)
    is_read_BT[:, -1] = False
    if layout.columns is not None:
        columns_T = torch.arange(is_read_BT.shape[1])
        last_B1 = layout.prefix - 1 if layout.last_B is None else layout.last_B[:, None]
        is_read_BT |= columns_T == last_B1
    return _where(is_read_BT[:, : layout.prefix])


def _where(is_read_BR: Tensor) -> Tensor | None:
    return None if bool(is_read_BR.all()) else is_read_BR.flatten().nonzero().squeeze(1)
