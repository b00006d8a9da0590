"""Side files, and the check that finds a number that is not what the predictions say."""

import gzip
import hashlib
import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from leaderboard_examples import digest, predictions, result

from coconut_bench.cli import main
from coconut_bench.generators.datasets import DATASETS, content_hash, examples
from coconut_bench.leaderboard import (
    Prediction,
    Score,
    SideFile,
    add,
    read_predictions,
    summarize,
    write_predictions,
)
from coconut_bench.leaderboard.check import check
from coconut_bench.leaderboard.statistics import wilson
from coconut_bench.leaderboard.store import SHIPPED, read, side_files

ANSWERED = predictions(lambda index: index % 10 != 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A leaderboard with two rows of two seeds, all with predictions."""
    target = tmp_path / "board" / "leaderboard.json"
    for method, step in (("coconut", 10), ("cot", 4)):
        answered = {
            seed: predictions(lambda index, seed=seed, step=step: index % step != seed) for seed in (0, 1)
        }
        add(target, result(answered, method=method, folder=tmp_path / "run"), predictions=tmp_path / "run")
    return target


def change(path: Path, edit: Callable[[Any], None]) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    edit(data["rows"])
    path.write_text(json.dumps(data), encoding="utf-8")


def test_predictions_survive_the_file_and_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_predictions(ANSWERED, tmp_path / name) for name in ("a", "b"))
    assert first == second
    assert first.file.startswith(first.sha256[:16])
    assert (tmp_path / "a" / first.file).read_bytes() == (tmp_path / "b" / first.file).read_bytes()
    assert read_predictions(first, tmp_path / "a") == ANSWERED


def test_a_summary_counts_what_it_says() -> None:
    found = summarize(ANSWERED)
    assert (found.test.n_correct, found.test.n) == (180, 200)
    assert found.twins
    assert (found.twins.n_correct, found.twins.n) == (80, 100)
    assert found.by_hops
    assert {hops: score.n for hops, score in found.by_hops.items()} == {2: 100, 3: 100}
    assert found.by_shortcut is None
    assert (found.tokens.language, found.tokens.thoughts, found.tokens.forward_passes) == (2, 2, 4)


def test_a_summary_does_not_depend_on_the_order() -> None:
    shuffled = random.Random(0).sample(ANSWERED, len(ANSWERED))
    assert summarize(shuffled) == summarize(ANSWERED)


def test_a_summary_refuses_what_it_cannot_count() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        summarize([])
    with pytest.raises(ValueError, match="distinct ids, got 200 ids of 201"):
        summarize([*ANSWERED, ANSWERED[0]])
    with pytest.raises(ValueError, match="pair-99 must be shared by 2 questions, got 1"):
        summarize(ANSWERED[:-1])


@pytest.mark.parametrize(
    ("prediction", "answer", "correct"),
    [("1,000", "1000", True), (" 42 ", "42", True), ("42.0", "42", False), ("", "42", False)],
)
def test_an_answer_is_matched_exactly_but_for_commas(prediction: str, answer: str, correct: bool) -> None:
    counts = {"language_tokens": 1, "thoughts": 0, "forward_passes": 1}
    made = Prediction(id="q", prediction=prediction, answer=answer, correct=correct, **counts)
    assert made.correct is correct
    with pytest.raises(ValueError, match="correct must be the match"):
        Prediction(id="q", prediction=prediction, answer=answer, correct=not correct, **counts)


LINES = b"".join(one.model_dump_json().encode() + b"\n" for one in ANSWERED[:3])
LINE = LINES.splitlines(keepends=True)[0]
BAD_SIDE_FILES = {
    "not packed": (LINE, "must be a whole gzip file"),
    "cut short": (gzip.compress(LINES, mtime=0)[:-9], "must be a whole gzip file"),
    "too many": (gzip.compress(LINES + LINE, mtime=0), "must hold 3 predictions, got more"),
    "one question again": (gzip.compress(LINE * 2, mtime=0), "line 2: id must be distinct, got 'test-0'"),
    "no predictions": (gzip.compress(b"{}\n", mtime=0), "line 1: id: Field required"),
    "one endless line": (gzip.compress(b"{" * (1 << 21), mtime=0), "a line must be shorter"),
    "too few": (gzip.compress(LINE, mtime=0), "must hold 3 predictions, got 1"),
}


@pytest.mark.parametrize("name", BAD_SIDE_FILES)
def test_a_bad_side_file_is_named_and_located(name: str, tmp_path: Path) -> None:
    content, message = BAD_SIDE_FILES[name]
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(content)
    record = SideFile(file=path.name, sha256=hashlib.sha256(content).hexdigest(), n=3)
    with pytest.raises(ValueError, match=message) as refused:
        read_predictions(record, tmp_path)
    assert str(path) in str(refused.value)


def test_a_side_file_cannot_be_named_outside_its_folder() -> None:
    for name in ("../x.jsonl.gz", "/etc/x.jsonl.gz", "a/b.jsonl.gz", ".jsonl.gz", "x.json"):
        with pytest.raises(ValueError, match="file"):
            SideFile(file=name, sha256=digest(name), n=1)


def test_a_true_file_has_no_problems(path: Path) -> None:
    assert check(read(path), side_files(path)) == []
    done = CliRunner().invoke(main, ["leaderboard", "check", "--leaderboard", str(path)])
    assert done.exit_code == 0
    assert done.output == f"{path}: 2 measured and 24 quoted rows, 0 problems\n"


def test_the_shipped_file_has_no_problems() -> None:
    assert check(read(SHIPPED), side_files(SHIPPED)) == []


def test_a_number_that_was_raised_with_everything_beside_it_is_found(path: Path) -> None:
    """Counts, accuracy, interval and split agree with one another, but not with the answers."""

    def raise_accuracy(rows: Any) -> None:
        seed = rows[0]["seeds"][1]
        for score in (seed["test"], seed["by_hops"]["2"]):
            score["n_correct"] += 1
            score["accuracy"] = score["n_correct"] / score["n"]
            score["interval"] = list(wilson(score["n_correct"], score["n"]))

    change(path, raise_accuracy)
    problems = check(read(path), side_files(path))
    assert len(problems) == 2
    assert "coconut on synthetic, seed 1: test must be n_correct=180" in problems[0]
    assert "got n_correct=181" in problems[0]
    assert "by_hops must be" in problems[1]
    done = CliRunner().invoke(main, ["leaderboard", "check", "--leaderboard", str(path)])
    assert done.exit_code == 1
    assert done.output.endswith("2 problems\n")


@pytest.mark.parametrize("field", ["language", "thoughts", "forward_passes"])
def test_a_lower_token_count_is_found(field: str, path: Path) -> None:
    def lower(rows: Any) -> None:
        tokens = rows[0]["seeds"][0]["tokens"]
        tokens[field] = 1.0
        tokens["generated"] = tokens["language"] + tokens["thoughts"]

    change(path, lower)
    (problem,) = check(read(path), side_files(path))
    assert "tokens must be" in problem


def test_side_files_that_are_missing_changed_or_never_made_are_found(path: Path) -> None:
    names = sorted(file.name for file in side_files(path).iterdir())
    assert len(names) == 4
    (side_files(path) / names[0]).unlink()
    content = (side_files(path) / names[1]).read_bytes()
    (side_files(path) / names[1]).write_bytes(content[:-1] + b"x")
    recorded = {
        seed["predictions"]["file"]: (row, index)
        for row in (0, 1)
        for index, seed in enumerate(json.loads(path.read_text(encoding="utf-8"))["rows"][row]["seeds"])
    }
    row, index = recorded[names[2]]
    change(path, lambda rows: rows[row]["seeds"][index].update(predictions=None))
    problems = check(read(path), side_files(path))
    assert len(problems) == 3
    for name, words in ((names[0], "missing"), (names[1], "sha256 must be")):
        assert any(name in problem and words in problem for problem in problems)
    assert any("has no predictions" in problem for problem in problems)


def test_predictions_with_other_answers_to_the_same_questions_are_found(tmp_path: Path) -> None:
    """Answers rewritten to fit what was predicted, side file, checksum and all."""
    path = tmp_path / "leaderboard.json"
    honest = predictions(lambda index: index % 2 == 0)
    flattering = [
        Prediction.model_validate({**dict(one), "answer": one.prediction, "correct": True}) for one in honest
    ]
    for method, answered in (("cot", honest), ("coconut", flattering)):
        add(path, result({0: answered}, method=method, folder=tmp_path / "run"), predictions=tmp_path / "run")
    (problem,) = check(read(path), side_files(path))
    assert "questions and answers must be those of the other rows of the same dataset" in problem


def test_a_bomb_is_put_away_at_the_first_line_too_many(tmp_path: Path) -> None:
    """Two hundred thousand lines in a small file; a record that says 3, and one that says a billion."""
    content = gzip.compress(LINES + LINE * 200_000, mtime=0)
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(content)
    tracemalloc.start()
    for n, message in ((3, "must hold 3 predictions, got more"), (10**9, "line 4: id must be distinct")):
        record = SideFile(file=path.name, sha256=hashlib.sha256(content).hexdigest(), n=n)
        with pytest.raises(ValueError, match=message):
            read_predictions(record, tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("seeds", ["with predictions", "without"])
def test_a_billion_questions_are_not_generated_because_a_row_says_so(seeds: str, path: Path) -> None:
    def claim(rows: Any) -> None:
        rows[0]["dataset"] |= {"name": "prosqa-tiny", "n": 10**9}
        for entry in rows[0]["seeds"]:
            entry["test"] = json.loads(Score.of(0, 10**9).model_dump_json())
            entry |= {"by_hops": None, "twins": None}
            entry["predictions"] = entry["predictions"] and {**entry["predictions"], "n": 10**9}
            entry["predictions"] = entry["predictions"] if seeds == "with predictions" else None

    change(path, claim)
    problems = check(read(path), side_files(path))
    assert any("n must be borne out by predictions" in problem for problem in problems)
    held = "must hold 1000000000 predictions, got 200"
    assert any(held in problem for problem in problems) == (seeds == "with predictions")
    arguments = ["leaderboard", "export", "--format", "lm-eval", "--out", str(path.parent / "out")]
    done = CliRunner().invoke(main, [*arguments, "--leaderboard", str(path)])
    assert (done.exit_code, held in done.output) == ((2, True) if seeds == "with predictions" else (0, False))


KINDS_OF_CONTENT = {
    "empty": b"",
    "text": b"no predictions",
    "records": gzip.compress(b"{}\n"),
    "others": gzip.compress(LINES),
}


@pytest.mark.parametrize("content", KINDS_OF_CONTENT.values(), ids=KINDS_OF_CONTENT.keys())
def test_predictions_that_are_none_or_others_are_not_added(content: bytes, tmp_path: Path) -> None:
    row = result()
    sha = hashlib.sha256(content).hexdigest()
    (tmp_path / "x.jsonl.gz").write_bytes(content)
    entry = row.seeds[0].model_copy(update={"predictions": SideFile(file="x.jsonl.gz", sha256=sha, n=200)})
    target = tmp_path / "board" / "leaderboard.json"
    with pytest.raises(ValueError, match=r"x\.jsonl\.gz"):
        add(target, row.model_copy(update={"seeds": [entry]}), predictions=tmp_path)
    other = write_predictions(predictions(lambda index: True), tmp_path)
    entry = row.seeds[0].model_copy(update={"predictions": other})
    with pytest.raises(ValueError, match=r"must be n_correct=200 .* by its predictions, got n_correct=1"):
        add(target, row.model_copy(update={"seeds": [entry]}), predictions=tmp_path)
    assert not target.exists()


def test_a_dataset_that_is_not_the_one_generated_is_found(tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.json"
    asked = list(examples("prosqa-tiny", "test", count=20))
    hashed = content_hash("prosqa-tiny", "test", count=20)
    answered = [
        Prediction(
            id=one.id,
            prediction=one.answer,
            answer=one.answer,
            correct=True,
            language_tokens=1,
            thoughts=0,
            forward_passes=1,
        )
        for one in asked
    ]
    row = result({0: answered}, dataset="prosqa-tiny", folder=tmp_path / "run")
    true = row.dataset.model_copy(update={"content_hash": hashed})
    add(path, row.model_copy(update={"dataset": true}), predictions=tmp_path / "run")
    assert check(read(path), side_files(path)) == []
    add(path, row, predictions=tmp_path / "run")
    (problem,) = check(read(path), side_files(path))
    assert f"content_hash must be {hashed} as generated, got {row.dataset.content_hash}" in problem


@pytest.mark.parametrize("name", ["prosqa-tiny", "prosqa-tiny+branching=3"])
def test_right_answers_that_are_not_those_of_the_generated_questions_are_found(
    name: str, tmp_path: Path
) -> None:
    """No other row answers these questions: only the generator knows."""
    counts = {"language_tokens": 1, "thoughts": 0, "forward_passes": 1}
    flattering = [
        Prediction(id=one.id, prediction="0", answer="0", correct=True, **counts)
        for one in examples(name, "test", count=20)
    ]
    row = result({0: flattering}, dataset="prosqa-tiny", folder=tmp_path / "run")
    hashed, version = content_hash(name, "test", count=20), DATASETS[name].version
    data = row.dataset.model_copy(update={"content_hash": hashed, "version": version})
    path = tmp_path / "leaderboard.json"
    add(path, row.model_copy(update={"dataset": data}), predictions=tmp_path / "run")
    (problem,) = check(read(path), side_files(path))
    assert "right answers must be those of the generated questions" in problem
