"""The last layer where something reads it: nothing that is read changes, and nothing else is computed."""

from __future__ import annotations

import pytest
import torch
from tiny_models import CONFIGS, END, LATENT, PAD, VOCABULARY, batch, gradients
from transformers import AutoConfig, AutoModelForCausalLM

from coconut_bench.coconut.cache import growing_cache
from coconut_bench.coconut.encoding import IGNORE, Batch
from coconut_bench.coconut.last_layer import POSITIONWISE, read_only_at
from coconut_bench.coconut.modeling import CoconutForCausalLM

THOUGHTS = ([0, 0, 0], [3, 3, 3], [0, 2, 4, 1])


def model_of(model_type: str) -> CoconutForCausalLM:
    """A random one of the type, with weights large enough that every part matters."""
    torch.manual_seed(0)
    fields = CONFIGS.get(model_type, CONFIGS["llama"])
    config = AutoConfig.for_model(
        model_type, vocab_size=VOCABULARY, bos_token_id=None, eos_token_id=END, pad_token_id=PAD,
        initializer_range=0.1, **fields,
    )  # fmt: skip
    return CoconutForCausalLM.wrap(
        AutoModelForCausalLM.from_config(config, dtype=torch.float32), LATENT
    ).eval()


def positions_seen(model: CoconutForCausalLM, made: Batch) -> int:
    """At how many positions a training step computes the last layer's MLP."""
    seen = []
    [*_, mlp] = [part for name, part in model.named_modules() if name.endswith(".mlp")]
    act = next(part for name, part in mlp.named_modules() if name.startswith("act"))
    handle = act.register_forward_hook(lambda _, inputs, output: seen.append(output[..., 0].numel()))
    model(*made)
    handle.remove()
    return sum(seen)


@pytest.mark.parametrize("thoughts", THOUGHTS, ids=str)
@pytest.mark.parametrize("model_type", POSITIONWISE)
def test_loss_and_gradients_are_those_of_the_whole_computation(
    model_type: str, thoughts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, made = model_of(model_type), batch(thoughts)
    loss = model(*made).loss
    found, seen = gradients(model, loss), positions_seen(model, made)
    monkeypatch.setitem(POSITIONWISE, model_type, ())
    whole = model(*made).loss
    torch.testing.assert_close(loss, whole, rtol=0, atol=1e-6)
    expected = gradients(model, whole)
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=0, atol=1e-6, msg=name)
    first = int((made.input_ids == LATENT).any(0).long().argmax()) if any(thoughts) else None
    later = 0 if first is None else made.input_ids[:, first:].numel()
    read = len(thoughts) + later if first else int((made.labels != IGNORE).sum())
    assert seen == read < positions_seen(model, made) == made.input_ids.numel()


@pytest.mark.parametrize("thoughts", THOUGHTS, ids=str)
@pytest.mark.parametrize("keep", [1, 5])
def test_the_last_states_alone_are_those_among_all_and_the_cache_holds_the_same(
    thoughts: list[int], keep: int
) -> None:
    model, made = model_of("llama"), batch(thoughts)
    caches = [growing_cache(model.base.config) for _ in range(2)]
    with torch.no_grad():
        whole = model.hidden_states(made.input_ids, made.attention_mask, caches[0])
        last = model.hidden_states(made.input_ids, made.attention_mask, caches[1], keep)
    assert last.h_BTD.shape[1] == keep
    assert last.passes == whole.passes
    torch.testing.assert_close(last.h_BTD, whole.h_BTD[:, -keep:])
    for one, other in zip(*(cache.layers for cache in caches), strict=True):
        torch.testing.assert_close(one.keys, other.keys)
        torch.testing.assert_close(one.values, other.values)


def test_an_error_on_the_way_leaves_the_model_as_it_was() -> None:
    model, made = model_of("gpt2"), batch([0, 0])
    whole = model.hidden_states(made.input_ids).h_BTD
    nothing_N = torch.zeros(0, dtype=torch.long)
    with pytest.raises(KeyboardInterrupt), read_only_at(model.base, nothing_N, made.input_ids.shape):
        raise KeyboardInterrupt
    assert torch.equal(model.hidden_states(made.input_ids).h_BTD, whole)
