"""Locks on runs, and sweeps that share their cells with other processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result
from micro import write_recipe

from coconut_bench.benchmarks.run import lock as module
from coconut_bench.benchmarks.run import sweep
from coconut_bench.benchmarks.run.lock import InUse, locked
from coconut_bench.cli import main
from coconut_bench.leaderboard import read

HOLDER = (
    "import sys, time; from pathlib import Path; from coconut_bench.benchmarks.run.lock import locked\n"
    "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(100)"
)
TRAINED = "(14 in all): loss"  # the last validation of a run
"""Said once by each training that has come to its end."""


@pytest.fixture(autouse=True)
def with_the_recipe(in_an_empty_folder: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.1)
    write_recipe(tmp_path)


@contextmanager
def child(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process, which is killed at the end."""
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a lock until it is killed."""
    with child("-c", HOLDER, str(path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["run", "--recipe", "micro.yaml", *arguments])


def test_threads_and_processes_exclude_one_another_and_a_thread_not_itself(tmp_path: Path) -> None:
    path, refused = tmp_path / "run" / ".lock", list[str]()

    def other() -> None:
        try:
            with locked(path):
                refused.append("")
        except InUse as error:
            refused.append(str(error))

    with locked(path), locked(path):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        inside = subprocess.run([sys.executable, "-c", HOLDER, path], capture_output=True, text=True)
    [line] = refused
    assert line.startswith(f"{path.parent} is in use by process {os.getpid()} on ")
    assert f"InUse: {line}" in inside.stderr
    assert not path.exists()
    other()
    assert refused[1:] == [""]


def test_the_lock_of_a_killed_process_blocks_nobody(tmp_path: Path) -> None:
    path, waited = tmp_path / ".lock", list[str]()
    with holder(path) as process:
        with pytest.raises(InUse, match=f"in use by process {process.pid} on .* since 20"), locked(path):
            pass
        threading.Timer(0.3, process.kill).start()
        with locked(path, waited.append):
            assert process.wait() < 0
    assert len(waited) == 1 and waited[0].endswith(": waiting")
    path.write_text("process 1 on gone")  # what a kill leaves
    with locked(path):
        assert f"process {os.getpid()} " in path.read_text()


def test_a_process_that_inherits_a_lock_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with locked(path) as lock:
        assert lock is not None
        sleeper = subprocess.Popen(["sleep", "100"], pass_fds=[lock.file])
        lock.is_handed_over = True
    try:
        with pytest.raises(InUse), locked(path):
            pass
    finally:
        sleeper.kill()
        sleeper.wait()
    with locked(path):
        pass


def test_a_second_run_leaves_with_one_line() -> None:
    with holder(Path("runs/micro-cot-0/.lock")) as process:
        refused = invoke("--method", "cot")
    assert refused.exit_code == 2, refused.output
    [line] = refused.stderr.splitlines()
    assert line.startswith(f"Error: runs/micro-cot-0 is in use by process {process.pid} on ")
    assert not Path("runs/micro-cot-0/run.json").exists()


def test_a_sweep_goes_on_with_another_cell_and_takes_over_from_a_killed_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with holder(Path("runs/micro-cot-0/.lock")) as process:
        slept: list[float] = []

        def sleep(seconds: float) -> None:
            assert Path("runs/micro-no-cot-0/result.json").exists()  # nothing else is left to do
            slept.append(seconds)
            process.kill()
            process.wait()

        monkeypatch.setattr(sweep, "time", SimpleNamespace(sleep=sleep))
        done = invoke("--method", "cot,no-cot")
    assert done.exit_code == 0, done.output
    assert f"runs/micro-cot-0 is in use by process {process.pid} on " in done.output
    assert len(slept) == 1
    assert done.output.count(TRAINED) == 2
    assert sorted(row.method for row in read("leaderboard.json").measured) == ["cot", "no-cot"]


def shared_by(*sweeps: list[str], grid: list[str], runs: int, rows: int) -> None:
    """Start sweeps at once, the last one here; each ends with all rows, no run is trained twice."""
    command = [sys.executable, "-m", "coconut_bench", "run", "--recipe", "micro.yaml", *grid]
    others = [
        subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for more in sweeps[:-1]
    ]
    try:
        here = invoke(*grid, *sweeps[-1])
        outputs = [here.output, *(process.communicate(timeout=300)[0] for process in others)]
    finally:
        for process in others:
            process.kill()
    assert [here.exit_code, *(process.returncode for process in others)] == [0] * len(sweeps), outputs
    logs = [path.read_text() for path in Path("runs").rglob("*.out")]
    assert sum(text.count(TRAINED) for text in [*outputs, *logs]) == runs
    assert sum(len(row.seeds) for row in read("leaderboard.json").measured) == rows
    assert [path.name[:5] for path in Path("cache").iterdir()] == ["base-"]


def test_two_sweeps_share_the_cells_and_train_none_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COCONUT_BENCH_CACHE", "cache")  # the base model is trained once, too
    shared_by([], [], grid=["--method", "cot,no-cot", "--seeds", "2"], runs=4, rows=4)


@pytest.mark.slow
@pytest.mark.parametrize("other", [["--cluster", "local", "--job", "jobs=2"], []])
def test_three_sweeps_with_jobs_share_the_cells(other: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COCONUT_BENCH_CACHE", "cache")
    jobs = ["--cluster", "local", "--job", "jobs=2"]
    grid = ["--method", "cot,no-cot,coconut", "--seeds", "2", "--thoughts", "1"]
    shared_by(jobs, other, [], grid=grid, runs=6, rows=6 + 2)
