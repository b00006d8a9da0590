"""The methods after the paper's, trained on a small recipe, and looked into like any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure
from micro import MICRO, run_in, write_recipe
from pictures import empty_picture

from coconut_bench.benchmarks.run.trained import load_run
from coconut_bench.cli import main
from coconut_bench.leaderboard import read, read_predictions
from coconut_bench.leaderboard.lineage import recorded_settings

DISTILLED = {"codi": "projected", "pccot": "jacobi"}
"""Their recurrences."""
METHODS = (*DISTILLED, "coconut-mixed", "coconut-bfs", "bottleneck", "sim-coconut", "multimode", "cot2")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which all were run."""
    folder = tmp_path_factory.mktemp("successors")
    write_recipe(folder, data={**MICRO["data"], "test": 16})
    return run_in(folder, "--method", ",".join(METHODS), "--recipe", "micro.yaml").parent


@pytest.fixture(scope="module")
def distilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which those with several losses were run for more steps."""
    folder = tmp_path_factory.mktemp("distilled")
    write_recipe(folder, curriculum={**MICRO["curriculum"], "stage_steps": [1, 1, 30]})
    return run_in(folder, "--method", ",".join(DISTILLED), "--recipe", "micro.yaml").parent


@pytest.mark.parametrize("method", METHODS)
def test_the_saved_model_answers_as_the_trained_one_did_and_the_row_says_what_it_cost(
    finished: Path, method: str
) -> None:
    [row] = [row for row in read(finished / "leaderboard.json").measured if row.method == method]
    [entry] = row.seeds
    assert entry.tokens.thoughts == 2
    assert entry.compute.training_flops > 0
    run = load_run(finished / "runs" / f"micro-{method}-0")
    recorded = read_predictions(entry.predictions, finished / "predictions")
    assert run.evaluator(run.questions(), run.stage, "test").predictions == recorded
    more = [name for name in run.model.state_dict() if not name.startswith("base.")]
    assert bool(more) == (method in DISTILLED)  # nothing is saved that only teaches
    if more:
        assert run.model.config.recurrence == DISTILLED[method]


ALIKE = {"coconut-mixed", "coconut-bfs", "sim-coconut"}
"""Those that answer as Coconut does."""


@pytest.mark.parametrize(
    "method", [pytest.param(one, marks=pytest.mark.slow if one in ALIKE else ()) for one in METHODS]
)
def test_controls_and_analyses_take_it(finished: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are made of each method, and put on a canvas of one that has all of them."""
    monkeypatch.chdir(finished)
    if method != "multimode":
        monkeypatch.setattr(Figure, "savefig", empty_picture)
    run = f"runs/micro-{method}-0"
    for command in (["controls", run, "--n", "16"], ["analyze", run, "--n", "8"]):
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 0, done.output


@pytest.mark.parametrize("method", DISTILLED)
def test_every_part_of_the_loss_falls(distilled: Path, method: str) -> None:
    lines = (distilled / "runs" / f"micro-{method}-0" / "log.jsonl").read_text().splitlines()
    first, *_, last = map(json.loads, lines)
    assert list(first["parts"]) == ["student", "teacher", "distance"]
    assert last["loss"] < first["loss"]
    assert all(last["parts"][name] < first["parts"][name] for name in ("student", "teacher"))


def test_what_slots_cannot_do_is_refused_before_the_training(tmp_path: Path) -> None:
    cases = (
        (["--halting", "classifier"], "halting must be constant for pccot"),
        (["--thoughts", "5"], "--thoughts must be in 0..2 for pccot, got 5"),
        (["--sweeps", "3"], "sweeps must be in 0..2 (its number of thoughts: one after another) for pccot"),
    )
    for arguments, message in cases:
        out = ["--out", str(tmp_path / "run"), "--leaderboard", str(tmp_path / "rows.json")]
        refused = CliRunner().invoke(main, ["run", "--method", "pccot", "--quick", *arguments, *out])
        assert refused.exit_code == 2, refused.output
        assert message in refused.stderr
        assert list(tmp_path.iterdir()) == []


def test_sweeps_are_a_setting_of_the_recipe_and_of_pccot_alone(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T = 0 costs one pass for all thoughts."""
    monkeypatch.chdir(finished)
    monkeypatch.setenv("COCONUT_BENCH_CACHE", str(finished / "cache"))
    command = [
        "run",
        "--method",
        "pccot",
        "--recipe",
        "micro.yaml",
        "--sweeps",
        "0",
        "--leaderboard",
        str(tmp_path / "t.json"),
    ]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    run = load_run(finished / "runs" / "micro-pccot-0-sweeps-0")
    assert (run.model.config.slots, run.model.config.sweeps) == (2, 0)
    [found] = run.reasoner().answer([run.encoder.segments(run.questions())[0].question], 1)
    assert found.forward_passes == 2
    assert recorded_settings("coconut-bench run --sweeps 2 -o a.b=1") == ["a.b=1", "curriculum.sweeps=2"]
    refused = CliRunner().invoke(main, ["run", "--method", "codi", "--sweeps", "1"])
    assert refused.exit_code == 2
    assert "--sweeps needs the method pccot, got codi" in refused.stderr
