"""Controls: the right verdicts on models that need their thoughts, and on one that does not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from micro import write_recipe
from scipy import stats

from coconut_bench.benchmarks.controls.battery import AS_TRAINED, battery
from coconut_bench.benchmarks.controls.probes import frontier_labels, probe_thoughts, target_labels
from coconut_bench.benchmarks.controls.report import controls
from coconut_bench.benchmarks.controls.verdict import Line, Outcome, guessing_p, verdicts
from coconut_bench.benchmarks.run.trained import TrainedRun, load_run
from coconut_bench.cli import main
from coconut_bench.coconut.decoding import Prompted
from coconut_bench.coconut.thinking import Readings, Reasoner, Thoughts
from coconut_bench.generators import examples

QUESTIONS = 400


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished runs of the micro recipe: what they answer is replaced where it matters."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COCONUT_BENCH_CACHE", str(folder / "cache"))
        changes = {"data": {"name": "prosqa-tiny", "surface": "symbolic", "valid": 8, "test": QUESTIONS}}
        write_recipe(folder, eval_batch_size=200, **changes)
        arguments = ["run", "--recipe", "micro.yaml", "--method", "coconut,pause,cot"]
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.output
    return folder / "runs"


class Planted(Reasoner):
    """A model by construction. Its thought holds the number of its question (and noise behind that); it
    answers what the thoughts that it was fed say, or, if it ignores them, what the question says.
    """

    def __init__(self, run: TrainedRun, uses_thoughts: bool) -> None:
        segments = run.encoder.segments(run.questions())
        super().__init__(run.model, run.encoder.ids, run.thinking)
        self.answers = {tuple(parts.question): parts.answer for parts in segments}
        self.uses_thoughts = uses_thoughts

    def read(self, questions: Sequence[list[int]]) -> Readings:
        number = torch.arange(len(questions), dtype=torch.float32)
        h_BD = torch.stack([number + 1, torch.ones(len(questions))], dim=1)
        self.asked = questions
        opened = Prompted(h_BD, torch.ones(len(questions), 1), None, [])  # type: ignore[arg-type]
        return Readings(questions, opened)

    def think(
        self, readings: Readings, count: int | None = None, *, replace: Any = None, **_: Any
    ) -> Thoughts:
        h_BD, fed = readings.opened.h_BD, []
        count = self.thinking.count if count is None else count
        for k in range(count):
            h_BD = h_BD if replace is None else replace(k, h_BD)
            fed.append(h_BD)
        known_BD = h_BD if self.uses_thoughts and count == 2 else readings.opened.h_BD
        if self.uses_thoughts and count < 2:
            known_BD = torch.zeros_like(h_BD)
        fed_BKD = torch.stack(fed, 1) if fed else torch.zeros(len(h_BD), 0, 2)
        return Thoughts(readings.opened._replace(h_BD=known_BD), fed_BKD, fed_BKD, [count] * len(h_BD))

    def write(self, prompted: Prompted, max_new_tokens: int) -> list[list[int]]:
        numbers = [round(float(value)) - 1 for value in prompted.h_BD[:, 0]]
        whole = range(len(self.asked))
        return [self.answers[tuple(self.asked[n])] if n in whole else [self.ids.end] for n in numbers]


def planted_report(run: Path, seed: int, uses_thoughts: bool) -> dict[str, Line]:
    def load(folder: Path) -> TrainedRun:
        trained = load_run(folder)
        return replace(trained, mind=Planted(trained, uses_thoughts))

    return {line.name: line for line in controls([run], n=None, seed=seed, load=load).lines}


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["controls", *arguments])


def report(path: Path) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(path.read_text())["controls"]}


def test_a_model_that_answers_from_its_thoughts_needs_them(finished: Path) -> None:
    rows = planted_report(finished / "micro-coconut-0", seed=1, uses_thoughts=True)
    for name in (
        "removed",
        "exit after 1",
        "zeroed",
        "mean",
        "norm-matched noise",
        "transplanted, another answer",
    ):
        assert rows[name].verdict == "needed", name
        assert rows[name].trained == 1.0
    assert rows["permuted"].verdict == "not needed"  # both of its thoughts are the same vector
    given = rows["transplanted, another answer"]
    assert given.donor == given.n
    assert rows["transplanted, same answer"].here == 1.0


def test_a_model_that_ignores_its_thoughts_does_not_need_them(finished: Path) -> None:
    rows = planted_report(finished / "micro-coconut-0", seed=2, uses_thoughts=False)
    assert {row.verdict for row in rows.values()} == {"not needed"}
    assert rows["transplanted, another answer"].donor == 0


def test_as_trained_is_what_the_run_recorded_when_a_classifier_ends_the_thoughts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Controls keep each question's own number of thoughts, and say how many there were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COCONUT_BENCH_CACHE", str(tmp_path / "cache"))
    data = {"name": "prosqa-tiny", "surface": "symbolic", "valid": 8, "test": 24}
    write_recipe(tmp_path, halting="classifier", markers=True, data=data)
    done = CliRunner().invoke(main, ["run", "--recipe", "micro.yaml", "--method", "coconut"])
    assert done.exit_code == 0, done.output
    run = tmp_path / "runs" / "micro-coconut-0"
    entry = json.loads((run / "result.json").read_text())["seeds"][0]
    found = controls([run], n=None, seed=0)
    assert found.thoughts == pytest.approx(entry["tokens"]["thoughts"])
    assert found.lines[0].trained == entry["test"]["accuracy"]
    # A control takes the questions in which it changes something: those with thoughts enough.
    taking = {line.name: line.n for line in found.lines}
    more = round(24 * (found.thoughts - 1))  # questions that thought twice
    assert taking["removed"] == taking["zeroed"] == 24
    assert taking.get("exit after 1", 0) == taking.get("permuted", 0) == (more if more > 1 else 0)
    assert entry["answered"]["thoughts"] == 2, "a constant number would have been this one"
    assert f"{found.thoughts:g} thoughts" in str(found).splitlines()[0]


def test_verdicts_need_evidence() -> None:
    def outcome(wrong_here: int, n: int) -> Outcome:
        return Outcome("x", "the thoughts", [True] * n, [i >= wrong_here for i in range(n)], list(range(n)))

    assert verdicts([outcome(3, 20)])[0].verdict == "undecided"
    assert verdicts([outcome(12, 20)])[0].verdict == "needed"
    assert verdicts([outcome(2, 2000)])[0].verdict == "not needed"
    family = verdicts([outcome(7, 40)] * 10)
    assert verdicts([outcome(7, 40)])[0].verdict == "needed"
    assert {line.verdict for line in family} == {"undecided"}


def test_a_run_is_above_guessing_when_its_pairs_of_twins_are() -> None:
    def p(right: list[bool]) -> float:
        return guessing_p(Outcome("as trained", "", right, right, [i // 2 for i in range(len(right))]))

    assert p([True, False] * 500) > 0.4  # one twin of each pair: always the same guess
    assert p([False] * 400) > 0.99
    assert p([True] * 14 + [False] * 10) == pytest.approx(p_of_a_t_test([1.0] * 7 + [0.0] * 5))
    assert p([True] * 300 + [False] * 200) < 0.001


def p_of_a_t_test(pairs: list[float]) -> float:
    return float(stats.ttest_1samp(pairs, 0.5, alternative="greater").pvalue)


def test_it_goes_on_with_the_batches_that_are_missing(finished: Path, tmp_path: Path) -> None:
    run, out = finished / "micro-coconut-0", tmp_path / "a.json"
    first = invoke(str(run), "--seed", "3", "--json", str(out), "--plot", str(tmp_path / "a.png"))
    assert first.exit_code == 0, first.output
    before = report(out)
    assert json.loads(out.read_text())["cost"]["battery / plain"] > 0
    assert (tmp_path / "a.png").stat().st_size > 5_000
    kept = (run / "controls" / "batch-0.json").stat().st_mtime_ns
    (run / "controls" / "batch-200.json").unlink()
    again = invoke(str(run), "--seed", "3", "--json", str(out))
    assert again.exit_code == 0, again.output
    assert report(out) == before
    assert (run / "controls" / "batch-0.json").stat().st_mtime_ns == kept


def test_a_pause_run_has_the_controls_that_mean_something(finished: Path) -> None:
    done = invoke(str(finished / "micro-pause-0"), "--n", "20")
    assert done.exit_code == 0, done.output
    rows = report(finished / "micro-pause-0" / "controls" / "controls.json")
    assert set(rows) == {row.name for row in battery(2) if row.pauses} - {AS_TRAINED}
    assert "transplanted, same answer" not in rows


def test_what_has_no_thoughts_is_refused_in_one_line(finished: Path) -> None:
    cases = (
        ([str(finished / "micro-cot-0")], "a run with thoughts or pauses, got method cot"),
        ([str(finished)], "must hold a finished run"),
        ([str(finished / "micro-coconut-0"), str(finished / "micro-pause-0")], "one method and recipe"),
        ([str(finished / "micro-coconut-0"), "--plot", "x.txt"], "must be a .png"),
        ([str(finished / "micro-coconut-0")] * 2, "must be different ones"),
    )
    for arguments, message in cases:
        refused = invoke(*arguments)
        assert refused.exit_code == 2, refused.output
        assert message in refused.stderr


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
