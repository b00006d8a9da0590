"""Coconut on any causal language model of transformers.

A continuous thought is marked in ``input_ids`` by the token ``<latent>``. At its position the input is not
that token's embedding but the model's own last hidden state (after the final norm) at the previous position
(arXiv 2412.06769, section 3). So thoughts are computed in order, by `passes`; `recurrence` has other ways.

Axes: B batch, T tokens, D width, V vocabulary, N labeled positions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    GenerationConfig,
    GenerationMixin,
    LogitsProcessorList,
    PreTrainedModel,
    SuppressTokensLogitsProcessor,
)
from transformers.cache_utils import Cache
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.utils.generic import can_return_tuple

from . import checkpointing
from .activations import fuse_activations
from .cache import PassCache, growing_cache
from .config import CoconutConfig
from .encoding import Batch
from .layout import Layout, arrange
from .looping import share_layers
from .loss import label_loss, share_of
from .passes import PassesMixin
from .prompting import complete
from .recurrence import RECURRENCES, projection
from .step_decoder import StepDecoder


class CoconutForCausalLM(PassesMixin, PreTrainedModel, GenerationMixin):
    """A causal LM whose ``<latent>`` positions take the previous hidden state as their input.

    Without ``<latent>`` in the input it is exactly its base model, ``model.base``, in one pass. Saved and
    loaded with ``save_pretrained`` and ``from_pretrained``. With ``config.halting``, ``model.halting_head``
    maps the hidden state at a thought to the log-odds that this thought is the last one (see `thinking`).

    Args:
        config: The base model's configuration, and how thoughts are computed.

    Raises:
        ValueError: ``config.base_config`` is None.
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
        self.base = share_layers(AutoModelForCausalLM.from_config(config.base_config))
        fuse_activations(self.base)
        width, needs = config.get_text_config().hidden_size, RECURRENCES[config.recurrence]
        if (config.halting or needs.is_constant) and not PassCache.fits(config.get_text_config()):
            # Both hide columns by a mask, which a window would count all the same.
            what = "halting" if config.halting else f"recurrence {config.recurrence}"
            raise ValueError(
                f"{what} needs a base model of full attention, got {config.base_config.model_type}"
            )
        self.halting_head = nn.Linear(width, 1) if config.halting else None
        self.projection = projection(width) if needs.has_projection else None
        self.slots = nn.Embedding(config.slots, width) if needs.has_slots else None
        self.step_decoder: StepDecoder | None = None
        self._checkpointed: list[nn.Module] = []
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Initialize the parts that are not the base model's; the halting head with zeros: undecided."""
        if module is self.halting_head:
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
        elif module is self.slots:
            nn.init.normal_(module.weight, std=0.02)
        elif self.projection is not None and module in list(self.projection):
            getattr(module, "reset_parameters", lambda: None)()

    @classmethod
    def wrap(
        cls, base: PreTrainedModel, latent_token_id: int, seed: int = 0, **config: Any
    ) -> CoconutForCausalLM:
        """Make a Coconut model of a causal LM, whose weights are shared, not copied.

        Args:
            base: Any causal LM.
            latent_token_id: The token that marks a thought.
            seed: Seed of the parts that the base does not have (projection, slots).
            **config: The other fields of `CoconutConfig`.
        """
        settings = CoconutConfig(base_config=base.config, latent_token_id=latent_token_id, **config)
        with torch.device("meta"):
            model = cls(settings)
        model.base = share_layers(base)
        fuse_activations(base)
        model.generation_config = base.generation_config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for part in (model.halting_head, model.projection, model.slots):
                if part is not None:
                    part.to_empty(device="cpu").apply(model._init_weights)
                    part.to(base.device, base.dtype)
        return model

    def tie_weights(self, *args: Any, **kwargs: Any) -> None:
        """Tie what transformers ties, and share looped layers again, which loading separates."""
        super().tie_weights(*args, **kwargs)
        share_layers(self.base)

    def get_input_embeddings(self) -> nn.Module:
        return self.base.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module:
        return self.base.get_output_embeddings()

    def logits(self, h: Tensor) -> Tensor:
        """Apply the LM head in fp32, under autocast and with half-precision weights too.

        In bf16, logits near 40 are 0.25 apart: there are ties, and greedy decoding takes the lowest id.

        Args:
            h: Hidden states, [..., D].

        Returns:
            Logits, [..., V].
        """
        head = self.get_output_embeddings()
        dtype = torch.promote_types(head.weight.dtype, torch.float32)  # type: ignore[arg-type]
        with torch.autocast(h.device.type, enabled=False):
            if head.weight.dtype == dtype:
                exact: Tensor = head(h.to(dtype))
                return exact
            weights = {name: weight.to(dtype) for name, weight in head.named_parameters()}
            logits: Tensor = torch.func.functional_call(head, weights, (h.to(dtype),))
        return logits

    def gradient_checkpointing_enable(  # type: ignore[override]
        self, gradient_checkpointing_kwargs: dict[str, Any] | None = None
    ) -> None:
        """Store each layer's input only and recompute the layer in the backward pass, thoughts included.

        Costs about one more forward pass per step. Works with the cache that the model makes itself.

        Args:
            gradient_checkpointing_kwargs: Options of ``torch.utils.checkpoint.checkpoint``.

        Raises:
            ValueError: ``use_reentrant`` is set, or transformers is too old; see `checkpointing.enable`.
        """
        self._checkpointed = checkpointing.enable(self, gradient_checkpointing_kwargs or {})

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        num_items_in_batch: int | Tensor | None = None,
        num_thoughts_in_batch: int | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int = 0,
    ) -> CausalLMOutputWithPast:
        """Compute the loss if ``labels`` are given, else logits.

        With a halting head, its binary cross-entropy (`loss.halting_loss`) is added to the loss.

        Args:
            input_ids: Tokens, thoughts marked by ``<latent>``, [B, T].
            attention_mask: 1 token, 0 padding on either side, [B, T], the positions in ``past_key_values``
                included; None for no padding.
            labels: -100 for no loss, [B, T]; a label is the token at its own position, predicted from the
                previous one.
            num_items_in_batch: The number of labels in the whole batch, of which this is a part (gradient
                accumulation): the loss is then the sum over labels divided by it. None: the mean.
            num_thoughts_in_batch: The number of thoughts in the whole batch, by which the halting head's sum
                is divided; None: its mean is weighted by the part's share of the labels.
            past_key_values: Keys and values of the positions before ``input_ids``; extended.
            use_cache: Whether to make a cache if none is given.
            logits_to_keep: Compute logits at this many last positions only, 0 for all; ignored with labels.

        Returns:
            With labels the loss and the logits [N, V] at the labeled positions, row by row; else the logits
            [B, T, V] and the cache.

        Raises:
            ValueError: A thought is in the first column of ``input_ids``.
        """
        if labels is not None:
            mask_BT = torch.ones_like(input_ids) if attention_mask is None else attention_mask
            layout = self.arranged(Batch(input_ids, mask_BT, labels))
            return self.loss(layout.to(self.device), num_items_in_batch, num_thoughts_in_batch)
        if use_cache and past_key_values is None:
            past_key_values = growing_cache(self.base.config)
        h_BTD = self.hidden_states(input_ids, attention_mask, past_key_values, logits_to_keep).h_BTD
        return CausalLMOutputWithPast(logits=self.logits(h_BTD), past_key_values=past_key_values)

    def arranged(self, batch: Batch, is_given: bool = False) -> Layout:
        """Return a batch as this model computes it, on the CPU.

        Args:
            batch: Ids, mask and labels.
            is_given: Whether thoughts are given, so that they are tokens like others.
        """
        moves_padding = PassCache.fits(self.base.config.get_text_config())
        on_cpu = Batch(*(tensor.cpu() for tensor in batch))
        return arrange(on_cpu, -1 if is_given else self.config.latent_token_id, moves_padding)

    def loss(
        self, layout: Layout, items: int | Tensor | None = None, thoughts: int | Tensor | None = None
    ) -> CausalLMOutputWithPast:
        """Compute the loss and the logits [N, V] at the labeled positions; waits for no result of the GPU.

        Args:
            layout: The batch, with labels, on the model's device.
            items: As ``num_items_in_batch`` of `forward`.
            thoughts: As ``num_thoughts_in_batch`` of `forward`.
        """
        found = self.labeled(layout)
        logits_NV = self.logits(found.h_ND)
        loss = label_loss(logits_NV, found.targets_N, items)
        if found.halting_loss is not None:
            assert layout.labels is not None
            by_labels = share_of(layout.labels.known, items)
            share = by_labels if thoughts is None else share_of(found.thoughts, thoughts)
            loss = loss + share * found.halting_loss
        return CausalLMOutputWithPast(loss=loss, logits=logits_NV)

    def generate(  # type: ignore[override]
        self,
        inputs: Tensor | None = None,
        generation_config: GenerationConfig | None = None,
        logits_processor: LogitsProcessorList | None = None,
        thoughts: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Generate as in transformers, after thoughts; ``<latent>`` is never written.

        Questions get what the model was trained to have after them, ``config.after_question``, which the
        output then begins with; prompts that already have thoughts (``<latent>``) are left as they are.

        Args:
            inputs: Token ids [B, T], padded on the left; or ``input_ids``.
            generation_config: As in transformers.
            logits_processor: As in transformers.
            thoughts: Thoughts or pause tokens per question; None for as trained.
            **kwargs: As in transformers.

        Raises:
            ValueError: See `prompting.complete`.
        """
        inputs = kwargs.pop("input_ids", None) if inputs is None else inputs
        prompts = None
        if inputs is not None:
            prompts = complete(self, inputs, kwargs.pop("attention_mask", None), thoughts)
            inputs = prompts.ids_BT
            kwargs.update({} if prompts.mask_BT is None else {"attention_mask": prompts.mask_BT})
        never = SuppressTokensLogitsProcessor([self.config.latent_token_id], device=str(self.device))
        processors = LogitsProcessorList([*(logits_processor or []), never])
        found = super().generate(inputs, generation_config, processors, **kwargs)  # type: ignore[misc]
        return found if prompts is None else prompts.aligned(found)

    def prepare_inputs_for_generation(  # type: ignore[override]
        self,
        input_ids: Tensor,
        next_sequence_length: int | None = None,
        past_key_values: Cache | None = None,
        attention_mask: Tensor | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return the arguments of `forward`: the prompt first, then (with a cache) one token at a time.

        Positions follow from ``attention_mask``.
        """
        return {
            "input_ids": input_ids if next_sequence_length is None else input_ids[:, -next_sequence_length:],
            "attention_mask": attention_mask,
            "past_key_values": past_key_values,
            "use_cache": kwargs.get("use_cache"),
            "logits_to_keep": kwargs.get("logits_to_keep", 0),
        }


AutoModelForCausalLM.register(CoconutConfig, CoconutForCausalLM)
