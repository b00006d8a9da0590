"""Forward and backward of a training step: this process's parts of a batch, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from .batches import Part, Reading, TrainBatches, share_out
from .curriculum import StagePlan
from .graphs import Graphs
from .kernels import allowed
from .objectives import Items, Loss, Objective, ViewBatch, Views, distillation, items_of, view_of
from .replica import Replica
from .settings import MicroBatch
from .tokens import SpecialIds

MULTIPLES = (16, 8)
"""Columns are padded to multiples of these where steps are replayed: few shapes, and little more padding."""


ROWS = 32
"""Rows of a part where their number is left to the device, and nothing tells how many would fit."""


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
        replica: The model, as far as this process holds it.
        objective: What is minimized.
        ids: The special tokens.
        micro_batch: Rows of a part; None for a whole batch; auto for as many as fit (`shrink`).
        precision: fp32, or bf16 by autocast.
        tell: Prints a line.

    Attributes:
        micro_batch: Rows of a part now; None for a whole batch.
        shrinks: Whether there may be fewer of them: where auto is asked for, on a GPU, whose memory refuses
            what does not fit. Several processes must agree on their passes, and CODI's distance depends on
            the part: there auto means `ROWS`, as on a CPU.
    """

    def __init__(
        self,
        replica: Replica,
        objective: Objective,
        ids: SpecialIds,
        micro_batch: MicroBatch | None,
        precision: str,
        tell: Callable[[str], None],
    ) -> None:
        self.replica, self.objective, self.ids, self.tell = replica, objective, ids, tell
        self.model, self.processes = replica.model, replica.processes
        is_on_gpu = self.processes.device.type == "cuda"
        is_free = is_on_gpu and self.processes.count == 1 and objective is not distillation
        self.shrinks = micro_batch == "auto" and is_free
        whole_or_few = None if is_free else ROWS
        self.micro_batch = whole_or_few if micro_batch == "auto" else micro_batch
        self.precision = precision
        can = is_on_gpu and allowed() and self.model.halting_head is None
        self.graphs = Graphs(self._one, tell) if can else None

    def begin(self) -> None:
        """Forget what depends on the optimizer's gradients; call it whenever a new one begins."""
        if self.graphs is not None:
            self.graphs.forget()
            for parameter in self.model.parameters():
                parameter.grad = None

    def check_smaller(self, rows: int) -> None:
        """Check that a step whose memory does not suffice may be tried again in smaller parts.

        Args:
            rows: Rows of the batch.

        Raises:
            ValueError: The number of rows is given, or there is one row left; says what else to do.
        """
        size = min(self.micro_batch or rows, rows)
        if self.shrinks and size > 1:
            return
        less = "gradient_checkpointing: true needs less, FSDP divides the model among GPUs"
        if size > 1:
            less = f"micro_batch_size must be below {size}, or auto"
        raise ValueError(
            f"the memory of {self.processes.device} does not hold a step of {size} examples; {less}"
        )

    def shrink(self, rows: int) -> None:
        """Halve the parts, and drop what a step that did not fit has left of gradients and graphs.

        Args:
            rows: Rows of the batch.
        """
        size = min(self.micro_batch or rows, rows)
        self.micro_batch = size // 2
        for parameter in self.model.parameters():
            parameter.grad = None
        if self.graphs is not None:
            self.graphs.forget()
        torch.cuda.empty_cache()
        self.tell(f"{size} examples at once do not fit into the memory: {self.micro_batch} from here on")

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
            items = items._replace(std=partial(self.replica.std, group=part.number, weight=part.weight))
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
                loss = self.replica.loss(partial(self.objective, self.model, views, items))
            self.replica.backward(loss.total * weight)
        return Loss(loss.total.detach(), {name: value.detach() for name, value in loss.parts.items()})

    def _on_device(self, view: ViewBatch) -> ViewBatch:
        device = self.processes.device

        def move(tensor: Tensor) -> Tensor:
            """Copy it while the GPU works, which only pinned memory allows."""
            return (tensor.pin_memory() if device.type == "cuda" else tensor).to(device, non_blocking=True)

        return view.map(move)


class Batch(NamedTuple):
    """What a step reads.

    Attributes:
        step: The step, counted over all stages.
        readings: All of it.
        parts: This process's parts of it, on the device.
    """

    step: int
    readings: list[Reading]
    parts: list[Prepared]


class Ahead:
    """Prepares the next batch while the device computes.

    Args:
        steps: Computes the steps.
        batches: The training batches.
        plans: The stages in order.
    """

    def __init__(self, steps: Steps, batches: TrainBatches, plans: Sequence[StagePlan]) -> None:
        self.steps, self.batches, self.plans = steps, batches, plans
        self.next: Batch | None = None

    def batch(self, step: int, plan: StagePlan, is_plain: bool) -> Batch:
        """Return the batch of a step, which may have been prepared before.

        Args:
            step: The step, counted over all stages.
            plan: The stage that it belongs to.
            is_plain: As in `Steps.prepare`, for one that has not been prepared.
        """
        found, self.next = self.next, None
        if found is not None and found.step == step:
            return found
        return self._made(step, plan, is_plain)

    def prepare(self, step: int, plan: StagePlan) -> None:
        """Prepare the batch of a step.

        Args:
            step: The step, counted over all stages.
            plan: The stage that it belongs to.
        """
        self.next = self._made(step, plan)

    def _made(self, step: int, plan: StagePlan, is_plain: bool = False) -> Batch:
        readings = self.batches.readings(step, plan, self.plans)
        return Batch(step, readings, self.steps.prepare(readings, is_plain))


@contextmanager
def _tf32(is_used: bool) -> Iterator[None]:
    """Let products in fp32 be rounded to TF32 while the body runs.

    In a bf16 step only the head's are in fp32, which tensor cores do not compute; in TF32 they are still more
    exact than all others.
    """
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = before or is_used
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
