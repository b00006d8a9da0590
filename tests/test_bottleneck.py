"""Bottleneck: what follows the thoughts attends to them alone, against a literal mask without a cache."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from tiny_models import AFTER, BEGIN, CONFIGS, END, LATENT, assert_agree, batch, coconut, reasoner, rows
from transformers import AutoConfig, AutoModelForCausalLM

from coconut_bench.coconut.modeling import CoconutForCausalLM

QUESTIONS = [[8, 9, 10], [11, 12, 13, 14, 15], [16]]


def bottleneck(architecture: str) -> CoconutForCausalLM:
    return coconut(architecture, recurrence="bottleneck")


def literal_states(model: CoconutForCausalLM, ids: list[int]) -> torch.Tensor:
    """Hidden states [T, D]: one pass a thought over everything, then one in which the mask hides the question
    from what follows the last thought.
    """
    decoder, vectors = model.base.get_decoder(), list(model.get_input_embeddings()(torch.tensor(ids)))
    places = [place for place, token in enumerate(ids) if token == LATENT]
    for place in places:
        vectors[place] = decoder(inputs_embeds=torch.stack(vectors[:place])[None]).last_hidden_state[0, -1]
    sees_TT = torch.ones(len(ids), len(ids)).tril().bool()
    if places:
        sees_TT[places[-1] + 1 :, : places[0]] = False
    mask = torch.where(sees_TT, 0.0, torch.finfo(torch.float32).min)[None, None]
    out = decoder(inputs_embeds=torch.stack(vectors)[None], attention_mask=mask, use_cache=False)
    return out.last_hidden_state[0]


def literal_answer(model: CoconutForCausalLM, prompt: list[int], limit: int) -> list[int]:
    written: list[int] = []
    while len(written) < limit and END not in written:
        with torch.no_grad():
            logits_V = model.get_output_embeddings()(literal_states(model, prompt + written)[-1])
        logits_V[LATENT] = -torch.inf
        written.append(int(logits_V.argmax()))
    return written


@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("checkpointed", [False, True], ids=["", "checkpointed"])
def test_loss_and_gradients_are_the_literal_ones(architecture: str, checkpointed: bool) -> None:
    model, made = bottleneck(architecture), rows([2, 2, 2, 2])
    states = [literal_states(model, row.prompt + row.target)[len(row.prompt) - 1 : -1] for row in made]
    targets = torch.tensor([token for row in made for token in row.target])
    literal = F.cross_entropy(model.get_output_embeddings()(torch.cat(states)), targets)
    if checkpointed:
        model.train().gradient_checkpointing_enable()
    found = model(*batch([2, 2, 2, 2])).loss
    assert_agree(model, found, literal)
    plain = CoconutForCausalLM.wrap(model.base, LATENT)(*batch([2, 2, 2, 2])).loss
    assert abs((plain - found).item()) > 1e-3


@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("markers", [False, True], ids=["", "markers"])
def test_what_is_written_never_attends_to_the_question(architecture: str, markers: bool) -> None:
    mind = reasoner(bottleneck(architecture), 2, markers=markers)
    around = ([BEGIN], [AFTER]) if markers else ([], [])
    prompts = [[*one, *around[0], LATENT, LATENT, *around[1]] for one in QUESTIONS]
    expected = [literal_answer(mind.model, prompt, 6) for prompt in prompts]
    answers = mind.answer(QUESTIONS, 6)
    assert [one.tokens for one in answers] == expected
    assert [one.forward_passes for one in answers] == [3 + markers + len(text) - 1 for text in expected]
    readings = mind.read(QUESTIONS)
    for _ in range(2):  # one continuation leaves nothing hidden for the next
        assert mind.write(mind.think(readings).prompted, 6) == expected
    open_ended = mind.think(readings, 0).prompted
    assert mind.write(open_ended, 6) == [literal_answer(mind.model, one, 6) for one in QUESTIONS]


@pytest.mark.parametrize("architecture", CONFIGS)
def test_generate_hides_the_question_too(architecture: str) -> None:
    model = bottleneck(architecture)
    model.config.after_question = [LATENT, LATENT]
    width = max(map(len, QUESTIONS))
    ids = torch.tensor([[0] * (width - len(one)) + one for one in QUESTIONS])
    found = model.generate(ids, attention_mask=(ids != 0).long(), max_new_tokens=5, do_sample=False)
    for row, question in zip(found[:, width + 2 :].tolist(), QUESTIONS, strict=True):
        expected = literal_answer(model, [*question, LATENT, LATENT], 5)
        assert row[: len(expected)] == expected


def test_a_classifier_and_a_sliding_window_are_refused() -> None:
    with pytest.raises(ValueError, match="whose number must be constant"):
        reasoner(coconut("llama", recurrence="bottleneck", halting=True), 2, halts=True)
    config = AutoConfig.for_model("mistral", **CONFIGS["llama"], vocab_size=29, sliding_window=4)
    with pytest.raises(ValueError, match="recurrence bottleneck needs a base model of full attention"):
        CoconutForCausalLM.wrap(AutoModelForCausalLM.from_config(config), LATENT, recurrence="bottleneck")
