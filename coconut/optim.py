"""Optimizers: AdamW as published, or Muon on the hidden matrices with AdamW on the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from .bf16_products import fast_products
from .settings import OptimizerSettings


class Optimizers:
    """One or two torch optimizers that step together, their learning rates scaled by one factor.

    Args:
        model: The model to train.
        settings: Which optimizers, and their learning rates.
    """

    def __init__(self, model: nn.Module, settings: OptimizerSettings) -> None:
        hidden, rest = _split(model, settings.name)
        on_gpu = all(parameter.device.type == "cuda" for parameter in rest)
        adamw = torch.optim.AdamW(
            rest, lr=settings.lr, betas=settings.betas, fused=on_gpu or None,
            weight_decay=settings.weight_decay if settings.name == "adamw" else 0.0,
        )  # fmt: skip
        self.parts: list[torch.optim.Optimizer] = [adamw]
        if hidden:
            self.parts.append(
                torch.optim.Muon(hidden, lr=settings.muon_lr, weight_decay=settings.weight_decay)
            )
        self._full = [[group["lr"] for group in part.param_groups] for part in self.parts]

    def step(self, factor: float, keeps_gradients: bool = False) -> None:
        """Update the weights, then clear the gradients.

        Args:
            factor: Factor on the full learning rates.
            keeps_gradients: Fill the gradients with zeros in place, as a step that is replayed needs them
                where they are.

        Raises:
            ValueError: A learning rate is too large for torch to compute the step.
        """
        for part, rates in zip(self.parts, self._full, strict=True):
            for group, rate in zip(part.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            try:
                with fast_products(part.param_groups[0]["params"][0].device):
                    part.step()
            except RuntimeError as error:
                if "overflow" not in str(error):
                    raise
                rate = max(group["lr"] for group in part.param_groups)
                raise ValueError(
                    f"the training diverged: no step can have the learning rate {rate:g}"
                ) from None
            part.zero_grad(set_to_none=not keeps_gradients)

    def state_dict(self) -> list[dict[str, Any]]:
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        for part, state in zip(self.parts, states, strict=True):
            part.load_state_dict(state)


def _split(model: nn.Module, name: str) -> tuple[list[Tensor], list[Tensor]]:
    """Muon's parameters (2-D, but no embedding table or LM head) and AdamW's (all others), each once."""
    tables = {id(parameter) for parameter in _tables(model)}
    hidden: list[Tensor] = []
    rest: list[Tensor] = []
    for parameter in model.parameters():
        is_hidden = name == "muon" and parameter.ndim == 2 and id(parameter) not in tables
        (hidden if is_hidden else rest).append(parameter)
    return hidden, rest


def _tables(model: nn.Module) -> Iterator[Tensor]:
    """Embedding tables (tokens, positions) and the LM head, for which Muon is not designed."""
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            yield module.weight
    if isinstance(model, PreTrainedModel) and model.get_output_embeddings() is not None:
        yield model.get_output_embeddings().weight
