"""Which examples a training step sees, and at which stage: a pure function of (seed, step).

Training examples are a fresh stream, or a set that is gone through once an epoch in an order of its own. Step
g of a run takes the next ``batch_size`` of them, so a run that was interrupted goes on with exactly the batch
it would have had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..generators.example import Example
from ..generators.seeding import U64, below, draws, example_keys
from .curriculum import FINE, Schedule, StagePlan, TokenRemoval, mixed_stages
from .encoding import Encoder, Row, Segments
from .methods import View

ExampleSource = Callable[[int, int], Iterator[Example]]
"""(first index, count) → that many training examples."""


class Pool:
    """A finite training set. Its examples are tokenized when they are first needed, and kept."""

    def __init__(self, examples: Sequence[Example], seed: int) -> None:
        self.examples, self.seed = examples, seed
        self._kept: dict[int, Segments] = {}
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))

    def steps_per_epoch(self, batch_size: int) -> int:
        """Optimizer steps in which every example is seen once; the last one may have fewer."""
        return -(-len(self.examples) // batch_size)

    def indices(self, global_step: int, batch_size: int) -> list[int]:
        """Which examples step ``global_step`` sees."""
        epoch, step = divmod(global_step, self.steps_per_epoch(batch_size))
        if self._order[0] != epoch:
            name = example_keys("epoch-order", "1", "train", self.seed, [epoch])
            words = draws(name ^ np.arange(len(self.examples), dtype=np.uint64), purpose=0, count=1)
            self._order = (epoch, np.argsort(words[:, 0], kind="stable"))
        chosen: list[int] = self._order[1][step * batch_size : (step + 1) * batch_size].tolist()
        return chosen

    def segments(self, global_step: int, batch_size: int, encoder: Encoder) -> list[Segments]:
        """The tokens of the examples of step ``global_step``."""
        indices = self.indices(global_step, batch_size)
        new = [index for index in indices if index not in self._kept]
        if new:
            self._kept.update(zip(new, encoder.segments([self.examples[i] for i in new]), strict=True))
        return [self._kept[index] for index in indices]


Reading = dict[View, Row]
"""What a step reads of one example: a row a view."""


class TrainBatches(NamedTuple):
    """The training batches of one run.

    Attributes:
        source: Gives the training stream's examples by index, or a finite set of them.
        encoder: Turns them into tokens.
        schedule: What each stage makes of them.
        batch_size: Examples of an optimizer step.
        seed: Of the order, the mixing and the removal.
        removal: iCoT's schedule, None for other methods.
        positions: How many tokens the model can read, None where there is no limit.
    """

    source: ExampleSource | Pool
    encoder: Encoder
    schedule: Schedule
    batch_size: int
    seed: int
    removal: TokenRemoval | None = None
    positions: int | None = None

    @property
    def steps_per_epoch(self) -> int | None:
        """Optimizer steps of an epoch; None where the training data are an endless stream."""
        return self.source.steps_per_epoch(self.batch_size) if isinstance(self.source, Pool) else None

    def readings(self, global_step: int, plan: StagePlan, plans: Sequence[StagePlan]) -> list[Reading]:
        """What is read of each example of a step.

        Args:
            global_step: Counted over all stages.
            plan: The stage in which the step lies.
            plans: All stages.

        Raises:
            ValueError: A row is longer than the model's positions.
        """
        parts = self._segments(global_step)
        stages = self._stages(global_step, len(parts), plan.stage, plans)
        removed = self._removed(global_step, len(parts))
        views = self.schedule.method.views
        read = [
            {view: self.encoder.row(part, self.schedule, stage, tokens, view) for view in views}
            for part, stage, tokens in zip(parts, stages, removed, strict=True)
        ]
        check_lengths([row for reading in read for row in reading.values()], self.positions)
        return read

    def _segments(self, global_step: int) -> list[Segments]:
        if isinstance(self.source, Pool):
            return self.source.segments(global_step, self.batch_size, self.encoder)
        return self.encoder.segments(list(self.source(global_step * self.batch_size, self.batch_size)))

    def _stages(self, global_step: int, count: int, stage: int, plans: Sequence[StagePlan]) -> list[int]:
        """The stage of each of ``count`` rows."""
        first, last = plans[0].stage, plans[-1].stage
        schedule = self.schedule
        if schedule.mixing is not None and first < last:
            keys = self._keys("example-mixing", global_step, count)
            return mixed_stages(schedule.mixing, keys, stage, first, last).tolist()
        if stage > first and schedule.earlier_stages:
            words = draws(
                example_keys("stage-mixing", "1", "train", self.seed, [global_step]), purpose=0, count=2
            )
            if below(words[:, 0], FINE)[0] < schedule.earlier_stages * FINE:
                stage = first + int(below(words[:, 1], stage - first)[0])
        return [stage] * count

    def _removed(self, global_step: int, count: int) -> list[int]:
        """How many tokens of its chain each of ``count`` rows loses."""
        if self.removal is None:
            return [0] * count
        return self.removal.draw(self._keys("token-removal", global_step, count), global_step).tolist()

    def _keys(self, purpose: str, global_step: int, count: int) -> U64:
        first = global_step * self.batch_size
        return example_keys(purpose, "1", "train", self.seed, range(first, first + count))


def check_lengths(rows: Sequence[Row], positions: int | None) -> None:
    """ValueError where a row is longer than the ``positions`` of the model."""
    longest = max(len(row.prompt) + len(row.target) for row in rows)
    if positions is not None and longest > positions:
        raise ValueError(
            f"question, thoughts and chain must fit into the model's {positions} positions, got {longest}"
        )
