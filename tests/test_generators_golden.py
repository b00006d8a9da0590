"""Pinned bytes: a version of a dataset is these examples, on every platform and Python."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coconut_bench.generators import DATASETS, content_hash, examples, get_dataset
from coconut_bench.generators.example import SPLITS

RECORDER = Path(__file__).parent / "golden" / "record_datasets.py"
_spec = importlib.util.spec_from_file_location("record_datasets", RECORDER)
assert _spec is not None and _spec.loader is not None
recorder = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(recorder)

GOLDEN = json.loads(recorder.GOLDEN.read_text())
TABLE = [(name, surface) for name, row in DATASETS.items() for surface in row.surfaces]


def golden(name: str, surface: str) -> dict[str, Any]:
    """The pinned entry of the dataset's present version."""
    found: dict[str, Any] = GOLDEN[f"{name} {get_dataset(name).version}"][surface]
    return found


def test_the_golden_file_lists_the_table() -> None:
    known = {(entry.split()[0], surface) for entry, surfaces in GOLDEN.items() for surface in surfaces}
    assert known >= set(TABLE)


@pytest.mark.parametrize(("name", "surface"), TABLE)
def test_the_first_examples_of_each_split_are_the_pinned_ones(name: str, surface: str) -> None:
    assert recorder.prefixes(name, surface) == golden(name, surface)[f"first {recorder.PREFIX}"]
    first = next(examples(name, "test", surface=surface))
    assert first.question == golden(name, surface)["first test question"]
    assert get_dataset(name).sizes == golden(name, surface)["sizes"]


SLOW = {"prosqa-symmetric", "prontoqa-fair", "prosqa-tiny-leaky"}
"""Datasets that share their sampler with another one, or take longest."""


def default_splits() -> Iterator[Any]:
    """Every split at its default size; that of training is slow in the second wording, and of `SLOW`."""
    for name, surface in TABLE:
        for split in SPLITS:
            is_told_again = split == "train" and surface != DATASETS[name].surfaces[0]
            is_slow = is_told_again or (split == "train" and name in SLOW)
            yield pytest.param(name, surface, split, marks=pytest.mark.slow if is_slow else ())


@pytest.mark.parametrize(("name", "surface", "split"), list(default_splits()))
def test_a_default_split_is_the_pinned_one(name: str, surface: str, split: str) -> None:
    assert content_hash(name, split, surface=surface) == golden(name, surface)["whole"][split]
