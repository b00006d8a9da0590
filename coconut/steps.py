"""Forward and backward of a training step: this process's parts of a batch, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from .batches import Part, Reading, share_out
from .graphs import Graphs
from .kernels import allowed
from .modeling import CoconutForCausalLM
from .objectives import Items, Loss, Objective, ViewBatch, Views, items_of, view_of
from .processes import Processes
from .tokens import SpecialIds

MULTIPLES = (16, 8)
"""Columns are padded to multiples of these where steps are replayed: few shapes, and little more padding."""


class Prepared(NamedTuple):
    """A part of a batch on the device.

    Attributes:
        views: What is read of it.
        items: Counts over the whole batch, None where it is the whole batch.
        weight: As in `batches.Part`.
        is_replayed: Whether its step may be replayed.
    """

    views: Views
    items: Items | None
    weight: float
    is_replayed: bool


class Done(NamedTuple):
    """A step whose forward and backward have been started.

    Attributes:
        losses: Of each part: its weight, and its loss.
    """

    losses: list[tuple[float, Loss]]

    @property
    def loss(self) -> float:
        """This process's share of the batch's loss; waits for the GPU."""
        return sum(weight * float(loss.total) for weight, loss in self.losses)

    @property
    def parts(self) -> dict[str, float]:
        """The terms of that share."""
        found: dict[str, float] = {}
        for weight, loss in self.losses:
            for name, value in loss.parts.items():
                found[name] = found.get(name, 0.0) + weight * float(value)
        return found


class Steps:
    """Computes the steps of a training.

    Args:
        model: The model.
        objective: What is minimized.
        ids: The special tokens.
        processes: This process among those that train the model.
        micro_batch: Rows of a part; None for a whole batch.
        precision: fp32, or bf16 by autocast.
        uses_graphs: Whether steps may be replayed where there is a GPU (`graphs`).
        tell: Prints a line.
    """

    def __init__(
        self,
        model: CoconutForCausalLM,
        objective: Objective,
        ids: SpecialIds,
        processes: Processes,
        micro_batch: int | None,
        precision: str,
        uses_graphs: bool,
        tell: Callable[[str], None],
    ) -> None:
        self.model, self.objective, self.ids, self.processes = model, objective, ids, processes
        self.micro_batch, self.precision = micro_batch, precision
        can = uses_graphs and allowed() and processes.device.type == "cuda" and model.halting_head is None
        self.graphs = Graphs(self._one, tell) if can else None

    def begin(self) -> None:
        """Forget what depends on the optimizer's gradients; call it whenever a new one begins."""
        if self.graphs is not None:
            self.graphs.forget()
            for parameter in self.model.parameters():
                parameter.grad = None

    def prepare(self, readings: Sequence[Reading], is_plain: bool = False) -> list[Prepared]:
        """Collate this process's parts of a batch and start to copy them to the device.

        Args:
            readings: What is read of each example of the batch.
            is_plain: Pad no more than the batch needs, and replay nothing.
        """
        here, size = self.processes, self.micro_batch or len(readings)
        parts = share_out(readings, size, here.rank, here.count)
        is_whole = len(parts[0].readings) == len(readings)
        items = None if is_whole else items_of(readings, self.ids.latent)
        return [self._prepared(part, items, is_plain) for part in parts]

    def _prepared(self, part: Part, items: Items | None, is_plain: bool) -> Prepared:
        is_replayed = self.graphs is not None and not (is_plain or part.is_shared or part.weight != 1)
        multiples = MULTIPLES if is_replayed else None
        views = {
            view: self._on_device(
                view_of(self.model, [reading[view] for reading in part.readings], self.ids.pad, multiples)
            )
            for view in part.readings[0]
        }
        if items is not None and part.is_shared:  # processes take its standard deviation together
            items = items._replace(std=partial(self.processes.std, group=part.number, weight=part.weight))
        return Prepared(views, items, part.weight, is_replayed)

    def backward(self, parts: Sequence[Prepared]) -> Done:
        """Accumulate gradients over this process's parts of a batch; waits for no result of the GPU.

        Args:
            parts: What `prepare` returned.
        """
        return Done([(part.weight, self._part(part)) for part in parts])

    def _part(self, part: Prepared) -> Loss:
        if part.is_replayed and self.graphs is not None:
            return self.graphs.run(part.views, part.items)
        return self._one(part.views, part.items, part.weight)

    def _one(self, views: Views, items: Items | None, weight: float = 1.0) -> Loss:
        """Forward and backward of one part; its loss, detached."""
        device, is_bf16 = self.processes.device.type, self.precision == "bf16"
        with _tf32(is_bf16 and device == "cuda"):
            with torch.autocast(device, torch.bfloat16, enabled=is_bf16):
                loss = self.objective(self.model, views, items)
            (loss.total * weight).backward()
        return Loss(loss.total.detach(), {name: value.detach() for name, value in loss.parts.items()})

    def _on_device(self, view: ViewBatch) -> ViewBatch:
        device = self.processes.device

        def move(tensor: Tensor) -> Tensor:
            """Copy it while the GPU works, which only pinned memory allows."""
            return (tensor.pin_memory() if device.type == "cuda" else tensor).to(device, non_blocking=True)

        return view.map(move)


@contextmanager
def _tf32(is_used: bool) -> Iterator[None]:
    """Let products in fp32 be rounded to TF32 while the body runs.

    In a bf16 step only the head's are in fp32, and without TF32 they take a third of its time; with it they are
    still more exact than all others.
    """
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = before or is_used
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
