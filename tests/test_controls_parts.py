"""The parts of the controls: pairs of twins, forced answers, verdicts, probes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
import torch
from scipy import stats
from tiny_models import AFTER, BEGIN, END, LATENT, coconut, reasoner

from coconut_bench.benchmarks.controls.battery import (
    ANOTHER_ANSWER,
    REMOVED_FORCED,
    REMOVED_MAY_WRITE,
    TWIN,
)
from coconut_bench.benchmarks.controls.conclusion import conclude
from coconut_bench.benchmarks.controls.pairs import batches, candidate_answers, donors, pair_of, paired
from coconut_bench.benchmarks.controls.plot import COLORS
from coconut_bench.benchmarks.controls.probes import frontier_labels, probe_thoughts, target_labels
from coconut_bench.benchmarks.controls.report import Report
from coconut_bench.benchmarks.controls.verdict import Line, Outcome, Verdict, guessing_p, verdicts
from coconut_bench.coconut.reference import reference_logits
from coconut_bench.generators import examples
from coconut_bench.generators.example import Example


def questions_of(name: str, count: int, **options: Any) -> list[Example]:
    return list(examples(name, "test", count=count, **options))


def test_a_donor_is_the_twin_by_its_record_or_asked_of_other_premises() -> None:
    asked = questions_of("prosqa-tiny", 40, surface="symbolic")
    random.Random(0).shuffle(asked)  # no twin is a neighbor
    answers = [example.answer for example in asked]
    found = {kind: rows.tolist() for kind, rows in donors(asked, answers).items()}
    assert [asked[row].id for row in found["twin"]] == [example.twin for example in asked]
    for kind in ("another answer", "same answer"):
        for example, row in zip(asked, found[kind], strict=True):
            if row >= 0:
                assert (asked[row].answer == example.answer) == (kind == "same answer")
                assert pair_of(asked[row]) != pair_of(example)
    alone = [replace(example, twin=None) for example in asked]  # as in a file that names no twins
    without = donors(alone, answers)
    assert without["twin"].tolist() == [-1] * 40
    assert (
        without["another answer"].tolist() == found["another answer"]
    )  # of the same premises, so not unrelated


@pytest.mark.parametrize("size", [1, 2, 3, 5, 40, 100])
def test_batches_part_no_twins(size: int) -> None:
    asked = questions_of("prosqa-tiny", 40, surface="symbolic")
    shuffled = random.Random(1).sample(asked, 39)
    made = list(batches(paired(shuffled), size))
    assert sorted(example.id for _, part in made for example in part) == sorted(e.id for e in shuffled)
    assert [start for start, _ in made] == [sum(len(part) for _, part in made[:i]) for i in range(len(made))]
    pairs = [{pair_of(example) for example in part} for _, part in made]
    assert sum(map(len, pairs)) == len(set().union(*pairs))
    assert all(len(part) <= max(size, 2) for _, part in made)
    assert list(batches(asked, 40)) == [(0, asked)]


@pytest.mark.parametrize(
    ("name", "surface"), [("prosqa-tiny", "symbolic"), ("prosqa", "natural"), ("prontoqa", "natural")]
)
def test_the_answers_of_the_candidates_are_worded_like_the_true_one(name: str, surface: str) -> None:
    for example in questions_of(name, 20, surface=surface):
        found = candidate_answers(example)
        assert found and example.answer in found and len(set(found)) == 2
        assert candidate_answers(replace(example, graph=None)) is None
        assert candidate_answers(replace(example, question="Who?")) is None


@pytest.mark.parametrize("markers", [False, True], ids=["", "markers"])
def test_a_forced_answer_is_the_more_probable_one_computed_literally(markers: bool) -> None:
    model, asked = coconut("llama", seed=4), [[8, 9, 10], [11, 12, 13, 14, 15], [16]]
    options = [[[7, 9, END], [7, 10, END]], [[7, 12, 13, END], [7, 12, END]], []]
    mind = reasoner(model, 2, markers=markers)
    readings = mind.read(asked)
    for k in range(3):
        begin, after = ([BEGIN], [AFTER]) if markers and k else ([], [])
        expected = []
        for question, row in zip(asked, options, strict=True):
            values = []
            for tokens in row:
                prompt = [*question, *begin, *[LATENT] * k, *after]
                ids = torch.tensor([[*prompt, *tokens]])
                logits = reference_logits(model, ids, torch.ones_like(ids))[0].log_softmax(-1)
                values.append(sum(logits[len(prompt) - 1 + i, t].item() for i, t in enumerate(tokens)))
            expected.append(values.index(max(values)) if values else -1)
        assert mind.choose(mind.think(readings, k).prompted, options) == expected


def test_verdicts_need_evidence() -> None:
    def outcome(wrong_here: int, n: int) -> Outcome:
        return Outcome("x", "the thoughts", [True] * n, [i >= wrong_here for i in range(n)], list(range(n)))

    assert verdicts([outcome(3, 20)])[0].verdict == "undecided"
    assert verdicts([outcome(12, 20)])[0].verdict == "needed"
    assert verdicts([outcome(2, 2000)])[0].verdict == "not needed"
    family = verdicts([outcome(7, 40)] * 10)
    assert verdicts([outcome(7, 40)])[0].verdict == "needed"
    assert {line.verdict for line in family} == {"undecided"}


def test_what_is_better_without_is_harmful_and_a_guess_makes_no_claim() -> None:
    n = 40
    rise = Outcome("x", "the thoughts", [i >= 20 for i in range(n)], [True] * n, list(range(n)), donor=1)
    [found] = verdicts([rise])
    assert (found.verdict, found.only_trained, found.only_here) == ("harmful", 0, 20)
    assert str(found).startswith("harmful ") and str(found).endswith("1 answer is the donor's, 20 stay right")
    assert str(found._replace(stay_right=1, donor=2)).endswith("2 answers are the donor's, 1 stays right")
    lines = [found._replace(verdict="no claim")]
    report = Report(["a"], "coconut", n, 2.0, lines, 0.4, {}, None, None, "The controls say nothing.")
    assert "not above guessing between two candidates" in str(report)
    assert Report.from_json(report.to_json()).lines == lines
    assert set(COLORS) == set(get_args(Verdict))


def test_twins_are_one_cluster_of_the_verdicts() -> None:
    """Six questions that change are six pieces of evidence, in three pairs three: too few."""

    def p(clusters: Sequence[int]) -> float:
        return verdicts([Outcome("x", "", [True] * 20, [i >= 6 for i in range(20)], clusters)])[0].p

    assert p(range(20)) == pytest.approx(2 / 2**6)
    assert p([i // 2 for i in range(20)]) == pytest.approx(2 / 2**3)


def test_a_run_is_above_guessing_when_its_pairs_of_twins_are() -> None:
    def p(right: list[bool]) -> float:
        return guessing_p(Outcome("as trained", "", right, right, [i // 2 for i in range(len(right))]))

    assert p([True, False] * 500) > 0.4  # one twin of each pair: always the same guess
    assert p([False] * 400) > 0.99
    assert p([True] * 14 + [False] * 10) == pytest.approx(p_of_a_t_test([1.0] * 7 + [0.0] * 5))
    assert p([True] * 300 + [False] * 200) < 0.001


def p_of_a_t_test(pairs: list[float]) -> float:
    return float(stats.ttest_1samp(pairs, 0.5, alternative="greater").pvalue)


def line(name: str, verdict: Any, here: float, donor: int | None = None) -> Line:
    return Line(name, "", 100, 1.0, here, 0, 0, 0.0, 0.0, verdict, donor, 0)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            [line(REMOVED_FORCED, "needed", 0.5), line(ANOTHER_ANSWER, "needed", 0.35, 5)],
            "The thoughts are needed: with the thoughts of an unrelated question with another answer the "
            "model answers that question in 5.0 % of cases, its own in 35.0 %; forced to answer without "
            "thoughts it is at chance (50.0 %).",
        ),
        (
            [line(REMOVED_FORCED, "needed", 0.7), line(TWIN, "not needed", 1.0, 0)],
            "Something must stand where the thoughts stand, but which thoughts does not matter: with its "
            "twin's thoughts the model answers the twin's question in 0.0 % of cases, its own in 100.0 %; "
            "forced to answer without thoughts it is right in 70.0 % of cases.",
        ),
        (
            [line(REMOVED_MAY_WRITE, "undecided", 0.9)],
            "Whether the thoughts are needed is undecided: without thoughts, free to write the chain "
            "instead, it is right in 90.0 % of cases.",
        ),
        ([], "Too few questions had thoughts to say whether they are needed."),
    ],
)
def test_the_verdict_is_one_sentence(lines: list[Line], sentence: str) -> None:
    outcomes = {
        row.name: Outcome(row.name, "", [True] * 100, [i < 100 * row.here for i in range(100)], range(100))
        for row in lines
    }
    assert conclude(lines, outcomes, is_guessing=False, noun="thoughts") == sentence


def test_a_report_of_an_older_version_is_refused() -> None:
    with pytest.raises(ValueError, match="missing key method"):
        Report.from_json({"runs": [], "controls": []})


def test_probes_find_what_was_planted_and_nothing_in_noise() -> None:
    questions = list(examples("prosqa-tiny", "valid", count=600, surface="symbolic"))
    noise = np.random.default_rng(0).normal(size=(600, 2, 24))
    holding = noise.copy()
    frontier, target = frontier_labels(questions, 1), target_labels(questions)
    holding[:, 0, : frontier.shape[1]] += 3 * (frontier > 0)
    holding[:, 1, : target.shape[1]] += 3 * (target > 0)
    found = {(probe.target, probe.thought): probe for probe in probe_thoughts(holding, questions)}
    assert found["frontier", 1].score > 0.9
    assert found["target", 2].score > 0.9
    assert found["frontier", 1].p == found["target", 2].p == pytest.approx(0.005)
    for probe in probe_thoughts(noise, questions):
        assert 0.4 < probe.score < 0.6
        assert 0.4 < probe.permuted < 0.6
        assert probe.p > 0.005


def test_probes_are_not_fitted_on_the_twin_of_a_question_they_are_scored_on() -> None:
    questions = list(examples("prosqa-tiny", "valid", count=10, surface="symbolic"))
    states = np.random.default_rng(0).normal(size=(10, 1, 4))
    assert {probe.n for probe in probe_thoughts(states, questions)} == {4}  # 6 fit it, not 5
