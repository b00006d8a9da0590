"""Controls: the right verdicts on models that need their thoughts, and on one that does not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from leaderboard_examples import result
from micro import run_in, write_recipe

from coconut_bench.benchmarks.analysis.observe import observe, trained_subject
from coconut_bench.benchmarks.controls.battery import (
    ANOTHER_ANSWER,
    AS_TRAINED,
    REMOVED_FORCED,
    REMOVED_MAY_WRITE,
    SAME_ANSWER,
    TWIN,
    battery,
    run_battery,
)
from coconut_bench.benchmarks.controls.record import record_verdict
from coconut_bench.benchmarks.controls.report import Report, controls
from coconut_bench.benchmarks.run.saved import read_result
from coconut_bench.benchmarks.run.trained import TrainedRun, load_run
from coconut_bench.cli import main
from coconut_bench.coconut.decoding import Prompted
from coconut_bench.coconut.thinking import Readings, Reasoner, Thoughts
from coconut_bench.generators.answers import read_answer
from coconut_bench.generators.files import write_sealed
from coconut_bench.generators.terminal import counted
from coconut_bench.leaderboard import add, read
from coconut_bench.leaderboard.measures import Score
from coconut_bench.leaderboard.predictions import read_predictions
from coconut_bench.leaderboard.result import Result

QUESTIONS = 200


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished runs of the micro recipe: what they answer is replaced where it matters."""
    folder = tmp_path_factory.mktemp("runs")
    changes = {"data": {"name": "prosqa-tiny", "surface": "symbolic", "valid": 8, "test": QUESTIONS}}
    write_recipe(folder, eval_batch_size=100, **changes)
    return run_in(folder, "--recipe", "micro.yaml", "--method", "coconut,pause,cot")


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

    def choose(self, prompted: Prompted, options: Sequence[Sequence[list[int]]]) -> list[int]:
        """The option that it would write; the first, if none."""
        known = self.write(prompted, 1)
        return [row.index(answer) if answer in row else 0 for answer, row in zip(known, options, strict=True)]


def planted(run: Path, seed: int, uses_thoughts: bool) -> Report:
    def load(folder: Path) -> TrainedRun:
        trained = load_run(folder)
        return replace(trained, mind=Planted(trained, uses_thoughts))

    return controls([run], n=None, seed=seed, load=load)


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["controls", *arguments])


def report(path: Path) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(path.read_text())["controls"]}


@pytest.fixture(scope="module")
def needing(finished: Path) -> Report:
    """The report of a model that answers from its thoughts."""
    return planted(finished / "micro-coconut-0", seed=1, uses_thoughts=True)


def test_a_model_that_answers_from_its_thoughts_needs_them(needing: Report) -> None:
    found = needing
    rows = {line.name: line for line in found.lines}
    needed = [row.name for row in battery(2)[1:] if row.name not in ("permuted", SAME_ANSWER, "noise σ=0.3")]
    assert {REMOVED_FORCED, "forced answer after 1 thought", REMOVED_MAY_WRITE, TWIN} < set(needed)
    for name in needed:
        assert rows[name].verdict == "needed", name
        assert rows[name].trained == 1.0
    assert rows["permuted"].verdict == "not needed"  # both of its thoughts are the same vector
    for name in (TWIN, ANOTHER_ANSWER):
        assert (rows[name].donor, rows[name].stay_right, rows[name].n) == (QUESTIONS, 0, QUESTIONS)
    assert rows[SAME_ANSWER].here == 1.0
    share = 100 * rows[REMOVED_FORCED].here
    assert 40 < share < 60
    assert found.verdict == str(found).splitlines()[-1] == found.to_json()["verdict"]
    assert found.verdict == (
        "The thoughts are needed: with its twin's thoughts the model answers the twin's question in 100.0 % "
        f"of cases, its own in 0.0 %; forced to answer without thoughts it is at chance ({share:.1f} %)."
    )


def test_a_model_that_ignores_its_thoughts_does_not_need_them(finished: Path) -> None:
    found = planted(finished / "micro-coconut-0", seed=2, uses_thoughts=False)
    rows = {line.name: line for line in found.lines}
    assert {row.verdict for row in rows.values()} == {"not needed"}
    assert (rows[TWIN].donor, rows[TWIN].stay_right) == (0, QUESTIONS)
    assert rows[ANOTHER_ANSWER].donor == 0
    assert found.verdict == (
        "The thoughts are not needed: with its twin's thoughts the model answers the twin's question in 0.0 "
        "% of cases, its own in 100.0 %; forced to answer without thoughts it is right in 100.0 % of cases."
    )


def test_the_verdict_is_added_to_the_row_of_the_runs(finished: Path, needing: Report, tmp_path: Path) -> None:
    run, board, found = finished / "micro-coconut-0", tmp_path / "leaderboard.json", needing
    assert not record_verdict(found, [run], board), "there is no such file"
    add(board, result())
    assert not record_verdict(found, [run], board), "nor such a row"
    add(board, read_result(run), predictions=run / "predictions")
    assert record_verdict(found, [run], board)
    [said] = [row.controls for row in read(board).measured if row.controls]
    assert (said.verdict, said.seeds, said.n) == (found.verdict, [0], QUESTIONS)
    forced = next(line for line in found.lines if line.name == REMOVED_FORCED)
    assert said.removed == Score.of(round(forced.here * QUESTIONS), QUESTIONS), "of the forced answers"


def test_without_thoughts_is_one_thing_for_run_controls_and_analyze(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With markers too: the prompt of stage 0, which has neither thoughts nor markers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COCONUT_BENCH_CACHE", str(tmp_path / "cache"))
    write_recipe(tmp_path, markers=True, max_new_tokens=6)  # fewer than a chain has, so one limit for all
    command = ["run", "--recipe", "micro.yaml", "--method", "coconut"]
    for arguments in (command, [*command, "--thoughts", "0"]):
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.output
    folder = tmp_path / "runs" / "micro-coconut-0"
    run = load_run(folder)
    record = Result.model_validate_json((folder / "thoughts" / "0.json").read_bytes()).seeds[0].predictions
    assert record
    by_run = {one.id: one.prediction for one in read_predictions(record, folder / "predictions")}
    asked = run.questions()
    rows = [row for row in battery(2) if row.name in (AS_TRAINED, REMOVED_MAY_WRITE)]
    by_controls = run_battery(run, rows, asked, 0).answers[REMOVED_MAY_WRITE].written
    subject = trained_subject(run, 2, "run", every_k=True)
    by_analyze = [observation.written[0] for observation in observe(subject, asked, with_attention=False)]
    assert by_controls == [by_run[example.id] for example in asked]
    assert by_controls == [read_answer(text, run.evaluator.marker) for text in by_analyze]
    assert run.recipe.markers


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
    assert taking[REMOVED_MAY_WRITE] == taking[REMOVED_FORCED] == taking["zeroed"] == 24
    assert taking.get("exit after 1, may write", 0) == taking.get("permuted", 0) == (more if more > 1 else 0)
    assert entry["answered"]["thoughts"] == 2, "a constant number would have been this one"
    assert counted(found.thoughts, "thought") in str(found).splitlines()[0]


def test_it_goes_on_with_the_batches_that_are_missing(finished: Path, tmp_path: Path) -> None:
    run, out = finished / "micro-coconut-0", tmp_path / "a.json"
    first = invoke(str(run), "--seed", "3", "--json", str(out), "--plot", str(tmp_path / "a.png"))
    assert first.exit_code == 0, first.output
    before = report(out)
    assert json.loads(out.read_text())["cost"]["battery / plain"] > 0
    assert (tmp_path / "a.png").stat().st_size > 5_000
    kept = (run / "controls" / "batch-0.json").stat().st_mtime_ns
    (run / "controls" / "batch-100.json").unlink()
    again = invoke(str(run), "--seed", "3", "--json", str(out))
    assert again.exit_code == 0, again.output
    assert report(out) == before
    assert (run / "controls" / "batch-0.json").stat().st_mtime_ns == kept


@pytest.mark.parametrize("name", ["batch-0.json", "batch-0.npy", "batch-0.json.sha256"])
def test_a_damaged_batch_is_computed_again(name: str, finished: Path, tmp_path: Path) -> None:
    run, out = finished / "micro-coconut-0", tmp_path / "a.json"
    assert invoke(str(run), "--n", "40", "--json", str(out)).exit_code == 0
    before, path = report(out), run / "controls" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    again = invoke(str(run), "--n", "40", "--json", str(out))
    assert again.exit_code == 0, again.output
    assert report(out) == before
    assert path.read_bytes() != content


def test_a_kept_batch_of_another_shape_is_computed_again(finished: Path, tmp_path: Path) -> None:
    """Its digest fits; of this header, numpy raises what Python's tokenizer does."""
    run, out = finished / "micro-coconut-0", tmp_path / "a.json"
    assert invoke(str(run), "--n", "40", "--json", str(out)).exit_code == 0
    before = report(out)
    path = run / "controls" / "batch-0.npy"
    header = b"{'descr': ('<f4',\n 'shape': (1, 2"
    broken = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    write_sealed(path, broken)
    again = invoke(str(run), "--n", "40", "--json", str(out))
    assert again.exit_code == 0, again.output
    assert report(out) == before
    assert path.read_bytes() != broken


def test_a_pause_run_has_the_controls_that_mean_something(finished: Path) -> None:
    done = invoke(str(finished / "micro-pause-0"), "--n", "20")
    assert done.exit_code == 0, done.output
    rows = report(finished / "micro-pause-0" / "controls" / "controls.json")
    assert set(rows) == {row.name for row in battery(2) if row.pauses} - {AS_TRAINED}
    assert TWIN not in rows
    verdict = done.stdout.splitlines()[-1]
    assert verdict.startswith("As trained the model is no better than chance") and "pauses" in verdict


def test_what_has_no_thoughts_is_refused_in_one_line(finished: Path) -> None:
    cases = (
        ([str(finished / "micro-cot-0")], "a run with thoughts or pauses, got method cot"),
        ([str(finished)], "must hold a finished run"),
        ([str(finished / "micro-coconut-0"), str(finished / "micro-pause-0")], "one method and recipe"),
        ([str(finished / "micro-coconut-0"), "--plot", "x.txt"], "must be a .png"),
        (
            [str(finished / "micro-coconut-0"), "--json", str(finished)],
            "--json must be a file in an existing",
        ),
        (
            [str(finished / "micro-coconut-0"), "--plot", str(finished)],
            "--plot must be a file in an existing",
        ),
        ([str(finished / "micro-coconut-0"), "--plot", "no/x.png"], "--plot must be a file in an existing"),
        ([str(finished / "micro-coconut-0")] * 2, "must be different ones"),
    )
    for arguments, message in cases:
        refused = invoke(*arguments)
        assert refused.exit_code == 2, refused.output
        assert message in refused.stderr
        assert refused.stderr.count("\n") == 1


def test_batches_of_other_controls_are_not_mixed_with_these(finished: Path, tmp_path: Path) -> None:
    folder, out = finished / "micro-coconut-0" / "controls", tmp_path / "a.json"
    first = invoke(str(folder.parent), "--n", "40", "--json", str(out))
    assert first.exit_code == 0, first.output
    before, options = report(out), json.loads((folder / "options.json").read_text())
    kept = json.loads((folder / "batch-0.json").read_text())
    for answers in kept["answers"].values():
        answers[0] = ["?"] * len(answers[0])
    write_sealed(folder / "batch-0.json", json.dumps(kept).encode())
    renamed = ["removed", *options["controls"][1:]]
    (folder / "options.json").write_text(json.dumps({**options, "controls": renamed}))
    again = invoke(str(folder.parent), "--n", "40", "--json", str(out))
    assert again.exit_code == 0, again.output
    assert report(out) == before
