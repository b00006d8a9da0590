"""Which examples a training step reads, and at which stage: a pure function of (seed, step).

Training examples are an endless stream, or a finite set that is visited once per epoch in an order drawn for
that epoch. Step g of a run takes the next ``batch_size`` of them, so a resumed run continues with exactly the
batch that an uninterrupted run would have had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..generators.example import Example
from ..generators.seeding import U64, below, draws, example_keys
from .curriculum import FINE, Schedule, StagePlan, TokenRemoval, mixed_stages
from .encoding import Encoder
from .grouping import Groups
from .methods import View
from .rows import Row, Segments

ExampleSource = Callable[[int, int], Iterator[Example]]
"""(first index, count) → ``count`` training examples, beginning with that index."""


class Pool:
    """A finite training set, each example tokenized at first use and kept.

    Args:
        examples: The training set.
        seed: Seed of the order within each epoch.
    """

    def __init__(self, examples: Sequence[Example], seed: int) -> None:
        self.examples, self.seed = examples, seed
        self._kept: dict[int, Segments] = {}
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))

    def steps_per_epoch(self, batch_size: int) -> int:
        """Return the number of optimizer steps per epoch.

        Args:
            batch_size: Examples per step; the last step of an epoch may have fewer.
        """
        return -(-len(self.examples) // batch_size)

    def indices(self, global_step: int, batch_size: int) -> list[int]:
        """Return the indices of the examples that a step reads.

        Args:
            global_step: The step, counted over all stages.
            batch_size: Examples per step.
        """
        epoch, step = divmod(global_step, self.steps_per_epoch(batch_size))
        if self._order[0] != epoch:
            name = example_keys("epoch-order", "1", "train", self.seed, [epoch])
            words = draws(name ^ np.arange(len(self.examples), dtype=np.uint64), purpose=0, count=1)
            self._order = (epoch, np.argsort(words[:, 0], kind="stable"))
        chosen: list[int] = self._order[1][step * batch_size : (step + 1) * batch_size].tolist()
        return chosen

    def segments(self, global_step: int, batch_size: int, encoder: Encoder) -> list[Segments]:
        """Return the tokens of the examples of step ``global_step``."""
        indices = self.indices(global_step, batch_size)
        new = [index for index in indices if index not in self._kept]
        if new:
            self._kept.update(zip(new, encoder.segments([self.examples[i] for i in new]), strict=True))
        return [self._kept[index] for index in indices]


Reading = dict[View, Row]
"""What a step reads of one example: one row per view."""


class Part(NamedTuple):
    """What one process computes at once of a batch.

    Attributes:
        readings: At least one.
        number: The number of the batch's part, which several processes may share.
        weight: 1; or 0 if it only keeps step with the others, which have rows left.
        is_shared: Whether other processes have readings of the same part.
    """

    readings: Sequence[Reading]
    number: int
    weight: float = 1.0
    is_shared: bool = False


def share_out(readings: Sequence[Reading], size: int, rank: int, count: int) -> list[Part]:
    """Share out a batch: its parts, or rows of a part where there are fewer parts than processes.

    The parts are those of a single process, so each is computed with the same rows whatever the number.

    Args:
        readings: The batch.
        size: Rows of a part.
        rank: The process's number.
        count: The number of processes.

    Returns:
        The process's share, as many parts in each process.
    """
    if size < len(readings):  # rows of similar length need little padding
        readings = sorted(readings, key=lambda reading: len(reading["student"].prompt))
    parts = [readings[start : start + size] for start in range(0, len(readings), size)]
    if len(parts) >= count:
        found = [Part(part, number) for number, part in enumerate(parts)][rank::count]
        is_short = len(found) < -(-len(parts) // count)
        return [*found, Part(parts[0][:1], 0, weight=0.0)] if is_short else found
    number = rank * len(parts) // count
    sharing = [other for other in range(count) if other * len(parts) // count == number]
    rows = parts[number][sharing.index(rank) :: len(sharing)]
    return [Part(rows or parts[number][:1], number, weight=float(bool(rows)), is_shared=True)]


class TrainBatches(NamedTuple):
    """The training batches of one run.

    Attributes:
        source: A stream that returns training examples by index, or a finite training set.
        encoder: Encodes examples as tokens.
        schedule: What each stage removes and inserts.
        batch_size: Examples per optimizer step.
        seed: Seed of stage mixing and token removal.
        removal: iCoT's schedule, None for other methods.
        positions: The longest input that the model can read, in tokens; None for no limit.
        groups: Makes batches of like lengths; None for batches in the examples' own order.
    """

    source: ExampleSource | Pool
    encoder: Encoder
    schedule: Schedule
    batch_size: int
    seed: int
    removal: TokenRemoval | None = None
    positions: int | None = None
    groups: Groups | None = None

    @property
    def steps_per_epoch(self) -> int | None:
        """Optimizer steps per epoch; None where the training data are an endless stream."""
        return self.source.steps_per_epoch(self.batch_size) if isinstance(self.source, Pool) else None

    def readings(self, global_step: int, plan: StagePlan, plans: Sequence[StagePlan]) -> list[Reading]:
        """Return what a step reads of each of its examples.

        Args:
            global_step: The step, counted over all stages.
            plan: The stage that the step belongs to.
            plans: All stages.

        Returns:
            One row per view, for each example.

        Raises:
            ValueError: A row is longer than ``positions``.
        """
        parts = self._segments(global_step)
        stages = self._stages(global_step, parts, plan.stage, plans)
        removed, words = self._removed(global_step, len(parts)), self._words(global_step, len(parts))
        views = self.schedule.method.views
        read = [
            {view: self.encoder.row(part, self.schedule, stage, tokens, view, word) for view in views}
            for part, stage, tokens, word in zip(parts, stages, removed, words, strict=True)
        ]
        check_lengths([row for reading in read for row in reading.values()], self.positions)
        return read

    def _segments(self, global_step: int) -> list[Segments]:
        if self.groups is None:
            return self._ungrouped(global_step)
        return self.groups.batch(global_step, self.steps_per_epoch, self._ungrouped)

    def _ungrouped(self, global_step: int) -> list[Segments]:
        if isinstance(self.source, Pool):
            return self.source.segments(global_step, self.batch_size, self.encoder)
        return self.encoder.segments(list(self.source(global_step * self.batch_size, self.batch_size)))

    def _stages(
        self, global_step: int, parts: Sequence[Segments], stage: int, plans: Sequence[StagePlan]
    ) -> list[int]:
        """The stage of each row."""
        first, last = plans[0].stage, plans[-1].stage
        schedule = self.schedule
        if schedule.stage_mixing is not None and first < last:
            keys = self._keys("example-mixing", global_step, len(parts))
            steps = [len(one.steps) for one in parts]
            return mixed_stages(schedule.stage_mixing, keys, stage, first, last, steps).tolist()
        # Where the prompt does not show the stage, another stage is another target of the same prompt.
        if stage > first and schedule.earlier_stages and schedule.method.shows_stage:
            words = draws(
                example_keys("stage-mixing", "1", "train", self.seed, [global_step]), purpose=0, count=2
            )
            if below(words[:, 0], FINE)[0] < schedule.earlier_stages * FINE:
                stage = first + int(below(words[:, 1], stage - first)[0])
        return [stage] * len(parts)

    def _removed(self, global_step: int, count: int) -> list[int]:
        """The number of chain tokens removed from each of ``count`` rows."""
        if self.removal is None:
            return [0] * count
        return self.removal.draw(self._keys("token-removal", global_step, count), global_step).tolist()

    def _words(self, global_step: int, count: int) -> list[int]:
        """The random bits by which each of ``count`` rows draws a concept of its frontier."""
        if self.schedule.method.target != "frontier":
            return [0] * count
        return draws(self._keys("frontier-label", global_step, count), purpose=0, count=1)[:, 0].tolist()

    def _keys(self, purpose: str, global_step: int, count: int) -> U64:
        first = global_step * self.batch_size
        return example_keys(purpose, "1", "train", self.seed, range(first, first + count))


def check_lengths(rows: Sequence[Row], positions: int | None) -> None:
    """Check that every row fits into the model.

    Args:
        rows: Rows of a batch, at least one.
        positions: The longest input that the model can read, in tokens; None for no limit.

    Raises:
        ValueError: A row is longer than that.
    """
    longest = max(len(row.prompt) + len(row.target) for row in rows)
    if positions is not None and longest > positions:
        raise ValueError(
            f"question, thoughts and chain must fit into the model's {positions} positions, got {longest}"
        )
