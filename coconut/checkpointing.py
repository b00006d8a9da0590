"""Gradient checkpointing across passes: layers are recomputed over the same KV cache.

transformers takes the cache away from a layer that it checkpoints, because recomputing the layer would append
its keys a second time. Without the cache no thought would attend to the prefix. A `PassCache` does not append
but writes the columns of its pass, so the layers can keep it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel
from transformers.cache_utils import Cache

from .cache import PassCache

KEEPS_CACHE = "_can_checkpoint_with_cache"


def enable(model: PreTrainedModel, options: dict[str, Any]) -> list[nn.Module]:
    """Turn on gradient checkpointing in every layer.

    Args:
        model: Changed in place.
        options: Options of ``torch.utils.checkpoint.checkpoint``.

    Returns:
        The layers.

    Raises:
        ValueError: Reentrant checkpointing is requested, which loses the gradients that flow through the
            cache; or this version of transformers always takes the cache away.
    """
    # Its module imports the Auto classes, which import this package when they are the first to be imported.
    from transformers.modeling_layers import GradientCheckpointingLayer

    if options.get("use_reentrant"):
        raise ValueError(f"use_reentrant must be False for continuous thoughts, got {options}")
    if not hasattr(GradientCheckpointingLayer, KEEPS_CACHE):
        raise ValueError("gradient checkpointing with thoughts needs a newer transformers: 5.23 has it")
    recompute = partial(checkpoint, **{**options, "use_reentrant": False})
    # Mark the layers only: some models drop the cache themselves when the model is marked as well.
    layers: list[nn.Module] = [
        module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)
    ]
    for layer in layers:
        setattr(layer, "gradient_checkpointing", True)  # noqa: B010 (a module's type hides it)
        setattr(layer, "_gradient_checkpointing_func", recompute)  # noqa: B010
        setattr(layer, KEEPS_CACHE, True)
    return layers


def applies(layers: Sequence[nn.Module], cache: Cache) -> bool:
    """Return whether a pass is checkpointed.

    Args:
        layers: What `enable` returned, or nothing.
        cache: The cache of the pass.

    Raises:
        ValueError: It would be, but the cache is not a `PassCache`.
    """
    if not torch.is_grad_enabled() or not any(x.gradient_checkpointing and x.training for x in layers):
        return False
    if not isinstance(cache, PassCache):
        raise ValueError(
            "gradient checkpointing needs the model's own cache, over full attention; "
            f"got {type(cache).__name__}"
        )
    return True
