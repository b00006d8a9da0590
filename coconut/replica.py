"""What a process holds of the model that a run trains: here all of it, a part of it in `sharding`.

The trainer and the evaluation go through this one small interface, and do not know which of the two it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor

from .modeling import CoconutForCausalLM
from .objectives import Loss
from .optim import Optimizers
from .processes import Processes

T = TypeVar("T")


class Replica:
    """The whole model in every process: what each has computed of the gradients is summed.

    Args:
        model: The model; moved to the process's device.
        processes: This process among those that train it.
    """

    def __init__(self, model: CoconutForCausalLM, processes: Processes) -> None:
        self.model, self.processes = model, processes
        self._place()

    def _place(self) -> None:
        self.model.to(self.processes.device)  # type: ignore[arg-type]

    def compute(self, work: Callable[[], T]) -> T:
        """Run what reads the model without gradients; every process must call.

        Args:
            work: Computes this process's share.
        """
        return work()

    def loss(self, work: Callable[[], Loss]) -> Loss:
        """Run what reads the model for a loss; every process must call, and then `backward`.

        Args:
            work: Computes the loss of this process's share.
        """
        return work()

    def backward(self, total: Tensor) -> None:
        """Add the gradients of a loss.

        Args:
            total: What `loss` returned, weighted.
        """
        total.backward()

    def std(self, values: Tensor, group: int, weight: float) -> Tensor:
        """Return a standard deviation over processes; see `Processes.std`."""
        return self.processes.std(values, group, weight)

    def finish_gradients(self, max_norm: float) -> None:
        """Make the gradients those of the whole batch, and clip them.

        Args:
            max_norm: The largest norm; 0 for no clipping.
        """
        self.processes.sum_gradients(self.model.parameters())
        if max_norm:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), max_norm)

    def is_finite(self) -> bool:
        """Whether all weights are, in every process."""
        return all(bool(torch.isfinite(value).all()) for value in self.model.parameters())

    def check_same(self) -> None:
        """Check that processes do not differ in their weights; see `Processes.check_same`."""
        self.processes.check_same(self.model)

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of the weights that this process holds, for `load`."""
        return {name: value.detach().clone() for name, value in self.model.state_dict().items()}

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Load weights into the model.

        Args:
            weights: Those of the whole model, or what `weights` returned.
        """
        self.model.load_state_dict(weights)

    def load_optimizers(self, optimizers: Optimizers, states: list[dict[str, Any]]) -> None:
        """Load the state of optimizers.

        Args:
            optimizers: The model's.
            states: What `whole_optimizers` returned.
        """
        optimizers.load_state_dict(states)

    def own(self, weights: Mapping[str, Tensor] | None) -> dict[str, Tensor] | None:
        """Return the part of the whole model's weights that this process holds; None for None.

        Args:
            weights: Those of the whole model.
        """
        return None if weights is None else dict(weights)

    def whole(self, weights: Mapping[str, Tensor] | None = None) -> dict[str, Tensor] | None:
        """Return the whole model's weights for a checkpoint; every process must call, and process 0 uses it.

        Args:
            weights: What `weights` returned earlier; None for the model's own now.
        """
        return dict(self.model.state_dict() if weights is None else weights)

    def whole_optimizers(self, optimizers: Optimizers) -> list[dict[str, Any]]:
        """Return the whole state of optimizers for a checkpoint; every process must call.

        Args:
            optimizers: The model's.
        """
        return optimizers.state_dict()

    def whole_model(self) -> CoconutForCausalLM:
        """Return a model with all weights in process 0; every process must call."""
        return self.model
