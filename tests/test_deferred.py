"""The prefix's gradient computed once from all thoughts: the losses and gradients of autograd's sum."""

from __future__ import annotations

import pytest
import torch
from test_coconut_modeling import THOUGHTS
from tiny_models import CONFIGS, assert_agree, batch, coconut

from coconut_bench.coconut.deferred import Columns, _Later, prefix
from coconut_bench.coconut.reference import reference_loss


@pytest.mark.parametrize("recurrence", ["sequential", "projected", "jacobi"])
@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("thoughts", THOUGHTS, ids=str)
def test_losses_and_gradients_are_the_literal_ones(
    architecture: str, thoughts: list[int], recurrence: str
) -> None:
    if recurrence == "jacobi" and len(set(thoughts)) > 1:
        thoughts = [3] * 4
    parts = {"slots": 3, "sweeps": 2} if recurrence == "jacobi" else {}
    model, made = coconut(architecture, recurrence=recurrence, **parts), batch(thoughts)
    model.defers = True
    assert_agree(model, model(*made).loss, reference_loss(model, *made))


def test_attention_goes_backward_through_the_prefix_once() -> None:
    """Counted by what a step computes: products with all of the prefix's columns, forward and backward."""
    model, made = coconut("llama"), batch([3, 3, 3, 3])
    shapes = {}
    for defers in (True, False):
        model.defers = defers
        with torch.profiler.profile(record_shapes=True) as seen:
            model(*made).loss.backward()
        shapes[defers] = sum(
            event.count
            for event in seen.key_averages()
            if "attention" in event.key and "backward" in event.key
        )
    assert 0 < shapes[True] < shapes[False]


def test_dropout_of_the_attention_drops_the_same_forward_and_backward() -> None:
    """With what is dropped fixed, the output is linear in the values: their gradient along them is itself."""
    torch.manual_seed(0)
    query, keys, values, own = (torch.randn(2, 2, n, 3, dtype=torch.float64) for n in (1, 4, 4, 1))
    values.requires_grad_(), own.requires_grad_(), keys.requires_grad_()
    columns = Columns(4, 5)
    prefix(columns, keys, values)
    out, _ = _Later.apply(query, own, own, columns.link, columns, 4, None, 0.0, 0.5)
    out.sum().backward()
    torch.testing.assert_close((values.grad * values).sum() + (own.grad * own).sum(), out.sum())
    plain = torch.cat([values, own], dim=2).mean(2, keepdim=True)
    assert not torch.allclose(out, plain), "nothing was dropped"


def test_without_gradients_nothing_is_deferred() -> None:
    model, made = coconut("gpt2"), batch([2, 2])
    model.defers = True
    with torch.no_grad():
        loss = model(*made).loss
    model.defers = False
    assert torch.equal(loss, model(*made).loss.detach())
