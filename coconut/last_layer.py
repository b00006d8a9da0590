"""The last layer, computed only at the positions whose output is used.

Every position of a prefix provides keys and values for later positions, but few final hidden states are used:
the one that is the first thought's input, and those that predict a label. So in the last layer the query
(where it has its own projection), the attention's output projection and the MLP are computed there only:

    layer 1   q q q q q L L a a .
    layer 2   k k k k q L L a a .       k: keys and values only

At the other positions the hidden state is meaningless and must not be used. Losses and gradients are those of
the full computation. Where a prompt is read without gradients, its last layer attends from the last column
alone, too (`attend`); in training that would change the last bits of what was recorded.

Axes: B batch, T tokens, N positions that are used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from .looping import layers_of

_SPLIT = ("self_attn.q_proj", "self_attn.o_proj", "mlp")
POSITIONWISE = {
    "gpt2": ("attn.c_proj", "mlp"),
    "llama": _SPLIT,
    "mistral": _SPLIT,
    "qwen2": _SPLIT,
    "qwen3": _SPLIT,
}
"""Model type -> the parts of a layer that act on each position separately and affect no other position."""


NAME = "coconut_from_last"


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention as transformers calls it; in the last layer that of the last column, at every column."""
    config: Any = module.config
    if module.layer_idx != config.num_hidden_layers - 1:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    mask = None if attention_mask is None else attention_mask[:, :, -1:]
    out, _ = sdpa_attention_forward(module, query[:, :, -1:], key, value, mask, **kwargs)
    return out.expand(-1, query.shape[2], -1, -1), None


AttentionInterface.register(NAME, attend)  # as in `deferred`, it takes the masks that a pass is given


@contextmanager
def read_only_at(base: PreTrainedModel, read_N: Tensor | None, shape: torch.Size) -> Iterator[None]:
    """Compute the last layer only at some positions while the body runs.

    Args:
        base: The base model; one of a type that is not in `POSITIONWISE` computes every position.
        read_N: The positions that are used, each once: row · columns + column; None for all.
        shape: Rows and columns of the input.
    """
    parts = POSITIONWISE.get(base.config.model_type, ())
    if read_N is None or not parts:
        yield
        return

    def pick(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (inputs[0].flatten(0, 1).index_select(0, read_N)[None], *inputs[1:])

    def put_back(module: nn.Module, inputs: tuple[Any, ...], output_1ND: Tensor) -> Tensor:
        whole = output_1ND.new_zeros(shape.numel(), output_1ND.shape[-1])
        return whole.index_copy(0, read_N, output_1ND[0]).view(*shape, -1)

    layer = layers_of(base)[-1]
    handles = []
    try:
        for name in parts:
            part = layer.get_submodule(name)
            handles += [part.register_forward_pre_hook(pick), part.register_forward_hook(put_back)]
        yield
    finally:
        for handle in handles:
            handle.remove()


def positionwise_weights(base: PreTrainedModel) -> int:
    """Return the number of weights, without biases, that are applied only at the positions used.

    Args:
        base: The base model.
    """
    layer = layers_of(base)[-1]
    parts = [layer.get_submodule(name) for name in POSITIONWISE.get(base.config.model_type, ())]
    return sum(p.numel() for part in parts for p in part.parameters() if p.ndim == 2)
