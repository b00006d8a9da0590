"""Attention of the passes after the prefix, whose gradient reaches the prefix once and not once a thought.

Each thought attends to the whole prefix. Backward through that attention gives a gradient of the prefix's
keys and values, as large as the prefix, which autograd would compute for every thought and add up. But
nothing needs the sum before the last of them is known. So each pass keeps what the gradient follows from,
which has one row for each of its few positions, and the prefix computes its gradient from all of them:

    pass K … pass 1     queries q, probabilities p, gradients ds of the scores and do of the output: few rows
    prefix              gradient of keys = dsᵀ q, of values = pᵀ do, over the rows of all passes

Gradients of the thoughts' own keys and values are needed as soon as the pass before them goes backward; their
few columns are added up as passes do. A link, a tensor without meaning that goes from pass to pass, makes
autograd go backward through them in order, and through the prefix last.

Used on GPUs (`passes.PassesMixin.is_deferred`), where it saves most; the sums are rounded in another order
than autograd's.

Axes: B batch, H heads of keys, Q rows (queries of all heads that share keys), T columns, d width of a head.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

NAME = "coconut_deferred"


class Kept(NamedTuple):
    """What a pass keeps for the gradient of the prefix."""

    q_BHQd: Tensor
    p_BHQT: Tensor
    ds_BHQT: Tensor
    do_BHQd: Tensor


class Columns:
    """Keys and values of one layer in all passes of a step, and what their gradients follow from.

    Args:
        prefix: The number of columns of the prefix.
        length: The number of all columns.
    """

    def __init__(self, prefix: int, length: int) -> None:
        self.prefix, self.length = prefix, length
        self.keys_BHTd: Tensor | None = None
        self.values_BHTd: Tensor | None = None
        self.link: Tensor | None = None
        self.kept: list[Kept] = []
        self.later: tuple[Tensor, Tensor] | None = None  # gradients of the columns after the prefix

    def write(self, keys_BHTd: Tensor, values_BHTd: Tensor, start: int) -> None:
        """Write the columns of a pass.

        Args:
            keys_BHTd: Its keys.
            values_BHTd: Its values.
            start: The first column.
        """
        if self.keys_BHTd is None or self.values_BHTd is None:
            shape = (*keys_BHTd.shape[:2], self.length, keys_BHTd.shape[3])
            self.keys_BHTd, self.values_BHTd = keys_BHTd.new_empty(shape), values_BHTd.new_empty(shape)
        stop = start + keys_BHTd.shape[2]
        self.keys_BHTd[:, :, start:stop], self.values_BHTd[:, :, start:stop] = keys_BHTd, values_BHTd

    def add(self, kept: Kept) -> tuple[Tensor, Tensor]:
        """Add what a pass gives to the columns after the prefix, and keep the rest for the prefix.

        Args:
            kept: Of the pass.

        Returns:
            The gradients of the columns after the prefix so far, those after the pass included.
        """
        first, stop = self.prefix, kept.p_BHQT.shape[-1]
        if self.later is None:
            shape = (*kept.q_BHQd.shape[:2], self.length - first, kept.q_BHQd.shape[-1])
            zeros = kept.q_BHQd.new_zeros(shape, dtype=torch.float32)
            self.later = zeros, torch.zeros_like(zeros)
        for total, weights, rows in (
            (self.later[0], kept.ds_BHQT, kept.q_BHQd),
            (self.later[1], kept.p_BHQT, kept.do_BHQd),
        ):
            total[:, :, : stop - first] += weights[..., first:].transpose(-1, -2) @ rows
        self.kept.append(kept._replace(p_BHQT=kept.p_BHQT[..., :first], ds_BHQT=kept.ds_BHQT[..., :first]))
        return self.later

    def gradients(self) -> tuple[Tensor, Tensor] | None:
        """The gradients of the prefix's keys and values from all passes after it; None if there are none.

        Nothing is left afterwards: the link would keep the whole graph alive in a circle.
        """
        kept, self.kept, self.later, self.link = self.kept, [], None, None
        if not kept:
            return None
        q, p, ds, do = (torch.cat(list(parts), dim=2) for parts in zip(*kept, strict=True))
        return ds.transpose(-1, -2) @ q, p.transpose(-1, -2) @ do


class _Prefix(torch.autograd.Function):
    """Keys and values of the prefix as they are; backward adds what all later passes give."""

    @staticmethod
    def forward(
        ctx: Any, keys_BHTd: Tensor, values_BHTd: Tensor, columns: Columns
    ) -> tuple[Tensor, Tensor, Tensor]:
        ctx.columns = columns
        columns.write(keys_BHTd, values_BHTd, 0)
        return keys_BHTd.view_as(keys_BHTd), values_BHTd.view_as(values_BHTd), keys_BHTd.new_zeros(1)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        keys, values, _ = grads
        found = ctx.columns.gradients()
        if found is not None:
            keys, values = keys + found[0], values + found[1]
        return keys, values, None


class _Later(torch.autograd.Function):
    """Attention of a pass after the prefix to all columns up to its own."""

    @staticmethod
    def forward(
        ctx: Any, q_BHQd: Tensor, keys_BHTd: Tensor, values_BHTd: Tensor, link: Tensor,
        columns: Columns, start: int, is_seen: Tensor | None, scale: float, dropout: float,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        columns.write(keys_BHTd, values_BHTd, start)
        stop = start + keys_BHTd.shape[2]
        assert columns.keys_BHTd is not None and columns.values_BHTd is not None
        every_key, every_value = columns.keys_BHTd[:, :, :stop], columns.values_BHTd[:, :, :stop]
        scores = (q_BHQd @ every_key.transpose(-1, -2)).float() * scale
        if is_seen is not None:
            scores = scores.masked_fill(~is_seen, torch.finfo(scores.dtype).min)
        p = scores.softmax(-1).to(q_BHQd.dtype)
        kept = torch.rand_like(p).ge_(dropout).div_(1 - dropout) if dropout else None
        ctx.columns, ctx.start, ctx.stop, ctx.scale = columns, start, stop, scale
        ctx.save_for_backward(q_BHQd, p, kept)
        return (p if kept is None else p * kept) @ every_value, link.view_as(link)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        do, (q, p, kept), columns = grads[0], ctx.saved_tensors, ctx.columns
        dp = do @ columns.values_BHTd[:, :, : ctx.stop].transpose(-1, -2)
        dropped = p
        if kept is not None:
            dp, dropped = dp * kept, p * kept
        exact = p.float()
        ds = exact * dp
        ds = ((ds - exact * ds.sum(-1, keepdim=True)) * ctx.scale).to(q.dtype)
        dq = ds @ columns.keys_BHTd[:, :, : ctx.stop]
        own = slice(ctx.start - columns.prefix, ctx.stop - columns.prefix)
        keys, values = (total[:, :, own].to(q.dtype) for total in columns.add(Kept(q, dropped, ds, do)))
        return dq, keys, values, None, None, None, None, None, None


class Pending(NamedTuple):
    """A mark on the new keys of a pass that the cache hands to `attend`: where they belong."""

    columns: Columns
    start: int


def prefix(columns: Columns, keys_BHTd: Tensor, values_BHTd: Tensor) -> tuple[Tensor, Tensor]:
    """Return the prefix's keys and values, to attend to as usual.

    Args:
        columns: Those of the layer.
        keys_BHTd: The prefix's keys.
        values_BHTd: The prefix's values.
    """
    keys, values, columns.link = _Prefix.apply(keys_BHTd, values_BHTd, columns)
    return keys, values


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention as transformers calls it; that of a pass after the prefix is `_Later`."""
    pending: Pending | None = getattr(key, "pending", None)
    if pending is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
    rows, heads, queries, width = query.shape
    groups = heads // key.shape[1]
    is_seen = attention_mask
    if is_seen is None and queries > 1:
        stop = pending.start + queries
        columns_T = torch.arange(stop, device=query.device)
        is_seen = (columns_T <= columns_T[pending.start :, None])[None, None]
    if is_seen is not None and groups > 1:
        is_seen = is_seen.repeat(1, 1, groups, 1)
    scale = width**-0.5 if scaling is None else scaling
    q_BHQd = query.reshape(rows, key.shape[1], groups * queries, width)
    out, pending.columns.link = _Later.apply(
        q_BHQd, key, value, pending.columns.link, pending.columns, pending.start, is_seen, scale, dropout
    )
    return out.reshape(rows, heads, queries, width).transpose(1, 2), None


# Its masks are those that a pass is given; to make one of its own, transformers would look at values, or
# under a CUDA graph, where it cannot, hand every prefix a mask that rules out the fastest kernel.
AttentionInterface.register(NAME, attend)
