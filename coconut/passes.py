"""Prefix, thoughts, suffix: the passes over a batch, with one KV cache, every position computed once.

    pass 0     t t t t t            the prefix: everything before the first thought
    pass 1               L          thought 1, whose input is the hidden state at the prefix's end
    pass 2                 L        thought 2, whose input is the hidden state at thought 1
    pass K                   L t t  the last thought together with the suffix

K thoughts cost K + 1 passes (arXiv 2412.06769, section 3), each over its new positions only. The published
code does the same in training, but rebuilds the whole input after each thought and applies the LM head at
every position (`reference`). `recurrence` has other ways to compute K thoughts.

Axes: B batch, T tokens, K columns of thoughts, D width, N labeled positions, P passes, L layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import Cache

from . import checkpointing, deferred, last_layer, launch
from .cache import PassCache, hidden_columns, training_cache
from .kernels import any_shape, attending, visible
from .last_layer import POSITIONWISE, read_only_at
from .layout import Layout, prompt_layout
from .loss import halting_loss
from .mixtures import mixed
from .recurrence import RECURRENCES, Latent, Span


class HiddenStates(NamedTuple):
    """The last hidden state at input positions, and the number of forward passes that it took."""

    h_BTD: Tensor
    passes: int


class Passes(NamedTuple):
    """Passes that together cover the columns of a batch, the prefix's first.

    Attributes:
        states_P: The last hidden states of each pass, [B, columns, D].
        computed: The number of passes computed, including those not in ``states_P`` (`recurrence.jacobi`).
        layers_PL: The output of every layer in each pass; empty unless requested.
    """

    states_P: list[Tensor]
    computed: int
    layers_PL: list[tuple[Tensor, ...]]


class Labeled(NamedTuple):
    """The positions of a batch that predict its N labels, row by row.

    Attributes:
        h_ND: The last hidden states.
        targets_N: The labels.
        layers_LND: The output of every layer; empty unless requested.
        halting_loss: The halting classifier's loss, None without a classifier or without thoughts.
        thoughts: The number of thoughts that it is the mean of.
        states_P: The last hidden states of each pass, [B, columns, D].
    """

    h_ND: Tensor
    targets_N: Tensor
    layers_LND: list[Tensor]
    halting_loss: Tensor | None = None
    thoughts: int = 0
    states_P: Sequence[Tensor] = ()


class PassesMixin:
    """The computation of a Coconut model, pass by pass; `modeling` makes it a model of transformers."""

    config: Any  # a CoconutConfig; transformers declares it as its own base class
    base: PreTrainedModel
    halting_head: nn.Linear | None
    projection: nn.Sequential | None
    slots: nn.Embedding | None
    _checkpointed: list[nn.Module]
    defers: bool | None = None
    """Whether to defer the prefix's gradient; None where there is a GPU."""

    def labeled(self, layout: Layout, layers: bool = False) -> Labeled:
        """Compute the hidden states that predict the labels of a batch.

        Args:
            layout: The batch, with labels, on the model's device.
            layers: Whether to return the output of every layer too.
        """
        assert layout.labels is not None
        passes = self.passes(layout, None, layers)
        h_ND = layout.predicting(passes.states_P)
        layers_LND = [layout.predicting(list(states_P)) for states_P in zip(*passes.layers_PL, strict=True)]
        halting, thoughts = None, 0 if layout.thoughts_K is None else len(layout.thoughts_K)
        if self.halting_head is not None and thoughts:
            halting = halting_loss(self.halting_head, passes.states_P[1:], layout)
        return Labeled(h_ND, layout.labels.targets_N, layers_LND, halting, thoughts, passes.states_P)

    def hidden_states(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        cache: Cache | None = None,
        keep: int = 0,
    ) -> HiddenStates:
        """Compute the last hidden states, feeding thoughts back on the way.

        Args:
            input_ids: Token ids, thoughts marked, [B, T]. Rows may differ in their number of thoughts; a
                row's first thought must not be its first token.
            attention_mask: 1 token, 0 padding, the positions in ``cache`` included; None for no padding.
            cache: Keys and values of earlier positions, if any; extended.
            keep: Return this many last positions only, which is cheaper; 0 for all.

        Raises:
            ValueError: A thought is in the first column of ``input_ids``.
        """
        mask_BT = None if attention_mask is None else attention_mask.cpu()
        layout = prompt_layout(input_ids.cpu(), mask_BT, self.config.latent_token_id, keep)
        passes = self.passes(layout.to(self.base.device), cache)
        h_BTD = passes.states_P[0] if len(passes.states_P) == 1 else torch.cat(passes.states_P, dim=1)
        return HiddenStates(h_BTD[:, -keep:], passes.computed)

    def passes(self, layout: Layout, cache: Cache | None, layers: bool = False) -> Passes:
        """Compute all passes over a batch.

        Args:
            layout: The batch. The prefix's last hidden states are meaningless where it says that none reads
                them.
            cache: Keys and values of earlier positions; None makes one for training.
            layers: Whether to return the output of every layer too.

        Raises:
            ValueError: A thought is in the first column.
        """
        embed = self.base.get_input_embeddings()
        embeddings_BTD = embed(layout.ids_BT)
        if layout.mixtures is not None:
            embeddings_BTD = layout.mixtures.fed(embeddings_BTD, embed)
        start, length = 0 if cache is None else int(cache.get_seq_length()), embeddings_BTD.shape[1]
        prefix_mask_BT = None if layout.is_causal else layout.mask_BT
        record: list[tuple[Tensor, ...]] | None = [] if layers else None
        if layout.columns is None:
            h_BTD = self.decode(
                embeddings_BTD, prefix_mask_BT, cache, start, layout.read_R, record, layout.reads_last
            )
            return Passes([h_BTD], 1, record or [])
        first, end = layout.columns
        if first == 0:
            raise ValueError("a continuous thought needs a position before it, got <latent> at position 0")
        if cache is None:
            whole = length + self.config.sweeps * (end - first)
            cache = training_cache(self.base.config, whole, self.is_deferred)
        # Split at once, not sliced again and again: the gradient of each slice would be a whole tensor.
        prefix_BTD, *words, after_BTD = embeddings_BTD.split(
            [first, *[1] * (end - first), length - end], dim=1
        )
        h_BTD = self.decode(
            prefix_BTD, prefix_mask_BT, cache, start, layout.read_R, record, layout.reads_last
        )
        is_thought_BK = None
        if layout.is_mixed:
            is_thought_BK = layout.ids_BT[:, first:end] == self.config.latent_token_id
        span = Span(
            end - first, start + first, layout.mask_BT, after_BTD if length > end else None,
            is_thought_BK, words,
        )  # fmt: skip
        think = RECURRENCES[self.config.recurrence].think
        thoughts = think(self.latent(record), layout.last_of_prefix(h_BTD)[:, 0], span, cache, None)
        found = record or []
        return Passes(
            [h_BTD, *thoughts.passes], 1 + thoughts.computed, [*found[:1], *found[-len(thoughts.passes) :]]
        )

    def latent(self, record: list[tuple[Tensor, ...]] | None = None) -> Latent:
        """Return the parts of the model that a recurrence uses.

        Args:
            record: Receives the outputs of all layers, pass by pass.
        """

        def decode(inputs_BTD: Tensor, mask_BT: Tensor | None, cache: Cache | None, start: int) -> Tensor:
            return self.decode(inputs_BTD, mask_BT, cache, start, None, record)

        project: Any = nn.Identity() if self.projection is None else self.projection
        if RECURRENCES[self.config.recurrence].mixes_embeddings:
            project = partial(mixed, self)
        return Latent(decode, project, None if self.slots is None else self.slots.weight, self.config.sweeps)

    def decode(
        self,
        inputs_BTD: Tensor,
        mask_BT: Tensor | None,
        cache: Cache | None,
        start: int,
        read_R: Tensor | None = None,
        record: list[tuple[Tensor, ...]] | None = None,
        reads_last: bool = False,
    ) -> Tensor:
        """Run one pass of the base model.

        Args:
            inputs_BTD: Input vectors at the columns from ``start`` on.
            mask_BT: 1 token, 0 padding, from column 0 on; may be longer than the columns computed so far.
                None for no padding.
            cache: Keys and values of earlier columns; extended.
            start: The first column.
            read_R: The positions (row · columns + column) whose last hidden states are used; None for all.
            record: Receives the output of every layer, a tuple of [B, T, D].
            reads_last: Whether those positions are the last column of every row.

        Returns:
            The last hidden states (after the final norm), [B, T, D], meaningless where they are not used.
        """
        stop = start + inputs_BTD.shape[1]
        if mask_BT is None:
            # From column 0 on they are the base model's own; given, it would look for texts packed together.
            positions_BT = torch.arange(start, stop, device=inputs_BTD.device)[None] if start else None
        else:
            positions_BT = (mask_BT.cumsum(1) - 1).clamp(min=0)[:, start:stop]
        if hidden := hidden_columns(cache):  # positions still count what is hidden
            shape = (len(inputs_BTD), stop)
            mask_BT = mask_BT if mask_BT is not None else torch.ones(shape, device=inputs_BTD.device)
            mask_BT = torch.cat([torch.zeros_like(mask_BT[:, :hidden]), mask_BT[:, hidden:]], dim=1).long()
        if mask_BT is not None:
            is_ours = cache is None or isinstance(cache, (PassCache, DynamicCache))  # no columns beyond stop
            plain = not (is_ours and self.takes_masks)
            mask_BT = mask_BT[:, :stop] if plain else visible(mask_BT, start, stop)
        if self._checkpointed and torch.is_grad_enabled():
            read_R = None
        with (
            any_shape(inputs_BTD.device),
            attending(self.base, self._attention(cache, reads_last and not start)),
            read_only_at(self.base, read_R, inputs_BTD.shape[:2]),
        ):
            output = self.base.get_decoder()(
                inputs_embeds=inputs_BTD,
                attention_mask=mask_BT,
                position_ids=positions_BT,
                past_key_values=cache,
                use_cache=cache is not None and not checkpointing.applies(self._checkpointed, cache),
                output_hidden_states=record is not None,
            )
        if record is not None:  # ends with the final norm's output, whatever the architecture returns
            record.append((*output.hidden_states[1:-1], output.last_hidden_state))
        return output.last_hidden_state

    @property
    def is_deferred(self) -> bool:
        """Whether a training step's prefix gets its gradient from all thoughts at once (`deferred`)."""
        by_default = self.base.device.type == "cuda" and not launch.is_sharded()
        wanted = by_default if self.defers is None else self.defers
        return wanted and self.takes_masks and not self._checkpointed and torch.is_grad_enabled()

    def _attention(self, cache: Cache | None, reads_last: bool) -> str | None:
        """The attention of a pass, if it is not the base model's own."""
        if self.is_deferred and (cache is None or isinstance(cache, PassCache)):
            return deferred.NAME
        reads_less = reads_last and self.takes_masks and not torch.is_grad_enabled()
        return last_layer.NAME if reads_less else None

    @property
    def takes_masks(self) -> bool:
        """Whether a pass is given a mask of [B, 1, Q, T] as `kernels.visible` makes it."""
        base = self.base.config
        is_fused = base._attn_implementation == "sdpa" and base.model_type in POSITIONWISE
        return is_fused and PassCache.fits(base.get_text_config())
