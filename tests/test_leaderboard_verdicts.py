"""Sentences about pairs of methods say what the verdict says, and no more."""

from pathlib import Path

import pytest
from leaderboard_examples import predictions, result

from coconut_bench.leaderboard import Result
from coconut_bench.leaderboard.compare import Answers, compare
from coconut_bench.leaderboard.verdicts import judge, sentence

TITLES = {"coconut": "Coconut", "cot": "CoT", "no-cot": "No-CoT"}


def row(method: str, wrong: dict[int, int], folder: Path | None) -> Result:
    """A row that gets the first questions of each seed wrong: seed → how many of 200."""
    seeds = {seed: predictions(lambda index, n=n: index >= n) for seed, n in wrong.items()}
    return result(seeds, method=method, folder=folder)


def said(rows: list[Result], folder: Path) -> list[str]:
    return [sentence(pair, TITLES) for pair in judge(rows, Answers(folder))]


def test_the_pairs_are_every_method_against_coconut_and_cot_against_no_cot(tmp_path: Path) -> None:
    rows = [row(name, {0: 1}, tmp_path) for name in ("cot", "no-cot", "coconut", "codi")]
    pairs = [(pair.a.method, pair.b.method) for pair in judge(rows, Answers(tmp_path))]
    assert pairs == [("coconut", "cot"), ("coconut", "no-cot"), ("coconut", "codi"), ("cot", "no-cot")]
    assert [(pair.a.method, pair.b.method) for pair in judge(rows[:2], Answers(tmp_path))] == [
        ("cot", "no-cot")
    ]
    assert judge([rows[0], rows[3]], Answers(tmp_path)) == []


def test_a_difference_is_told_from_the_better_row(tmp_path: Path) -> None:
    """The numbers are those of the two seeds that both rows have."""
    rows = [row("coconut", {0: 100, 1: 102}, tmp_path), row("cot", {0: 1, 1: 1, 2: 200}, tmp_path)]
    assert said(rows, tmp_path) == [
        "CoT is above Coconut: 99.5 % and 49.5 %, +50.0 points (95 % interval over 2 seeds 43.6 to 56.4; "
        "p = .006, Holm over 1 pair)."
    ]
    ((one, other),) = [pair.order for pair in judge(rows, Answers(tmp_path)) if pair.order]
    assert (one.method, other.method) == ("cot", "coconut")


def test_one_seed_is_said_to_be_one(tmp_path: Path) -> None:
    (text,) = said([row("coconut", {0: 0}, tmp_path), row("no-cot", {0: 100}, tmp_path)], tmp_path)
    assert text.startswith("Coconut is above No-CoT: 100.0 % and 50.0 %, +50.0 points (95 % interval over ")
    assert "over the questions of one seed" in text


def test_no_difference_is_claimed_only_where_it_was_tested(tmp_path: Path) -> None:
    (text,) = said([row("coconut", {0: 4, 1: 4}, tmp_path), row("cot", {0: 4, 1: 4}, tmp_path)], tmp_path)
    assert text == (
        "Coconut and CoT do not differ by 2 points or more: 98.0 % and 98.0 %, +0.0 points "
        "(95 % interval over 2 seeds 0.0 to 0.0; TOST p < .001, Holm over 1 pair)."
    )


def test_what_the_tests_leave_open_is_undecided(tmp_path: Path) -> None:
    (text,) = said([row("coconut", {0: 8, 1: 20}, tmp_path), row("cot", {0: 6, 1: 2}, tmp_path)], tmp_path)
    assert text.startswith(
        "Coconut and CoT: undecided, 93.0 % and 98.0 %, −5.0 points (95 % interval over 2 seeds −"
    )
    assert text.endswith(", Holm over 1 pair).")


def test_the_pairs_of_a_table_are_one_family(tmp_path: Path) -> None:
    wrong = {"coconut": 5, "cot": 20, "no-cot": 18}
    rows = [row(name, {0: n}, tmp_path) for name, n in wrong.items()]
    (alone,) = compare(rows[:2], tmp_path)
    found = [pair.found for pair in judge(rows, Answers(tmp_path))]
    assert found[0] and found[0].p == pytest.approx(3 * alone.p)
    assert all(text.endswith("Holm over 3 pairs).") for text in said(rows, tmp_path))


def test_rows_that_cannot_be_compared_are_left_out_with_a_word(tmp_path: Path) -> None:
    rows = [
        row("coconut", {0: 0}, tmp_path),
        row("cot", {1: 0}, tmp_path),
        row("no-cot", {0: 90}, tmp_path),
        row("pause", {0: 7}, None),
        row("icot", {0: 9}, tmp_path),
    ]
    assert rows[4].seeds[0].predictions
    file = tmp_path / rows[4].seeds[0].predictions.file
    file.unlink()
    other, above, unknown, missing, controls = said(rows, tmp_path)
    assert other.startswith("Coconut and CoT: not compared, ") and other.endswith("must share a seed.")
    assert above.endswith("Holm over 1 pair).")
    assert unknown.endswith("pause, seed 0: has no predictions to compare.")
    assert missing == f"Coconut and icot: not compared, {file.name} is missing or not readable."
    assert controls.startswith("CoT and No-CoT: not compared")
