"""Runs as jobs: processes of this machine, and what stands for Slurm; those of Ray are in test_ray.py."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from micro import write_recipe

from coconut_bench.benchmarks.recipe import load_recipe
from coconut_bench.benchmarks.run import cluster as module
from coconut_bench.benchmarks.run.cell import Cell
from coconut_bench.benchmarks.run.cluster import Cluster, parse_cluster, run_on_cluster
from coconut_bench.benchmarks.run.spec import RunSpec
from coconut_bench.cli import main
from coconut_bench.leaderboard import read

GRID = ["run", "--recipe", "micro.yaml", "--method", "cot,no-cot"]


@pytest.fixture(autouse=True)
def with_the_recipe(in_an_empty_folder: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.2)
    write_recipe(tmp_path)


def cell(folder: str) -> Cell:
    return Cell(RunSpec(load_recipe("micro.yaml"), "cot", 0, False), Path(folder))


def test_jobs_run_the_cells_and_their_results_are_filed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["coconut-bench", "run", "--cluster", "local"])
    done = CliRunner().invoke(
        main, [*GRID, "--cluster", "local", "--job", "timeout_min=5", "--device", "cpu"]
    )
    assert done.exit_code == 0, done.output
    assert sorted(row.method for row in read("leaderboard.json").measured) == ["cot", "no-cot"]
    commands = {row.seeds[0].provenance.command for row in read("leaderboard.json").measured}
    assert commands == {"coconut-bench run --cluster local"}, (
        "a job's own command has no settings to reproduce"
    )
    assert "runs/micro-cot-0: job" in done.output
    assert list(Path("runs/micro-cot-0/cluster").glob("*.out"))
    again = CliRunner().invoke(main, [*GRID, "--cluster", "local"])
    assert ": job" not in again.output
    assert not list(Path("runs").rglob(".lock"))


def test_a_setting_that_is_none_is_one_line() -> None:
    pytest.importorskip("submitit")
    for kind, job, message in (
        ("local", "timeout", "must be name=value"),
        ("local", "nodez=1", "nodez is unknown to --cluster local, which takes jobs and timeout_min"),
        ("local", "timeout_min=abc", "timeout_min must be a positive number, got 'abc'"),
        ("local", "jobs=-1", "jobs must be a positive number, got -1"),
        ("local", "jobs=[1", "--job jobs must be YAML"),
        ("local", f"jobs={'[' * 990}{']' * 990}", "nesting must be at most 50 levels"),
        ("slurm", "timeout_min=abc", "the job cannot be submitted to Slurm: "),
    ):
        refused = CliRunner().invoke(main, [*GRID, "--cluster", kind, "--job", job])
        assert refused.exit_code == 2, refused.output
        [line] = refused.stderr.splitlines()
        assert message in line
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
    failed = r"1 of 1 jobs failed, the first in runs/a: job 17 is RUNNING \(logs in runs/a/cluster\)"
    with pytest.raises(ValueError, match=failed):
        list(run_on_cluster([cell("runs/a")], Cluster("slurm", {}), said.append))
    assert said == ["runs/a: job 17"]


SLURM = {
    "sbatch": (
        "for script; do :; done\n"
        "export SLURM_JOB_ID=17 SLURM_NTASKS=1 SLURM_JOB_NUM_NODES=1 SLURM_NODEID=0 SLURM_JOB_NODELIST=here\n"
        'SLURM_PROCID=0 SLURM_LOCALID=0 sh "$script" > sbatch.out 2>&1 &\n'
        "echo Submitted batch job 17"
    ),
    "srun": 'while [ "${1##*python*}" ]; do shift; done\nexec "$@"',
    "sacct": "echo 'JobID|State|NodeList'; echo '17|RUNNING|here'",
}
"""Commands of a Slurm that starts its jobs at once on this machine."""


@pytest.mark.slow
def test_a_job_of_slurm_runs_and_its_result_is_filed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit")
    for name, script in SLURM.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    slurm = [*GRID[:-1], "cot", "--cluster", "slurm", "--job", "timeout_min=5"]
    refused = CliRunner().invoke(main, [*slurm, "--job", "timeout_min=abc"])
    assert (refused.exit_code, "expected type" in refused.stderr) == (2, True), refused.output
    done = CliRunner().invoke(main, slurm)
    assert done.exit_code == 0, done.output
    assert "runs/micro-cot-0: job 17" in done.output
    assert [row.method for row in read("leaderboard.json").measured] == ["cot"]


@pytest.mark.slow
def test_a_job_that_fails_is_one_line_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("COCONUT_BENCH_CACHE", "file")
    refused = CliRunner().invoke(
        main, ["run", "--recipe", "micro.yaml", "--method", "cot", "--cluster", "local"]
    )
    assert refused.exit_code == 2, refused.output
    [line] = refused.stderr.splitlines()
    assert line.startswith("Error: 1 of 1 jobs failed, the first in runs/micro-cot-0: Error: ")


def test_jobs_of_this_machine_save_their_state_when_the_sweep_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_recipe(Path.cwd(), curriculum={"stage_steps": [1, 100_000], "lr_scales": [1.0, 1.0]})

    def until_it_trains(seconds: float, sleep: Any = time.sleep) -> None:
        sleep(seconds)
        if Path("a/checkpoint.pt").exists():  # of the first stage
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=until_it_trains))
    with pytest.raises(KeyboardInterrupt, match="Stopped: the jobs have saved their state"):
        list(run_on_cluster([cell("a")], Cluster("local", {}), lambda line: None))
    assert (
        "saved in a/checkpoint.pt; the same command resumes there" in Path("a/cluster/local.out").read_text()
    )
    assert Path("a/checkpoint.pt").exists() and not Path("a/.lock").exists()


@pytest.mark.parametrize(
    ("kind", "package", "extra"), [("slurm", "submitit", "cluster"), ("ray", "ray", "ray")]
)
def test_without_its_package_it_says_what_to_install(
    kind: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    refused: Any = CliRunner().invoke(main, [*GRID, "--cluster", kind])
    assert refused.exit_code == 2
    assert f"pip install '.[{extra}]'" in refused.stderr
