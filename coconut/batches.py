"""Which examples a training step sees, and at which stage: a pure function of (seed, step).

Training examples are a fresh stream: step g of a run takes the next ``batch_size`` examples, so a run that
was interrupted goes on with exactly the batch it would have had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..generators.example import Example
from ..generators.seeding import below, draws, example_keys
from .curriculum import StagePlan
from .encoding import Batch, Encoder, collate
from .methods import Method

ExampleSource = Callable[[int, int], Iterator[Example]]
"""(first index, count) → that many training examples."""


class TrainBatches(NamedTuple):
    """The training batches of one run. ``source`` gives the training stream's examples by index."""

    source: ExampleSource
    encoder: Encoder
    method: Method
    thoughts_per_step: int
    batch_size: int
    earlier_stages: float
    seed: int

    def at(self, global_step: int, plan: StagePlan, first_stage: int) -> Batch:
        """The batch of step ``global_step`` (counted over all stages), which lies in the stage ``plan``.

        With probability ``earlier_stages`` it is one of an earlier stage, uniformly; ``first_stage`` is the
        first stage that the method trains.
        """
        stage = self._stage(global_step, plan.stage, first_stage)
        examples = list(self.source(global_step * self.batch_size, self.batch_size))
        rows = [
            self.encoder.row(parts, self.method, stage, self.thoughts_per_step)
            for parts in self.encoder.segments(examples)
        ]
        return collate(rows, self.encoder.ids.pad)

    def _stage(self, global_step: int, stage: int, first_stage: int) -> int:
        if stage == first_stage or not self.earlier_stages:
            return stage
        keys = example_keys("stage-mixing", "1", "train", self.seed, [global_step])
        earlier, which = (int(value) for value in _two_draws(keys, stage - first_stage))
        return first_stage + which if earlier < self.earlier_stages * (1 << 30) else stage


def _two_draws(keys: object, choices: int) -> tuple[int, int]:
    first = draws(keys, purpose=0, count=2)  # type: ignore[arg-type]
    return int(below(first[:, 0], 1 << 30)[0]), int(below(first[:, 1], choices)[0])
