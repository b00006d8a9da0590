"""Looped layers: a stack of n layers applied r times with the same weights, for depth without parameters.

The model has n·r layers, and layer i + n·j has the parameters of layer i (n = 3, r = 2):

    layer     0  1  2  3  4  5
    weights   a  b  c  a  b  c

The parameters are shared, not the modules: each application has its own entries in the KV cache, and code
that goes through the layers (gradient checkpointing, `last_layer`) needs no change. r is ``loops`` of the
base model's configuration. A saved model holds the weights of all n·r layers, so transformers can load it
without this module.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel


def layers_of(base: PreTrainedModel) -> nn.ModuleList:
    """Return the layers of a causal LM.

    Args:
        base: The model.

    Raises:
        ValueError: Its decoder has no list of layers.
    """
    for part in base.get_decoder().children():
        if isinstance(part, nn.ModuleList) and len(part) == base.config.get_text_config().num_hidden_layers:
            return part
    raise ValueError(f"the decoder must have a list of its layers, {base.config.model_type} has none")


def looped_config(model_type: str, loops: int | None = None, **fields: Any) -> PreTrainedConfig:
    """Make the configuration of a model from scratch.

    Args:
        model_type: Model type of transformers.
        loops: Number of times that the layers in ``fields`` are applied; None for once.
        **fields: Fields of the configuration.

    Returns:
        The configuration, with ``loops`` times as many layers.

    Raises:
        ValueError: transformers does not know the model type, or a field is invalid.
    """
    config = AutoConfig.for_model(model_type, **fields)
    if loops is None:
        return config
    names = {"num_hidden_layers", config.attribute_map.get("num_hidden_layers")}
    others = {name: value for name, value in fields.items() if name not in names}
    depth = config.num_hidden_layers * loops
    return AutoConfig.for_model(model_type, **others, num_hidden_layers=depth, loops=loops)


def share_layers(base: PreTrainedModel) -> PreTrainedModel:
    """Make the layers of a looped model share their parameters; do nothing to a model that is not looped.

    Args:
        base: A causal LM, changed in place: layer i + n·j gets the parameters of layer i.

    Returns:
        The same model.

    Raises:
        ValueError: The model has no list of layers, or the layers to share differ in their parameters.
    """
    loops = getattr(base.config, "loops", None)
    if loops is None:
        return base
    layers = layers_of(base)
    if len(layers) % loops:
        raise ValueError(f"loops must divide the number of layers, {len(layers)}, got {loops}")
    first = len(layers) // loops
    for index in range(first, len(layers)):
        source, layer = layers[index % first], layers[index]
        if _shapes(source) != _shapes(layer):
            raise ValueError(f"looped layers must be alike, {base.config.model_type} has different ones")
        for name, parameter in source.named_parameters():
            module, _, leaf = name.rpartition(".")
            setattr(layer.get_submodule(module), leaf, parameter)
    if _copy_weights not in layers._state_dict_hooks.values():
        layers.register_state_dict_post_hook(_copy_weights)
    return base


def _copy_weights(layers: nn.Module, state: dict[str, Tensor], prefix: str, metadata: Any) -> None:
    """Copy the weights of looped layers in a state dict: transformers saves no tensor under two names."""
    state.update({name: value.clone() for name, value in state.items() if name.startswith(prefix)})


def _shapes(layer: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(parameter.shape) for name, parameter in layer.named_parameters()}
