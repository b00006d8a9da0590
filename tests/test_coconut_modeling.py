"""The cached forward against the literal one, and Coconut as a transformers model like any other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_models import (
    CONFIGS,
    END,
    LATENT,
    PAD,
    assert_agree,
    batch,
    coconut,
    gradients,
    rows,
    write_literally,
)
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache
from transformers.activations import NewGELUActivation

from coconut_bench.coconut.cache import growing_cache
from coconut_bench.coconut.decoding import Prompted, write
from coconut_bench.coconut.encoding import IGNORE, collate, collate_prompts
from coconut_bench.coconut.modeling import CoconutForCausalLM
from coconut_bench.coconut.readout import logit_lens
from coconut_bench.coconut.reference import reference_logits, reference_loss

GREEDY = {"do_sample": False, "max_new_tokens": 6, "eos_token_id": END, "pad_token_id": PAD}
THOUGHTS = ([0, 0, 0], [1, 1, 1, 1], [3, 3, 3], [0, 2, 4, 1])


@pytest.mark.parametrize("labelled", ["answers", "everything"])
@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("thoughts", THOUGHTS, ids=str)
def test_cached_loss_and_gradients_equal_the_literal_ones(
    architecture: str, thoughts: list[int], labelled: str
) -> None:
    model, made = coconut(architecture), batch(thoughts)
    if labelled == "everything":
        mask = made.attention_mask.bool()
        # The first token of a row has none before it that could predict it.
        later = mask & (made.attention_mask.cumsum(1) > 1) & (made.input_ids != LATENT)
        made = made._replace(labels=torch.where(later, made.input_ids, IGNORE))
    assert_agree(model, model(*made).loss, reference_loss(model, *made))


@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("thoughts", THOUGHTS, ids=str)
def test_layers_computed_again_for_their_gradients_give_the_same_ones(
    architecture: str, thoughts: list[int]
) -> None:
    model, made = coconut(architecture).train(), batch(thoughts)
    kept = gradients(model, model(*made).loss)
    model.gradient_checkpointing_enable()
    calls = count_calls(model)
    again = gradients(model, model(*made).loss)
    passes = 1 + max(thoughts)
    assert calls[0] == 2 * passes, "every layer of every pass must have been computed twice"
    assert kept.keys() == again.keys()
    for name, gradient in kept.items():
        torch.testing.assert_close(again[name], gradient, rtol=0, atol=1e-6, msg=name)


def count_calls(model: CoconutForCausalLM) -> list[int]:
    """A counter of the forward calls of the first layer's feed-forward part."""
    calls = [0]
    [mlp, *_] = [module for name, module in model.named_modules() if name.endswith(".mlp")]
    mlp.register_forward_pre_hook(lambda *_: calls.__setitem__(0, calls[0] + 1))
    return calls


def test_checkpointing_that_would_lose_gradients_is_refused() -> None:
    model, made = coconut("llama").train(), batch([1, 1])
    with pytest.raises(ValueError, match="use_reentrant must be False"):
        model.gradient_checkpointing_enable({"use_reentrant": True})
    model.gradient_checkpointing_enable()
    with pytest.raises(ValueError, match="the model's own cache"):
        model.hidden_states(made.input_ids, made.attention_mask, DynamicCache(config=model.base.config))


@pytest.mark.parametrize("architecture", CONFIGS)
def test_half_precision_weights_and_autocast_are_near_the_full_loss(architecture: str) -> None:
    model, made = coconut(architecture), batch([2, 3, 1])
    full = model(*made).loss
    with torch.autocast("cpu", torch.bfloat16):
        mixed = model(*made).loss
    mixed.backward()
    assert all(p.grad.dtype == torch.float32 for p in model.parameters() if p.grad is not None)
    half = model.to(torch.bfloat16)(*made).loss
    half.backward()
    torch.testing.assert_close(torch.stack([mixed, half]), torch.stack([full, full]), rtol=0.02, atol=0)


@pytest.mark.parametrize("architecture", CONFIGS)
def test_logits_are_fp32_under_autocast_in_training_decoding_and_readouts(architecture: str) -> None:
    """In bf16 logits near 40 are 0.25 apart; greedy decoding would take the lowest id of a tie."""
    model, made = coconut(architecture), batch([2, 3, 1])
    head_VD = model.get_output_embeddings().weight
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        h_BTD = model.hidden_states(made.input_ids, made.attention_mask).h_BTD.bfloat16()
        found = [
            model.logits(h_BTD),
            model(made.input_ids, made.attention_mask).logits,
            model(*made).logits,
            logit_lens(model, h_BTD, top=3).probabilities,
        ]
    assert {logits.dtype for logits in found} == {torch.float32}
    expected_BTV = h_BTD.float() @ head_VD.T
    torch.testing.assert_close(found[0], expected_BTV, rtol=0, atol=1e-5)
    torch.testing.assert_close(found[3], expected_BTV.softmax(-1).topk(3).values)
    assert model.to(torch.bfloat16).logits(h_BTD).dtype == torch.float32


def test_a_tie_in_bf16_is_decided_in_fp32() -> None:
    model = coconut("llama")
    with torch.no_grad():  # tokens 8 and 9 differ by less than bf16 resolves near 40
        model.get_output_embeddings().weight.zero_()
        model.get_output_embeddings().weight[8] = 40.0 / 32
        model.get_output_embeddings().weight[9] = 40.05 / 32
    prompted = Prompted(torch.ones(1, 32), torch.ones(1, 1).long(), DynamicCache(), [1])
    with torch.autocast("cpu", torch.bfloat16):
        assert write(model, prompted, end=END, max_new_tokens=1) == [[9]]


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


def test_gpt2_s_activation_is_the_same_function_in_one_operation() -> None:
    ends = {"bos_token_id": None, "eos_token_id": END}
    config = AutoConfig.for_model("gpt2", **CONFIGS["gpt2"], vocab_size=29, **ends)
    base, ids = AutoModelForCausalLM.from_config(config).eval(), torch.arange(7, 25).view(2, 9)
    plain = base(ids).logits
    fused = CoconutForCausalLM.wrap(base, LATENT)
    assert not any(isinstance(part, NewGELUActivation) for part in fused.modules())
    torch.testing.assert_close(fused(ids).logits, plain, rtol=0, atol=1e-6)
    made = CoconutForCausalLM(fused.config)
    assert not any(isinstance(part, NewGELUActivation) for part in made.modules())


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
def test_generate_writes_what_literal_decoding_writes(architecture: str) -> None:
    model, prompts = coconut(architecture, seed=3), [row.prompt for row in rows([2, 2, 0, 3, 1, 4], seed=5)]
    ids, mask = collate_prompts(prompts, PAD)
    expected = write_literally(model, prompts, 6)
    padded = [tokens + [PAD] * (6 - len(tokens)) for tokens in expected]
    for options in ({}, {"use_cache": False}, {"cache_implementation": "static", "disable_compile": True}):
        written = model.generate(ids, attention_mask=mask, **GREEDY, **options)[:, ids.shape[1] :]
        assert [row + [PAD] * (6 - len(row)) for row in written.tolist()] == padded, options
    for prompt, tokens in zip(prompts, expected, strict=True):
        alone = model.generate(torch.tensor([prompt]), **GREEDY)
        assert alone[0, len(prompt) :].tolist() == tokens


def test_sampling_follows_the_seed_and_never_writes_a_thought() -> None:
    model, ids = coconut("llama"), torch.tensor([[8, 9, LATENT, LATENT]]).expand(64, -1)
    with torch.no_grad():
        model.get_input_embeddings().weight[LATENT] *= 20  # tied: its logit would often be the largest
    drawn = []
    for _ in range(2):
        torch.manual_seed(0)
        drawn.append(model.generate(ids, do_sample=True, max_new_tokens=8, pad_token_id=PAD)[:, 4:])
    assert torch.equal(*drawn)
    assert len(set(map(tuple, drawn[0].tolist()))) > 32
    assert LATENT not in drawn[0]


def test_a_growing_cache_holds_what_a_dynamic_one_holds() -> None:
    config, generator = coconut("llama").base.config, torch.Generator().manual_seed(0)
    roomy, plain = growing_cache(config), DynamicCache(config=config)

    def both(change: Callable[[DynamicCache], object]) -> None:
        for one in (roomy, plain):
            change(one)
        assert roomy.get_seq_length() == plain.get_seq_length()
        for mine, theirs in zip(roomy.layers, plain.layers, strict=True):
            assert torch.equal(mine.keys, theirs.keys)
            assert torch.equal(mine.values, theirs.values)

    def grow(tokens: int, rows: int) -> None:
        new = torch.randn((4, rows, 2, tokens, 8), generator=generator)
        both(lambda cache: [cache.update(new[2 * i], new[2 * i + 1], i) for i in range(2)])

    with torch.no_grad():
        grow(5, 4)
        grow(1, 4)
        held = roomy.layers[0].keys.data_ptr()
        grow(1, 4)
        assert roomy.layers[0].keys.data_ptr() == held, "a token must not cost a copy"
        both(lambda cache: cache.batch_select_indices(torch.tensor([0, 2])))
        grow(1, 2)
        both(lambda cache: cache.reorder_cache(torch.tensor([1, 1])))
        grow(1, 2)
        both(lambda cache: cache.crop(-2))
        grow(100, 2)
        both(lambda cache: cache.batch_repeat_interleave(3))
        grow(1, 6)
        with torch.inference_mode():
            grow(1, 6)
            both(lambda cache: cache.batch_select_indices(torch.tensor([3, 1, 2])))
            grow(1, 3)
        grow(1, 3)


def test_generate_can_go_on_from_a_cache() -> None:
    model, ids = coconut("qwen3"), torch.tensor([[8, 9, LATENT, LATENT, 10]])
    whole = model.generate(ids, **GREEDY)
    cache = DynamicCache(config=model.base.config)
    model(ids[:, :3], past_key_values=cache)
    with pytest.raises(ValueError, match="position before it"):
        model(ids[:, 3:], past_key_values=cache)  # its thought's input was in the pass before
    cache = DynamicCache(config=model.base.config)
    model(ids[:, :1], past_key_values=cache)
    assert torch.equal(model.generate(ids, past_key_values=cache, **GREEDY), whole)


@pytest.mark.parametrize("architecture", CONFIGS)
def test_saved_and_loaded_it_is_the_same_model(architecture: str, tmp_path: Path) -> None:
    model, made = coconut(architecture), batch([2, 2])
    model.save_pretrained(tmp_path)
    for loaded in (
        CoconutForCausalLM.from_pretrained(tmp_path),
        AutoModelForCausalLM.from_pretrained(tmp_path),
    ):
        assert isinstance(loaded, CoconutForCausalLM)
        assert loaded.num_parameters() == model.num_parameters()
        tied = [
            one.get_input_embeddings().weight is one.get_output_embeddings().weight for one in (model, loaded)
        ]
        assert tied == [model.base.config.tie_word_embeddings] * 2
        assert loaded.generation_config.eos_token_id == END
        torch.testing.assert_close(
            loaded.eval()(made.input_ids, made.attention_mask).logits,
            model(made.input_ids, made.attention_mask).logits,
        )


@pytest.mark.parametrize("thoughts", THOUGHTS, ids=str)
def test_a_window_gives_the_literal_loss_and_takes_no_columns_that_a_mask_hides(thoughts: list[int]) -> None:
    """Padding moved behind a prefix would stand in the window of what comes after it."""
    torch.manual_seed(0)
    ends = {"bos_token_id": None, "eos_token_id": END, "pad_token_id": PAD}
    config = AutoConfig.for_model(
        "mistral", **CONFIGS["llama"], vocab_size=29, sliding_window=6, initializer_range=0.1, **ends
    )
    base = AutoModelForCausalLM.from_config(config)
    model, made = CoconutForCausalLM.wrap(base, LATENT).eval(), batch(thoughts)
    torch.testing.assert_close(model(*made).loss, reference_loss(model, *made), rtol=0, atol=1e-5)
    for fields in ({"halting": True}, {"recurrence": "jacobi", "slots": 3}):
        with pytest.raises(ValueError, match="needs a base model of full attention, got mistral"):
            CoconutForCausalLM.wrap(base, LATENT, **fields)
