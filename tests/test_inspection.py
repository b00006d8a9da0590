"""Samples and training curves: what a run wrote, and how it learned."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from leaderboard_examples import predictions, result
from micro import run_in, write_recipe

from coconut_bench.benchmarks.inspection.curves import band, read_training, stage_spans
from coconut_bench.benchmarks.inspection.samples import read_transcripts, render
from coconut_bench.benchmarks.run.trained import load_run
from coconut_bench.cli import main
from coconut_bench.coconut.progress import Progress
from coconut_bench.leaderboard import read_predictions
from coconut_bench.leaderboard.aggregate import pooled


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a run of each of three methods, of seconds each."""
    folder = tmp_path_factory.mktemp("runs")
    write_recipe(folder, answer_marker=False)
    return run_in(folder, "--recipe", "micro.yaml", "--method", "coconut,cot,pause")


@pytest.mark.parametrize("method", ["coconut", "cot", "pause"])
def test_samples_are_the_answers_of_the_run(method: str, runs: Path) -> None:
    run = load_run(runs / f"micro-{method}-0")
    [entry] = run.result.seeds
    assert entry.predictions is not None
    kept = {one.id: one for one in read_predictions(entry.predictions, run.folder / "predictions")}
    found = read_transcripts(run, 100)
    assert {one.sample.example.id: one.sample.prediction for one in found} == kept
    assert all(one.sample.prediction.prediction in one.written for one in found)
    assert {len(one.thoughts) for one in found} == {2 if method == "coconut" else 0}
    wrong = read_transcripts(run, 3, wrong=True)
    missed = [one.sample.example.id for one in found if not one.sample.prediction.correct]
    assert [one.sample.example.id for one in wrong] == missed[:3]


def test_a_readout_has_the_most_probable_tokens(runs: Path) -> None:
    for transcript in read_transcripts(load_run(runs / "micro-coconut-0"), 3, top=2):
        for readout in transcript.thoughts:
            assert len(readout) == 2 and 1 > readout[0][1] >= readout[1][1] > 0


def test_the_command_shows_question_chain_answer_and_text(runs: Path) -> None:
    done = CliRunner().invoke(main, ["samples", str(runs / "micro-coconut-0"), "--n", "2"])
    assert done.exit_code == 0, done.output
    assert done.output.count("question   ") == done.output.count("written ") == 2
    assert done.output.count("thought 2  ") == 2
    assert "of the 2 shown are right; recorded: " in done.output.splitlines()[-1]
    [transcript] = read_transcripts(load_run(runs / "micro-coconut-0"), 1)
    narrow = render(transcript, 40).splitlines()
    assert max(map(len, narrow[1:])) <= 40
    assert narrow[0].endswith("WRONG") is not transcript.sample.prediction.correct
    missing = CliRunner().invoke(main, ["samples", "nowhere"])
    assert missing.exit_code == 2 and "must hold a finished run" in missing.stderr


def test_curves_are_read_from_the_log_or_the_result(runs: Path, tmp_path: Path) -> None:
    finished = read_training(runs / "micro-coconut-0")
    assert finished.group == "Coconut, micro" and set(finished.by_hops) == {2}
    assert [(p.stage, p.step) for p in finished.points] == [(0, 4), (1, 8), (2, 10), (2, 12), (2, 14)]
    assert stage_spans(finished.points) == [(0, 0, 4), (1, 4, 8), (2, 8, 14)]
    (tmp_path / "result.json").write_bytes((runs / "micro-coconut-0" / "result.json").read_bytes())
    bare = [point._replace(loss=None, losses=()) for point in finished.points]
    assert bare == read_training(tmp_path).points and read_training(tmp_path).losses == []
    assert [step for step, _ in finished.losses] == [4, 8, 10, 12, 14]
    (tmp_path / "result.json").unlink()
    log = (runs / "micro-coconut-0" / "log.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "log.jsonl").write_text("".join([*log[:3], log[2]]))  # one validation repeated
    unfinished = read_training(tmp_path)
    assert (unfinished.points, unfinished.by_hops) == (finished.points[:3], {})
    with pytest.raises(FileNotFoundError, match="nowhere must be a run's directory"):
        read_training(Path("nowhere"))


def test_the_loss_curve_has_a_point_every_20_steps() -> None:
    losses = [float(step) for step in range(1, 46)]
    progress = Progress(global_step=145, unlogged=losses)
    assert progress.loss_curve == [(120, 10.5), (140, 30.5), (145, 43.0)]
    assert Progress(global_step=100).loss_curve == []


def test_a_plot_takes_the_fine_losses_where_a_log_has_them(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(json.dumps({**VALIDATION, "losses": [[2, 0.75], [4, 0.5]]}) + "\n")
    assert read_training(tmp_path).losses == [(2, 0.75), (4, 0.5)]
    (tmp_path / "log.jsonl").write_text(json.dumps(VALIDATION) + "\n")
    assert read_training(tmp_path).losses == [(4, 0.5)]


VALIDATION = {"stage": 0, "step": 4, "global_step": 4, "loss": 0.5, "valid": 0.5}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (b'{"stage": 0}', "KeyError"),
        (b"[1, 2]", "TypeError"),
        (b"\xff\xfe", "must be a validation of a run"),
        (b"", "must be a validation of a run"),
        ({"stage": True}, "stage must be a whole number of at least 0, got True"),
        ({"global_step": "4"}, "global_step must be a whole number of at least 0, got '4'"),
        ({"global_step": -4}, "global_step must be a whole number of at least 0, got -4"),
        ({"valid": 50.0}, "valid must be in 0..1, got 50.0"),
        ({"valid": math.nan}, "valid must be in 0..1, got nan"),
        ({"loss": None}, "loss must be a number, got None"),
        ({"losses": [3]}, "TypeError"),
    ],
)
def test_a_log_of_another_shape_is_one_line(
    changed: bytes | dict[str, object], message: str, tmp_path: Path
) -> None:
    whole = json.dumps(VALIDATION).encode()
    other = changed if isinstance(changed, bytes) else json.dumps({**VALIDATION, **changed}).encode()
    (tmp_path / "log.jsonl").write_bytes(whole + b"\n" + other + b"\n")
    done = CliRunner().invoke(main, ["plot", str(tmp_path), "--out", str(tmp_path / "curves.png")])
    assert done.exit_code == 2 and done.stderr.count("\n") == 1
    assert "log.jsonl:2 must be a validation of a run" in done.stderr and message in done.stderr


def test_a_training_that_diverged_has_no_loss(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(json.dumps({**VALIDATION, "loss": math.nan}) + "\n")
    assert [point.loss for point in read_training(tmp_path).points] == [None]


def test_seeds_are_a_band_over_the_steps_that_all_have() -> None:
    found = band([[(100, 0.2), (200, 0.6), (300, 0.9)], [(100, 0.4), (200, 0.4)]])
    assert found.steps == [100, 200] and (found.low, found.high) == ([0.2, 0.4], [0.4, 0.6])
    assert found.mean == pytest.approx([0.3, 0.5])
    scores = [result({seed: predictions(lambda i: i % 4 > 0)}).seeds[0].by_hops or {} for seed in (0, 1)]
    assert {hops: score.n for hops, score in pooled(scores).items()} == {2: 200, 3: 200}


def learned(folder: Path, method: str, seed: int, best: float) -> Path:
    """A made-up run: six validations in three stages, and its result."""
    row = result({seed: predictions(lambda index: index % 10 < 10 * best)}, method=method)
    (folder := folder / f"{method}-{seed}").mkdir(parents=True)
    (folder / "result.json").write_text(row.model_dump_json())
    points = [(stage, 100 * (2 * stage + half)) for stage in range(3) for half in (1, 2)]
    log = [
        {"stage": stage, "step": 1, "global_step": step, "loss": math.exp(-step / 200) + seed / 50,
         "valid": min(best, 0.5 + step / 1200 + seed / 50)}
        for stage, step in points
    ]  # fmt: skip
    (folder / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log))
    return folder


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_several_runs_are_plotted(suffix: str, tmp_path: Path) -> None:
    runs = [learned(tmp_path, "coconut", seed, 0.9) for seed in range(3)]
    runs.append(learned(tmp_path, "no-cot", 0, 0.5))
    done = CliRunner().invoke(main, ["plot", *map(str, runs), "--out", str(tmp_path / f"curves.{suffix}")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / f"curves.{suffix}").stat().st_size > 5_000


def test_a_plot_that_cannot_be_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = CliRunner().invoke(main, ["plot", "nowhere", "--out", "curves.txt"])
    assert refused.exit_code == 2 and "must be a .png, .svg or .pdf file" in refused.stderr
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    refused = CliRunner().invoke(main, ["plot", "nowhere", "--out", "curves.png"])
    assert refused.exit_code == 2 and "a plot needs matplotlib" in refused.stderr
    (tmp_path / "log.jsonl").write_text("")
    monkeypatch.undo()
    empty = CliRunner().invoke(main, ["plot", str(tmp_path), "--out", str(tmp_path / "curves.png")])
    assert empty.exit_code == 2 and "must have been validated at least once" in empty.stderr
