"""Keys and values that are written into place: those of a training step, with gradients, and of decoding.

A cache of transformers copies everything it holds whenever something is added. In training the length is
known before the first pass, so each pass writes its columns into place and attends to those up to its end:

    pass 0   k k k k k · · · ·        [B, H, length, d], one such buffer for keys and one for values
    pass 1   k k k k k k · · ·
    pass 2   k k k k k k k k k

A pass has a cache object of its own, so computing it a second time (gradient checkpointing) writes the same
columns again instead of adding others. `growing_cache` is for decoding, where the length is not known.

Axes: B batch, H heads, T tokens, d width of a head.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicLayer


class _Append(torch.autograd.Function):
    """``past`` and ``new`` side by side, which is where the buffer already holds ``past``."""

    @staticmethod
    def forward(ctx: Any, past: Tensor | None, new: Tensor, buffer: Tensor, start: int) -> Tensor:
        ctx.start = start
        stop = start + new.shape[2]
        # Other passes have saved columns of this buffer for their backward, which this does not change: .data
        # keeps autograd from taking it for a change of what they saved.
        columns = buffer.data[:, :, :stop]
        columns[:, :, start:] = new
        return columns

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Any) -> Any:
        start = ctx.start  # type: ignore[attr-defined]
        [grad] = grads
        return (grad[:, :, :start] if start else None), grad[:, :, start:], None, None


class _PassLayer(CacheLayerMixin):
    """One layer's keys and values in one pass. ``before`` is the same layer in the pass before."""

    is_sliding = False

    def __init__(self, length: int, start: int, before: _PassLayer | None) -> None:
        super().__init__()
        self.length, self.start, self.before = length, start, before
        self.buffers: tuple[Tensor, Tensor] | None = before.buffers if before else None

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Room for all columns, in the type that the first keys have (bf16 under autocast)."""

        def room(states: Tensor) -> Tensor:
            return states.new_empty((*states.shape[:2], self.length, states.shape[3]))

        self.buffers = room(key_states), room(value_states)

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
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

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.start + query_length, 0

    def get_seq_length(self) -> int:
        """How many columns the passes before this one have filled."""
        return self.start

    def get_max_length(self) -> int:
        return self.length

    get_max_cache_shape = get_max_length  # its name in transformers 5.0


class PassCache(Cache):
    """The cache of one pass over the columns from ``start`` on, of ``length`` in all passes together.

    Made for full attention (`fits`). Every pass but the first follows another: ``cache.following(stop)``.
    """

    def __init__(self, layers: int, length: int, start: int = 0, before: PassCache | None = None) -> None:
        earlier: Any = before.layers if before else [None] * layers
        super().__init__(layers=[_PassLayer(length, start, layer) for layer in earlier])
        self.length = length

    def following(self, start: int) -> PassCache:
        """The cache of the next pass, which begins at column ``start``."""
        return PassCache(len(self.layers), self.length, start, self)

    @staticmethod
    def fits(config: PreTrainedConfig) -> bool:
        """Whether every layer of the model attends to all columns, none to a window or a state of its own."""
        return all(type(layer) is DynamicLayer for layer in DynamicCache(config=config).layers)


def training_cache(config: PreTrainedConfig, length: int) -> Cache:
    """The cache for a training step over ``length`` columns of a model with the configuration ``config``."""
    config = config.get_text_config()
    if not PassCache.fits(config):
        return DynamicCache(config=config)
    return PassCache(config.num_hidden_layers, length)


MORE_ROOM = 32
"""Columns that a growing cache has room for beyond what it holds, at the least."""


class _RoomyLayer(DynamicLayer):
    """A layer of a growing cache with room for what is to come, so that a token is written, not a copy made.

    Without gradients only; where there are some, it does what its base does.
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
        # Tensors made in inference mode cannot be written to outside it.
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
    """A `DynamicCache` for decoding, of a model with the configuration ``config``, that is not copied for
    every token.
    """
    cache = DynamicCache(config=config)
    cache.layers = [_RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache
