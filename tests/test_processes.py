"""Several processes train one run: as one does, with one voice, and all of them stop together."""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from launching import (
    ACCELERATE,
    CURVE,
    FINITE,
    IN_STAGE,
    MARKS,
    PATIENCE,
    TORCHRUN,
    as_one,
    interrupted,
    launched,
    losses,
    own_lines,
    train,
    without_times,
    words,
)
from micro import ADAMW, write_recipe
from torch import distributed

from coconut_bench.benchmarks.run.lock import InUse, check_free, locked
from coconut_bench.coconut import launch, processes
from coconut_bench.coconut.batches import share_out
from coconut_bench.coconut.encoding import Row
from coconut_bench.coconut.processes import Processes
from coconut_bench.leaderboard.result import Result
from coconut_bench.leaderboard.store import read

pytestmark = MARKS


def test_two_processes_have_the_loss_curve_and_the_result_of_one(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, **CURVE)
    one = as_one(recipe)
    said = train(2, "two", recipe)
    assert len([line for line in said if line.startswith("stage")]) == 20, "process 0 alone speaks"
    assert losses("two") == pytest.approx(losses(one), abs=1e-5, rel=0)
    assert without_times("two") == without_times(one)
    result = Result.model_validate_json(Path("two/result.json").read_bytes())
    assert result.seeds[0].provenance.environment.processes == 2
    assert not list(Path("two").glob("checkpoint*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "count", "changes"),
    [
        ("coconut", 2, {"micro_batch_size": 1}),
        ("coconut", 3, {"micro_batch_size": 3, "batch_size": 7}),
        ("coconut", 3, {"halting": "classifier"}),
        ("codi", 2, {}),
        ("codi", 3, {"micro_batch_size": 2}),
        ("codi", 3, {"micro_batch_size": 1, "halting": "classifier"}),
        ("pccot", 3, {"batch_size": 2}),
        ("icot", 2, {}),
        ("coconut-mixed", 3, {"micro_batch_size": 2}),
        ("sim-coconut", 3, {"micro_batch_size": 2}),
        ("sim-coconut", 2, {"halting": "classifier"}),
        ("multimode", 3, {"micro_batch_size": 2}),
        ("cot2", 3, {"micro_batch_size": 2}),
        ("cot", 2, {"optimizer": ADAMW | {"max_grad_norm": 0.1}}),
        ("coconut", 2, {"data": FINITE}),
    ],
)  # fmt: skip
def test_every_objective_has_the_loss_curve_of_one_process(
    method: str, count: int, changes: dict[str, Any], tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path, **CURVE | changes)
    one = as_one(recipe, method)
    train(count, "many", recipe, method)
    assert losses("many") == pytest.approx(losses(one), abs=1e-5, rel=0)


@pytest.mark.slow
def test_accelerate_launches_too(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, **CURVE)
    one = as_one(recipe)
    own_lines(launched(2, *words("two", recipe), launcher=f"{ACCELERATE} --num_processes"))
    assert losses("two") == pytest.approx(losses(one), abs=1e-5, rel=0)


@pytest.mark.slow
def test_muon_takes_the_same_step_in_each_process(tmp_path: Path) -> None:
    """The weights are compared at each checkpoint; an untied head is not Muon's, as with one process."""
    recipe = write_recipe(tmp_path, **{**CURVE, "optimizer": {"name": "muon", "lr": 0.003, "muon_lr": 0.01}})
    one = as_one(recipe)
    train(2, "two", recipe)
    assert losses("two") == pytest.approx(losses(one), abs=1e-2, rel=0)


@pytest.mark.slow
@pytest.mark.parametrize(("dead", "count"), [(0, 1), (1, 1), (1, 3)])
def test_a_dead_process_stops_the_others_and_any_number_resumes(
    dead: int, count: int, tmp_path: Path
) -> None:
    """That the other says so is that it ends by itself: after 30 s the launcher would have killed it."""
    recipe = write_recipe(tmp_path, **CURVE)
    said = own_lines(
        interrupted(2, "out", recipe, step=IN_STAGE, to=str(dead), by=signal.SIGKILL)
    )  # fmt: skip
    assert [line for line in said if "another of the 2 processes has ended" in line] == said[-1:]
    assert not Path("out/result.json").exists()
    train(count, "out", recipe)
    assert losses("out") == pytest.approx(losses(as_one(recipe)), abs=1e-4, rel=0)


@pytest.mark.slow
def test_a_launcher_that_restarts_resumes_at_once(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, **CURVE)
    launcher = TORCHRUN.replace(" --nproc", " --max-restarts 1 --nproc")
    process = interrupted(
        2, "out", recipe, step=IN_STAGE, to="1", by=signal.SIGKILL, launcher=launcher
    )  # fmt: skip
    said = own_lines(process)
    assert process.returncode == 0, said
    assert losses("out") == pytest.approx(losses(as_one(recipe)), abs=1e-4, rel=0)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("to", ["launcher", "0", "1"])
def test_a_signal_to_any_process_saves_once_and_ends_all(
    number: signal.Signals, to: str, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path, **CURVE)
    said = own_lines(interrupted(2, "out", recipe, step=IN_STAGE, to=to, by=number))
    rest = [line for line in said if not line.startswith(("base model", "stage", "out/data"))]
    saved = "saved in out/checkpoint.pt; the same command resumes there"
    assert rest == [f"Stopped at stage 1, step 3 of 6; {saved}"]
    train(2, "out", recipe)
    assert losses("out") == pytest.approx(losses(as_one(recipe)), abs=1e-4, rel=0)


@pytest.mark.slow
def test_a_sweep_goes_cell_by_cell_and_files_each_row_once(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, **CURVE | {"validate_every": 10})
    said = own_lines(
        launched(2, "run", "--method", "cot,coconut", "--recipe", str(recipe), "--thoughts", "1")
    )  # fmt: skip
    assert [line for line in said if line.startswith("[")] == ["[1/2] cot, seed 0", "[2/2] coconut, seed 0"]
    rows = read("leaderboard.json").measured
    assert [len(row.seeds) for row in rows] == [1, 1, 1], "with one thought, coconut has a row of its own"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("generate", "--dataset", "prosqa-tiny", "--out", "g"), "only `run` takes several processes, got 2"),
        (("run", "--method", "coconut", "--recipe", "none"), "unknown recipe 'none'"),
        (("run", "--recipe", "tiny"), "Missing option '--method'"),
    ],
)
def test_an_error_is_told_once(arguments: tuple[str, ...], words: str) -> None:
    said = [line for line in own_lines(launched(2, *arguments)) if line.startswith("Error")]
    assert len(said) == 1
    assert words in said[0]


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3])
def test_a_second_launch_of_a_run_in_use_ends_at_once_with_one_line(count: int, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, **CURVE)
    with locked(Path("out/.lock")):
        process = launched(count, *words("out", recipe))
        _, told = process.communicate(timeout=PATIENCE)
    assert "exitcode  : 2 " in told
    assert "exitcode  : -9 " not in told, "the launcher kills, after 30 s, a process that waits for another"
    said = told.splitlines()
    [line] = [line for line in said if line.startswith("Error")]
    assert line.startswith(f"Error: out is in use by process {os.getpid()} on ")
    assert not Path("out/run.json").exists()


def test_a_lock_is_found_held_by_any_number_of_processes_at_once(tmp_path: Path) -> None:
    path = tmp_path / "run" / ".lock"
    check_free(path)
    assert not path.parent.exists()
    with locked(path):
        check_free(path)  # a thread's own
    path.parent.mkdir()  # the empty one has been removed
    path.touch()
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # as another process of the launcher that looks at this moment
        check_free(path)
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(InUse, match="is in use by"):
            check_free(path)


def test_an_error_of_process_0_is_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise InUse("out is in use by process 1")

    both = [Processes(torch.device("cpu"), rank, 2) for rank in range(2)]
    sent: list[Any] = []
    monkeypatch.setattr(Processes, "shared", lambda self, value: (sent.append(value), sent[0])[1])
    for process in both:
        with pytest.raises(InUse, match="by process 1"):
            process.of_first(fails)
    assert [value[1] is None for value in sent] == [False, True], "the others do not even try"


@pytest.mark.parametrize(("restarts", "machines", "is_fresh"), [(0, 1, False), (1, 1, True), (1, 2, False)])
def test_restarted_processes_do_not_read_the_addresses_of_those_before_them(
    restarts: int, machines: int, is_fresh: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch's launcher keeps its store; two processes that read old addresses waited for each other."""
    kept = distributed.TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    kept.set("address", "of a process that has ended")
    values = {
        "RANK": 1, "LOCAL_RANK": 1, "WORLD_SIZE": 2 * machines, "LOCAL_WORLD_SIZE": 2,
        "MASTER_ADDR": "localhost", "MASTER_PORT": kept.port,
        "TORCHELASTIC_USE_AGENT_STORE": True, "TORCHELASTIC_RESTART_COUNT": restarts,
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(name, str(value))
    found = processes._connection()
    assert bool(found) == is_fresh
    if is_fresh:
        assert not found["store"].check(["address"])
        found["store"].set("address", "mine")
        assert kept.get("address") == b"of a process that has ended"
        assert (found["rank"], found["world_size"]) == (1, 2)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"LOCAL_RANK": "0", "WORLD_SIZE": "2"}, "only `run` takes several processes, got 2 for audit"),
        ({"ACCELERATE_USE_MEGATRON_LM": "true"}, "or divides it by FSDP, got MEGATRON_LM"),
        ({"ACCELERATE_MIXED_PRECISION": "no", "MASTER_ADDR": "127.0.0.1"}, "--cpu starts one process"),
    ],
)
def test_what_processes_cannot_share_is_refused(
    variables: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch.check("audit")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=words):
        launch.check("audit")


@given(rows=st.integers(1, 20), size=st.integers(1, 20), count=st.integers(1, 6))
def test_every_row_is_computed_once_in_the_part_that_a_single_process_has(
    rows: int, size: int, count: int
) -> None:
    readings = [{"student": Row([number] * (number % 5), [number], 1)} for number in range(rows)]
    alone = share_out(readings, size, 0, 1)
    shares = [share_out(readings, size, rank, count) for rank in range(count)]
    assert len({len(share) for share in shares}) == 1
    assert len({part.is_shared for share in shares for part in share}) == 1
    counted: dict[int, list[int]] = {}
    for share in shares:
        for part in share:
            assert part.readings
            if part.weight:
                counted.setdefault(part.number, []).extend(row["student"].target[0] for row in part.readings)
    expected = {part.number: sorted(row["student"].target[0] for row in part.readings) for part in alone}
    assert {number: sorted(targets) for number, targets in counted.items()} == expected
