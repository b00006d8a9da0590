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

Axes: B batch, T tokens, K thoughts, D width, V vocabulary, N labelled positions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from .encoding import IGNORE


class CoconutConfig(PreTrainedConfig):
    """The base model's configuration, and the id of the token that marks a continuous thought.

    ``base_config`` is any causal LM's configuration: an object, or its dictionary with ``model_type``.
    """

    model_type = "coconut"

    def __init__(
        self,
        base_config: PreTrainedConfig | dict[str, Any] | None = None,
        latent_token_id: int | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(base_config, dict):
            fields = dict(base_config)
            base_config = AutoConfig.for_model(fields.pop("model_type"), **fields)
        self.base_config = base_config
        self.latent_token_id = latent_token_id
        super().__init__(**kwargs)


class HiddenStates(NamedTuple):
    """``h_BTD`` at every input position, and the number of forward passes that it took."""

    h_BTD: Tensor
    passes: int


class CoconutForCausalLM(PreTrainedModel):
    """A causal LM whose ``<latent>`` positions take the previous hidden state as their input.

    Without ``<latent>`` in the input it is exactly its base model, in one pass. Saved and loaded with
    ``save_pretrained`` and ``from_pretrained`` like any other; the base model is ``model.base``.
    """

    config_class = CoconutConfig
    base_model_prefix = "base"
    supports_gradient_checkpointing = False
    _supports_sdpa = True
    _supports_flash_attn = True

    def __init__(self, config: CoconutConfig) -> None:
        super().__init__(config)
        if config.base_config is None:
            raise ValueError("base_config must be a causal LM's configuration, got None")
        self.base = AutoModelForCausalLM.from_config(config.base_config)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Nothing: the base model has initialised itself by its own rule, and Coconut adds no weights."""

    @classmethod
    def wrap(cls, base: PreTrainedModel, latent_token_id: int) -> CoconutForCausalLM:
        """Coconut over the causal LM ``base``, whose weights are shared, not copied."""
        with torch.device("meta"):
            model = cls(CoconutConfig(base_config=base.config, latent_token_id=latent_token_id))
        model.base = base
        return model

    def get_input_embeddings(self) -> nn.Module:
        return self.base.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module:
        return self.base.get_output_embeddings()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        num_items_in_batch: int | Tensor | None = None,
    ) -> CausalLMOutputWithPast:
        """Loss where ``labels`` are given, logits at every position where they are not.

        ``input_ids``, ``attention_mask`` (1 token, 0 padding on either side) and ``labels`` (``-100``: no
        loss) are [B, T]; a label belongs to the token at its own position and is predicted from the position
        before. The loss is the mean over the batch's labels, or their sum divided by ``num_items_in_batch``
        (gradient accumulation). With labels the head is applied at the N labelled positions only and
        ``logits`` are [N, V], else [B, T, V].
        """
        h_BTD = self.hidden_states(input_ids, attention_mask).h_BTD
        head = self.get_output_embeddings()
        if labels is None:
            return CausalLMOutputWithPast(logits=head(h_BTD))
        targets_BT = labels[:, 1:]
        is_target_BT = targets_BT != IGNORE
        logits_NV = head(h_BTD[:, :-1][is_target_BT])
        targets_N = targets_BT[is_target_BT]
        if num_items_in_batch is None:
            loss = F.cross_entropy(logits_NV.float(), targets_N)
        else:
            loss = F.cross_entropy(logits_NV.float(), targets_N, reduction="sum") / num_items_in_batch
        return CausalLMOutputWithPast(loss=loss, logits=logits_NV)

    def hidden_states(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, cache: DynamicCache | None = None
    ) -> HiddenStates:
        """The last hidden state at every position of ``input_ids`` [B, T], thoughts fed back on the way.

        ``cache``, if given, must be empty and holds all positions' keys and values afterwards. Rows may hold
        different numbers of thoughts; each row's first thought must not stand at its first token.
        """
        is_thought_BT = input_ids == self.config.latent_token_id
        columns = is_thought_BT.any(0).nonzero().flatten()
        mask_BT = _unless_full(attention_mask)
        embeddings_BTD = self.get_input_embeddings()(input_ids)
        if len(columns) == 0:
            return HiddenStates(self.decode(embeddings_BTD, mask_BT, cache, 0), 1)
        first, last, end = int(columns[0]), int(columns[-1]), input_ids.shape[1]
        if first == 0:
            raise ValueError("a continuous thought needs a position before it, got <latent> at position 0")
        cache = DynamicCache(config=self.base.config) if cache is None else cache
        parts = [self.decode(embeddings_BTD[:, :first], mask_BT, cache, 0)]
        for column in range(first, last + 1):
            is_thought_B11 = is_thought_BT[:, column, None, None]
            step_B1D = torch.where(is_thought_B11, parts[-1][:, -1:], embeddings_BTD[:, column : column + 1])
            if column == last:
                step_B1D = torch.cat([step_B1D, embeddings_BTD[:, last + 1 : end]], dim=1)
            parts.append(self.decode(step_B1D, mask_BT, cache, column))
        return HiddenStates(torch.cat(parts, dim=1), len(parts))

    def decode(
        self, inputs_BTD: Tensor, mask_BT: Tensor | None, cache: DynamicCache | None, start: int
    ) -> Tensor:
        """One pass of the base model over the positions ``start``… of rows whose padding ``mask_BT`` tells.

        ``mask_BT`` may be longer than what has been computed so far; None means that no row has padding.
        Returns the hidden states after the final norm, [B, T, D].
        """
        stop = start + inputs_BTD.shape[1]
        if mask_BT is None:
            positions_BT = torch.arange(start, stop, device=inputs_BTD.device)[None]
        else:
            positions_BT = (mask_BT.cumsum(1) - 1).clamp(min=0)[:, start:stop]
            mask_BT = mask_BT[:, :stop]
        output = self.base.get_decoder()(
            inputs_embeds=inputs_BTD,
            attention_mask=mask_BT,
            position_ids=positions_BT,
            past_key_values=cache,
            use_cache=cache is not None,
        )
        return output.last_hidden_state


def _unless_full(mask_BT: Tensor | None) -> Tensor | None:
    """None where nothing is padded: attention then needs no mask tensor, and the fused kernels apply."""
    return None if mask_BT is None or bool(mask_BT.all()) else mask_BT


AutoConfig.register("coconut", CoconutConfig)
AutoModelForCausalLM.register(CoconutConfig, CoconutForCausalLM)
