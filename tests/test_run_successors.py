"""The methods after CODI and PCCoT, trained on the small recipe cut down, and looked into like any other."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from coconut_bench.benchmarks.run.trained import load_run
from coconut_bench.cli import main
from coconut_bench.leaderboard import read, read_predictions

METHODS = ("coconut-mixed", "coconut-bfs", "bottleneck", "sim-coconut", "multimode", "cot2")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which all were run with ``--quick``."""
    folder = tmp_path_factory.mktemp("successors")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COCONUT_BENCH_CACHE", str(folder / "cache"))
        done = CliRunner().invoke(main, ["run", "--method", ",".join(METHODS), "--quick"])
        assert done.exit_code == 0, done.output
    return folder


@pytest.mark.parametrize("method", METHODS)
def test_the_saved_model_answers_as_the_trained_one_did_and_the_row_says_what_it_cost(
    finished: Path, method: str
) -> None:
    [row] = [row for row in read(finished / "leaderboard.json").measured if row.method == method]
    [entry] = row.seeds
    assert entry.tokens.thoughts == 2
    assert entry.compute.training_flops > 0
    run = load_run(finished / "runs" / f"tiny-{method}-0-quick")
    recorded = read_predictions(entry.predictions, finished / "predictions")
    assert run.evaluator(run.questions(), run.stage, "test").predictions == recorded
    assert not [name for name in run.model.state_dict() if not name.startswith("base.")]


@pytest.mark.parametrize("method", METHODS)
def test_controls_and_analyses_take_it(finished: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished)
    run = f"runs/tiny-{method}-0-quick"
    for command in (["controls", run, "--n", "16"], ["analyze", run, "--n", "8"]):
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 0, done.output
