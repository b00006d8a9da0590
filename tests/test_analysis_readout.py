"""Readouts against the same thing computed without a cache, and on states with something planted in them."""

from __future__ import annotations

import pytest
import torch
from tiny_models import LATENT, coconut, reasoner

from coconut_bench.coconut.readout import (
    attention_of_thoughts,
    continuation_values,
    inner_products,
    logit_lens,
)

QUESTIONS = [[8, 9, 10], [11, 12, 13, 14, 15], [16, 17]]
CONTINUATIONS = [[[8], [9, 10], [11, 12, 13]], [[20]], [[21, 22], [23]]]


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "qwen3"])
@pytest.mark.parametrize("prefix", [[], [7], [7, 25]])
def test_values_are_products_of_the_probabilities_of_each_row_read_alone(
    architecture: str, prefix: list[int]
) -> None:
    model = coconut(architecture)
    mind = reasoner(model, 2)
    thought = mind.think(mind.read(QUESTIONS))
    for _ in range(2):  # reading leaves no trace
        values = continuation_values(model, thought.prompted, prefix, CONTINUATIONS)
    for question, row, found in zip(QUESTIONS, CONTINUATIONS, values, strict=True):
        for tokens, value in zip(row, found, strict=True):
            before = [*question, LATENT, LATENT, *prefix]
            with torch.no_grad():
                logits = model(torch.tensor([before + tokens])).logits[0].double()
            places = range(len(before) - 1, len(before) + len(tokens) - 1)
            wanted = [float(logits[at].softmax(-1)[token]) for at, token in zip(places, tokens, strict=True)]
            assert value == pytest.approx(torch.tensor(wanted).prod().item(), rel=1e-4)


def test_an_empty_continuation_is_refused() -> None:
    model = coconut("llama")
    with pytest.raises(ValueError, match="at least one token"):
        opened = reasoner(model, 0).read(QUESTIONS).opened
        continuation_values(model, opened, [], [[[8]], [[]], [[9]]])


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_attention_of_thoughts_is_that_of_the_whole_row_in_one_eager_pass(architecture: str) -> None:
    model = coconut(architecture)
    mind = reasoner(model, 2)
    readings = mind.read(QUESTIONS)
    prompted, fed_BKD = readings.opened, mind.think(readings).fed_BKD
    found = attention_of_thoughts(model, prompted, fed_BKD)
    assert found is not None
    assert model.base.config._attn_implementation != "eager"  # as it was before
    width = prompted.mask_BT.shape[1]
    torch.testing.assert_close(found.sum(-1), torch.ones(found.shape[:-1]))
    model.base.set_attn_implementation("eager")
    for b, question in enumerate(QUESTIONS):
        embeddings_TD = model.get_input_embeddings()(torch.tensor(question))
        inputs_1TD = torch.cat([embeddings_TD, fed_BKD[b]])[None]
        with torch.no_grad():
            whole = torch.stack(
                model.base.get_decoder()(inputs_embeds=inputs_1TD, output_attentions=True).attentions
            )
        start = width - len(question)
        torch.testing.assert_close(found[:, b, :, :, start:], whole[:, 0, :, -2:], atol=1e-5, rtol=1e-4)
        assert not found[:, b, :, :, :start].any()  # nothing is looked at in the padding


def test_what_is_planted_in_a_state_is_read_off_it() -> None:
    """A state that is the sum of two concepts' embeddings has its largest products with those two."""
    model = coconut("llama")
    embeddings_VD = model.get_input_embeddings().weight
    concepts = [[[8], [9], [10], [11], [12, 13]]]
    planted_1KD = torch.stack([embeddings_VD[8] + embeddings_VD[11], 3 * embeddings_VD[[12, 13]].mean(0)])[
        None
    ]
    [products] = inner_products(model, 10 * planted_1KD, concepts)
    ranked = [sorted(range(5), key=lambda c: -products[c][k]) for k in range(2)]
    assert set(ranked[0][:2]) == {0, 3}
    assert ranked[1][0] == 4
    tied = model.get_output_embeddings().weight is embeddings_VD
    lens = logit_lens(model, 100 * planted_1KD, top=2)
    assert tied
    assert set(lens.tokens[0, 0].tolist()) == {8, 11}
    assert lens.probabilities[0, 0, 0] >= lens.probabilities[0, 0, 1] > 0
