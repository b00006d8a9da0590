"""A finished or interrupted run whose files were damaged, or whose data changed, is refused with one line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from micro import MICRO, write_recipe

from coconut_bench.benchmarks.recipe import load_recipe
from coconut_bench.benchmarks.run import base_model
from coconut_bench.benchmarks.run.pipeline import run
from coconut_bench.benchmarks.run.recall import RecallTrainer
from coconut_bench.benchmarks.run.spec import RunSpec, overrides, run_folder
from coconut_bench.cli import main
from coconut_bench.coconut.interrupt import Stopped
from coconut_bench.coconut.objectives import Loss
from coconut_bench.coconut.steps import Done, Steps
from coconut_bench.coconut.training import Trainer
from coconut_bench.generators.files import owner
from coconut_bench.generators.stored.write import generate, plan

FINISHED = "runs/micro-coconut-0"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a finished run, one that was interrupted at step 7, and the cache."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COCONUT_BENCH_CACHE", str(folder / "cache"))
        write_recipe(folder)
        done = invoke("run", "--method", "coconut", "--recipe", "micro.yaml")
        assert done.exit_code == 0, done.output
        place = "Stopped at stage 1, step 3 of 4; saved in stopped/checkpoint"
        with pytest.raises(Stopped, match=place), stopping_at(Trainer, 7):
            run(micro(), Path("stopped"))
    yield folder


@pytest.fixture(autouse=True)
def copied(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COCONUT_BENCH_CACHE", str(tmp_path / "cache"))


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def micro() -> RunSpec:
    return RunSpec(load_recipe("micro.yaml"), "coconut", 0, False)


def stopping_at(trainer: Any, stop: int, number: int = signal.SIGINT) -> Any:
    """A context in which a signal arrives during a step of the training, counted from 1."""
    step, patch, count = trainer._step, pytest.MonkeyPatch(), 0

    class Context:
        def __enter__(self) -> None:
            patch.setattr(trainer, "_step", interrupted)

        def __exit__(self, *error: object) -> None:
            patch.undo()

    def interrupted(self: Any, *arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == stop:
            signal.raise_signal(number)
        return step(self, *arguments)

    return Context()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) * 2 // 3] ^= 1
    path.write_bytes(content)


def refused(done: Result, *words: str) -> None:
    assert done.exit_code == 2, done.output
    [line] = done.stderr.strip().splitlines()
    for word in words:
        assert word in line


def test_every_file_of_the_model_is_checked_wherever_it_is_read() -> None:
    model = Path(FINISHED, "model")
    commands = {
        "controls": ["controls", FINISHED, "--n", "4"],
        "analyze": ["analyze", FINISHED, "--n", "4"],
        "publish": ["publish", FINISHED, "--repo", "org/name", "--dry-run"],
        "thoughts": ["run", "--method", "coconut", "--recipe", "micro.yaml", "--thoughts", "1"],
    }
    for path in sorted(model.iterdir()):
        whole = path.read_bytes()
        flip(path)
        for command in commands.values() if path.suffix == ".safetensors" else [commands["publish"]]:
            refused(invoke(*command), "is damaged", "restore it from a copy, or train the run again")
        refused(invoke(*commands["controls"]), "is damaged")
        path.write_bytes(whole)
    (model / "SHA256SUMS").unlink()
    refused(invoke(*commands["controls"]), "must have the digests of its files", "sha256sum * > SHA256SUMS")


def test_weights_that_are_whole_but_not_those_of_the_result_are_refused() -> None:
    record = Path(FINISHED, "result.json")
    fields = json.loads(record.read_text())
    fields["seeds"][0]["weights"] = "0" * 64
    record.write_text(json.dumps(fields))
    refused(invoke("controls", FINISHED), "result.json is damaged")
    refused(invoke("run", "--method", "coconut", "--recipe", "micro.yaml"), "result.json is damaged")
    refused(invoke("publish", FINISHED, "--repo", "org/name", "--dry-run"), "result.json is damaged")
    record.with_name("result.json.sha256").unlink()
    refused(invoke("controls", FINISHED, "--n", "4"), "must have the weights of result.json (sha256 0000")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("stopped/checkpoint.pt", "must be a checkpoint of this program: it is damaged"),
        ("stopped/run.json", "stopped/run.json is damaged"),
        ("stopped/data/test.jsonl", "was changed after manifest.json was written"),
    ],
)
def test_a_damaged_file_of_an_interrupted_run_is_refused(name: str, message: str) -> None:
    flip(Path(name))
    before = Path(name).read_bytes()
    again = invoke("run", "--method", "coconut", "--recipe", "micro.yaml", "--out", "stopped")
    refused(again, message)
    assert Path(name).read_bytes() == before
    assert not Path("leaderboard.json").exists() or "stopped" not in Path("leaderboard.json").read_text()


def test_every_file_of_the_cached_base_model_is_checked() -> None:
    [folder] = Path("cache").glob("base-*")
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        flip(path)
        done = invoke("run", "--method", "cot", "--recipe", "micro.yaml")
        refused(done, str(folder.name), "to train the base model again")
        path.write_bytes(whole)


def test_a_cached_base_model_without_digests_is_made_again() -> None:
    [folder] = Path("cache").glob("base-*")
    whole = {path.name: path.read_bytes() for path in folder.glob("model*")}
    flip(folder / "model.safetensors")
    (folder / "SHA256SUMS").unlink()
    done = invoke("run", "--method", "cot", "--recipe", "micro.yaml", "--out", "other")
    assert done.exit_code == 0, done.output
    assert "has no digests, as of an earlier version: the base model is made again" in done.stderr
    assert {path.name: path.read_bytes() for path in folder.glob("model*")} == whole


def test_a_base_model_is_not_made_again_where_a_checkpoint_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree("cache")
    monkeypatch.setattr(base_model, "_train_into", None)
    resumed = run(micro(), Path("stopped"))
    whole = json.loads(Path(FINISHED, "result.json").read_text())
    assert resumed.seeds[0].weights == whole["seeds"][0]["weights"]
    assert resumed.seeds[0].base_weights == whole["seeds"][0]["base_weights"]
    assert resumed.base_model.model_dump() == whole["base_model"]
    assert Path("stopped/model/SHA256SUMS").read_text() == Path(FINISHED, "model/SHA256SUMS").read_text()


def test_the_log_has_each_validation_once_and_the_saved_model_no_path_of_this_machine() -> None:
    log = Path("stopped/log.jsonl")
    log.write_text(log.read_text() + '{"global_step": 8, "stage": 1}\n{"glob')  # killed after a validation
    run(micro(), Path("stopped"))
    steps = [json.loads(line)["global_step"] for line in log.read_text().splitlines()]
    assert steps == [4, 8, 10, 12, 14]
    model = Path("stopped/model")
    for path in model.glob("*.json"):
        assert str(Path.cwd().parent) not in path.read_text(), path.name
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in model.iterdir()}
    assert modes["model.safetensors"] == modes["config.json"]


def test_leftovers_of_a_kill_are_swept_at_the_next_start() -> None:
    shutil.copy("stopped/checkpoint.pt", Path(FINISHED, "checkpoint.pt"))
    dead = f"{owner().rpartition('-')[0]}-99999999"
    left = [
        Path(FINISHED, f".result.json.{dead}.tmp"),
        Path(FINISHED, "model", f".SHA256SUMS.{dead}.tmp"),
        Path("cache", f".base-0123456789abcdef.checkpoint.pt.{dead}.tmp"),
    ]
    for path in left:
        path.touch()
    partial = Path("cache", f"base-0123456789abcdef.{dead}.partial")
    partial.mkdir()
    assert invoke("run", "--method", "coconut,cot", "--recipe", "micro.yaml").exit_code == 0
    assert not any(path.exists() for path in left)
    assert not partial.exists()
    assert not Path(FINISHED, "checkpoint.pt").exists()


def test_a_base_model_resumes_where_it_was_stopped_with_the_same_weights() -> None:
    [whole] = Path("cache").glob("base-*")
    expected = (whole / "model.safetensors").read_bytes()
    shutil.rmtree(whole)
    command = [
        "run",
        "--method",
        "coconut",
        "--recipe",
        "micro.yaml",
        "--out",
        "new",
        "--leaderboard",
        "new.json",
    ]
    with stopping_at(RecallTrainer, 2, signal.SIGTERM):
        done = invoke(*command)
    assert done.exit_code == 143
    assert done.stderr.startswith("Stopped at step 2 of 4 of the base model's training; saved in")
    assert done.stderr.endswith("; the same command resumes there\n")
    [checkpoint] = Path("cache").iterdir()
    taken = RecallTrainer._step
    count = 0

    def counted(self: RecallTrainer) -> None:
        nonlocal count
        count += 1
        taken(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RecallTrainer, "_step", counted)
        done = invoke(*command)
    assert done.exit_code == 0, done.output
    assert count == 2
    assert (whole / "model.safetensors").read_bytes() == expected
    assert not checkpoint.exists()


def test_changed_content_of_the_dataset_s_files_is_another_run() -> None:
    generate(plan("prosqa-tiny", sizes={"train": 8, "valid": 4, "test": 4}, format="published"), "own")
    Path("own/manifest.json").unlink()
    files = ",".join(f"own/{split}.json" for split in ("train", "valid", "test"))
    command = ["run", "--method", "coconut", "--recipe", "micro.yaml", "--dataset", files]
    with stopping_at(Trainer, 3):
        assert invoke(*command).exit_code == 130
    train = Path("own/train.json")
    whole = train.read_text()
    rows = json.loads(whole)
    train.write_text(json.dumps(rows[1:]))
    words = ("runs/micro-coconut-0-own holds another run: its content of the dataset's files is",)
    refused(invoke(*command), *words)
    train.write_text(whole)
    assert invoke(*command).exit_code == 0
    train.write_text(json.dumps(rows[1:]))
    refused(invoke(*command), *words)


def test_data_of_an_earlier_recipe_do_not_stay_beside_a_new_result() -> None:
    """A run that was killed before its first checkpoint had written its data."""
    shutil.copytree("stopped", "early")
    for name in ("checkpoint.pt", "log.jsonl"):
        Path("early", name).unlink()
    write_recipe(Path.cwd(), data={**MICRO["data"], "test": 16})
    done = invoke("run", "--method", "coconut", "--recipe", "micro.yaml", "--out", "early")
    refused(done, "early/data holds other data; remove it, or choose another --out")


def test_overrides_are_in_the_folder_s_name() -> None:
    own = load_recipe("tiny")
    names = {}
    for changes in ({}, {"dataset": "prontoqa"}, {"halting": "classifier"}, {"dataset": "a/train.json,b,c"}):
        changed = own.changed(**changes)
        names[str(changes)] = str(run_folder(RunSpec(changed, "coconut", 0, False, overrides(own, changed))))
    assert list(names.values()) == [
        "runs/tiny-coconut-0", "runs/tiny-coconut-0-prontoqa", "runs/tiny-coconut-0-classifier",
        "runs/tiny-coconut-0-a",
    ]  # fmt: skip
    own = load_recipe("gpt2-prosqa")
    changed = own.changed(model="org/other-model")
    folder = run_folder(RunSpec(changed.quick(), "cot", 3, True, overrides(own, changed)))
    assert str(folder) == "runs/gpt2-prosqa-cot-3-other-model-quick"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr": float("inf")}, "optimizer.lr: Input should be a finite number, got inf"),
        ({"lr": 1e30, "name": "adamw"}, "the training diverged: "),
        ({"lr": 1e39, "name": "adamw"}, "no step can have the learning rate "),
    ],
)
def test_a_learning_rate_that_diverges_stops_the_run_with_one_line(
    changes: dict[str, Any], message: str
) -> None:
    write_recipe(Path.cwd(), optimizer={**MICRO["optimizer"], **changes})
    done = invoke("run", "--method", "coconut", "--recipe", "micro.yaml", "--out", "new")
    refused(done, message)
    if "diverged" in message:
        refused(done, "stage 0, step", "of 4, learning rate ", "nothing was saved")
    assert not Path("new/result.json").exists()
    assert not Path("new/checkpoint.pt").exists()


@pytest.mark.parametrize(
    ("lr", "words"),
    [
        (1e30, ("the base model's training diverged: the loss is nan at step ", "of 4, learning rate 1e+30")),
        (1e39, ("the training diverged: no step can have the learning rate 1e+39",)),
        (0.003, ("the base model's training diverged: the weights are not finite at step 4 of 4",)),
    ],
)
def test_a_base_model_that_diverges_is_not_kept(
    lr: float, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it was the last step, whose loss is that of the weights before."""
    optimizer = {"name": "adamw", "lr": lr, "final_lr": 1.0}
    write_recipe(Path.cwd(), base={**MICRO["base"], "optimizer": optimizer})
    if lr < 1:
        step = RecallTrainer._step

        def diverging(self: RecallTrainer) -> None:
            step(self)
            if self.step == 3:
                next(self.model.parameters()).data[0, 0] = torch.inf

        monkeypatch.setattr(RecallTrainer, "_step", diverging)
    before = sorted(Path("cache").iterdir())
    done = invoke("run", "--method", "coconut", "--recipe", "micro.yaml", "--out", "new")
    refused(done, *words)
    assert sorted(Path("cache").iterdir()) == before
    assert not Path("new/checkpoint.pt").exists()


def test_a_loss_that_is_not_finite_keeps_the_last_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Path("stopped/checkpoint.pt").read_bytes()
    lost = Loss(torch.tensor(float("nan")), {})
    monkeypatch.setattr(Steps, "backward", lambda self, parts: Done([(1.0, lost)]))
    done = invoke("run", "--method", "coconut", "--recipe", "micro.yaml", "--out", "stopped")
    refused(done, "the loss is nan at stage 1, step 3 of 4", "stopped/checkpoint.pt is kept as it was")
    assert Path("stopped/checkpoint.pt").read_bytes() == before


@pytest.mark.parametrize("kind", ["closed pipe", "full disk", "closed"])
@pytest.mark.parametrize(
    "said",
    [
        "benchmarks.run.command import say",
        pytest.param(
            "benchmarks.run.base_model import _tell as say", marks=pytest.mark.slow
        ),  # imports torch
    ],
)
def test_output_that_cannot_be_written_is_ignored(said: str, kind: str) -> None:
    code = f"from coconut_bench.{said}\nfor _ in range(9): say('x' * 9000)\nprint('end', file=sys.__{{}}__)"
    lost, other = (1, "stderr") if "command" in said else (2, "stdout")
    command = [sys.executable, "-c", f"import sys\n{code.format(other)}"]
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing if kind == "closed pipe" else "/dev/full", "wb") as sink:
        if kind == "closed":
            command = ["sh", "-c", f'exec "$0" "$@" {lost}>&-', *command]
        streams = {"stdout": sink, "stderr": sink, other: subprocess.PIPE}
        done = subprocess.run(command, **streams, text=True, check=False)
    assert (done.returncode, getattr(done, other)) == (0, "end\n")
