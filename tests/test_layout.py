"""Few shapes from many batches, and a step that asks the device for nothing but its loss."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from tiny_models import CONFIGS, PAD, coconut, encoder, equipped, gradients, rows

from coconut_bench.coconut.batches import TrainBatches
from coconut_bench.coconut.curriculum import Schedule
from coconut_bench.coconut.graphs import _shape
from coconut_bench.coconut.methods import METHODS
from coconut_bench.coconut.objectives import get_objective, view_of
from coconut_bench.coconut.steps import MULTIPLES
from coconut_bench.generators import examples


@pytest.mark.parametrize("thoughts", [[0, 0, 0], [3, 3, 3], [0, 2, 4, 1]], ids=str)
@pytest.mark.parametrize("architecture", CONFIGS)
def test_rounded_shapes_change_neither_loss_nor_gradients(architecture: str, thoughts: list[int]) -> None:
    model, made = coconut(architecture), rows(thoughts)
    plain, padded = (view_of(model, made, PAD, multiples).layout for multiples in (None, (16, 8)))
    assert padded.prefix % 8 == 0 and len(padded.labels.targets_N) > len(plain.labels.targets_N)
    losses = [model.loss(layout).loss for layout in (plain, padded)]
    torch.testing.assert_close(losses[1], losses[0], rtol=0, atol=1e-6)
    expected, found = (gradients(model, loss) for loss in losses)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-6, msg=name)


def test_a_stage_of_varied_rows_has_few_shapes() -> None:
    """As a graph is kept for each: rows differ in their words, steps and thoughts."""
    model = coconut("llama")
    shapes = {}
    for multiples in (None, MULTIPLES):
        views = [
            {"student": view_of(model, rows([1, 2, 3, 2, 1, 3, 2, 2], seed), PAD, multiples)}
            for seed in range(30)
        ]
        shapes[multiples] = len({_shape(view, None) for view in views})
    assert shapes[MULTIPLES] <= 4 < 20 < shapes[None]


@pytest.mark.parametrize("method", METHODS)
def test_a_step_asks_the_device_for_nothing_but_its_loss(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tensors on the meta device have no values: whatever would be waited for on a GPU fails here."""
    monkeypatch.setattr(torch, "autocast", lambda *args, **kwargs: nullcontext())  # it knows no meta device
    made = encoder(markers=False)
    schedule = Schedule(METHODS[method], last=2)

    def source(start: int, count: int) -> object:
        return examples("prosqa-tiny", "train", start=start, count=count, surface="symbolic")

    batches = TrainBatches(source, made, schedule, batch_size=4, seed=0)  # type: ignore[arg-type]
    parts = {"slots": 2, "sweeps": 1} if METHODS[method].recurrence == "jacobi" else {}
    model = coconut("gpt2", vocabulary=len(made.tokenizer), recurrence=METHODS[method].recurrence, **parts)
    model.config.latent_token_id, model.defers = made.ids.latent, True
    plans, meta = schedule.plan((1, 1, 1), (1.0,) * 3), torch.device("meta")
    model = equipped(model, METHODS[method]).train().to(meta)
    for plan in plans:
        readings = batches.readings(0, plan, plans)
        views = {
            view: view_of(model, [reading[view] for reading in readings], made.ids.pad, MULTIPLES).map(
                lambda tensor: tensor.to(meta)
            )
            for view in readings[0]
        }
        loss = get_objective(METHODS[method].objective)(model, views, None)
        loss.total.backward()
        with pytest.raises((RuntimeError, NotImplementedError)):
            float(loss.total)
