"""Prefix, thoughts, suffix: the passes over a batch, with one KV cache, every position computed once.

    pass 0     t t t t t            the prefix: everything before the first thought
    pass 1               L          thought 1, whose input is the hidden state at the prefix's end
    pass 2                 L        thought 2, whose input is the hidden state at thought 1
    pass K                   L t t  the last thought together with the suffix

K thoughts cost K + 1 passes (arXiv 2412.06769, section 3), each over its new positions only. So do those of
the published code in training; but it takes the whole input apart and puts it together again after each
thought, and applies the head everywhere (`reference`). `recurrence` has other ways to K thoughts.

Axes: B batch, T tokens, K columns of thoughts, D width, N labeled positions, P passes, L layers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.cache_utils import Cache
from transformers.modeling_layers import GradientCheckpointingLayer

from . import checkpointing
from .cache import training_cache
from .last_layer import read_only_at
from .loss import halting_loss, predicting, read_positions
from .padding import Layout, unless_full, without_left_padding
from .recurrence import RECURRENCES, Latent, Span


class HiddenStates(NamedTuple):
    """``h_BTD`` at every input position, and the number of forward passes that it took."""

    h_BTD: Tensor
    passes: int


class Passes(NamedTuple):
    """Hidden states of passes that together cover a batch, [B, columns, D] each, the prefix's first.

    ``layers_PL`` has for each of them what each layer put out, if it was asked for; ``computed`` counts all
    passes that there were.
    """

    states_P: list[Tensor]
    computed: int
    layers_PL: list[tuple[Tensor, ...]]


class Labeled(NamedTuple):
    """What predicts the labels of a batch, row by row.

    Attributes:
        h_ND: The hidden states.
        targets_N: The labels.
        layers_LND: What each layer put out there, if it was asked for.
        halting_loss: The classifier's, None without one or without thoughts.
    """

    h_ND: Tensor
    targets_N: Tensor
    layers_LND: list[Tensor]
    halting_loss: Tensor | None = None


class PassesMixin:
    """What a Coconut model computes, pass by pass; `modeling` makes a model of transformers of it."""

    config: Any  # a CoconutConfig; transformers declares it as its own base class
    base: PreTrainedModel
    halting_head: nn.Linear | None
    projection: nn.Sequential | None
    slots: nn.Embedding | None
    _checkpointed: list[GradientCheckpointingLayer]

    def labeled(
        self, ids_BT: Tensor, mask_BT: Tensor | None, labels_BT: Tensor, layers: bool = False
    ) -> Labeled:
        """What an objective is made of: the hidden states that predict the labels of a batch.

        Args:
            ids_BT: Tokens, thoughts marked; mask and labels as in `forward`.
            mask_BT: 1 where a token stands, None for everywhere.
            labels_BT: -100 where there is no loss.
            layers: Whether to give what each layer put out too.
        """
        columns = (ids_BT == self.config.latent_token_id).any(0).nonzero().flatten()
        first = int(columns[0]) if len(columns) else None
        layout = without_left_padding(ids_BT, mask_BT, labels_BT, ids_BT.shape[1] if first is None else first)
        passes = self.passes(layout, None, read_positions(layout, first), layers)
        h_ND, targets_N = predicting(passes.states_P, layout)
        layers_LND = [predicting(states_P, layout)[0] for states_P in zip(*passes.layers_PL, strict=True)]
        halting = None
        if self.halting_head is not None and first is not None:
            is_thought_BT = layout.ids_BT == self.config.latent_token_id
            halting = halting_loss(self.halting_head, passes.states_P[1:], is_thought_BT[:, first:])
        return Labeled(h_ND, targets_N, layers_LND, halting)

    def hidden_states(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        cache: Cache | None = None,
        keep: int = 0,
    ) -> HiddenStates:
        """The last hidden state at every position of ``input_ids`` [B, T], thoughts fed back on the way.

        ``cache``, if given, holds the positions before (none, if it is empty), which ``attention_mask``
        covers as well, and all positions' keys and values afterwards. Rows may hold different numbers of
        thoughts; each row's first thought must not stand at its first token. Of the last ``keep`` positions
        only, if that is not 0, which is cheaper.
        """
        layout = Layout(input_ids, unless_full(attention_mask))
        is_read_BT = None
        if keep:
            is_read_BT = (input_ids == self.config.latent_token_id).roll(-1, dims=1)
            is_read_BT[:, -keep:] = True
        passes = self.passes(layout, cache, is_read_BT)
        h_BTD = passes.states_P[0] if len(passes.states_P) == 1 else torch.cat(passes.states_P, dim=1)
        return HiddenStates(h_BTD[:, -keep:], passes.computed)

    def passes(
        self, layout: Layout, cache: Cache | None, is_read_BT: Tensor | None = None, layers: bool = False
    ) -> Passes:
        """All passes over ``layout``; the prefix's states are right where ``is_read_BT`` is set only."""
        is_thought_BT = layout.ids_BT == self.config.latent_token_id
        columns = is_thought_BT.any(0).nonzero().flatten().tolist()
        embeddings_BTD = self.base.get_input_embeddings()(layout.ids_BT)
        start, length = 0 if cache is None else int(cache.get_seq_length()), embeddings_BTD.shape[1]
        prefix_mask_BT = None if layout.is_causal else layout.mask_BT
        record: list[tuple[Tensor, ...]] | None = [] if layers else None
        if not columns:
            h_BTD = self.decode(embeddings_BTD, prefix_mask_BT, cache, start, is_read_BT, record)
            return Passes([h_BTD], 1, record or [])
        first, end = columns[0], columns[-1] + 1
        if first == 0:
            raise ValueError("a continuous thought needs a position before it, got <latent> at position 0")
        if cache is None:
            cache = training_cache(self.base.config, length + self.config.sweeps * (end - first))
        # Split at once, not sliced again and again: the gradient of each slice would be a whole tensor.
        prefix_BTD, *words, after_BTD = embeddings_BTD.split(
            [first, *[1] * (end - first), length - end], dim=1
        )
        h_BTD = self.decode(prefix_BTD, prefix_mask_BT, cache, start, is_read_BT, record)
        span = Span(
            end - first, start + first, layout.mask_BT, after_BTD if length > end else None,
            is_thought_BT[:, first:end], words,
        )  # fmt: skip
        think = RECURRENCES[self.config.recurrence].think
        thoughts = think(self.latent(record), layout.last_of_prefix(h_BTD)[:, 0], span, cache, None)
        found = record or []
        return Passes(
            [h_BTD, *thoughts.passes], 1 + thoughts.computed, [*found[:1], *found[-len(thoughts.passes) :]]
        )

    def latent(self, record: list[tuple[Tensor, ...]] | None = None) -> Latent:
        """What a recurrence works with; ``record`` is given what each layer puts out, pass by pass."""

        def decode(inputs_BTD: Tensor, mask_BT: Tensor | None, cache: Cache | None, start: int) -> Tensor:
            return self.decode(inputs_BTD, mask_BT, cache, start, None, record)

        project = nn.Identity() if self.projection is None else self.projection
        return Latent(decode, project, None if self.slots is None else self.slots.weight, self.config.sweeps)

    def decode(
        self,
        inputs_BTD: Tensor,
        mask_BT: Tensor | None,
        cache: Cache | None,
        start: int,
        is_read_BT: Tensor | None = None,
        record: list[tuple[Tensor, ...]] | None = None,
    ) -> Tensor:
        """One pass of the base model.

        Args:
            inputs_BTD: What stands at the positions ``start``…
            mask_BT: 1 token, 0 padding, from position 0 on; may be longer than what has been computed so far.
                None where no row has padding.
            cache: Holds the positions before, and these afterwards.
            start: The first position.
            is_read_BT: Where the hidden states are read, may be longer too; None for everywhere.
            record: Is given what each layer puts out, a tuple of [B, T, D].

        Returns:
            The hidden states after the final norm, [B, T, D], right where they are read.
        """
        stop = start + inputs_BTD.shape[1]
        if mask_BT is None:
            positions_BT = torch.arange(start, stop, device=inputs_BTD.device)[None]
        else:
            positions_BT = (mask_BT.cumsum(1) - 1).clamp(min=0)[:, start:stop]
            mask_BT = mask_BT[:, :stop]
        if is_read_BT is not None:
            checkpointed = bool(self._checkpointed) and torch.is_grad_enabled()
            is_read_BT = None if checkpointed else is_read_BT[:, : inputs_BTD.shape[1]]
        with read_only_at(self.base, is_read_BT):
            output = self.base.get_decoder()(
                inputs_embeds=inputs_BTD,
                attention_mask=mask_BT,
                position_ids=positions_BT,
                past_key_values=cache,
                use_cache=cache is not None and not checkpointing.applies(self._checkpointed, cache),
                output_hidden_states=record is not None,
            )
        if record is not None:  # the last one is that of the final norm, whatever the architecture says
            record.append((*output.hidden_states[1:-1], output.last_hidden_state))
        return output.last_hidden_state
