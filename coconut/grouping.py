"""Batches of like lengths, which need little padding: a window of steps shares its examples out anew.

The examples of ``window`` steps are sorted by the length of their questions, cut into as many batches, and
these visited in an order drawn for that window. So every example is read as often as before, within its
epoch, and what a step reads is a function of (seed, step) still. The batches are not a uniform sample any
more: one has short questions, another long ones (`group_by_length` of transformers' trainer does the same).

    window of 3 steps, batches of 2      7 3 · 5 9 · 4 8   →   sorted 3 4 · 5 7 · 8 9   →   8 9 · 3 4 · 5 7
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..generators.seeding import draws, example_keys
from .rows import Segments


class Groups:
    """Cuts the examples of each window into batches of like lengths; keeps the last window.

    Args:
        window: Steps of a window; the last one of an epoch may have fewer.
        seed: Seed of the order within a window.
    """

    def __init__(self, window: int, seed: int) -> None:
        self.window, self.seed = window, seed
        self._kept: tuple[int, list[list[Segments]]] = (-1, [])

    def batch(
        self, step: int, per_epoch: int | None, read: Callable[[int], list[Segments]]
    ) -> list[Segments]:
        """Return the examples of a step.

        Args:
            step: The step, counted over all stages.
            per_epoch: Steps of an epoch, which no window crosses; None for an endless stream.
            read: From a step to the examples that it would read without groups.
        """
        begin = 0 if per_epoch is None else step // per_epoch * per_epoch
        first = begin + (step - begin) // self.window * self.window
        end = first + self.window if per_epoch is None else min(first + self.window, begin + per_epoch)
        if self._kept[0] != first:
            self._kept = (first, self._grouped([read(one) for one in range(first, end)], first))
        return self._kept[1][step - first]

    def _grouped(self, batches: list[list[Segments]], first: int) -> list[list[Segments]]:
        size = len(batches[0])
        found = sorted((one for batch in batches for one in batch), key=lambda one: len(one.question))
        name = example_keys("length-groups", "1", "train", self.seed, [first])
        words = draws(name ^ np.arange(len(batches), dtype=np.uint64), purpose=0, count=1)
        order = np.argsort(words[:, 0], kind="stable").tolist()
        return [found[place * size : (place + 1) * size] for place in order]
