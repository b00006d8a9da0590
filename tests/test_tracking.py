"""Experiment trackers: every row of the table keeps one contract, and a run tells them what it logs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner
from micro import write_recipe

from coconut_bench.benchmarks.run.tracking import BACKENDS, open_tracker
from coconut_bench.cli import main

Calls = list[tuple[str, Any]]


class Recorder:
    """Stands for a tracker's run and for tensorboard's writer; every call is recorded."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        self.calls += [("metric", (name, value, step)) for name, value in metrics.items()]

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.calls.append(("metric", (name, value, step)))

    def add_text(self, name: str, text: str) -> None:
        self.calls.append(("settings", text))

    def finish(self) -> None:
        self.calls.append(("end", None))

    close = finish


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Calls:
    """Recorded calls of modules that stand for all three packages."""
    recorded: Calls = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COCONUT_BENCH_CACHE", str(tmp_path / "cache"))
    for backend in BACKENDS.values():
        module = ModuleType(backend.module)
        module.__spec__ = ModuleSpec(backend.module, None)  # transformers looks for it

        def init(**settings: Any) -> Recorder:
            recorded.append(("settings", str(settings)))
            return Recorder(recorded)

        module.init = init  # type: ignore[attr-defined]
        module.SummaryWriter = lambda log_dir: Recorder(recorded)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, backend.module, module)
    return recorded


@pytest.mark.parametrize("name", BACKENDS)
def test_settings_metrics_and_the_end_reach_the_tracker(name: str, calls: Calls, tmp_path: Path) -> None:
    with open_tracker(name, project="p", run_name="r", config={"seed": 3}, folder=tmp_path) as tracker:
        tracker.log({"loss": 0.5, "valid": 0.75}, step=40)
    assert [kind for kind, _ in calls] == ["settings", "metric", "metric", "end"]
    assert "seed" in calls[0][1]
    assert [found for kind, found in calls if kind == "metric"] == [("loss", 0.5, 40), ("valid", 0.75, 40)]


@pytest.mark.parametrize("name", BACKENDS)
def test_an_error_inside_ends_the_tracker_all_the_same(name: str, calls: Calls, tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        open_tracker(name, project="p", run_name="r", config={}, folder=tmp_path),
    ):
        raise KeyboardInterrupt
    assert calls[-1] == ("end", None)


def test_a_run_tells_its_validations_and_its_test(calls: Calls) -> None:
    write_recipe(Path.cwd())
    arguments = ["run", "--method", "cot", "--recipe", "micro.yaml"]
    done = CliRunner().invoke(main, [*arguments, "--track", "trackio"])
    assert done.exit_code == 0, done.output
    metrics = [found for kind, found in calls if kind == "metric"]
    assert [step for name, _, step in metrics if name == "valid"] == [4, 8, 10, 12, 14]
    assert [name for name, _, _ in metrics][-1] == "test"
    assert "micro-cot-0" in calls[0][1]
    assert Path("runs/micro-cot-0/log.jsonl").exists()


def test_what_is_not_there_is_one_line_before_the_training(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_recipe(Path.cwd())
    monkeypatch.setitem(sys.modules, "wandb", None)
    for name, message in (
        ("wandb", "needs wandb, which is not installed"),
        ("wandbb", "did you mean 'wandb'?"),
    ):
        refused = CliRunner().invoke(
            main, ["run", "--method", "cot", "--recipe", "micro.yaml", "--track", name]
        )
        assert refused.exit_code == 2
        assert message in refused.stderr
    assert not Path("runs").exists()
