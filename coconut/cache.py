"""KV caches written in place: one for a training step, with gradients, and one for decoding.

A cache of transformers copies everything it holds whenever something is added. In training the length is
known before the first pass, so each pass writes its own columns and attends to all columns up to its last:

    pass 0   k k k k k · · · ·        [B, H, length, d], one buffer for keys and one for values
    pass 1   k k k k k k · · ·
    pass 2   k k k k k k k k k

Each pass has its own cache object, so recomputing a pass (gradient checkpointing) overwrites the same columns
instead of appending new ones. `growing_cache` is for decoding, where the length is not known in advance.

Axes: B batch, H heads, T tokens, d width of a head.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicLayer

from .deferred import Columns, Pending, prefix


class _Append(torch.autograd.Function):
    """Concatenate ``past`` and ``new`` without a copy: the buffer already holds ``past``."""

    @staticmethod
    def forward(ctx: Any, past: Tensor | None, new: Tensor, buffer: Tensor, start: int) -> Tensor:
        ctx.start = start
        stop = start + new.shape[2]
        # Earlier passes have saved columns of this buffer for their backward. This write leaves those columns
        # alone, and .data keeps autograd's version counter from reporting it as a change of saved tensors.
        columns = buffer.data[:, :, :stop]
        columns[:, :, start:] = new
        return columns

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Any) -> Any:
        start = ctx.start  # type: ignore[attr-defined]
        [grad] = grads
        return (grad[:, :, :start] if start else None), grad[:, :, start:], None, None


class _PassLayer(CacheLayerMixin):
    """Keys and values of one layer in one pass. ``before`` is the same layer in the previous pass."""

    is_sliding = False

    def __init__(self, length: int, start: int, before: _PassLayer | None, is_deferred: bool) -> None:
        super().__init__()
        self.length, self.start, self.before = length, start, before
        self.columns: Columns | None = before.columns if before else None
        self.is_deferred = is_deferred
        self.buffers: tuple[Tensor, Tensor] | None = before.buffers if before else None

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Allocate all columns, in the dtype of the first keys and values (bf16 under autocast)."""

        def room(states: Tensor) -> Tensor:
            return states.new_empty((*states.shape[:2], self.length, states.shape[3]))

        self.buffers = room(key_states), room(value_states)

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        if self.is_deferred:
            return self._update_deferred(key_states, value_states)
        if self.buffers is None:
            self.lazy_initialization(key_states, value_states)
        assert self.buffers is not None
        past = (self.before.keys, self.before.values) if self.before else (None, None)
        keys, values = (
            _Append.apply(old, new, buffer, self.start)
            for old, new, buffer in zip(past, (key_states, value_states), self.buffers, strict=True)
        )
        self.keys, self.values = keys, values
        return keys, values

    def _update_deferred(self, key_states: Tensor, value_states: Tensor) -> tuple[Tensor, Tensor]:
        """Hand the new keys and values on, to be written where they are attended to (`deferred.attend`)."""
        if self.columns is None:
            self.columns = Columns(key_states.shape[2], self.length)
            return prefix(self.columns, key_states, value_states)
        key_states = key_states.view_as(key_states)  # a tensor of our own to write on
        key_states.pending = Pending(self.columns, self.start)  # type: ignore[attr-defined]
        return key_states, value_states

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.start + query_length, 0

    def get_seq_length(self) -> int:
        """Return the number of columns filled by earlier passes."""
        return self.start

    def get_max_length(self) -> int:
        return self.length

    get_max_cache_shape = get_max_length  # its name in transformers 5.0


class PassCache(Cache):
    """The cache of one pass; for full attention only (`fits`).

    Args:
        layers: The number of layers.
        length: Columns of all passes together.
        start: The first column of this pass.
        before: The previous pass, None for the first; see `following`.
        is_deferred: Whether the first pass gets its gradient from all others at once; see `deferred`.
    """

    def __init__(
        self,
        layers: int,
        length: int,
        start: int = 0,
        before: PassCache | None = None,
        is_deferred: bool = False,
    ) -> None:
        earlier: Any = before.layers if before else [None] * layers
        super().__init__(layers=[_PassLayer(length, start, layer, is_deferred) for layer in earlier])
        self.length, self.is_deferred = length, is_deferred

    def following(self, start: int) -> PassCache:
        """Return the cache of the next pass.

        Args:
            start: Its first column.
        """
        return PassCache(len(self.layers), self.length, start, self, self.is_deferred)

    @staticmethod
    def fits(config: PreTrainedConfig) -> bool:
        """Return whether every layer has full attention: none with a sliding window or a recurrent state.

        Args:
            config: The base model's configuration.
        """
        return all(type(layer) is DynamicLayer for layer in DynamicCache(config=config).layers)


def training_cache(config: PreTrainedConfig, length: int, is_deferred: bool = False) -> Cache:
    """Return a cache for one training step.

    Args:
        config: The base model's configuration.
        length: Columns of all passes together.
        is_deferred: As in `PassCache`.

    Returns:
        A `PassCache`, or a `DynamicCache` for a model that it does not fit.
    """
    config = config.get_text_config()
    if not PassCache.fits(config):
        return DynamicCache(config=config)
    return PassCache(config.num_hidden_layers, length, is_deferred=is_deferred)


def hide(cache: Cache, columns: int) -> None:
    """Hide the first columns of a cache from what is computed over it from now on; positions stay.

    Args:
        cache: Keys and values; a fork made before (`decoding.fork`) hides nothing.
        columns: Their number.
    """
    setattr(cache, _HIDDEN, columns)


def hidden_columns(cache: Cache | None) -> int:
    """Return how many columns `hide` hid.

    Args:
        cache: Keys and values, or None.
    """
    return int(getattr(cache, _HIDDEN, 0))


_HIDDEN = "coconut_hidden_columns"
MORE_ROOM = 32
"""Spare columns allocated by a growing cache, at least."""


class _RoomyLayer(DynamicLayer):
    """A layer of a growing cache: spare columns are allocated, so that a new token needs no copy of the rest.

    Only while gradients are off; while they are on, it behaves like its base class.
    """

    room: tuple[Tensor, Tensor] | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        if torch.is_grad_enabled():
            self.room = None
            return super().update(key_states, value_states, *args, **kwargs)
        start = self.get_seq_length()
        stop = start + key_states.shape[2]
        # A tensor made in inference mode cannot be written to outside of it.
        closed = (
            self.room is not None and self.room[0].is_inference() and not torch.is_inference_mode_enabled()
        )
        if self.room is None or closed or self.room[0].shape[2] < stop:
            self._make_room(key_states, value_states, start, stop + max(MORE_ROOM, start // 2))
        assert self.room is not None
        for room, states in zip(self.room, (key_states, value_states), strict=True):
            room[:, :, start:stop] = states
        self.keys, self.values = (room[:, :, :stop] for room in self.room)
        return self.keys, self.values

    def _make_room(self, key_states: Tensor, value_states: Tensor, held: int, length: int) -> None:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        keys, values = (
            states.new_empty((*states.shape[:2], length, states.shape[3]))
            for states in (key_states, value_states)
        )
        if held and self.keys is not None and self.values is not None:
            keys[:, :, :held], values[:, :, :held] = self.keys, self.values
        self.room = keys, values

    def reset(self) -> None:
        self.room = None
        super().reset()

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        self.room = None
        super().reorder_cache(beam_idx)

    def batch_repeat_interleave(self, repeats: int) -> None:
        self.room = None
        super().batch_repeat_interleave(repeats)

    def batch_select_indices(self, indices: Tensor) -> None:
        self.room = None
        super().batch_select_indices(indices)


def growing_cache(config: PreTrainedConfig) -> DynamicCache:
    """Return a `DynamicCache` for decoding that is not copied for every token.

    Args:
        config: The base model's configuration.
    """
    cache = DynamicCache(config=config)
    cache.layers = [_RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache
