"""A model that FSDP divides among processes is trained as a whole one is, and saved as one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from interrupting import interrupt_at
from launching import (
    AT_START,
    CURVE,
    FINITE,
    IN_STAGE,
    MARKS,
    as_one,
    interrupted,
    launched,
    losses,
    own_lines,
    train,
    without_times,
    words,
)
from micro import ADAMW, MICRO, write_recipe
from torch import distributed
from transformers import AutoModelForCausalLM

from coconut_bench.coconut import launch
from coconut_bench.coconut.interrupt import Stopped
from coconut_bench.coconut.sharding import Sharded, check_divisible
from coconut_bench.coconut.training import Trainer

pytestmark = MARKS
FSDP = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
}
"""What `accelerate launch --use_fsdp` says in the environment."""
CONFIG = MICRO["model"]["config"]
UNTIED = {"model": {**MICRO["model"], "config": CONFIG | {"tie_word_embeddings": False}}}
MIXED = {"curriculum": {**CURVE["curriculum"], "mixing": {"probability": 0.5, "stages": "all"}}}
MIXED["curriculum"].pop("earlier_stages")
SHORT = {"curriculum": {**MIXED["curriculum"], "stage_steps": [3, 3, 4]}}
"""Rows of one batch differ in their number of thoughts, so that some processes make idle passes."""


@pytest.fixture
def sharded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in FSDP.items():
        monkeypatch.setenv(name, value)


def as_one_undivided(recipe: Path, method: str = "coconut") -> Path:
    assert not launch.is_sharded(), "one process has the whole model, whatever the configuration"
    return as_one(recipe, method)


@pytest.fixture
def divided_alone(sharded: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process divides its models among one process: all that FSDP changes, without a second one."""
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    monkeypatch.setattr(launch, "is_sharded", lambda: True)
    yield
    distributed.destroy_process_group()


@pytest.mark.parametrize("step", [AT_START, IN_STAGE])
def test_a_model_divided_among_one_process_learns_stops_and_resumes_as_a_whole_one(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Also at the start of a stage, where AdamW has no state yet."""
    recipe = write_recipe(tmp_path, **CURVE | UNTIED | {"validate_every": 5})
    one = as_one(recipe, "codi")
    request.getfixturevalue("divided_alone")
    divided, place = [], Sharded._place
    monkeypatch.setattr(Sharded, "_place", lambda self: (divided.append(self), place(self))[1])
    with monkeypatch.context() as interrupting, pytest.raises(Stopped, match=f"step {step - AT_START} of 6"):
        interrupting.setattr(Trainer, "_is_due", Trainer._is_due)  # put back afterwards
        interrupt_at(step, "0", signal.SIGTERM)
        as_one(recipe, "codi", Path("divided"))
    as_one(recipe, "codi", Path("divided"))
    assert len(divided) == 2
    assert losses("divided") == pytest.approx(losses(one), abs=1e-5, rel=0)


@pytest.mark.slow
@pytest.mark.usefixtures("sharded")
def test_a_divided_model_has_the_loss_curve_and_the_result_of_a_whole_one(tmp_path: Path) -> None:
    """An untied head, an uneven batch, rows with and without thoughts, a classifier that not all use."""
    changes = {"batch_size": 3, "halting": "classifier", "data": MICRO["data"] | {"valid": 2, "test": 4}}
    recipe = write_recipe(tmp_path, **CURVE | UNTIED | SHORT | changes)
    one = as_one_undivided(recipe)
    train(2, "two", recipe)
    assert losses("two") == pytest.approx(losses(one), abs=1e-5, rel=0)
    assert len(losses("two")) == 10
    found, expected = without_times("two"), without_times(one)
    for record in (found, expected):
        del record["seeds"][0]["compute"]  # rows of other lengths are padded together
    assert found == expected
    pair = [AutoModelForCausalLM.from_pretrained(f"{out}/model").state_dict() for out in ("two", one)]
    assert pair[0].keys() == pair[1].keys()
    for name, value in pair[0].items():
        torch.testing.assert_close(value, pair[1][name], atol=1e-4, rtol=0)


@pytest.mark.slow
@pytest.mark.usefixtures("sharded")
@pytest.mark.parametrize(
    ("method", "count", "changes"),
    [
        ("coconut", 2, {}),
        ("coconut", 3, {"micro_batch_size": 3, "batch_size": 7}),
        ("coconut", 3, MIXED | {"micro_batch_size": 1, "gradient_checkpointing": True}),
        ("codi", 2, UNTIED),
        ("codi", 3, MIXED | {"batch_size": 5}),
        ("codi", 3, {"micro_batch_size": 1, "halting": "classifier"}),
        ("pccot", 3, {"batch_size": 2}),
        ("multimode", 2, {}),
        ("cot2", 2, {}),
        ("icot", 2, {"data": FINITE}),
        ("cot", 2, {"optimizer": ADAMW | {"max_grad_norm": 0.1}}),
        ("coconut", 2, {"optimizer": ADAMW | {"max_grad_norm": 0}}),
    ],
)  # fmt: skip
def test_every_objective_has_the_loss_curve_of_a_whole_model(
    method: str, count: int, changes: dict[str, Any], tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path, **CURVE | changes)
    one = as_one_undivided(recipe, method)
    train(count, "many", recipe, method)
    assert losses("many") == pytest.approx(losses(one), abs=1e-5, rel=0)


@pytest.mark.slow
def test_accelerate_launches_it(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, **CURVE)
    one = as_one(recipe)
    options = "--use_fsdp --fsdp_version 2 --fsdp_auto_wrap_policy TRANSFORMER_BASED_WRAP --num_machines 1"
    launcher = (
        f"accelerate.commands.launch {options} --mixed_precision no --dynamo_backend no --num_processes"
    )
    own_lines(launched(2, *words("two", recipe), launcher=launcher))
    assert losses("two") == pytest.approx(losses(one), abs=1e-5, rel=0)


def stopped(out: str, recipe: Path, count: int, step: int) -> dict[str, Any]:
    """Stop a run of CODI at a step; what is in its checkpoint."""
    said = own_lines(interrupted(count, out, recipe, "codi", step=step))
    assert said[-1].startswith(f"Stopped at stage 2, step {step - AT_START} of 6"), said  # it has no others
    state: dict[str, Any] = torch.load(Path(out, "checkpoint.pt"), weights_only=True)
    return state


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "then", "step"), [(2, 1, IN_STAGE), (2, 3, AT_START), (2, 3, IN_STAGE), (1, 2, IN_STAGE)]
)
def test_a_checkpoint_is_of_the_whole_model_and_any_number_resumes(
    first: int, then: int, step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also at the start of a stage, where AdamW has no state yet."""
    recipe = write_recipe(tmp_path, **CURVE)
    plain = stopped("plain", recipe, 1, step)
    for name, value in FSDP.items():
        monkeypatch.setenv(name, value)
    divided = stopped("out", recipe, first, step)
    assert bool(plain["optimizers"][0]["state"]) == (step != AT_START)
    assert shapes({**divided, "rng": 0}) == shapes({**plain, "rng": 0})
    assert abs(sizes("out") - sizes("plain")) < 0.2 * sizes("plain"), "a tied head is saved once"
    train(then, "out", recipe, "codi")
    assert losses("out") == pytest.approx(losses(as_one_undivided(recipe, "codi")), abs=1e-4, rel=0)


def shapes(state: Any) -> Any:
    """The structure of a checkpoint, numbers aside."""
    if isinstance(state, torch.Tensor):
        return (tuple(state.shape), state.dtype)
    if isinstance(state, dict):
        return {name: shapes(value) for name, value in state.items() if name != "progress"}
    if isinstance(state, list):
        return [shapes(value) for value in state]
    return type(state)


def sizes(out: str) -> int:
    return Path(out, "checkpoint.pt").stat().st_size


@pytest.mark.slow
@pytest.mark.usefixtures("sharded")
def test_a_dead_process_stops_the_others(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, **CURVE)
    said = own_lines(interrupted(2, "out", recipe, step=IN_STAGE, to="1", by=signal.SIGKILL))
    assert [line for line in said if "another of the 2 processes has ended" in line] == said[-1:]
    train(2, "out", recipe)
    assert losses("out") == pytest.approx(losses(as_one_undivided(recipe)), abs=1e-4, rel=0)


@pytest.mark.usefixtures("sharded")
def test_what_cannot_be_divided_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_divisible("muon", 3)
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    launch.check("run")
    check_divisible("adamw", None)
    with pytest.raises(ValueError, match=r"optimizer.name must be adamw .*, got muon"):
        check_divisible("muon", None)
    with pytest.raises(ValueError, match=r"model.loops must be left out .*, got 3"):
        check_divisible("adamw", 3)


@pytest.mark.usefixtures("sharded")
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("FSDP_VERSION", "1", "fsdp_version of accelerate's configuration must be 2, got 1"),
        ("FSDP_VERSION", None, "fsdp_version of accelerate's configuration must be 2, got 1"),
        ("FSDP_AUTO_WRAP_POLICY", "NO_WRAP", "fsdp_auto_wrap_policy .* must be TRANSFORMER_BASED_WRAP"),
        ("FSDP_OFFLOAD_PARAMS", "true", "fsdp_offload_params .* must be false, got true"),
        ("FSDP_ACTIVATION_CHECKPOINTING", "true", "fsdp_activation_checkpointing .* must be false, got true"),
        ("ACCELERATE_USE_DEEPSPEED", "true", "or divides it by FSDP, got DEEPSPEED"),
    ],
)  # fmt: skip
def test_another_configuration_of_accelerate_is_refused(
    name: str, value: str | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=words):
        launch.check("run")


@pytest.mark.slow
@pytest.mark.usefixtures("sharded")
def test_muon_and_other_units_than_layers_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    muon = {"optimizer": {"name": "muon", "lr": 0.003, "muon_lr": 0.01}}
    [*_, line] = train(2, "muon", write_recipe(tmp_path, **CURVE | muon))
    assert line == "Error: optimizer.name must be adamw for a model that is divided (FSDP), got muon"
    assert not os.path.exists("muon/checkpoint.pt")
    monkeypatch.setenv("FSDP_TRANSFORMER_CLS_TO_WRAP", "LlamaMLP")
    [*_, line] = train(2, "mlp", write_recipe(tmp_path, **CURVE))
    assert line.startswith("Error: fsdp_transformer_layer_cls_to_wrap must be the model's layers, Llama")
