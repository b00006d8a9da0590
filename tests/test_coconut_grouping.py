"""Batches of like lengths: every example as often as without them, and less padding."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_coconut_training import SETTINGS, trainer

from coconut_bench.coconut.batches import Pool
from coconut_bench.coconut.grouping import Groups
from coconut_bench.coconut.rows import Segments
from coconut_bench.generators import examples


def example(length: int) -> Segments:
    return Segments([7] * length, [], [])


def sources(lengths: list[int], size: int) -> list[list[Segments]]:
    return [[example(n) for n in lengths[start : start + size]] for start in range(0, len(lengths), size)]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 7), st.integers(2, 9), st.data())
def test_a_window_reads_its_own_examples_whatever_is_asked_first(
    lengths: list[int], size: int, window: int, data: st.DataObject
) -> None:
    """An epoch of any number of steps, its last one shorter; asked for in any order, as on resumption."""
    batches = sources(lengths, size)
    count = len(batches)
    steps = data.draw(st.permutations(range(2 * count)))
    groups, found = Groups(window, seed=1), {}
    for step in steps:
        found[step] = groups.batch(step, count, lambda one: batches[one % count])
    for epoch in range(2):
        for first in range(0, count, window):
            here = range(first, min(first + window, count))
            read = sorted(len(one.question) for step in here for one in found[epoch * count + step])
            assert read == sorted(len(one.question) for step in here for one in batches[step])
            bounds = sorted(
                (len(b[0].question), len(b[-1].question)) for s in here if (b := found[epoch * count + s])
            )
            assert all(low[1] <= high[0] for low, high in pairwise(bounds))


def test_the_order_within_windows_is_drawn_anew() -> None:
    batches = sources(list(range(1, 61)), 3)
    groups = Groups(10, seed=0)
    orders = [
        [groups.batch(w * 10 + s, None, lambda one: batches[one])[0].question for s in range(10)]
        for w in (0, 1)
    ]
    ranks = [[sorted(map(len, order)).index(len(one)) for one in order] for order in orders]
    assert ranks[0] != ranks[1] and list(range(10)) not in ranks


MIXED = [
    one
    for pair in zip(
        *(examples(name, "train", count=12) for name in ("prosqa-tiny", "prosqa-tiny-3hop")), strict=True
    )
    for one in pair
]
"""Examples of two lengths in turn."""


@pytest.mark.parametrize("is_finite", [True, False])
def test_what_a_training_reads(is_finite: bool, tmp_path: Path) -> None:
    source = Pool(MIXED, seed=0) if is_finite else lambda start, count: iter(MIXED[start : start + count])
    read, kinds = [], []
    for groups in (None, Groups(3, seed=0)):
        batches = trainer(tmp_path / str(groups), SETTINGS, source=source).batches._replace(groups=groups)
        plans = batches.schedule.plan((1, 1, 1), (1.0,) * 3)
        steps = [batches.readings(step, plans[0], plans) for step in range(3)]
        read.append(sorted(str(one["student"].prompt) for step in steps for one in step))
        kinds.append([len({len(one["student"].prompt) for one in step}) for step in steps])
    assert read[0] == read[1]
    assert kinds[0] == [2, 2, 2] and sorted(kinds[1]) == [1, 1, 2]
