"""Answers on a GPU: thoughts and tokens as replayed passes over a KV cache of fixed size.

A pass over one new column is hundreds of kernels, each shorter than the time it takes to start it. A CUDA
graph starts them all at once, if every pass works on the same memory: a cache with room for all columns, a
mask that says which of them are filled, and a counter of columns, all of which the pass itself moves on.
Whether all rows have ended is looked at every few tokens only, as looking is waiting.

    cache   q q q q L L a · · · ·      length columns; the mask shows what is filled
    think             ^                input: the hidden state before
    write               ^              input: the most probable token, which is noted

Axes: B rows, L length of the cache, D width, N tokens written, Q columns of a pass.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicLayer

from .decoding import Prompted, most_probable
from .kernels import any_shape
from .modeling import CoconutForCausalLM
from .recurrence import RECURRENCES
from .rows import multiple_of

LOOK_EVERY = 8
"""Tokens written between two looks at whether all rows have ended."""
ROOM = 128
"""Lengths of caches are multiples of it, so that few different ones occur."""


def can_replay(model: CoconutForCausalLM) -> bool:
    """Return whether a model's answers can be computed with a cache of fixed size.

    Args:
        model: The model.
    """
    return model.takes_masks and not RECURRENCES[model.config.recurrence].is_constant


class _FixedLayer(CacheLayerMixin):
    """Keys and values of one layer, written at the columns of the cache's counter."""

    is_sliding = False

    def __init__(self, columns_Q: Callable[[int], Tensor], length: int) -> None:
        super().__init__()
        self.columns_Q, self.length = columns_Q, length

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        self.keys, self.values = (
            states.new_zeros((*states.shape[:2], self.length, states.shape[3]))
            for states in (key_states, value_states)
        )
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        columns_Q = self.columns_Q(key_states.shape[2])
        assert self.keys is not None and self.values is not None
        self.keys.index_copy_(2, columns_Q, key_states)
        self.values.index_copy_(2, columns_Q, value_states)
        return self.keys, self.values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.length, 0

    def get_seq_length(self) -> int:
        return 0

    def get_max_length(self) -> int:
        return self.length

    get_max_cache_shape = get_max_length


class Replayer:
    """Thinks and writes for batches of one size.

    Args:
        model: A model for which `can_replay` holds.
        rows: Rows of a batch, B.
        length: Columns of the cache.
        after: Token ids after the thoughts, read in the last thought's pass.
        uses_graphs: Whether passes are replayed; else they are computed one by one, with the same results.
    """

    def __init__(
        self, model: CoconutForCausalLM, rows: int, length: int, after: list[int], uses_graphs: bool
    ) -> None:
        device = model.device
        self.model, self.rows, self.length, self.uses_graphs = model, rows, length, uses_graphs
        self.after = torch.tensor(after, dtype=torch.long, device=device).expand(rows, -1)
        self.h_BD = torch.zeros(rows, model.config.get_text_config().hidden_size, device=device)
        self.is_filled_BL = torch.zeros(rows, length, dtype=torch.bool, device=device)
        self.column_1, self.written_1 = (torch.zeros(1, dtype=torch.long, device=device) for _ in range(2))
        self.position_B1 = torch.zeros(rows, 1, dtype=torch.long, device=device)
        self.tokens_BN = torch.zeros(rows, length, dtype=torch.long, device=device)
        layers = model.base.config.get_text_config().num_hidden_layers
        self.layers = [_FixedLayer(self._columns, length) for _ in range(layers)]
        self.cache = Cache(layers=list(self.layers))
        self.graphs: dict[str, torch.cuda.CUDAGraph] = {}
        self.passes = {"think": self._think, "think last": self._think_last, "write": self._write}

    def start(self, prompted: Prompted) -> None:
        """Take over prompts that the model has read.

        Args:
            prompted: As many prompts as rows; left as they are.
        """
        columns = prompted.mask_BT.shape[1]
        self.h_BD = self.h_BD.to(prompted.h_BD.dtype)
        self.h_BD.copy_(prompted.h_BD)
        self.is_filled_BL.zero_()
        self.is_filled_BL[:, :columns] = prompted.mask_BT != 0
        self.column_1.fill_(columns)
        self.written_1.zero_()
        self.position_B1.copy_(prompted.mask_BT.sum(1, keepdim=True))
        for layer, read in zip(self.layers, prompted.cache.layers, strict=True):
            assert isinstance(read, DynamicLayer) and read.keys is not None and read.values is not None
            if not layer.is_initialized:
                layer.lazy_initialization(read.keys, read.values)
            assert layer.keys is not None and layer.values is not None
            layer.keys[:, :, :columns], layer.values[:, :, :columns] = read.keys, read.values

    def think(self, count: int) -> None:
        """Think, and read what follows the thoughts.

        Args:
            count: The number of thoughts, at least one.
        """
        for _ in range(count - 1):
            self._run("think")
        self._run("think last")

    def write(self, end: int, most: int) -> list[list[int]]:
        """Continue each row greedily.

        Args:
            end: The end token: a row stops after writing it.
            most: The largest number of tokens.

        Returns:
            The tokens written to each row, at least one, end token included.
        """
        for count in range(1, most + 1):
            self._run("write")
            if count % LOOK_EVERY == 0 and bool((self.tokens_BN[:, :count] == end).any(1).all()):
                break
        found: list[list[int]] = self.tokens_BN[:, :count].tolist()
        return [row[: row.index(end) + 1] if end in row else row for row in found]

    def _run(self, name: str) -> None:
        """Compute a pass; or record it, if this is its first time, and replay it."""
        if not self.uses_graphs:
            self.passes[name]()
            return
        if name not in self.graphs:
            try:
                self.graphs[name] = self._recorded(name)
            except RuntimeError as error:  # recording computes nothing, so nothing has changed
                self.uses_graphs = False
                tqdm.write(f"answers are not replayed (CUDA graphs): {str(error)[:200]}", file=sys.stderr)
                self.passes[name]()
                return
        self.graphs[name].replay()

    def _recorded(self, name: str) -> torch.cuda.CUDAGraph:
        """Record a pass, computed once before: that loads the kernels, which recording cannot."""
        state = [self.h_BD, self.is_filled_BL, self.column_1, self.written_1, self.position_B1]
        kept = [tensor.clone() for tensor in state]
        self.passes[name]()
        for tensor, before in zip(state, kept, strict=True):
            tensor.copy_(before)
        torch.cuda.synchronize()
        graph, kind = torch.cuda.CUDAGraph(), self.h_BD.device.type
        # Weights in lower precision must be made in the graph: autocast's own copies are freed at its end.
        dtype, is_on = torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind)
        with torch.autocast(kind, dtype, enabled=is_on, cache_enabled=False), torch.cuda.graph(graph):
            self.passes[name]()
        return graph

    def _think(self) -> None:
        self._pass(self.model.latent().project(self.h_BD)[:, None])

    def _think_last(self) -> None:
        thought_B1D = self.model.latent().project(self.h_BD)[:, None]
        after_BQD = self.model.get_input_embeddings()(self.after)
        self._pass(torch.cat([thought_B1D, after_BQD.to(thought_B1D.dtype)], dim=1))

    def _write(self) -> None:
        token_B = most_probable(self.model, self.h_BD)
        self.tokens_BN.index_copy_(1, self.written_1, token_B[:, None])
        self.written_1 += 1
        self._pass(self.model.get_input_embeddings()(token_B)[:, None])

    def _pass(self, inputs_BQD: Tensor) -> None:
        """Read the input at the next columns, and move all counters on."""
        count = inputs_BQD.shape[1]
        columns_Q, places_L = self._columns(count), torch.arange(self.length, device=self.h_BD.device)
        self.is_filled_BL.index_fill_(1, columns_Q, True)
        is_seen_BQL = self.is_filled_BL[:, None] & (places_L <= columns_Q[:, None])
        steps_Q = torch.arange(count, device=self.h_BD.device)
        with any_shape(self.h_BD.device):
            output = self.model.base.get_decoder()(
                inputs_embeds=inputs_BQD,
                attention_mask=is_seen_BQL[:, None],
                position_ids=self.position_B1 + steps_Q,
                past_key_values=self.cache,
                use_cache=True,
            )
        self.h_BD.copy_(output.last_hidden_state[:, -1])
        self.column_1 += count
        self.position_B1 += count

    def _columns(self, count: int) -> Tensor:
        """The next columns of the cache."""
        return self.column_1 + torch.arange(count, device=self.column_1.device)


class Replayers:
    """The replayer of the batches that a model is answering.

    Args:
        model: A model for which `can_replay` holds, if anything is asked of it.
    """

    def __init__(self, model: CoconutForCausalLM) -> None:
        self.model = model
        self.made: dict[Hashable, Replayer] = {}

    @torch.inference_mode()
    def write(
        self, prompted: Prompted, thoughts: int, after: list[int], end: int, most: int
    ) -> list[list[int]]:
        """Think, and continue each row greedily.

        Args:
            prompted: Prompts that the model has read up to the first thought.
            thoughts: The number of thoughts.
            after: Token ids after the thoughts, already read where there are none.
            end: The end token: a row stops after writing it.
            most: The largest number of tokens.

        Returns:
            The tokens written to each row, at least one, end token included.

        Raises:
            ValueError: ``most`` is below 1.
        """
        if most < 1:
            raise ValueError(f"max_new_tokens must be at least 1, got {most}")
        rows, columns = prompted.mask_BT.shape
        kind = self.model.device.type
        needed = columns + thoughts + len(after) + most + 1
        length = multiple_of(ROOM, needed)
        key = rows, length, tuple(after), prompted.h_BD.dtype, torch.is_autocast_enabled(kind)
        if key not in self.made:
            self.made = {key: Replayer(self.model, rows, length, after, kind == "cuda")}  # caches are large
        replayer = self.made[key]
        replayer.start(prompted)
        if thoughts:
            replayer.think(thoughts)
        return replayer.write(end, most)
