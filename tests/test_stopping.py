"""Ctrl-C and SIGTERM outside a training loop, in every command; and the choice of a device."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest
from click.testing import CliRunner, Result
from micro import write_recipe

from coconut_bench.benchmarks.run import pipeline
from coconut_bench.benchmarks.run.device import environment
from coconut_bench.benchmarks.run.evaluate import Evaluator
from coconut_bench.cli import COMMANDS, main
from coconut_bench.coconut.interrupt import stop_between_steps
from coconut_bench.coconut.training import Trainer
from coconut_bench.generators.stopping import terminable
from coconut_bench.leaderboard import read

RUN = ["run", "--recipe", "micro.yaml", "--method", "cot"]
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.fixture(autouse=True)
def with_the_recipe(in_an_empty_folder: None, tmp_path: Path) -> None:
    write_recipe(tmp_path)


def stopped(done: Result, number: signal.Signals) -> str:
    """The one line of a command that a signal has stopped."""
    assert done.exit_code == CODES[number], done.output
    [line] = done.stderr.splitlines()
    assert line.startswith("Stopped: ")
    return line


@pytest.mark.parametrize("number", CODES)
def test_a_run_says_what_is_saved_wherever_it_is_stopped(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, steps = Evaluator.__call__, list[Any]()

    def while_it_tests(self: Evaluator, asked: Any, stage: int, label: str) -> Any:
        if label == "test":
            signal.raise_signal(number)
        return answer(self, asked, stage, label)

    for place in ("open_data", "_base_model", "coconut_over"):
        with monkeypatch.context() as patch:
            patch.setattr(pipeline, place, lambda *arguments: signal.raise_signal(number))
            line = stopped(CliRunner().invoke(main, RUN), number)
        assert line.endswith("runs/micro-cot-0 has no checkpoint yet; the same command begins it again")
    with monkeypatch.context() as patch:
        patch.setattr(Evaluator, "__call__", while_it_tests)
        line = stopped(CliRunner().invoke(main, RUN), number)
    assert line.endswith("the training so far is saved in runs/micro-cot-0; the same command resumes there")
    monkeypatch.setattr(Trainer, "_step", lambda self, plan: steps.append(plan))
    done = CliRunner().invoke(main, RUN)
    assert (done.exit_code, steps) == (0, []), done.output
    assert len(read("leaderboard.json").measured) == 1


@pytest.mark.parametrize(
    ("place", "arguments"),
    [
        ("benchmarks.run.saved.read_result", ["controls", "RUN"]),
        ("benchmarks.run.saved.read_result", ["analyze", "RUN"]),
        ("benchmarks.run.saved.read_result", ["samples", "RUN"]),
        ("generators.audit.report.audit", ["audit", "prosqa"]),
        ("generators.proof.verify.verify_file", ["verify", "FILE"]),
        ("generators.stored.write.generate", ["generate", "prosqa", "--out", "data"]),
        ("leaderboard.report.read_boards", ["leaderboard", "show"]),
    ],
)
def test_every_command_that_is_stopped_is_one_line(
    place: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def raised(*arguments: Any, **options: Any) -> None:
        signal.raise_signal(number)

    for number in CODES:
        before = signal.getsignal(signal.SIGTERM)
        with monkeypatch.context() as patch:
            patch.setattr(f"coconut_bench.{place}", raised)
            line = stopped(CliRunner().invoke(main, arguments), number)
        assert line == f"Stopped: {COMMANDS[arguments[0]].stopped}"
        assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("heard", [stop_between_steps, terminable])
def test_a_signal_that_is_ignored_stays_ignored(heard: Any, number: int) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with heard() as stop:
            signal.raise_signal(number)
        assert stop is None or stop.number is None
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_workers_that_are_starting_do_not_hear_ctrl_c(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "coconut_bench", "generate", "prosqa-tiny", "--workers", "2", "--out", "data"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while len(children.read_text().split()) < 3:  # two workers and the tracker of resources
            time.sleep(0.001)
        time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    line = "Stopped: the output directory is as it was; the same command begins again"
    assert (process.returncode, said.splitlines()[-1]) == (130, line)
    assert "Traceback" not in said


def test_sigterm_in_a_program_of_ones_own_ends_it_without_a_traceback() -> None:
    def body() -> NoReturn:
        with terminable():
            signal.raise_signal(signal.SIGTERM)
        raise AssertionError

    with pytest.raises(SystemExit) as stop:
        body()
    assert stop.value.code == 143


def test_a_device_is_what_the_process_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert environment("cuda:1") == {"CUDA_VISIBLE_DEVICES": "1"}
    assert environment("cuda") == environment("mps") == {}
    assert environment("cpu") == {"CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,GPU-5")
    assert environment("cuda:1") == {"CUDA_VISIBLE_DEVICES": "GPU-5"}
    with pytest.raises(ValueError, match="cuda:2 is not there: CUDA_VISIBLE_DEVICES has 2 devices"):
        environment("cuda:2")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "gpu"], "--device must be cpu, mps, cuda or cuda:N, got 'gpu'"),
        (["--device", "cuda:99"], "--device cuda:99 is not there: "),
        (["--device", "cpu,cpu"], "--device must be one without --cluster local, got cpu,cpu"),
        (["--device", "cpu,cuda:99", "--cluster", "local"], "--device cuda:99 is not there: torch finds"),
        (["--device", "cpu", "--cluster", "slurm"], "--device is Slurm's to give"),
    ],
)
def test_a_device_that_is_not_there_is_one_line(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("submitit")
    for name in ("CUDA_VISIBLE_DEVICES", "ACCELERATE_USE_CPU"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # put back what the command sets
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    refused = CliRunner().invoke(main, [*RUN, *arguments])
    assert refused.exit_code == 2, refused.output
    [line] = refused.stderr.splitlines()
    assert message in line
