"""Comparisons, ranks, and what `show` makes of them."""

import csv
import json
import time
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from leaderboard_examples import QUESTIONS, predictions, result
from scipy import stats

from coconut_bench.cli import main
from coconut_bench.leaderboard import Result, add, read, render
from coconut_bench.leaderboard.aggregate import aggregate
from coconut_bench.leaderboard.compare import Answers, Paired, compare
from coconut_bench.leaderboard.query import SORT_KEYS, arrange, find, select
from coconut_bench.leaderboard.ranking import ranks
from coconut_bench.leaderboard.report import comparison_text
from coconut_bench.leaderboard.store import SHIPPED, side_files


def row_of(method: str, wrong: dict[int, set[int]], folder: Path) -> Result:
    """A row with a seed for each set of questions that are answered wrong."""
    return result(
        {
            seed: predictions(lambda index, missed=missed: index not in missed)
            for seed, missed in wrong.items()
        },
        method=method,
        folder=folder,
    )


def test_a_pair_worked_by_hand(tmp_path: Path) -> None:
    """a misses 0-9, b misses 5-39: 5 that only b has, 30 that only a has; two neighbors are twins."""
    a = row_of("a", {0: set(range(10))}, tmp_path)
    b = row_of("b", {0: set(range(5, 40))}, tmp_path)
    (pair,) = compare([a, b], tmp_path)
    assert pair.paired.combined()[:2] == (30, 5)
    sums = [-2, -2, -1, *[2] * 15]
    flipped = np.abs(np.array(list(product((1, -1), repeat=len(sums)))) @ sums)
    assert pair.paired.combined().p == pytest.approx((flipped >= 25).mean())
    assert pair.by_questions.mean == pytest.approx(25 / QUESTIONS)
    assert pair.by_questions.freedom == QUESTIONS // 2 - 1
    assert pair.bootstrap.low < 25 / QUESTIONS < pair.bootstrap.high
    assert pair.by_seeds is None
    assert pair.verdict == "different"
    (reverse,) = compare([b, a], tmp_path)
    assert reverse.by_questions.mean == -pair.by_questions.mean
    assert reverse.p == pair.p


def test_the_same_answers_are_equivalent_not_only_undecided(tmp_path: Path) -> None:
    a, b = (row_of(name, {0: {1, 2, 3}}, tmp_path) for name in "ab")
    (pair,) = compare([a, b], tmp_path)
    assert (pair.p, pair.verdict) == (1.0, "equivalent")


def test_a_few_questions_can_neither_tell_apart_nor_call_equal(tmp_path: Path) -> None:
    a = row_of("a", {0: set(range(30))}, tmp_path)
    b = row_of("b", {0: set(range(30, 60))}, tmp_path)
    (pair,) = compare([a, b], tmp_path)
    assert pair.p == 1.0
    assert pair.verdict == "undecided"


def test_the_luck_of_a_seed_is_no_difference_between_methods(tmp_path: Path) -> None:
    """Over all seeds, McNemar is sure; but one seed makes all of it, so the methods are not told apart."""
    a = row_of("a", {0: set(), 1: {0, 2}, 2: {4, 6}}, tmp_path)
    b = row_of("b", {0: set(range(80)), 1: {0}, 2: {4}}, tmp_path)
    (pair,) = compare([a, b], tmp_path)
    assert pair.paired.combined().p < 1e-9
    assert pair.p > 0.05
    assert pair.verdict == "undecided"
    assert ranks([a, b], Answers(tmp_path)) == {a.key: 1, b.key: 1}


def test_a_difference_in_every_seed_is_one(tmp_path: Path) -> None:
    a = row_of("a", {seed: {seed} for seed in range(3)}, tmp_path)
    b = row_of("b", {seed: set(range(60 + seed)) for seed in range(3)}, tmp_path)
    (pair,) = compare([a, b], tmp_path)
    assert pair.by_seeds
    differences = [(60 + seed - 1) / QUESTIONS for seed in range(3)]
    assert pair.p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)
    assert pair.verdict == "different"


def test_all_pairs_are_one_family(tmp_path: Path) -> None:
    rows = [row_of(name, {0: set(range(n))}, tmp_path) for name, n in (("a", 5), ("b", 14), ("c", 16))]
    alone = compare(rows[:2], tmp_path)[0].p
    together = compare(rows, tmp_path)
    assert len(together) == 3
    assert together[0].p == pytest.approx(2 * alone)


def test_rows_that_cannot_be_told_apart_share_a_rank(tmp_path: Path) -> None:
    rows = [row_of(name, {0: set(range(n))}, tmp_path) for name, n in (("a", 4), ("b", 6), ("c", 90))]
    places = ranks(rows, Answers(tmp_path))
    assert [places[row.key] for row in rows] == [1, 1, 3]
    table = render(rows, ranks=places).splitlines()
    assert [line.split()[0] for line in table] == ["rank", "1=", "1=", "3"]


def test_rows_without_predictions_are_not_told_apart(tmp_path: Path) -> None:
    good = row_of("a", {0: set()}, tmp_path)
    bad = result({0: predictions(lambda index: index > 150)}, method="b")
    assert ranks([good, bad], Answers(tmp_path)) == {good.key: 1, bad.key: 1}
    with pytest.raises(ValueError, match=r"b, seed 0: has no predictions to compare"):
        compare([good, bad], tmp_path)


def test_only_rows_of_the_same_questions_and_a_shared_seed_are_compared(tmp_path: Path) -> None:
    row = row_of("a", {0: set()}, tmp_path)
    elsewhere = result({0: predictions(lambda index: True)}, dataset="else", folder=tmp_path)
    later = row_of("b", {1: set()}, tmp_path)
    with pytest.raises(ValueError, match=r"must be of the same questions, got \d+ of .* and \d+ of "):
        compare([row, elsewhere], tmp_path)
    with pytest.raises(ValueError, match="must share a seed"):
        compare([row, later], tmp_path)
    with pytest.raises(ValueError, match="at least 2, got 1"):
        compare([row], tmp_path)
    assert ranks([row, elsewhere, later], Answers(tmp_path)) == {row.key: 1, elsewhere.key: 1, later.key: 1}


def test_seeds_that_agree_are_no_more_evidence_over_the_questions() -> None:
    clusters, row = [str(index // 2) for index in range(40)], [1] * 12 + [0] * 24 + [-1] * 4
    one, five = Paired({0: row}, clusters), Paired(dict.fromkeys(range(5), row), clusters)
    assert five.combined() == (60, 20, pytest.approx(one.combined().p))


def test_ten_thousand_questions_in_five_seeds_are_tested_in_no_time() -> None:
    generator = np.random.default_rng(0)
    rows = {seed: generator.choice([-1, 0, 1], 10_000, p=[0.1, 0.7, 0.2]).tolist() for seed in range(5)}
    pair = Paired(rows, [str(index // 2) for index in range(10_000)])
    started = time.process_time()
    assert pair.combined().p < 1e-100
    assert time.process_time() - started < 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_without_an_effect_a_difference_is_rarely_claimed(seed: int) -> None:
    """Under the null the p-value of a pair must not be small more often than it says: checked at 1e-6."""
    generator = np.random.default_rng(seed)
    differences = {
        number: generator.choice([-1, 0, 1], size=200, p=[0.1, 0.8, 0.1]).tolist() for number in (0, 1)
    }
    assert Paired(differences, [str(index) for index in range(200)]).p_value() > 1e-6


def test_the_report_says_everything_in_words(tmp_path: Path) -> None:
    a = row_of("a", {seed: {seed} for seed in range(2)}, tmp_path)
    b = row_of("b", {seed: set(range(60 + seed)) for seed in range(2)}, tmp_path)
    text = comparison_text(compare([a, b], tmp_path))
    for words in (
        f"a (tiny, {a.key}) vs. b (tiny, {b.key}): different",
        "difference +29.8 points",
        "bootstrap, 100 clusters",
        "t, 2 seeds",
        "seed 0: right only in a 59, only in b 0, exact McNemar by clusters p = 1.86e-09",
        "all seeds: right only in a 119, only in b 0, exact McNemar by clusters p = 9.31e-10",
        "Holm-adjusted over 1 pair",
        "minimum detectable difference at 80 % power",
    ):
        assert words in text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "leaderboard.json"
    for method, n in (("coconut", 4), ("no-cot", 90), ("cot", 6)):
        add(target, row_of(method, {0: set(range(n))}, tmp_path / "run"), predictions=tmp_path / "run")
    add(target, result(method="cot", quick=True, recipe="small"))
    return target


def invoke(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["leaderboard", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_show_sorts_filters_and_marks_ties(path: Path) -> None:
    file = ["--leaderboard", str(path)]
    text = invoke("show", *file, "--kind", "measured", "--no-quick")
    lines = [line.split() for line in text.splitlines()]
    assert [(line[0], line[7]) for line in lines[1:]] == [("1=", "coconut"), ("1=", "cot"), ("3", "no-cot")]
    ascending = invoke("show", *file, "--kind", "measured", "--no-quick", "--ascending").splitlines()
    assert [line.split()[7] for line in ascending[1:]] == ["no-cot", "cot", "coconut"]
    only = invoke("show", *file, "--method", "cot", "--dataset", "synthetic", "--recipe", "small")
    assert len(only.splitlines()) == 2
    assert only.rstrip().endswith("quick")


def test_show_has_every_format(path: Path) -> None:
    file = ["--leaderboard", str(path), "--kind", "measured"]
    markdown = invoke("show", *file, "--format", "markdown").splitlines()
    assert markdown[0].startswith("| rank | row | dataset |")
    assert len({line.count("|") for line in markdown}) == 1
    table = list(csv.DictReader(invoke("show", *file, "--format", "csv").splitlines()))
    assert {line["method"] for line in table} == {"coconut", "cot", "no-cot"}
    rows = json.loads(invoke("show", *file, "--format", "json"))
    assert [Result.model_validate_json(json.dumps(row)).key for row in rows] == [
        line["row"] for line in table
    ]


def test_names_of_foreign_rows_are_text_wherever_they_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    add(path, result(method="=1+1", recipe="<img src=x>", dataset="[a](http://b) `c` | d"))
    table = list(csv.reader(invoke("show", "--leaderboard", str(path), "--format", "csv").splitlines()))
    assert "'=1+1" in table[1]
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in table for cell in line)
    markdown = invoke("show", "--leaderboard", str(path), "--format", "markdown")
    assert "&lt;img src=x>" in markdown
    assert r"\[a\](http://b) \`c\` \| d" in markdown
    for mark in ("\x1b[31m", "a\nb", "\x85", "\u202eevil", "\u2066", "\u200f"):
        with pytest.raises(ValueError, match=r"method\n +String should match pattern"):
            result(method=f"x{mark}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "--method", "coconot"], "unknown method 'coconot' (did you mean 'coconut'?)"),
        (["show", "--dataset", "sinthetic"], "unknown dataset 'sinthetic' (did you mean 'synthetic'?)"),
        (["show", "--recipe", "tny"], "unknown recipe 'tny' (did you mean 'tiny'?)"),
        (["show", "--sort", "acuracy"], "unknown column 'acuracy' (did you mean 'accuracy'?)"),
        (["compare", "coconut", "co"], "unknown row 'co'"),
        (["compare", "cot", "cot"], "cot and cot are the same row"),
        (["compare", "coconut", "cot", "--dataset", "x"], "unknown dataset 'x'"),
        (["compare", "coconut"], "rows must be at least 2, got 1"),
    ],
)
def test_unknown_names_are_one_line_and_exit_code_2(arguments: list[str], message: str, path: Path) -> None:
    done = CliRunner().invoke(main, ["leaderboard", *arguments, "--leaderboard", str(path)])
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_compare_takes_methods_and_keys(path: Path) -> None:
    cot = next(row for row in read(path).measured if row.method == "cot" and not row.quick)
    text = invoke("compare", "coconut", cot.key[:6], "no-cot", "--leaderboard", str(path))
    assert text.count(" vs. ") == 3
    assert "Holm-adjusted over 3 pairs" in text
    for chosen in (("--recipe", "tiny"), ()):  # of two rows of cot, the one of coconut's recipe
        text = invoke("compare", "coconut", "cot", *chosen, "--leaderboard", str(path))
        assert text.count(" vs. ") == 1 and "cot (tiny" in text


def test_add_merges_files(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "other" / "leaderboard.json"
    assert invoke("add", str(path), "--to", str(target)) == f"{target}: 4 rows added or changed\n"
    assert read(target) == read(path)
    assert len(list(side_files(target).iterdir())) == 3


def test_every_column_sorts_quoted_and_measured_rows(path: Path) -> None:
    rows = read(path).rows
    for column, value in SORT_KEYS.items():
        arranged = [row for row in arrange(rows, column, ascending=True) if row.kind == "measured"]
        assert [value(row) for row in arranged] == sorted(value(row) for row in arranged)


def test_a_row_is_found_by_the_start_of_its_key(path: Path) -> None:
    rows = read(path).measured
    assert [find(rows, row.key[:7]) for row in rows] == rows


def test_selecting_nothing_is_an_empty_table() -> None:
    assert select(read(SHIPPED).quoted, kind="measured") == []
    assert render([]).split()[0] == "row"


def test_the_mean_of_seeds_is_that_of_their_accuracies(tmp_path: Path) -> None:
    row = row_of("a", {0: set(range(20)), 1: set(range(40)), 2: set()}, tmp_path)
    found = aggregate(row)
    assert found.accuracy == pytest.approx(0.9)
    assert found.training_seconds == pytest.approx(401.0)
    assert found.generated == found.language + found.thoughts
