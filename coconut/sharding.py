"""A model that is divided among processes as it does not fit: FSDP2, as accelerate is configured for it.

Weights, gradients and AdamW's state are divided (`torch.distributed.fsdp.fully_shard`). Each layer is a unit,
whose weights are gathered for every pass through it, forward and backward; all else (embeddings, head, final
norm, the parts that a method adds) is the root's, gathered once for a step.

To gather is to wait for the others, so every process must make the same passes. But rows of one batch may
have more thoughts than others, and one answer more words than another. So before each pass the processes ask
whether anybody makes one, and who has nothing left makes an idle pass, whose output counts for nothing:

    process 0    pass  pass  pass  pass      4 passes: prefix, 3 thoughts
    process 1    pass  pass  idle  idle      2 passes: prefix, 1 thought
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

from . import launch
from .looping import layers_of
from .modeling import CoconutForCausalLM
from .objectives import Loss
from .optim import Optimizers
from .processes import Processes
from .replica import Replica

T = TypeVar("T")


def replica(model: CoconutForCausalLM, processes: Processes) -> Replica:
    """Place a model as the launcher is configured: whole in every process, or divided among them.

    Args:
        model: The model, the same in every process; changed in place.
        processes: This process among those that train it.

    Raises:
        ValueError: It cannot be divided as configured.
    """
    return Sharded(model, processes) if launch.is_sharded() else Replica(model, processes)


def check_divisible(optimizer: str, loops: int | None) -> None:
    """Check that a run's model can be divided, if the launcher is configured to divide it.

    Args:
        optimizer: Name of the optimizer.
        loops: How often its layers are applied with the same weights; None for once.

    Raises:
        ValueError: It cannot.
    """
    if not launch.is_sharded():
        return
    if optimizer != "adamw":  # Muon orthogonalizes whole matrices
        raise ValueError(f"optimizer.name must be adamw for a model that is divided (FSDP), got {optimizer}")
    if loops is not None:
        raise ValueError(f"model.loops must be left out for a model that is divided (FSDP), got {loops}")


class _Root(nn.Module):
    """The root of the division, whose forward is whatever is to be computed with its weights gathered."""

    def __init__(self, model: CoconutForCausalLM) -> None:
        super().__init__()
        self.model = model
        self._no_split_modules = sorted({type(layer).__name__ for layer in layers_of(model.base)})

    def forward(self, work: Callable[[], T]) -> T:
        return work()


class Sharded(Replica):
    """A model of which each process holds a part.

    Args:
        model: The model, the same in every process; divided in place.
        processes: This process among those that train it.

    Raises:
        ValueError: It cannot be divided as configured.
    """

    def _place(self) -> None:
        self.processes.check_same(self.model)
        names: dict[int, str] = {}
        self._first = {
            name: names.setdefault(id(value), name)
            for name, value in self.model.named_parameters(remove_duplicate=False)
        }
        self.root = _divided(_Root(self.model), self.processes)
        units = [
            module for module in self.root.modules() if module is self.root or hasattr(module, "unshard")
        ]
        layers = {id(layer) for layer in layers_of(self.model.base)}
        if {id(unit) for unit in units} != {id(self.root), *layers}:
            raise ValueError(
                "fsdp_transformer_layer_cls_to_wrap must be the model's layers, "
                f"{', '.join(self.root._no_split_modules)}, or left out"
            )
        self.units: list[Any] = units
        for unit in self.units:  # shares of a loss, whose sum is the batch's
            unit.set_gradient_divide_factor(1.0)
            unit.set_force_sum_reduction_for_comms(True)
        self._outputs: list[Tensor] | None = None
        decoder = self.model.base.get_decoder()
        decoder.register_forward_pre_hook(self._before_pass)
        decoder.register_forward_hook(self._after_pass)
        with torch.no_grad():  # what is gathered first under inference mode could never have gradients
            self.compute(self._idle_pass)

    def compute(self, work: Callable[[], T]) -> T:
        def together() -> tuple[T]:
            found = work()
            self._keep_step()
            return (found,)

        with self._reading(), torch.no_grad():
            (found,) = self.root(together)
        for unit in self.units:
            unit.reshard()
        return found

    def loss(self, work: Callable[[], Loss]) -> Loss:
        def together() -> Loss:
            found = work()
            self._keep_step()
            # Each pass, idle or not, must be part of the backward, also one whose output nothing else reads.
            unused = torch.stack([output.float().sum() for output in self._outputs or ()]).sum()
            total = found.total + 0.0 * unused
            total.register_hook(self._before_backward)
            return found._replace(total=total)

        with self._reading():
            found: Loss = self.root(together)
        return found

    def backward(self, total: Tensor) -> None:
        with self._reachable():
            total.backward()

    def std(self, values: Tensor, group: int, weight: float) -> Tensor:
        self._keep_step()
        return super().std(values, group, weight)

    def finish_gradients(self, max_norm: float) -> None:
        if max_norm:
            with self._reachable():
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), max_norm)

    def is_finite(self) -> bool:
        parts: list[Any] = list(self.model.parameters())
        odd = [not bool(torch.isfinite(part.to_local()).all()) for part in parts]
        return not self.processes.largest([any(odd)])[0]

    def check_same(self) -> None:
        """Do nothing: each part of the weights is in one process only."""

    def load(self, weights: Mapping[str, Tensor]) -> None:
        self.model.load_state_dict(self.own(weights))  # type: ignore[arg-type]

    def load_optimizers(self, optimizers: Optimizers, states: list[dict[str, Any]]) -> None:
        divided = []
        for part, state in zip(optimizers.parts, states, strict=True):
            likes = [like for group in part.param_groups for like in group["params"]]
            divided.append(_changed(state, lambda number, value: _part(value, likes[number])))  # noqa: B023
        optimizers.load_state_dict(divided)

    def own(self, weights: Mapping[str, Tensor] | None) -> dict[str, Tensor] | None:
        if weights is None:
            return None
        likes = self.model.state_dict()
        return {name: _part(value, likes.get(name)) for name, value in weights.items()}

    def whole(self, weights: Mapping[str, Tensor] | None = None) -> dict[str, Tensor] | None:
        found: dict[str, Tensor] = {}
        for name, value in (self.model.state_dict() if weights is None else weights).items():
            first = self._first.get(name, name)  # a tied weight is gathered once, and saved once
            found[name] = found[first] if first in found else self._gathered(value)
        return found if self.processes.is_main else None

    def whole_optimizers(self, optimizers: Optimizers) -> list[dict[str, Any]]:
        states = optimizers.state_dict()
        return [_changed(state, lambda number, value: self._gathered(value)) for state in states]

    def whole_model(self) -> CoconutForCausalLM:
        weights = self.whole()
        if weights is None:
            return self.model
        with torch.device("meta"):
            model = CoconutForCausalLM(self.model.config)
        model.load_state_dict(weights, assign=True)
        model.tie_weights()
        model.generation_config = self.model.generation_config
        return model.eval()

    def _gathered(self, value: Any) -> Any:
        """The whole of a value on process 0's CPU; an empty tensor elsewhere, to save memory."""
        if not hasattr(value, "full_tensor"):
            return value
        with self._reachable():
            whole: Tensor = value.full_tensor()
        return whole.detach().cpu() if self.processes.is_main else whole.new_empty(0)

    def _before_pass(self, *_: Any) -> None:
        """Say that this process makes a pass; the others make one with it."""
        if self._outputs is not None:
            self.processes.largest([1.0])

    def _after_pass(self, module: nn.Module, args: Any, output: Any) -> None:
        if self._outputs is not None and torch.is_grad_enabled():
            self._outputs.append(output.last_hidden_state)

    def _keep_step(self) -> None:
        """Make idle passes until no process makes a pass any more."""
        while self.processes.largest([0.0])[0]:
            self._idle_pass()

    def _idle_pass(self) -> None:
        """Read a vector of zeros, in a pass that neither counts nor asks."""
        decoder, width = self.model.base.get_decoder(), self.model.config.get_text_config().hidden_size
        device = self.processes.device
        zeros_BTD = torch.zeros(1, 1, width, device=device, requires_grad=torch.is_grad_enabled())
        places_BT = torch.zeros(1, 1, dtype=torch.long, device=device)
        output = decoder.forward(inputs_embeds=zeros_BTD, position_ids=places_BT, use_cache=False)
        self._after_pass(decoder, (), output)

    def _before_backward(self, grad: Tensor) -> None:
        """At the end of the backward, before the root's gradients are summed, complete them."""
        engine = torch.autograd.Variable._execution_engine
        engine.queue_callback(self._complete_gradients)

    def _complete_gradients(self) -> None:
        """Give a weight of the root zeros where only others have a gradient: they are summed by position.

        One that nobody has used keeps none, so that the optimizer leaves it alone, as with one process.
        """
        weights = [value for value in self.model.parameters() if not hasattr(value, "full_tensor")]
        is_used = self.processes.largest([float(value.grad is not None) for value in weights])
        for value, used in zip(weights, is_used, strict=True):
            if used and value.grad is None:
                value.grad = torch.zeros_like(value)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        self._outputs = []  # the hidden states of each pass with gradients
        try:
            with self._reachable():
                yield
        finally:
            self._outputs = None

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:  # gloo has no type of its own for it
            if isinstance(error, distributed.DistError) or "gloo" in str(error).lower():
                raise self.processes.lost() from error
            raise


def _divided(root: _Root, processes: Processes) -> Any:
    """Divide a model in place, by accelerate and its configuration in the environment."""
    try:
        from accelerate.utils import FullyShardedDataParallelPlugin, fsdp2_prepare_model
    except ImportError:
        raise ValueError("FSDP needs a newer accelerate: 1.15 has it") from None
    plugin = FullyShardedDataParallelPlugin(cpu_ram_efficient_loading=False)
    # What it reads of an Accelerator, which has FSDP on GPUs only. The recipe decides the precision.
    accelerator = SimpleNamespace(
        state=SimpleNamespace(fsdp_plugin=plugin), device=processes.device, mixed_precision="no",
        is_main_process=processes.is_main, torch_device_mesh=None,
    )  # fmt: skip
    return fsdp2_prepare_model(accelerator, root)


def _changed(state: dict[str, Any], change: Callable[[int, Any], Any]) -> dict[str, Any]:
    """An optimizer's state with other values: (number of the weight, value) → value."""
    entries = {
        number: {name: change(number, value) for name, value in entry.items()}
        for number, entry in state["state"].items()
    }
    return {**state, "state": entries}


def _part(value: Any, like: Any) -> Any:
    """Divide a value as ``like`` is, if it is as large; each process takes its part of its own copy."""
    is_divided = hasattr(like, "full_tensor") and isinstance(value, Tensor) and value.shape == like.shape
    if not is_divided or hasattr(value, "full_tensor"):
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value, like.device_mesh, like.placements, src_data_rank=None)
