"""On a GPU: `pytest -m cuda`. What a CPU proves of layouts, gradients and answers, with real kernels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from test_coconut_training import SETTINGS, trainer
from tiny_models import IDS, coconut, reasoner, rows

from coconut_bench.coconut.kernels import GRAPHS
from coconut_bench.coconut.objectives import get_objective
from coconut_bench.coconut.processes import Processes
from coconut_bench.coconut.replica import Replica
from coconut_bench.coconut.steps import Steps

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]


@pytest.fixture
def gpu() -> Iterator[torch.device]:
    yield torch.device("cuda")


def accumulated(steps: Steps, readings: list[Any], times: int) -> tuple[float, dict[str, torch.Tensor]]:
    """The loss and the gradients of the last of some equal steps."""
    for _ in range(times):
        for parameter in steps.model.parameters():
            if parameter.grad is not None:
                parameter.grad.zero_()
        loss = steps.backward(steps.prepare(readings)).loss
    return loss, {name: p.grad.clone() for name, p in steps.model.named_parameters() if p.grad is not None}


def test_replayed_steps_have_the_gradients_of_plain_ones(gpu: torch.device) -> None:
    model, told = coconut("gpt2").to(gpu), []
    readings = [{"student": row} for row in rows([2, 3, 1, 2])]
    found = []
    for defers, uses_graphs, times in ((False, False, 1), (True, True, 3)):
        model.zero_grad()
        model.defers = defers
        steps = Steps(Replica(model, Processes(gpu)), get_objective("labels"), IDS, None, "fp32", told.append)
        steps.graphs = steps.graphs if uses_graphs else None
        found.append(accumulated(steps, readings, times))
        assert steps.graphs is None or None not in steps.graphs.recorded.values()
    assert not told
    assert found[1][0] == pytest.approx(found[0][0], abs=1e-5)
    for name, gradient in found[1][1].items():
        torch.testing.assert_close(gradient, found[0][1][name], rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.parametrize("method", ["codi", "sim-coconut", "multimode", "cot2"])
def test_replayed_steps_of_other_objectives_have_the_gradients_of_plain_ones(
    method: str, gpu: torch.device, tmp_path: Path
) -> None:
    made = trainer(tmp_path, SETTINGS, method=method)
    readings, graphs = made.batches.readings(0, made.plans[-1], made.plans), made.steps.graphs
    made.steps.graphs = None
    plain, expected = accumulated(made.steps, readings, 1)
    made.steps.graphs = graphs
    loss, found = accumulated(made.steps, readings, 3)
    assert graphs is not None and None not in graphs.recorded.values()
    assert loss == pytest.approx(plain, abs=1e-5)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-3, atol=1e-5, msg=name)


def test_replayed_answers_are_those_computed_pass_by_pass(
    gpu: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = reasoner(coconut("llama", seed=3).to(gpu), 3, markers=True)
    questions = [row.prompt for row in rows([0] * 5, seed=2)]
    for is_bf16 in (False, True):
        answers = []
        for allowed in ("0", "1", "1"):  # the second time over memory that autocast has freed in between
            monkeypatch.setenv(GRAPHS, allowed)
            with torch.autocast("cuda", torch.bfloat16, enabled=is_bf16):
                answers.append(made.answer(questions, 12))
        assert answers[1] == answers[2]
        assert is_bf16 or answers[0] == answers[1]


def test_a_step_waits_for_nothing_but_its_loss(gpu: torch.device) -> None:
    model = coconut("gpt2").to(gpu)
    steps = Steps(Replica(model, Processes(gpu)), get_objective("labels"), IDS, None, "fp32", print)
    steps.graphs = None
    prepared = steps.prepare([{"student": row} for row in rows([2, 3, 1, 2])])
    steps.backward(prepared)  # loads the kernels
    torch.cuda.set_sync_debug_mode("error")
    try:
        done = steps.backward(prepared)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert done.loss > 0
