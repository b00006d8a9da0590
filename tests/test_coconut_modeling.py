"""The cached forward against the literal one, and Coconut as a transformers model like any other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_models import CONFIGS, END, LATENT, PAD, batch, coconut, rows
from transformers import AutoModelForCausalLM

from coconut_bench.coconut.encoding import IGNORE, collate
from coconut_bench.coconut.modeling import CoconutForCausalLM
from coconut_bench.coconut.reference import reference_logits, reference_loss

THOUGHTS = ([0, 0, 0], [1, 1, 1, 1], [3, 3, 3], [0, 2, 4, 1])


@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("thoughts", THOUGHTS, ids=str)
def test_cached_loss_and_gradients_equal_the_literal_ones(architecture: str, thoughts: list[int]) -> None:
    model, made = coconut(architecture), batch(thoughts)
    losses, gradients = [], []
    for loss in (
        model(made.input_ids, made.attention_mask, made.labels).loss,
        reference_loss(model, made.input_ids, made.attention_mask, made.labels),
    ):
        model.zero_grad()
        loss.backward()
        losses.append(loss.detach())
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    torch.testing.assert_close(losses[0], losses[1], rtol=0, atol=1e-5)
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("architecture", CONFIGS)
def test_logits_equal_the_literal_ones_at_every_token(architecture: str) -> None:
    model, made = coconut(architecture), batch([2, 0, 3])
    logits = model(made.input_ids, made.attention_mask).logits
    literal = reference_logits(model, made.input_ids, made.attention_mask)
    real = made.attention_mask.bool()
    torch.testing.assert_close(logits[real], literal[real], rtol=0, atol=1e-4)


@pytest.mark.parametrize("architecture", CONFIGS)
def test_without_thoughts_it_is_the_plain_language_model(architecture: str) -> None:
    model = coconut(architecture)
    ids = torch.randint(7, 20, (3, 9))
    plain = model.base(input_ids=ids, labels=ids)
    torch.testing.assert_close(model(ids).logits, plain.logits)
    torch.testing.assert_close(model(ids, labels=ids).loss, plain.loss)


def test_a_thought_depends_on_the_thought_before_it() -> None:
    model, made = coconut("llama"), batch([3, 3])
    plain = model.hidden_states(made.input_ids, made.attention_mask)
    assert plain.passes == 4
    token = torch.where(made.input_ids == LATENT, 9, made.input_ids)
    assert not torch.allclose(
        plain.h_BTD[:, -1], model.hidden_states(token, made.attention_mask).h_BTD[:, -1]
    )


def test_thoughts_are_not_the_latent_token_s_embedding() -> None:
    model, made = coconut("gpt2"), batch([2, 2])
    before = model(made.input_ids, made.attention_mask).logits
    with torch.no_grad():
        model.get_input_embeddings().weight[LATENT] += 5.0
    after = model(made.input_ids, made.attention_mask).logits
    keep = [i for i in range(before.shape[-1]) if i != LATENT]  # tied: that token's own logit changes
    real = made.attention_mask.bool()
    torch.testing.assert_close(before[real][:, keep], after[real][:, keep])


def test_a_row_s_loss_does_not_depend_on_padding_or_on_other_rows() -> None:
    model, made = coconut("qwen3"), rows([2, 2, 2, 2])
    together = collate(made, PAD)
    logits = model(together.input_ids, together.attention_mask, together.labels).logits
    alone = [collate([row], PAD) for row in made]
    single = torch.cat([model(one.input_ids, one.attention_mask, one.labels).logits for one in alone])
    torch.testing.assert_close(logits, single, rtol=0, atol=1e-5)


def test_loss_of_two_halves_adds_up_to_that_of_the_whole() -> None:
    model, made = coconut("llama"), rows([1, 1, 1, 1])
    whole = collate(made, PAD)
    total = int((whole.labels[:, 1:] != IGNORE).sum())
    halves = [collate(made[:2], PAD), collate(made[2:], PAD)]
    summed = sum(
        model(half.input_ids, half.attention_mask, half.labels, num_items_in_batch=total).loss
        for half in halves
    )
    torch.testing.assert_close(summed, model(whole.input_ids, whole.attention_mask, whole.labels).loss)


def test_a_thought_at_the_first_position_is_refused() -> None:
    with pytest.raises(ValueError, match="position before it"):
        coconut("llama")(torch.tensor([[LATENT, 8, END]]))


@pytest.mark.parametrize("architecture", CONFIGS)
def test_saved_and_loaded_it_is_the_same_model(architecture: str, tmp_path: Path) -> None:
    model, made = coconut(architecture), batch([2, 2])
    model.save_pretrained(tmp_path)
    for loaded in (
        CoconutForCausalLM.from_pretrained(tmp_path),
        AutoModelForCausalLM.from_pretrained(tmp_path),
    ):
        assert isinstance(loaded, CoconutForCausalLM)
        torch.testing.assert_close(
            loaded.eval()(made.input_ids, made.attention_mask).logits,
            model(made.input_ids, made.attention_mask).logits,
        )
