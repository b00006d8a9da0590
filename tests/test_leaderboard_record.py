"""The record refuses what cannot be, and the file keeps what it is given."""

import json
from pathlib import Path
from typing import Any

import pytest
from leaderboard_examples import predictions, provenance, result
from pydantic import ValidationError

from coconut_bench.leaderboard import Leaderboard, Score, Tokens, add, read
from coconut_bench.leaderboard.measures import explain
from coconut_bench.leaderboard.result import Result
from coconut_bench.leaderboard.store import SHIPPED, dump

# arXiv 2412.06769, Table 1: accuracy ± what is printed and generated tokens, on the three test splits.
DATASETS = ("gsm8k", "prontoqa", "prosqa")
TABLE_1 = {
    "cot": "42.9±0.2 25.0 98.8±0.8 92.5 77.5±1.9 49.4",
    "no-cot": "16.5±0.5 2.2 93.8±0.7 3.0 76.7±1.0 8.2",
    "icot": "30.0 2.2 99.8±0.3 3.0 98.2±0.3 8.2",
    "pause": "16.4±1.8 2.2 77.7±21.0 3.0 75.9±0.7 8.2",
    "coconut": "34.1±1.5 8.2 99.8±0.2 9.0 97.0±0.3 14.2",
    "coconut-no-curriculum": "14.4±0.8 8.2 52.4±0.4 9.0 76.1±0.2 14.2",
    "coconut-no-thought": "21.6±0.5 2.3 99.9±0.1 3.0 95.5±1.1 8.2",
    "pause-as-thought": "24.1±0.7 2.2 100.0±0.1 3.0 96.6±0.8 8.2",
}


def test_the_shipped_quotes_are_the_papers_table() -> None:
    printed = {
        (row.dataset, row.method): (
            f"{100 * row.accuracy:.1f}" + ("" if row.plus_minus is None else f"±{100 * row.plus_minus:.1f}"),
            f"{row.generated_tokens:.1f}",
        )
        for row in read(SHIPPED).quoted
    }
    expected = {
        (dataset, method): (cells[2 * index], cells[2 * index + 1])
        for method, text in TABLE_1.items()
        for cells in [text.split()]
        for index, dataset in enumerate(DATASETS)
    }
    assert printed == expected


def test_quoted_methods_have_the_names_of_those_that_run() -> None:
    from coconut_bench.coconut.methods import METHODS

    quoted = {row.method for row in read(SHIPPED).quoted}
    assert set(METHODS) & quoted >= {"cot", "no-cot", "coconut", "pause-as-thought"}
    assert quoted - set(METHODS) <= {"icot"}


def test_rows_without_counted_costs_are_read_and_written_as_they_were(tmp_path: Path) -> None:
    seeds = [entry.model_copy(update={"compute": None}) for entry in result().seeds]
    old = dump(Leaderboard(rows=[result().model_copy(update={"seeds": seeds})]))
    assert '"compute"' not in old and '"training_flops"' in dump(Leaderboard(rows=[result()]))
    (tmp_path / "leaderboard.json").write_text(old, encoding="utf-8")
    board = read(tmp_path / "leaderboard.json")
    assert dump(board) == old and board.rows[0].key == result().key


def edited(change: dict[str, Any]) -> str:
    """A leaderboard file with values replaced, each named by its path in the file."""
    data = json.loads(dump(Leaderboard(rows=[result()])))
    for path, value in change.items():
        *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        target = data
        for part in parents:
            target = target[part]
        target[last] = value
    return json.dumps(data)


SEED = "rows.0.seeds.0"
BAD = {
    "NaN": ({f"{SEED}.stages.0.loss": float("nan")}, "0.seeds.0.stages.0.loss: Input should be a finite"),
    "infinite": ({f"{SEED}.training.seconds": float("inf")}, "training.seconds: Input should be a finite"),
    "negative count": ({f"{SEED}.test.n_correct": -1}, "rows.0.seeds.0.test.n_correct: .* got -1"),
    "negative seconds": ({f"{SEED}.training.seconds": -0.5}, "training.seconds: .* got -0.5"),
    "text for a number": ({f"{SEED}.test.n": "200"}, "test.n: .* got '200'"),
    "fraction over 1": ({f"{SEED}.stages.0.validation_accuracy": 90.0}, "validation_accuracy: .* got 90.0"),
    "unknown key": ({"rows.0.methods": "x"}, "rows.0.methods: unknown key, which a newer version may know"),
    "unknown kind": ({"rows.0.kind": "guessed"}, "rows.0: .*'guessed'"),
    "accuracy of other counts": ({f"{SEED}.test.accuracy": 0.95}, "0.900000 .* got 0.950000"),
    "interval of other counts": ({f"{SEED}.test.interval": [0.8, 1.0]}, "got 0.900000 0.800000 1.000000"),
    "more right than asked": ({f"{SEED}.test.n_correct": 201}, "n_correct must be in 0..200, got 201"),
    "total of tokens": ({f"{SEED}.tokens.generated": 3.0}, "generated must be .* = 4.0, got 3.0"),
    "empty command": ({f"{SEED}.provenance.command": ""}, "command: String should have at least 1"),
    "date without time": ({f"{SEED}.provenance.date": "2026-01-02"}, "provenance.date: .* got '2026-01-02'"),
    "dirty without commit": ({f"{SEED}.provenance.commit": None}, "dirty must be given with a commit"),
    "a hash cut short": ({"rows.0.recipe.hash": "abc"}, "recipe.hash: .* got 'abc'"),
    "no seeds": ({"rows.0.seeds": []}, "rows.0.seeds: List should have at least 1 item"),
    "another number of questions": ({"rows.0.dataset.n": 100}, "test.n must be 100, got 200"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_is_named_and_located_and_the_file_stays(name: str, tmp_path: Path) -> None:
    change, message = BAD[name]
    path = tmp_path / "leaderboard.json"
    text = edited(change)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as refused:
        read(path)
    assert str(path) in str(refused.value)
    with pytest.raises(ValueError, match=message):
        add(path, result(method="cot"))
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must be JSON"),
        (b'{"schema_version": 1, "rows": [', "must be JSON, got Expecting value: line 1 column 32"),
        (b"\xff\xfe", "must be JSON"),
        (b"[]", "schema_version, a whole number, got None"),
        (b'{"rows": []}', "schema_version, a whole number, got None"),
        (b'{"schema_version": true, "rows": []}', "schema_version, a whole number, got True"),
        (b'{"schema_version": 3, "rows": []}', "schema_version must be at most 2 .* got 3"),
        (b'{"schema_version": 0, "rows": []}', "schema_version must be one of .* got 0"),
    ],
)
def test_what_is_not_a_leaderboard_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.json"
    path.write_bytes(content)
    for attempt in (lambda: read(path), lambda: add(path, result())):
        with pytest.raises(ValueError, match=message):
            attempt()
    assert path.read_bytes() == content


def test_several_problems_are_told_at_once() -> None:
    text = edited({f"{SEED}.test.n": -1, f"{SEED}.seed": -2})
    with pytest.raises(ValidationError) as refused:
        Leaderboard.model_validate_json(text)
    message = explain(refused.value)
    assert "seeds.0.test.n" in message
    assert "seeds.0.seed" in message
    assert "\n" not in message


def test_parts_must_add_up() -> None:
    entry = result().seeds[0]
    with pytest.raises(ValidationError, match="by_hops must add up to 180 of 200, got 2 of 4"):
        type(entry).model_validate({**dict(entry), "by_hops": {2: Score.of(2, 4)}})
    with pytest.raises(ValidationError, match="twins must be pairs among the 180 of 200 right"):
        type(entry).model_validate({**dict(entry), "twins": Score.of(91, 100)})


def test_rows_and_seeds_must_be_distinct() -> None:
    row = result()
    with pytest.raises(ValidationError, match="rows must be distinct, 0 and 1 are the same coconut run"):
        Leaderboard(rows=[row, row])
    with pytest.raises(ValidationError, match="seeds must be distinct and ascending, got \\[0, 0\\]"):
        Result.model_validate({**dict(row), "seeds": [row.seeds[0], row.seeds[0]]})


def test_a_record_survives_the_file_exactly(tmp_path: Path) -> None:
    row = result({seed: predictions(lambda index, seed=seed: index % (7 + seed) != 0) for seed in range(3)})
    board = add(tmp_path / "leaderboard.json", row)
    assert read(tmp_path / "leaderboard.json") == board
    assert board.measured == [row]


def test_quoted_and_measured_rows_have_their_own_keys() -> None:
    rows = [*read(SHIPPED).rows, result(), result(quick=True), result(method="cot"), result(recipe="other")]
    assert len({row.key for row in rows}) == len(rows)


def test_the_paper_counts_thoughts_as_generated_tokens() -> None:
    assert Tokens.of(language=8.2, thoughts=6.0, forward_passes=15.0).generated == pytest.approx(14.2)


def test_provenance_of_this_process_is_complete() -> None:
    from coconut_bench.leaderboard.provenance import provenance as here

    found = here(device="cpu")
    assert found.environment.packages["torch"]
    assert found.environment.threads >= 1
    assert found.date > provenance().date
