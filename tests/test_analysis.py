"""`analyze` from end to end on runs of a micro recipe, and on thoughts in which a search is planted."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from matplotlib.figure import Figure
from micro import MICRO, write_recipe
from pictures import empty_picture

from coconut_bench.benchmarks.analysis import frontier, heights, lens, parallelism, superposition
from coconut_bench.benchmarks.analysis.observation import Observation, Observed, Question, read_example
from coconut_bench.benchmarks.analysis.observe import Subject, _by_premise, observe, trained_subject
from coconut_bench.benchmarks.analysis.report import analyze
from coconut_bench.benchmarks.analysis.views import VIEWS
from coconut_bench.benchmarks.controls.report import REPORT, Report, read_report
from coconut_bench.benchmarks.inspection import read_transcripts
from coconut_bench.benchmarks.run.trained import TrainedRun, load_run
from coconut_bench.cli import main
from coconut_bench.coconut.thinking import Readings, Reasoner, Thoughts
from coconut_bench.generators.proof.process import Category
from coconut_bench.generators.reading import read_shape

QUESTIONS = 44
WIDE = {**MICRO["model"]["config"], "hidden_size": 64}


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of the micro recipe, symbolic, and one of Coconut in English with markers around the thoughts."""
    folder = tmp_path_factory.mktemp("runs")
    model = {"architecture": "llama", "config": WIDE}
    data = {"name": "prosqa-tiny", "valid": 8, "test": QUESTIONS}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COCONUT_BENCH_CACHE", str(folder / "cache"))
        write_recipe(folder, model=model, data={**data, "surface": "symbolic"}, eval_batch_size=7)
        done = invoke("run", "--recipe", "micro.yaml", "--method", "coconut,pause,cot")
        assert done.exit_code == 0, done.output
        english = folder / "english"
        english.mkdir()
        write_recipe(english, model=model, data={**data, "surface": "natural"}, markers=True, base=None)
        done = invoke("run", "--recipe", "english/micro.yaml", "--method", "coconut", "--out", "english/run")
        assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="module")
def report(finished: Path) -> Path:
    """The report of the symbolic run, in the folder that it is put into by default."""
    runs = finished / "runs"
    arguments = [str(runs / "micro-coconut-0")]
    for name in ("cot", "pause"):
        arguments += ["--baseline", str(runs / f"micro-{name}-0")]
    done = invoke("analyze", *arguments, "--case", "0", "--case", "3")
    assert done.exit_code == 0, done.output
    assert "Correct Path" in done.output
    return runs / "micro-coconut-0" / "analysis"


def test_every_question_has_a_category_and_answers_are_those_of_the_run(report: Path, finished: Path) -> None:
    models = json.loads((report / "analysis.json").read_text())["models"]
    assert list(models) == ["Coconut", "untrained", "CoT", "Pause token"]
    for name, method in (("Coconut", "coconut"), ("CoT", "cot"), ("Pause token", "pause")):
        rows = models[name]["interpolation"]
        recorded = json.loads((finished / "runs" / f"micro-{method}-0" / "result.json").read_text())
        native = next(row for row in rows if row["thoughts"] == models[name]["native_thoughts"])
        assert native["right"] == recorded["seeds"][0]["test"]["n_correct"]
        assert [row["thoughts"] for row in rows] == {"coconut": [0, 1, 2], "cot": [0], "pause": [2]}[method]
        for row in rows:
            assert sum(row["categories"].values()) == row["n"] == QUESTIONS
            assert list(row["categories"]) == [category.value for category in Category]


def test_the_report_is_one_file_that_shows_every_model_and_case(report: Path) -> None:
    text = (report / "report.html").read_text()
    assert not re.search(r'(?:src|href)="(?!data:)', text)
    pictures = sorted(path.stem for path in (report / "figures").glob("*.svg"))
    assert len(pictures) == text.count("<img") == 7 + 2 * 4
    for name in pictures:
        assert (report / "figures" / f"{name}.png").stat().st_size > 3_000
    for wanted in ("Case: test question 3", "Pause token", "untrained", "evidence only if", "Thought 2: "):
        assert wanted in text


def test_samples_of_the_report_are_wrong_ones_first(report: Path, finished: Path) -> None:
    run = load_run(finished / "runs" / "micro-coconut-0")
    wrong = read_transcripts(run, 4, wrong=True)
    names = list(dict.fromkeys(one.sample.example.id for one in [*read_transcripts(run, 2), *wrong]))
    missed = {one.sample.example.id for one in wrong}
    articles = re.findall(
        r"<article><p><b.*?>(right|wrong)</b>, (\S+?)</p>", (report / "report.html").read_text()
    )
    assert [name for _, name in articles] == sorted(names, key=lambda name: name not in missed)
    assert {name for verdict, name in articles if verdict == "wrong"} == missed


def test_controls_that_were_run_are_part_of_the_report(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished / "english" / "run"
    analysis, shown = ["analyze", str(run), "--n", "8", "--out", str(tmp_path)], []
    with monkeypatch.context() as patch:
        patch.setattr(Figure, "savefig", empty_picture)
        assert invoke(*analysis).exit_code == 0
    shown.append((tmp_path / "report.html").read_text())
    done = invoke("controls", str(run), "--n", "8")
    assert done.exit_code == 0, done.output
    assert invoke(*analysis).exit_code == 0
    shown.append((tmp_path / "report.html").read_text())
    assert "Not run yet" in shown[0] and "Not run yet" not in shown[1]
    for line in json.loads((run / "controls" / "controls.json").read_text())["controls"]:
        assert f">{line['name']}<" in shown[1]
    assert (tmp_path / "figures" / "controls.png").stat().st_size > 3_000
    assert str(Report.from_json(json.loads((run / "controls" / "controls.json").read_text()))) in done.output


def test_a_damaged_report_of_the_controls_is_refused_and_an_older_one_is_none(finished: Path) -> None:
    run = finished / "english" / "run"
    path, beside = run / REPORT, run / f"{REPORT}.sha256"
    assert invoke("controls", str(run), "--n", "8").exit_code == 0
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"questions": 8', b'"questions": 9'))
    done = invoke("analyze", str(run), "--n", "8")
    assert done.exit_code == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"Error: {path} is damaged, or its controls.json.sha256")
    beside.unlink()
    for content, words in ((b"{", "is not JSON"), (b'{"verdict": 1, "cost": 1}', "missing key")):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=words):
            read_report(run)
    for content in (b'{"questions": 8}', b"[]"):
        path.write_bytes(content)
        assert read_report(run) is None
    path.write_bytes(whole)
    found = read_report(run)
    assert found is not None and found.n == 8, "earlier versions wrote no digest"


def test_every_view_is_in_the_report_under_its_name(report: Path) -> None:
    models = json.loads((report / "analysis.json").read_text())["models"]
    text = (report / "report.html").read_text()
    assert len({view.name for view in VIEWS}) == len(VIEWS)
    for view in VIEWS:
        assert view.cells or view.draw, view.name
        assert all(view.name in found for found in models.values())
        assert text.count(f'<h2 id="{view.name}">{view.title}</h2><p>{view.guide}</p>') == 1
        assert (report / "figures" / f"{view.name}.svg").exists() == (view.draw is not None)
        assert bool(view.cells) == (f"<caption>{view.caption.format(n=QUESTIONS)}</caption>" in text)


def test_observations_survive_json(finished: Path) -> None:
    run = load_run(finished / "runs/micro-coconut-0")
    subject = trained_subject(run, run.thoughts, "Coconut", every_k=True)
    for with_attention in (True, False):
        for found in observe(subject, run.questions(n=3), with_attention):
            assert read_shape(Observation, json.dumps(found.to_json()), "kept") == found
            assert (found.attention is not None) == with_attention


def test_an_interrupted_analysis_goes_on_and_ends_the_same(finished: Path, tmp_path: Path) -> None:
    run, out = finished / "runs" / "micro-coconut-0", tmp_path / "out"
    before = analyze(run, (), out).to_json()
    parts = sorted((out / "parts").rglob("batch-*.json"))
    assert len(parts) == 2 * 3
    times = {path: path.stat().st_mtime_ns for path in parts}
    parts[1].unlink()
    assert analyze(run, (), out).to_json() == before
    assert [path for path in parts if path.stat().st_mtime_ns != times[path]] == [parts[1]]
    analyze(run, (), out, seed=1)
    changed = {path.parent.name for path in parts[2:] if path.stat().st_mtime_ns != times[path]}
    assert changed == {"untrained"}


def test_bad_requests_are_refused_in_one_line(finished: Path) -> None:
    runs = finished / "runs"
    run = str(runs / "micro-coconut-0")
    cases = (
        ([str(runs / "micro-cot-0")], "a run with thoughts or pauses, got method cot"),
        ([str(finished)], "must hold a finished run"),
        ([run, "--case", "99"], f"case must be in 0..{QUESTIONS - 1}, got 99"),
        ([run, "--baseline", run], "must differ in method or seed"),
        ([run, "--baseline", str(finished / "english/run")], "on the same questions"),
    )
    for arguments, message in cases:
        refused = invoke("analyze", *arguments)
        assert refused.exit_code == 2, refused.output
        assert message in refused.stderr


def test_values_in_english_follow_the_forced_prefix(finished: Path) -> None:
    """Against the whole row in one pass without a cache, markers included."""
    run = load_run(finished / "english/run")
    questions = run.questions(n=6)
    seen = observe(trained_subject(run, run.thoughts, "Coconut", every_k=True), questions, True)
    ids, tokenizer = run.encoder.ids, run.encoder.tokenizer
    for example, entry in zip(questions, seen, strict=True):
        [parts] = run.encoder.segments([example])
        row = [*parts.question, ids.begin_thought, ids.latent, ids.latent, ids.end_thought]
        every = tokenizer.convert_tokens_to_ids("Every")
        with torch.no_grad():
            probabilities = run.model(torch.tensor([[*row, every]])).logits[0, -1].softmax(-1)
        assert example.graph is not None
        for symbol, value in zip(example.graph.symbols, entry.values[2], strict=True):
            wanted = float(probabilities[tokenizer.convert_tokens_to_ids(symbol)])
            assert value == pytest.approx(wanted, rel=1e-3)
        shares = torch.tensor(entry.attention)
        assert shares.shape == (2, run.thoughts, len(example.graph.edges))
        assert bool(((shares.sum(-1) > 0.2) & (shares.sum(-1) < 1)).all())  # the rest is the question's end


def test_attention_to_a_bos_token_belongs_to_no_premise(finished: Path) -> None:
    """The first token attracts attention in most models; it must not count for the first premise."""
    run = load_run(finished / "english/run")
    run.encoder.leading = [run.encoder.ids.pad]
    subject, [question] = trained_subject(run, run.thoughts, "Coconut", every_k=True), run.questions(n=1)
    tokens = len(run.encoder.segments([question])[0].question)
    attention = torch.zeros(2, 1, run.thoughts, tokens + 1 + run.thoughts)
    attention[..., 0] = 1.0
    assert not torch.tensor(_by_premise(subject, question, attention)).any()
    attention[..., 1] = 1.0
    assert torch.tensor(_by_premise(subject, question, attention))[..., 0].min() == 1.0


class Planted(Reasoner):
    """Thoughts by construction: after k of them the state is the sum of the concepts at the frontier, or of
    those from which the target can be reached.
    """

    def __init__(self, subject: Subject, asked: Sequence[Question], pruned: bool) -> None:
        own = subject.reasoner
        super().__init__(own.model, own.ids, own.thinking)
        self.asked, self.pruned, self.tokenizer = asked, pruned, subject.encoder.tokenizer
        # More dimensions than tokens, so no concept looks like another.
        torch.nn.init.orthogonal_(own.model.get_input_embeddings().weight)

    def state(self, k: int) -> torch.Tensor:
        weight_VD, rows = self.model.get_input_embeddings().weight, []
        for question in self.asked:
            search = question.search
            held = [node for node in search.frontier(k) if search.is_right(node) or not self.pruned]
            names = [search.graph.symbols[node] for node in held]
            tokens = self.tokenizer.convert_tokens_to_ids(names)
            rows.append(12 * weight_VD[torch.tensor(tokens)].sum(0))
        return torch.stack(rows).detach()

    def think(self, readings: Readings, count: int | None = None, **options: Any) -> Thoughts:
        thought = super().think(readings, count, **options)
        states = [self.state(k + 1) for k in range(count or 0)]
        return thought._replace(
            prompted=thought.prompted._replace(h_BD=self.state(count or 0)),
            states_BKD=torch.stack(states, 1) if states else thought.states_BKD,
        )


def planted(run: TrainedRun, pruned: bool = False) -> Observed:
    """What is observed of a run whose thoughts are planted."""
    questions = run.questions(n=30)
    subject = trained_subject(run, run.thoughts, "Coconut", every_k=True)
    asked = [read_example(example) for example in questions]
    with torch.no_grad():
        made = replace(subject, writes=(), mind=Planted(subject, asked, pruned))
    return Observed(asked, observe(made, questions, False), 1, "###")


def test_a_frontier_that_is_planted_in_the_thoughts_is_what_every_readout_finds(finished: Path) -> None:
    seen = planted(load_run(finished / "runs/micro-coconut-0"))
    for row in frontier.read(seen):
        assert row.mass.mean > 0.99
        assert row.right.mean == pytest.approx(row.wrong.mean, abs=1e-3)
        assert row.other.mean < 0.01
    for row in parallelism.read(seen):
        best, two, three = (curve[10] for curve in row.top)
        assert (round(best, 2), round(two, 2), round(three, 2)) == (0.5, 1.0, 1.0)
    for row in superposition.read(seen)[1:]:
        means = {name: found.mean for name, found in row.classes.items()}
        assert means["Optimal"] == pytest.approx(means["Frontier"], abs=1e-3)
        assert means["Frontier"] > 10
        assert abs(means["Reachable"]) < 1e-3
        assert abs(means["Not Reachable"]) < 1e-3
    for row in lens.read(seen)[1:]:
        assert row.shares["Optimal"] + row.shares["Frontier"] == 1
    for row in heights.read(seen):
        assert row.right.n == row.wrong.n == 30


def test_a_search_that_is_planted_without_its_dead_ends_is_found_to_be_pruned(finished: Path) -> None:
    seen = planted(load_run(finished / "runs/micro-coconut-0"), pruned=True)
    for row in frontier.read(seen):
        assert row.right.mean > 0.99
        assert row.wrong.mean < 0.01
        assert (row.top_right.mean, row.chance.mean, row.decided) == (1.0, 0.5, 30)
    assert row.above_other.mean == 1.0  # of the last step, at which the target is reached
    for row in superposition.read(seen)[1:]:
        assert row.classes["Optimal"].mean > 10 * abs(row.classes["Frontier"].mean)


def test_a_guess_between_the_candidates_is_not_taken_for_a_search(finished: Path) -> None:
    """All of the frontier's value is on the target, and the other candidate is above it as often."""
    questions = [read_example(e) for e in load_run(finished / "runs/micro-coconut-0").questions(n=40)]
    seen = []
    for number, question in enumerate(questions):
        graph, values = question.search.graph, [0.0] * len(question.search.graph.symbols)
        values[graph.target], values[graph.neg_target] = (0.6, 0.4) if number % 2 else (0.4, 0.6)
        seen.append(Observation([], [], [], {1: [0.0] * len(values), 2: values}, {}, {}))
    one, two = frontier.read(Observed(questions, seen, 1, "###"))
    assert (two.top_right.mean, two.above_other.mean) == (1.0, 0.5)
    assert (one.top_right.mean, one.above_other.mean, one.mass.mean) == (0.5, 0.5, 0.0)


def test_a_run_whose_thoughts_a_classifier_ends_is_observed_as_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Figure, "savefig", empty_picture)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COCONUT_BENCH_CACHE", str(tmp_path / "cache"))
    data = {"name": "prosqa-tiny", "surface": "symbolic", "valid": 8, "test": 24}
    write_recipe(tmp_path, halting="classifier", markers=True, data=data)
    done = invoke("run", "--recipe", "micro.yaml", "--method", "coconut")
    assert done.exit_code == 0, done.output
    run = tmp_path / "runs" / "micro-coconut-0"
    [entry] = json.loads((run / "result.json").read_text())["seeds"]
    shown = invoke("analyze", str(run))
    assert shown.exit_code == 0, shown.output
    own = json.loads((run / "analysis" / "analysis.json").read_text())["models"]["Coconut"]
    assert own["native_thoughts"] == pytest.approx(entry["tokens"]["thoughts"])
    *constant, halted = own["interpolation"]
    assert [row["thoughts"] for row in constant] == [0, 1, 2]
    assert (halted["halted"], halted["right"]) == (True, entry["test"]["n_correct"])
    assert f"{own['native_thoughts']:.2f}, halted" in shown.output
