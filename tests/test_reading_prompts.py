"""A prompt's last layer attends from the last column alone: the same state, and the same cache."""

from __future__ import annotations

import pytest
import torch
from tiny_models import CONFIGS, LATENT, PAD, coconut, rows
from torch import Tensor

from coconut_bench.coconut import last_layer
from coconut_bench.coconut.cache import growing_cache
from coconut_bench.coconut.encoding import collate_prompts
from coconut_bench.coconut.modeling import CoconutForCausalLM
from coconut_bench.coconut.passes import PassesMixin


def read(model: CoconutForCausalLM, ids_BT: Tensor, mask_BT: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The state at the last column, and the keys of all layers."""
    cache = growing_cache(model.base.config)
    with torch.inference_mode():
        h_BTD = model.hidden_states(ids_BT, mask_BT, cache, keep=1).h_BTD
    return h_BTD, [layer.keys for layer in cache.layers]


@pytest.mark.parametrize("thoughts", [0, 2])
@pytest.mark.parametrize("architecture", CONFIGS)
def test_attending_from_the_last_column_gives_its_state_and_the_same_cache(
    architecture: str, thoughts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = coconut(architecture)
    prompts = [row.prompt for row in rows([thoughts] * 5)]
    ids_BT, mask_BT = collate_prompts(prompts, PAD)
    queries: list[int] = []
    whole = last_layer.sdpa_attention_forward

    def seen(module: torch.nn.Module, query: torch.Tensor, *given: object, **others: object) -> object:
        queries.append(query.shape[2])
        return whole(module, query, *given, **others)

    monkeypatch.setattr(last_layer, "sdpa_attention_forward", seen)
    found = []
    for change in ({"_attention": lambda *given: None}, {}):
        with monkeypatch.context() as patched:
            for name, other in change.items():
                patched.setattr(PassesMixin, name, other)
            found.append(read(model, ids_BT, mask_BT))
    prefix = int((ids_BT == LATENT).any(0).int().argmax()) if thoughts else ids_BT.shape[1]
    assert queries == [prefix, 1], "the first layer from every column, the last from one"
    torch.testing.assert_close(found[1][0], found[0][0], rtol=0, atol=1e-5)
    if not thoughts:
        assert all(torch.equal(*both) for both in zip(found[0][1], found[1][1], strict=True))


def test_a_training_step_attends_from_every_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last bits are part of the training numerics."""
    model, names = coconut("llama"), []
    whole = type(model)._attention
    monkeypatch.setattr(type(model), "_attention", lambda *given: names.append(whole(*given)) or names[-1])
    ids_BT, mask_BT = collate_prompts([row.prompt for row in rows([0] * 3)], PAD)
    model.hidden_states(ids_BT, mask_BT, keep=1)
    with torch.no_grad():
        model.hidden_states(ids_BT, mask_BT, keep=1)
        model.hidden_states(ids_BT, mask_BT, keep=2)
    assert names == [None, last_layer.NAME, None]
