"""Replayed training steps, with stand-ins for the graphs of CUDA: what is replayed is what a step computes,
and one that cannot be recorded changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from test_coconut_training import SETTINGS, trainer
from tiny_models import IDS, coconut, rows

from coconut_bench.cli import main
from coconut_bench.coconut import kernels
from coconut_bench.coconut.graphs import Graphs
from coconut_bench.coconut.objectives import Items, Loss, Views, get_objective
from coconut_bench.coconut.processes import Processes
from coconut_bench.coconut.replica import Replica
from coconut_bench.coconut.steps import Steps

REASON = "operation not permitted when stream is capturing"


class Recorder:
    """Stands in for `torch.cuda` where steps are recorded: a graph repeats what was computed within it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, refuses: bool = False) -> None:
        self.graph: Any = None
        self.refuses = refuses
        for name, stand_in in {
            "CUDAGraph": lambda: Graph(), "graph_pool_handle": lambda: None, "synchronize": lambda: None,
            "graph": self.recording,
        }.items():  # fmt: skip
            monkeypatch.setattr(torch.cuda, name, stand_in)

    @contextmanager
    def recording(self, graph: Graph, pool: None) -> Iterator[None]:
        self.graph = graph
        try:
            yield
            if self.refuses:
                raise RuntimeError(f"{REASON}\nmore lines")
        finally:
            self.graph = None

    def computing(self, compute: Callable[..., Loss], model: torch.nn.Module) -> Callable[..., Loss]:
        """``compute``; recorded, it leaves no gradient, as recording computes nothing."""

        def one(views: Views, items: Items | None, *others: Any) -> Loss:
            if self.graph is None:
                return compute(views, items, *others)
            kept = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
            loss = compute(views, items)
            for name, parameter in model.named_parameters():
                if name in kept:
                    parameter.grad.copy_(kept[name])
            self.graph.replay = lambda: loss.total.copy_(compute(views, items).total)
            return loss

        return one


class Graph:
    """What `torch.cuda.CUDAGraph` stands for."""

    replay: Callable[[], Any]


def steps_of(monkeypatch: pytest.MonkeyPatch, refuses: bool) -> tuple[Steps, list[str]]:
    """Steps that are replayed, and the lines told."""
    model, told = coconut("gpt2"), []
    recorder = Recorder(monkeypatch, refuses)
    replica = Replica(model, Processes(torch.device("cpu")))
    steps = Steps(replica, get_objective("labels"), IDS, None, "fp32", told.append)
    steps.graphs = Graphs(recorder.computing(steps._one, model), told.append)
    return steps, told


def gradients_of(steps: Steps, seeds: list[int]) -> list[tuple[float, list[torch.Tensor]]]:
    """The loss and the gradients of steps over batches of one shape."""
    found = []
    for seed in seeds:
        for parameter in steps.model.parameters():
            if parameter.grad is not None:
                parameter.grad.zero_()
        readings = [{"student": row._replace(target=row.target[-2:])} for row in rows([2, 2, 2], seed)]
        loss = steps.backward(steps.prepare(readings)).loss
        found.append((loss, [p.grad.clone() for p in steps.model.parameters() if p.grad is not None]))
    return found


@pytest.mark.parametrize("refuses", [False, True])
def test_steps_replayed_or_not_recorded_have_the_losses_and_gradients_of_plain_ones(
    refuses: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, told = steps_of(monkeypatch, refuses)
    seeds = [0, 1, 2, 3, 0]
    found = gradients_of(steps, seeds)
    [recorded] = steps.graphs.recorded.values()  # all of one shape
    assert (recorded is None) == refuses
    assert told == ([f"steps are not replayed (CUDA graphs): {REASON}"] if refuses else [])
    assert steps.graphs.is_broken == refuses
    steps.graphs.compute, steps.graphs.is_broken = steps._one, True
    for (loss, gradients), (expected, others) in zip(found, gradients_of(steps, seeds), strict=True):
        assert loss == expected
        assert all(torch.equal(*both) for both in zip(gradients, others, strict=True))


def test_a_refused_recording_changes_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights, told = [], []
    for refuses in (True, False):
        made = trainer(tmp_path / str(refuses), SETTINGS, steps=(3, 3, 4))
        recorder = Recorder(monkeypatch, refuses)
        made.steps.graphs = Graphs(recorder.computing(made.steps._one, made.model), told.append)
        made.steps.graphs.is_broken = not refuses  # never tried
        monkeypatch.setattr("coconut_bench.coconut.steps.MULTIPLES", (64, 64))  # one shape a stage
        made.run()
        weights.append(made.model.state_dict())
    assert told == [f"steps are not replayed (CUDA graphs): {REASON}"]
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name


def test_no_graphs_reaches_training_and_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kernels.GRAPHS, "1")
    assert kernels.allowed()
    refused = CliRunner().invoke(main, ["run", "--method", "coconut", "--no-graphs", "--recipe", "tinny"])
    assert refused.exit_code == 2
    assert not kernels.allowed()
    replica = Replica(coconut("gpt2"), Processes(torch.device("cpu")))
    replica.processes = replace(replica.processes, device=torch.device("cuda"))
    for allowed in (False, True):
        monkeypatch.setenv(kernels.GRAPHS, str(int(allowed)))
        steps = Steps(replica, get_objective("labels"), IDS, None, "fp32", print)
        assert (steps.graphs is not None) == allowed
