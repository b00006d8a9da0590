"""Runs on several processes of a launcher, for the tests of processes and of divided models."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from micro import ADAMW

from coconut_bench.benchmarks.recipe import load_recipe
from coconut_bench.benchmarks.run.pipeline import run
from coconut_bench.benchmarks.run.spec import RunSpec
from coconut_bench.leaderboard.result import Result

MARKS = [
    pytest.mark.usefixtures("in_an_empty_folder"),
    pytest.mark.skipif(sys.platform == "win32", reason="torchrun and its signals"),
]
"""Of every test that launches processes."""
CURVE: dict[str, Any] = {
    "optimizer": ADAMW,
    "curriculum": {"stage_steps": [6, 6, 8], "lr_scales": [1.0, 1.0, 0.5], "earlier_stages": 0.5},
    "checks_in_last_stage": None,
    "validate_every": 1,
}
"""20 steps, the loss of each in the log."""
FINITE = {"name": "prosqa-tiny", "surface": "symbolic", "train": 9, "valid": 8, "test": 12}
AT_START, IN_STAGE = 6, 9
"""Steps of `CURVE`: the start of its second stage, where a checkpoint is written, and three steps later."""
TORCHRUN = "torch.distributed.run --standalone --nproc_per_node"
ACCELERATE = (
    "accelerate.commands.launch --multi_gpu --num_machines 1 --mixed_precision no --dynamo_backend no"
)
INTERRUPTING = Path(__file__).with_name("interrupting.py")
PATIENCE = 900
"""Seconds until a launch counts as hanging: a busy machine may take minutes to import torch three times."""


def launched(
    count: int, *arguments: str, launcher: str = TORCHRUN, what: Sequence[str] = ("-m", "coconut_bench")
) -> subprocess.Popen[str]:
    """A launcher with ``count`` processes of the command."""
    command = [sys.executable, "-m", *launcher.split(), str(count), *what, *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        start_new_session=True,
    )  # fmt: skip


def own_lines(process: subprocess.Popen[str]) -> list[str]:
    """Wait for the end; what the command itself says, without the launcher's words."""
    try:
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    said = [line for line in err.splitlines() if line.startswith(("Error:", "Stopped", "Usage:"))]
    assert "ProcessLost" not in err, err
    return [*out.splitlines(), *said]


def train(count: int, out: str, recipe: Path, method: str = "coconut") -> list[str]:
    """Train a run, or the rest of one; what the command says."""
    return own_lines(launched(count, *words(out, recipe, method)))


def interrupted(
    count: int,
    out: str,
    recipe: Path,
    method: str = "coconut",
    *,
    step: int,
    to: str = "0",
    by: signal.Signals = signal.SIGTERM,
    launcher: str = TORCHRUN,
) -> subprocess.Popen[str]:
    """A launcher whose processes train a run until a signal is sent, as `interrupting` says."""
    what = (str(INTERRUPTING), str(step), to, by.name)
    return launched(count, *words(out, recipe, method), launcher=launcher, what=what)


def words(out: str, recipe: Path, method: str = "coconut") -> tuple[str, ...]:
    return ("run", "--method", method, "--recipe", str(recipe), "--out", out)


def losses(out: str | Path) -> list[float]:
    lines = Path(out, "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["loss"] for line in lines]


def as_one(recipe: Path, method: str = "coconut", out: Path = Path("one")) -> Path:
    """The run of a single process, this one."""
    run(RunSpec(load_recipe(str(recipe)), method, 0, quick=False), out)
    return out


def without_times(out: str | Path) -> dict[str, Any]:
    """The result, apart from times, memory, the command and what rounding decides."""
    record = Result.model_validate_json(Path(out, "result.json").read_bytes()).model_dump()
    for entry in record["seeds"]:
        for name in ("training", "inference", "provenance", "weights"):
            del entry[name]
        for stage in entry["stages"]:
            del stage["seconds"], stage["loss"]
    return record
