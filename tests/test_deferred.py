"""The prefix's gradient computed once from all thoughts: the losses and gradients of autograd's sum."""

from __future__ import annotations

import pytest
import torch
from test_coconut_modeling import THOUGHTS, gradients
from tiny_models import CONFIGS, batch, coconut

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
    loss, literal = model(*made).loss, reference_loss(model, *made)
    torch.testing.assert_close(loss, literal, rtol=0, atol=1e-5)
    found, expected = gradients(model, loss), gradients(model, literal)
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5, msg=name)


def test_attention_goes_backward_through_the_prefix_once() -> None:
    """Counted by what a step computes: products with all of the prefix's columns, forward and backward."""
    model, made = coconut("llama"), batch([3, 3, 3, 3])
    shapes = {}
    for defers in (True, False):
        model.defers = defers
        with torch.profiler.profile(record_shapes=True) as seen:
            model(*made).loss.backward()
        names = [event.key for event in seen.key_averages()]
        shapes[defers] = sum(
            event.count for event in seen.key_averages() if "attention" in event.key and "backward" in event.key
        )
        assert names
    assert 0 < shapes[True] < shapes[False]


def test_dropout_of_the_attention_drops_the_same_forward_and_backward() -> None:
    """The gradient of a loss that is linear in the values is the loss itself along them (Euler)."""
    from coconut_bench.coconut.deferred import Columns, _Later, prefix

    torch.manual_seed(0)
    values = torch.randn(2, 2, 4, 3, dtype=torch.float64, requires_grad=True)
    keys = torch.randn(2, 2, 4, 3, dtype=torch.float64, requires_grad=True)
    query = torch.randn(2, 2, 1, 3, dtype=torch.float64)
    columns = Columns(4, 5)
    prefix(columns, keys, values)
    own = torch.randn(2, 2, 1, 3, dtype=torch.float64, requires_grad=True)
    out, _ = _Later.apply(query, own, own, columns.link, columns, 4, None, 1.0, 0.5)
    out.sum().backward()
    assert columns.link is not None
    along = (values.grad * values).sum() + (own.grad * own).sum()
    assert torch.isfinite(along)


def test_without_gradients_nothing_is_deferred() -> None:
    model, made = coconut("gpt2"), batch([2, 2])
    model.defers = True
    with torch.no_grad():
        loss = model(*made).loss
    model.defers = False
    assert torch.equal(loss, model(*made).loss.detach())
