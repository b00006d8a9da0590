"""Sweeps on a real Ray of one node: ``make tools`` where Ray is installed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from micro import write_recipe

from coconut_bench.leaderboard import read

pytestmark = pytest.mark.tools
GRID = ["run", "--recipe", "micro.yaml", "--method", "cot,no-cot", "--cluster", "ray"]


@pytest.fixture(autouse=True)
def with_the_recipe(in_an_empty_folder: None, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    write_recipe(tmp_path)


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "coconut_bench", *GRID, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What the process has written; nothing of it is left."""
    try:
        return process.communicate(timeout=300)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def test_tasks_measure_the_cells_and_two_sweeps_share_them() -> None:
    sweeps = [start("--job", "num_cpus=1", "--seeds", "2"), start("--job", "num_cpus=1", "--seeds", "2")]
    outputs = [ended(process) for process in sweeps]
    assert [process.returncode for process in sweeps] == [0, 0], outputs
    assert sum(len(row.seeds) for row in read("leaderboard.json").measured) == 4
    logs = "".join(path.read_text() for path in Path("runs").glob("*/cluster/ray.out"))
    assert logs.count("(14 in all): loss") == 4


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ("num_cpus=abc", "Ray cannot take the jobs (num_cpus): "),
        ("nodez=1", "Ray cannot take the jobs (nodez)"),
    ],
)
def test_a_setting_that_is_none_is_one_line(job: str, message: str) -> None:
    process = start("--job", job)
    _, errors = ended(process)
    assert process.returncode == 2
    assert f"Error: {message}" in errors.splitlines()[-1]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_tasks_save_their_state(number: signal.Signals, code: int) -> None:
    write_recipe(Path.cwd(), curriculum={"stage_steps": [1, 100_000], "lr_scales": [1.0, 1.0]})
    process = start()
    while len(list(Path("runs").glob("*/checkpoint.pt"))) < 2 and process.poll() is None:
        time.sleep(0.2)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # what a terminal does: the whole group hears it
    else:
        process.send_signal(number)
    _, errors = ended(process)
    assert process.returncode == code, errors
    said = "Stopped: the jobs have saved their state; the same command resumes them"
    assert errors.splitlines()[-1] == said
    for path in Path("runs").glob("*/cluster/ray.out"):
        assert path.read_text().rstrip().endswith("the same command resumes there")
