"""How K thoughts are computed from a prefix: the table of recurrences.

    sequential   arXiv 2412.06769: one pass per thought. Its input is the previous position's hidden state.
    projected    arXiv 2502.21074: the same through a projection (Linear, GELU, Linear, LayerNorm).
    jacobi       arXiv 2506.18582: K slots in one pass, T + 1 passes. Their first inputs are learned vectors;
                 then, T times, slot k's input becomes the projected hidden state of slot k − 1 in the
                 previous pass (of the prefix's end for slot 1).
    mixture      arXiv 2505.23648: sequential, but the input is a mixture of the embeddings of all tokens, as
                 probable as the previous position predicts them.
    bottleneck   sequential, but what follows the thoughts attends to them alone. It has a pass of its own.

    bottleneck, K = 2           q q q q L L     the last thought still reads the question
                                - - - - L L a a     the columns after it do not

    jacobi, K = 3, T = 2       slots        inputs of the slots (L: equal to the sequential thought)
        pass 0                 s s s        learned vectors
        pass 1                 L s s        from pass 0, slot 1 from the prefix's end
        pass 2                 L L s a a    from pass 1; the columns after the thoughts join the last pass

After T updates the first T slots equal sequential thoughts: T ≥ K is ``projected``, T = 0 is pause tokens.

A pass must not overwrite keys and values that an earlier pass has saved for its backward. So with gradients
each pass over the slots has its own columns, and the mask hides those of earlier passes; without gradients
the cache is cropped and written again.

Axes: B batch, T tokens, K thoughts, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from transformers import DynamicCache
from transformers.cache_utils import Cache

from ..generators.plugins import table
from .cache import PassCache, hide

Replace = Callable[[int, Tensor], Tensor]
"""(k from 0, input vector of thought k [B, D]) → the vector to use in its place [B, D]."""


class Decode(Protocol):
    """One pass of the base model; see `passes.PassesMixin.decode`."""

    def __call__(
        self, inputs_BTD: Tensor, mask_BT: Tensor | None, cache: Cache | None, start: int, /
    ) -> Tensor: ...


class Latent(NamedTuple):
    """The parts of a model that a recurrence uses.

    Attributes:
        decode: Runs one pass.
        project: From a hidden state to a thought's input, [B, D] → [B, D].
        slots_KD: Learned first inputs of the slots, None for a model without slots.
        sweeps: T, the number of updates of the slots.
    """

    decode: Decode
    project: Callable[[Tensor], Tensor]
    slots_KD: Tensor | None = None
    sweeps: int = 0


class Span(NamedTuple):
    """The columns from the first thought on.

    Attributes:
        thoughts: K, the number of columns up to the last thought of any row.
        start: The first thought's column.
        mask_BT: 1 token, 0 padding, over all columns from 0 on; None for no padding.
        after_BTD: Embeddings of the columns after the last thought, computed in its pass; None for none.
        is_thought_BK: Which rows have a thought in each column; None for all.
        words_KB1D: Token embeddings used where a row has no thought; needed with ``is_thought_BK``.
    """

    thoughts: int
    start: int
    mask_BT: Tensor | None
    after_BTD: Tensor | None = None
    is_thought_BK: Tensor | None = None
    words_KB1D: Sequence[Tensor] = ()


class Thoughts(NamedTuple):
    """The result of a recurrence.

    Attributes:
        passes: Last hidden states of the final passes, [B, columns, D]; together all columns of the span.
        fed_KBD: Input vectors of the thoughts, K tensors of [B, D].
        computed: The number of passes computed, those that a later pass replaces included.
    """

    passes: list[Tensor]
    fed_KBD: list[Tensor]
    computed: int


def sequential(latent: Latent, h_BD: Tensor, span: Span, cache: Cache, replace: Replace | None) -> Thoughts:
    """Compute one thought after another.

    Args:
        latent: The parts of the model.
        h_BD: The hidden state before the first thought.
        span: The columns to compute, at least one thought.
        cache: Keys and values of the columns before; extended.
        replace: Changes the input vector of each thought, None for no change.
    """
    return _one_by_one(latent, h_BD, span, cache, replace)[0]


def jacobi(latent: Latent, h_BD: Tensor, span: Span, cache: Cache, replace: Replace | None) -> Thoughts:
    """Compute all thoughts together, T + 1 times.

    Args:
        latent: The parts of the model, slots included.
        h_BD: The hidden state before the first thought.
        span: The columns to compute, at least one thought, the same number in every row.
        cache: Keys and values of the columns before; extended.
        replace: Changes the input vector of each thought in each pass, None for no change.

    Raises:
        ValueError: Rows differ in their number of thoughts, or have more than the model has slots.
    """
    slots_KD, count, start = latent.slots_KD, span.thoughts, span.start
    if span.is_thought_BK is not None:  # given where rows differ
        raise ValueError("thoughts updated together must be equally many in every row")
    if slots_KD is None or len(slots_KD) < count:
        slots = 0 if slots_KD is None else len(slots_KD)
        raise ValueError(f"thoughts must be in 0..{slots} (the model's slots), got {count}")
    fed = [_replaced(k, slot_D.expand_as(h_BD), replace) for k, slot_D in enumerate(slots_KD[:count])]
    mask_BT = span.mask_BT
    for sweep in range(latent.sweeps + 1):
        step_BTD = torch.stack(fed, dim=1)
        if sweep == latent.sweeps and span.after_BTD is not None:
            step_BTD = torch.cat([step_BTD, span.after_BTD], dim=1)
        if isinstance(cache, PassCache):
            cache = cache.following(start)
        states_BTD = latent.decode(step_BTD, mask_BT, cache, start)
        if sweep < latent.sweeps:
            before = [h_BD, *states_BTD[:, : count - 1].unbind(1)]
            fed = [_input(latent, k, state_BD, replace) for k, state_BD in enumerate(before)]
            mask_BT, start = _beside(span, cache, mask_BT, start, h_BD)
    return Thoughts([states_BTD], fed, latent.sweeps + 1)


def bottleneck(latent: Latent, h_BD: Tensor, span: Span, cache: Cache, replace: Replace | None) -> Thoughts:
    """Compute one thought after another, then hide the columns before the first from all later ones.

    Args:
        latent: The parts of the model.
        h_BD: The hidden state before the first thought.
        span: The columns to compute, at least one thought, the same number in every row (training and
            evaluation give each row the stage's number).
        cache: Keys and values of the columns before; extended.
        replace: Changes the input vector of each thought, None for no change.
    """
    alone = span._replace(after_BTD=None)
    (passes, fed, _), cache = _one_by_one(latent, h_BD, alone, cache, replace)
    end = span.start + span.thoughts
    if isinstance(cache, PassCache):
        cache = cache.following(end)
    hide(cache, span.start)
    if span.after_BTD is not None:
        passes.append(latent.decode(span.after_BTD, span.mask_BT, cache, end))
    return Thoughts(passes, fed, len(passes))


def _one_by_one(
    latent: Latent, h_BD: Tensor, span: Span, cache: Cache, replace: Replace | None
) -> tuple[Thoughts, Cache]:
    """As `sequential`, with the cache of the last pass."""
    passes: list[Tensor] = []
    fed: list[Tensor] = []
    for k in range(span.thoughts):
        fed.append(_input(latent, k, h_BD, replace))
        thought_B1D = _column(span, k, fed[-1])
        if k == span.thoughts - 1 and span.after_BTD is not None:
            thought_B1D = torch.cat([thought_B1D, span.after_BTD], dim=1)
        if isinstance(cache, PassCache):
            cache = cache.following(span.start + k)
        passes.append(latent.decode(thought_B1D, span.mask_BT, cache, span.start + k))
        h_BD = passes[-1][:, -1]
    return Thoughts(passes, fed, len(passes)), cache


def _column(span: Span, k: int, vector_BD: Tensor) -> Tensor:
    """What is fed in column k, [B, 1, D]: thought k, or a row's own token where it has no thought there."""
    if span.is_thought_BK is None:
        return vector_BD[:, None]
    return torch.where(span.is_thought_BK[:, k, None, None], vector_BD[:, None], span.words_KB1D[k])


def _beside(
    span: Span, cache: Cache, mask_BT: Tensor | None, start: int, h_BD: Tensor
) -> tuple[Tensor | None, int]:
    """The mask and first column of the next pass over the same slots (see the top of this file)."""
    if isinstance(cache, DynamicCache):
        if torch.is_grad_enabled():
            raise ValueError("thoughts updated together need the model's own cache where there are gradients")
        cache.crop(start - cache.get_seq_length())  # a negative number: remove that many columns
        return mask_BT, start
    rows, count = len(h_BD), span.thoughts
    if mask_BT is None:
        after = 0 if span.after_BTD is None else span.after_BTD.shape[1]
        mask_BT = torch.ones((rows, start + count + after), dtype=torch.long, device=h_BD.device)
    hidden_BK = mask_BT.new_zeros(rows, count)
    return torch.cat([mask_BT[:, :start], hidden_BK, mask_BT[:, start:]], dim=1), start + count


def _input(latent: Latent, k: int, h_BD: Tensor, replace: Replace | None) -> Tensor:
    """The input vector of thought k, from the previous position's hidden state."""
    return _replaced(k, latent.project(h_BD), replace)


def _replaced(k: int, vector_BD: Tensor, replace: Replace | None) -> Tensor:
    return vector_BD if replace is None else replace(k, vector_BD)


def projection(width: int) -> nn.Sequential:
    """Return what makes a thought's input of a hidden state (arXiv 2502.21074, section 3).

    Args:
        width: The model's, and that of the hidden layer.
    """
    return nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width), nn.LayerNorm(width))


class Recurrence(NamedTuple):
    """A row of the table: how thoughts are computed, and which parts the model needs for it."""

    think: Callable[[Latent, Tensor, Span, Cache, Replace | None], Thoughts]
    has_projection: bool = False
    has_slots: bool = False
    hides_prefix: bool = False
    mixes_embeddings: bool = False

    @property
    def is_constant(self) -> bool:
        """Whether every row must have as many thoughts, so that no classifier can end them."""
        return self.has_slots or self.hides_prefix


RECURRENCES: Mapping[str, Recurrence] = table(
    "RECURRENCES",
    {
        "sequential": Recurrence(sequential),
        "projected": Recurrence(sequential, has_projection=True),
        "jacobi": Recurrence(jacobi, has_projection=True, has_slots=True),
        "bottleneck": Recurrence(bottleneck, hides_prefix=True),
        "mixture": Recurrence(sequential, mixes_embeddings=True),
    },
    Recurrence,
)
