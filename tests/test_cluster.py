"""Runs as jobs of a cluster: here of submitit's local kind, which starts a process a job."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from micro import write_recipe

from coconut_bench.benchmarks.recipe import load_recipe
from coconut_bench.benchmarks.run import cluster as module
from coconut_bench.benchmarks.run.cluster import Cell, Cluster, parse_cluster, run_on_cluster
from coconut_bench.benchmarks.run.spec import RunSpec
from coconut_bench.cli import main
from coconut_bench.leaderboard import read

GRID = ["run", "--recipe", "micro.yaml", "--method", "cot,no-cot"]


@pytest.fixture(autouse=True)
def with_the_recipe(in_an_empty_folder: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.2)
    write_recipe(tmp_path)


def test_jobs_run_the_cells_and_their_results_are_filed() -> None:
    pytest.importorskip("submitit")
    done = CliRunner().invoke(main, [*GRID, "--cluster", "local", "--job", "timeout_min=5"])
    assert done.exit_code == 0, done.output
    assert sorted(row.method for row in read("leaderboard.json").measured) == ["cot", "no-cot"]
    assert "runs/micro-cot-0: job" in done.output
    assert list(Path("runs/micro-cot-0/cluster").glob("*.out"))
    again = CliRunner().invoke(main, [*GRID, "--cluster", "local"])
    assert ": job" not in again.output


def test_a_setting_that_is_none_is_one_line() -> None:
    for arguments, message in ((["--job", "timeout"], "must be name=value"), (["--job", "nodez=1"], "nodez")):
        refused = CliRunner().invoke(main, [*GRID, "--cluster", "local", *arguments])
        assert refused.exit_code == 2, refused.output
        assert message in refused.stderr
    assert parse_cluster("slurm", ["timeout_min=60", "slurm_partition=a"]).settings == {
        "timeout_min": 60,
        "slurm_partition": "a",
    }


class Job:
    """Stands for a job of Slurm."""

    def __init__(self, folder: Path, job_id: str) -> None:
        self.folder, self.job_id, self.state = folder, job_id, "RUNNING"

    def done(self) -> bool:
        return True


def test_a_job_that_still_runs_on_slurm_is_waited_for_and_a_failed_one_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "submitit", SimpleNamespace(SlurmJob=Job))  # submits nothing
    folder = Path("runs/a")
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps({"id": "17", "kind": "slurm"}))
    said: list[str] = []
    cell = Cell(RunSpec(load_recipe("micro.yaml"), "cot", 0, False), folder)
    with pytest.raises(ValueError, match=r"1 of 1 jobs failed: see runs/a/cluster"):
        run_on_cluster([cell], Cluster("slurm", {}), said.append)
    assert said == ["runs/a: job 17"]


def test_without_submitit_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    refused: Any = CliRunner().invoke(main, [*GRID, "--cluster", "slurm"])
    assert refused.exit_code == 2
    assert "pip install '.[cluster]'" in refused.stderr
