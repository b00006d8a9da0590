"""What every dataset of the table keeps: determinism, random access, twins, disjoint splits, JSON."""

import itertools
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from coconut_bench.generators import DATASETS, Example, canonical_row, content_hash, examples, get_dataset
from coconut_bench.generators.example import SPLITS
from coconut_bench.generators.proof.contracts import CONTRACTS
from coconut_bench.generators.proof.records import prove
from coconut_bench.generators.stored.write import generate, plan

TABLE = [(name, surface) for name, row in DATASETS.items() for surface in row.surfaces]
every_dataset = pytest.mark.parametrize(("name", "surface"), TABLE)


@every_dataset
@pytest.mark.parametrize("split", SPLITS)
def test_every_example_is_proved_from_its_text(name: str, surface: str, split: str) -> None:
    for example in examples(name, split, count=30, surface=surface, seed=5):
        CONTRACTS[name].check(prove(example))


@every_dataset
def test_random_access_gives_what_reading_in_order_gives(name: str, surface: str) -> None:
    whole = list(examples(name, "test", count=40, surface=surface))
    for start, count in ((0, 2), (3, 4), (17, 10), (38, 2), (20, 0)):
        part = examples(name, "test", start=start, count=count, surface=surface)
        assert list(part) == whole[start : start + count]
    one_by_one = [next(examples(name, "test", start=index, count=2, surface=surface)) for index in range(9)]
    assert one_by_one[::-1] == whole[:9][::-1]


@every_dataset
def test_batches_do_not_change_an_example(name: str, surface: str) -> None:
    """Batches are 512 graphs; an example in the middle of one and alone in another is the same."""
    stream = examples(name, "train", surface=surface)
    late = next(itertools.islice(stream, 700, None))
    assert late == next(examples(name, "train", start=700, surface=surface))


@every_dataset
def test_seeds_splits_and_indices_give_different_examples(name: str, surface: str) -> None:
    questions = [
        example.question
        for seed in (0, 1)
        for split in SPLITS
        for example in examples(name, split, count=50, seed=seed, surface=surface)
    ]
    assert len(set(questions)) == len(questions)


@pytest.mark.parametrize(
    "name", [pytest.param(row.name, marks=pytest.mark.slow if row.axis else ()) for row in DATASETS.values()]
)
def test_no_two_splits_share_a_graph(name: str) -> None:
    """Also across seeds: the training graphs of one seed are not the test graphs of another."""
    splits = defaultdict(set)
    for seed, split in itertools.product((0, 1), SPLITS):
        for example in examples(name, split, count=150, seed=seed):
            splits[CONTRACTS[name].form(prove(example))].add(split)
    assert all(len(found) == 1 for found in splits.values())


@every_dataset
def test_a_record_survives_json(name: str, surface: str) -> None:
    for example in examples(name, "valid", count=6, surface=surface):
        record = json.loads(canonical_row(example))
        assert Example.from_json(record) == example
        published = {key: record[key] for key in ("question", "answer", "steps")}
        bare = Example.from_json(published, default_id="x/0")
        assert (bare.id, bare.steps, bare.graph) == ("x/0", example.steps, None)


@every_dataset
def test_the_default_sizes_are_met(name: str, surface: str) -> None:
    row = get_dataset(name)
    assert sum(1 for _ in examples(name, "valid", surface=surface)) == row.sizes["valid"]
    unbounded = examples(name, "train", start=row.sizes["train"] + 5, surface=surface)
    assert next(unbounded).id.endswith(f"/{row.sizes['train'] + 5}")


@pytest.mark.parametrize("name", [name for name, row in DATASETS.items() if row.twins])
def test_twins_differ_only_in_who_is_asked_about(name: str) -> None:
    pairs = list(examples(name, "test", count=100))
    for first, second in zip(pairs[::2], pairs[1::2], strict=True):
        assert (first.twin, second.twin) == (second.id, first.id)
        different = [
            (a, b) for a, b in zip(first.question.split(), second.question.split(), strict=True) if a != b
        ]
        assert len(different) == 1
        assert first.answer != second.answer
        assert first.hops == second.hops


@pytest.mark.parametrize("name", [name for name, row in DATASETS.items() if not row.axis])
def test_four_workers_write_the_bytes_of_one(name: str, tmp_path: Path) -> None:
    planned = plan(name, sizes={"train": 2500, "valid": 4, "test": 0})
    for workers in (1, 4):
        generate(planned, tmp_path / str(workers), workers=workers)
    for file in sorted(path.name for path in (tmp_path / "1").iterdir()):
        assert (tmp_path / "4" / file).read_bytes() == (tmp_path / "1" / file).read_bytes()


def test_another_process_with_another_hash_seed_gives_the_same_bytes() -> None:
    code = (
        "from coconut_bench.generators import content_hash\n"
        f"for name, surface in {TABLE!r}: print(content_hash(name, 'test', count=30, surface=surface))"
    )
    for hash_seed in ("1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        here = [content_hash(name, "test", count=30, surface=surface) for name, surface in TABLE]
        assert done.stdout.split() == here


def test_the_generators_import_no_heavy_library() -> None:
    code = "import sys, coconut_bench.generators; print(*{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "datasets", "pyarrow", "networkx"} & set(done.stdout.split())


def test_datasets_known_to_leak_say_so() -> None:
    assert {name for name, row in DATASETS.items() if row.leak} == {
        "prosqa", "prontoqa", "prosqa-tiny-leaky"
    }  # fmt: skip
    for row in DATASETS.values():
        assert ("LEAKS" in row.summary()) == bool(row.leak)
        assert row.caveat in row.summary()
    assert {name for name, row in DATASETS.items() if row.caveat and not row.axis} == {
        "prosqa-tiny", "prosqa-tiny-3hop", "prosqa-fair", "prontoqa-fair"
    }  # fmt: skip
    shifted = {row.name: row for row in DATASETS.values() if row.base.startswith("prosqa-tiny")}
    assert all(row.caveat for row in shifted.values())
    one_hop = {name for name, row in shifted.items() if row.caveat.startswith("The answer stands")}
    assert one_hop == {"prosqa-tiny-hops1"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "prosqq"}, "unknown dataset 'prosqq' (did you mean 'prosqa'?)"),
        ({"split": "validation"}, "unknown split 'validation' (did you mean 'valid'?)"),
        ({"surface": "symbols"}, "unknown surface of prosqa-tiny 'symbols' (did you mean 'symbolic'?)"),
        ({"seed": -1}, "seed must be in 0..2^63-1, got -1"),
        ({"start": -1}, "start must be in 0..43589145600 for prosqa-tiny test, got -1"),
        ({"count": -2}, "count must be in 0..43589145600"),
        ({"count": 10**12}, "count must be in 0..43589145600"),
        ({"count": 3}, "count must be even for prosqa-tiny test (examples come in twins), got 3"),
    ],
)
def test_impossible_requests_fail_at_the_call(arguments: dict[str, object], message: str) -> None:
    given = {"name": "prosqa-tiny", "split": "test", **arguments}
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        examples(given.pop("name"), given.pop("split"), **given)  # type: ignore[arg-type]
