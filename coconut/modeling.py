"""Coconut on any causal language model of transformers: prefix, thoughts, suffix over one KV cache.

A continuous thought stands in ``input_ids`` as the token ``<latent>``. Where it stands, the model's input is
not that token's embedding but its own last hidden state (after the final norm) at the position before. So the
thoughts must be computed in order, and every position once:

    pass 0     t t t t t            the prefix: everything before the first thought
    pass 1               L          thought 1, whose input is the hidden state at the prefix's end
    pass 2                 L        thought 2, whose input is the hidden state at thought 1
    pass K                   L t t  the last thought together with the suffix

K thoughts cost K + 1 passes (arXiv 2412.06769, section 3). The published code computes the whole input again
in every pass; here every pass appends to one cache, which gives the same loss and the same gradients.

Axes: B batch, T tokens, K columns of thoughts, D width, V vocabulary, N labelled positions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    GenerationConfig,
    GenerationMixin,
    LogitsProcessorList,
    PreTrainedModel,
    SuppressTokensLogitsProcessor,
)
from transformers.cache_utils import Cache
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.utils.generic import can_return_tuple

from . import checkpointing
from .activations import fuse_activations
from .cache import PassCache, growing_cache, training_cache
from .config import CoconutConfig
from .last_layer import read_only_at
from .loss import halting_loss, label_loss, predicting, read_positions
from .padding import Layout, unless_full, without_left_padding


class HiddenStates(NamedTuple):
    """``h_BTD`` at every input position, and the number of forward passes that it took."""

    h_BTD: Tensor
    passes: int


class CoconutForCausalLM(PreTrainedModel, GenerationMixin):
    """A causal LM whose ``<latent>`` positions take the previous hidden state as their input.

    Without ``<latent>`` in the input it is exactly its base model, in one pass. Saved and loaded with
    ``save_pretrained`` and ``from_pretrained`` like any other; the base model is ``model.base``. With
    ``config.halting`` there is also ``model.halting_head``: what it makes of the hidden state at a thought is
    the log-odds that this thought is the last one (see `halting`).
    """

    config_class = CoconutConfig
    base_model_prefix = "base"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True

    def __init__(self, config: CoconutConfig) -> None:
        super().__init__(config)
        if config.base_config is None:
            raise ValueError("base_config must be a causal LM's configuration, got None")
        self.base = AutoModelForCausalLM.from_config(config.base_config)
        fuse_activations(self.base)
        self.halting_head = nn.Linear(config.get_text_config().hidden_size, 1) if config.halting else None
        self._checkpointed: list[GradientCheckpointingLayer] = []
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Zeros for the halting head, so that it begins undecided; the base model initialises itself."""
        if module is self.halting_head:
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)

    @classmethod
    def wrap(cls, base: PreTrainedModel, latent_token_id: int, halting: bool = False) -> CoconutForCausalLM:
        """Coconut over the causal LM ``base``, whose weights are shared, not copied."""
        config = CoconutConfig(base_config=base.config, latent_token_id=latent_token_id, halting=halting)
        with torch.device("meta"):
            model = cls(config)
        model.base = base
        fuse_activations(base)
        model.generation_config = base.generation_config
        if model.halting_head is not None:
            model.halting_head.to_empty(device=base.device).to(base.dtype)
            model._init_weights(model.halting_head)
        return model

    def get_input_embeddings(self) -> nn.Module:
        return self.base.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module:
        return self.base.get_output_embeddings()

    def gradient_checkpointing_enable(  # type: ignore[override]
        self, gradient_checkpointing_kwargs: dict[str, Any] | None = None
    ) -> None:
        """Keep each layer's input only and compute the layer again for its gradients, thoughts included.

        Costs about one more forward pass a step. Layers are recomputed without reentering autograd (the only
        kind that follows gradients through the cache), and only with the cache that the model makes itself.
        """
        self._checkpointed = checkpointing.enable(self, gradient_checkpointing_kwargs or {})

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        num_items_in_batch: int | Tensor | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int = 0,
    ) -> CausalLMOutputWithPast:
        """Loss where ``labels`` are given, logits where they are not.

        ``input_ids``, ``attention_mask`` (1 token, 0 padding on either side) and ``labels`` (``-100``: no
        loss) are [B, T]; a label belongs to the token at its own position and is predicted from the position
        before. The loss is the mean over the batch's labels, or their sum divided by ``num_items_in_batch``
        (gradient accumulation). With labels the head is applied at the N labelled positions only and
        ``logits`` are [N, V], row by row; else they are [B, T, V], or of the last ``logits_to_keep``
        positions if that is not 0.

        With a halting head the mean binary cross-entropy of its verdict on every thought (is this the row's
        last?) is added to the loss; of a part of a batch, its share by the number of labels.

        ``past_key_values`` holds the positions before ``input_ids``, and ``attention_mask`` covers both.
        Raises ValueError for a thought with no position before it in ``input_ids``.
        """
        if labels is not None:
            return self._loss(input_ids, attention_mask, labels, num_items_in_batch)
        if use_cache and past_key_values is None:
            past_key_values = growing_cache(self.base.config)
        h_BTD = self.hidden_states(input_ids, attention_mask, past_key_values, logits_to_keep).h_BTD
        logits = self.get_output_embeddings()(h_BTD)
        return CausalLMOutputWithPast(logits=logits, past_key_values=past_key_values)

    def _loss(
        self, ids_BT: Tensor, mask_BT: Tensor | None, labels_BT: Tensor, items: int | Tensor | None
    ) -> CausalLMOutputWithPast:
        first = self._first_thought(ids_BT)
        layout = without_left_padding(ids_BT, mask_BT, labels_BT, ids_BT.shape[1] if first is None else first)
        h = self._passes(layout, None, read_positions(layout, first))
        h_ND, targets_N = predicting(h, layout)
        logits_NV = self.get_output_embeddings()(h_ND)
        loss = label_loss(logits_NV, targets_N, items)
        if self.halting_head is not None and len(h) > 1:
            is_thought_BT = layout.ids_BT == self.config.latent_token_id
            share = 1 if items is None else len(targets_N) / items
            loss = loss + share * halting_loss(self.halting_head, h[1:], is_thought_BT[:, first:])
        return CausalLMOutputWithPast(loss=loss, logits=logits_NV)

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
        passes = self._passes(layout, cache, is_read_BT)
        h_BTD = passes[0] if len(passes) == 1 else torch.cat(passes, dim=1)
        return HiddenStates(h_BTD[:, -keep:], len(passes))

    def _first_thought(self, ids_BT: Tensor) -> int | None:
        """The first column in which any row has a thought."""
        columns = (ids_BT == self.config.latent_token_id).any(0).nonzero().flatten()
        return int(columns[0]) if len(columns) else None

    def _passes(self, layout: Layout, cache: Cache | None, is_read_BT: Tensor | None = None) -> list[Tensor]:
        """The hidden states of each pass over ``layout``, [B, columns of the pass, D].

        Those of the prefix need be right where ``is_read_BT`` is set only.
        """
        is_thought_BT = layout.ids_BT == self.config.latent_token_id
        columns = is_thought_BT.any(0).nonzero().flatten().tolist()
        embeddings_BTD = self.get_input_embeddings()(layout.ids_BT)
        start, length = 0 if cache is None else int(cache.get_seq_length()), embeddings_BTD.shape[1]
        prefix_mask_BT = None if layout.is_causal else layout.mask_BT
        if not columns:
            return [self.decode(embeddings_BTD, prefix_mask_BT, cache, start, is_read_BT)]
        first, last = columns[0], columns[-1]
        if first == 0:
            raise ValueError("a continuous thought needs a position before it, got <latent> at position 0")
        cache = training_cache(self.base.config, length) if cache is None else cache
        # Split at once, not sliced again and again: the gradient of each slice would be a whole tensor.
        prefix_BTD, *rest = embeddings_BTD.split([first, *[1] * (last - first), length - last], dim=1)
        passes = [self.decode(prefix_BTD, prefix_mask_BT, cache, start, is_read_BT)]
        before_B1D = layout.last_of_prefix(passes[0])
        for column, step_BTD in enumerate(rest, first):
            is_thought_B11 = is_thought_BT[:, column, None, None]
            thought_BTD = torch.where(is_thought_B11, before_B1D, step_BTD[:, :1])
            if step_BTD.shape[1] > 1:
                thought_BTD = torch.cat([thought_BTD, step_BTD[:, 1:]], dim=1)
            if isinstance(cache, PassCache):
                cache = cache.following(column)
            passes.append(self.decode(thought_BTD, layout.mask_BT, cache, start + column))
            before_B1D = passes[-1][:, -1:]
        return passes

    def decode(
        self,
        inputs_BTD: Tensor,
        mask_BT: Tensor | None,
        cache: Cache | None,
        start: int,
        is_read_BT: Tensor | None = None,
    ) -> Tensor:
        """One pass of the base model over the positions ``start``… of rows whose padding ``mask_BT`` tells.

        ``mask_BT`` may be longer than what has been computed so far; None means that no row has padding.
        Returns the hidden states after the final norm, [B, T, D], right where ``is_read_BT`` says that they
        are read, which may be longer too; everywhere for None.
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
            )
        return output.last_hidden_state

    def generate(  # type: ignore[override]
        self,
        inputs: Tensor | None = None,
        generation_config: GenerationConfig | None = None,
        logits_processor: LogitsProcessorList | None = None,
        **kwargs: Any,
    ) -> Any:
        """``generate`` of transformers; ``<latent>`` in the prompt is thought, and none is ever written."""
        never = SuppressTokensLogitsProcessor([self.config.latent_token_id], device=str(self.device))
        processors = LogitsProcessorList([*(logits_processor or []), never])
        return super().generate(inputs, generation_config, processors, **kwargs)  # type: ignore[misc]

    def prepare_inputs_for_generation(  # type: ignore[override]
        self,
        input_ids: Tensor,
        next_sequence_length: int | None = None,
        past_key_values: Cache | None = None,
        attention_mask: Tensor | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """What `forward` is given: the prompt in the first pass, with a cache one token in each other pass.

        Positions follow from ``attention_mask``.
        """
        return {
            "input_ids": input_ids if next_sequence_length is None else input_ids[:, -next_sequence_length:],
            "attention_mask": attention_mask,
            "past_key_values": past_key_values,
            "use_cache": kwargs.get("use_cache"),
            "logits_to_keep": kwargs.get("logits_to_keep", 0),
        }


AutoConfig.register("coconut", CoconutConfig)
AutoModelForCausalLM.register(CoconutConfig, CoconutForCausalLM)
