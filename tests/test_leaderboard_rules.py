"""Rules as rows: chosen on validation questions, blind to the query entity, checked like every row."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from coconut_bench.cli import main
from coconut_bench.generators import examples
from coconut_bench.generators.audit.puzzle import Puzzle
from coconut_bench.generators.audit.rules import credit
from coconut_bench.leaderboard.rule_row import GUESSES, rule_row
from coconut_bench.leaderboard.store import read


def invoke(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["leaderboard", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_no_guess_reads_the_query_entity() -> None:
    """Twins have the same premises and candidates: only who is asked about differs, and nothing changes."""
    pairs = [Puzzle.of(one) for one in examples("prosqa-tiny", "valid", count=100)]
    for first, second in zip(pairs[::2], pairs[1::2], strict=True):
        assert all(guess.option(first) == guess.option(second) for guess in GUESSES)


def test_a_rule_is_right_as_often_as_the_audit_says(tmp_path: Path) -> None:
    """The audit counts a tie half; the rule answers the first candidate, the right one half of the time."""
    [entry] = rule_row("prosqa-tiny-leaky", tmp_path, n=400).seeds
    best = next(guess for guess in GUESSES if guess.name == "rule-mean-entity")
    puzzles = [Puzzle.of(one) for one in examples("prosqa-tiny-leaky", "test", count=400)]
    audited = sum(credit(best.rule, one) for one in puzzles) / 400
    assert entry.test.accuracy == pytest.approx(audited, abs=0.04)
    assert entry.test.n_correct == sum(best.option(one) == one.right for one in puzzles)


@pytest.mark.parametrize(("dataset", "low", "high"), [("prontoqa", 1.0, 1.0), ("prosqa-tiny", 0.5, 0.5)])
def test_a_rule_becomes_a_row(
    dataset: str, low: float, high: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = invoke("add", "--rule", dataset, "--n", "40", "--to", "mine.json")
    assert f"the best of {len(GUESSES)} guesses on" in said
    [row] = read("mine.json").measured
    assert (row.kind, row.dataset.name, row.dataset.n) == ("rule", dataset, 40)
    assert low <= row.seeds[0].test.accuracy <= high
    assert "1 rule" in invoke("check", "--leaderboard", "mine.json")
    assert row.key in invoke("show", "--kind", "rule", "--leaderboard", "mine.json")
    invoke("page", "--leaderboard", "mine.json", "--out", "site")
    assert row.method in Path("site/index.html").read_text(encoding="utf-8")
    again = CliRunner().invoke(main, ["leaderboard", "reproduce", row.key, "--leaderboard", "mine.json"])
    assert (again.exit_code, "is a rule and cannot be trained again" in again.output) == (2, True)


def test_nothing_to_add_is_refused() -> None:
    done = CliRunner().invoke(main, ["leaderboard", "add"])
    assert (done.exit_code, done.output) == (2, "Error: SOURCES or --rule must be given, got neither\n")
