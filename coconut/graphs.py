"""Training steps that are replayed: CUDA graphs, one for each shape that occurs again.

A step of a small model is thousands of short kernels, which a program starts more slowly than a GPU runs
them. A graph starts them all at once. It repeats the same kernels on the same memory, so each shape of a
batch has its own graph, which reads its input from tensors that are filled anew (`Recorded`).

The first step of a shape is computed as usual, the second one is recorded; shapes that occur once cost
nothing. What cannot be recorded is computed as usual from then on, with one line that says why: recording
computes nothing, so a failed one changes no result.

Gradients must stay where they are, so they are filled with zeros between steps (`optim.Optimizers.step`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .objectives import Items, Loss, ViewBatch, Views

COUNTS = ("rows", "thoughts", "decoded")
"""Counts of `Items` besides those of labels."""
Compute = Callable[[Views, Items | None], Loss]
"""Forward and backward: (views on the GPU, counts over the whole batch) → the loss, detached."""


class Recorded(NamedTuple):
    """A graph, the tensors that it reads in the order of `_tensors`, and its loss."""

    graph: torch.cuda.CUDAGraph
    inputs: list[Tensor]
    loss: Loss


class Graphs:
    """Replays steps by their shapes.

    Args:
        compute: Computes a step.
        tell: Prints a line.
    """

    def __init__(self, compute: Compute, tell: Callable[[str], None]) -> None:
        self.compute, self.tell = compute, tell
        self.is_broken = False
        self.forget()

    def forget(self) -> None:
        """Drop all graphs: the gradients are going to be elsewhere."""
        self.recorded: dict[Hashable, Recorded | None] = {}
        self.pool: Any = None

    def run(self, views: Views, items: Items | None) -> Loss:
        """Compute or replay a step.

        Args:
            views: The views on the GPU, rounded (`layout.rounded`).
            items: Counts over the whole batch, None where the views are all of it.

        Returns:
            The loss, of which nothing later changes the values.
        """
        key = _shape(views, items)
        if self.is_broken or key not in self.recorded:
            self.recorded[key] = None
            return self.compute(views, items)
        if self.recorded[key] is None:
            self.recorded[key] = self._record(views, items)
        recorded = self.recorded[key]
        if recorded is None:
            return self.compute(views, items)
        for place, value in zip(recorded.inputs, _tensors(views, items), strict=True):
            place.copy_(value, non_blocking=True) if isinstance(value, Tensor) else place.fill_(value)
        recorded.graph.replay()
        return Loss(recorded.loss.total.clone(), {n: v.clone() for n, v in recorded.loss.parts.items()})

    def _record(self, views: Views, items: Items | None) -> Recorded | None:
        device = next(iter(views.values())).layout.ids_BT.device
        views = {name: view.map(lambda tensor: tensor.clone()) for name, view in views.items()}
        items = None if items is None else _as_tensors(items, device)
        graph = torch.cuda.CUDAGraph()
        self.pool = self.pool or torch.cuda.graph_pool_handle()
        torch.cuda.synchronize()
        try:
            with torch.cuda.graph(graph, pool=self.pool):
                loss = self.compute(views, items)
        except torch.OutOfMemoryError:  # the trainer's to deal with
            raise
        except (RuntimeError, ValueError) as error:
            self.is_broken = True
            reason = str(error).strip().splitlines()[0][:200]
            self.tell(f"steps are not replayed (CUDA graphs): {reason}")
            return None
        return Recorded(graph, list(_tensors(views, items)), loss)


def _shape(views: Views, items: Items | None) -> Hashable:
    """All that a recorded step is fixed to."""
    return items is None, tuple((name, _shape_of(view)) for name, view in views.items())


def _shape_of(view: ViewBatch) -> Hashable:
    layout, sizes = view.layout, []
    view.map(lambda tensor: sizes.append(tuple(tensor.shape)) or tensor)  # type: ignore[func-returns-value]
    assert layout.labels is not None
    present = tuple(getattr(layout, name) is None for name in ("mask_BT", "last_B", "read_R"))
    return layout.columns, layout.is_mixed, layout.is_causal, layout.labels.in_prefix, present, tuple(sizes)


def _as_tensors(items: Items, device: torch.device) -> Items:
    """Counts that a graph reads anew."""
    labels: Any = {name: torch.tensor(float(n), device=device) for name, n in items.labels.items()}
    counts: Any = {name: torch.tensor(float(getattr(items, name)), device=device) for name in COUNTS}
    return items._replace(labels=labels, **counts)


def _tensors(views: Views, items: Items | None) -> list[Any]:
    """The tensors of views, and the counts, in one order."""
    found: list[Any] = []
    for view in views.values():
        view.map(lambda tensor: found.append(tensor) or tensor)  # type: ignore[func-returns-value]
    if items is None:
        return found
    return [*found, *items.labels.values(), *(getattr(items, name) for name in COUNTS)]
