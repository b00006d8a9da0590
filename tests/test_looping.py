"""Looped layers are a literal loop over one stack, with thoughts, checkpoints, optimizers and saved files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from test_coconut_modeling import GREEDY, THOUGHTS, count_calls
from tiny_models import CONFIGS, END, LATENT, PAD, VOCABULARY, batch, gradients, rows, write_literally
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from coconut_bench.coconut.encoding import collate_prompts
from coconut_bench.coconut.looping import layers_of, looped_config, share_layers
from coconut_bench.coconut.modeling import CoconutForCausalLM
from coconut_bench.coconut.optim import Optimizers
from coconut_bench.coconut.reference import reference_loss
from coconut_bench.coconut.settings import OptimizerSettings

ARCHITECTURES = ("gpt2", "llama")
LOOPS = 3


def base_of(architecture: str, loops: int | None = LOOPS, **changes: Any) -> PreTrainedModel:
    """A random causal LM of two layers, looped."""
    torch.manual_seed(0)
    config = looped_config(
        architecture, loops, vocab_size=VOCABULARY, bos_token_id=None, eos_token_id=END, pad_token_id=PAD,
        initializer_range=0.1, **{**CONFIGS[architecture], **changes},
    )  # fmt: skip
    return share_layers(AutoModelForCausalLM.from_config(config, dtype=torch.float32)).eval()


def looped(architecture: str, **changes: Any) -> CoconutForCausalLM:
    return CoconutForCausalLM.wrap(base_of(architecture, **changes), LATENT).eval()


def literal(model: CoconutForCausalLM) -> CoconutForCausalLM:
    """The same weights in a stack of two layers, which is run again and again by hand."""
    base = base_of(model.base.config.model_type, None)
    base.load_state_dict({name: model.base.state_dict()[name] for name in base.state_dict()})
    stack = list(layers_of(base))

    def again(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], h_BTD: Tensor) -> Tensor:
        for _ in range(LOOPS - 1):
            for one in stack:
                h_BTD = one.forward(h_BTD, *args[1:], **kwargs)
        return h_BTD

    stack[-1].register_forward_hook(again, with_kwargs=True)
    return CoconutForCausalLM.wrap(base, LATENT).eval()


@pytest.mark.parametrize("thoughts", THOUGHTS, ids=str)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_loss_and_gradients_are_those_of_a_literal_loop(architecture: str, thoughts: list[int]) -> None:
    model, made = looped(architecture), batch(thoughts)
    by_hand = literal(model)
    plain = base_of(architecture, None)
    assert model.num_parameters() == by_hand.num_parameters() == plain.num_parameters()
    expected_loss = reference_loss(by_hand, *made)
    expected = gradients(by_hand, expected_loss)
    for loss in (lambda: model(*made).loss, lambda: reference_loss(model, *made)):
        torch.testing.assert_close(loss(), expected_loss, rtol=0, atol=1e-5)
        found = gradients(model, loss())
        assert found.keys() == expected.keys()
        for name, gradient in found.items():
            torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5, msg=name)
    once = CoconutForCausalLM.wrap(plain, LATENT)
    assert abs(once(*made).loss - expected_loss) > 1e-3


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_layers_computed_again_for_their_gradients_give_the_same_ones(architecture: str) -> None:
    model, made = looped(architecture).train(), batch([0, 2, 4, 1])
    kept = gradients(model, model(*made).loss)
    model.gradient_checkpointing_enable()
    calls = count_calls(model)
    again = gradients(model, model(*made).loss)
    assert calls == [2 * 5]
    for name, gradient in kept.items():
        torch.testing.assert_close(again[name], gradient, rtol=0, atol=1e-6, msg=name)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_writes_what_literal_decoding_writes(architecture: str) -> None:
    model, prompts = looped(architecture), [row.prompt for row in rows([2, 0, 3], seed=5)]
    ids, mask = collate_prompts(prompts, PAD)
    written = model.generate(ids, attention_mask=mask, **GREEDY)[:, ids.shape[1] :].tolist()
    expected = write_literally(literal(model), prompts, 6)
    assert written == [tokens + [PAD] * (len(written[0]) - len(tokens)) for tokens in expected]


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_optimizers_step_each_weight_once_and_keep_it_shared(name: str) -> None:
    model, made = looped("llama"), batch([1, 1])
    optimizers = Optimizers(model, OptimizerSettings(name=name, lr=0.01, muon_lr=0.01))
    seen = [p for part in optimizers.parts for group in part.param_groups for p in group["params"]]
    assert len(seen) == len({id(p) for p in seen}) == len(list(model.parameters()))
    assert sum(p.numel() for p in seen) == model.num_parameters()
    before = model(*made).loss
    before.backward()
    optimizers.step(1.0)
    assert model(*made).loss < before
    assert model.num_parameters() == sum(p.numel() for p in seen)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_saved_and_loaded_it_is_the_same_model(
    architecture: str, tied: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, made = looped(architecture, tie_word_embeddings=tied), batch([2, 2])
    expected = gradients(model, model(*made).loss)
    model.save_pretrained(tmp_path / "coconut")
    model.base.save_pretrained(tmp_path / "base")
    loaded = CoconutForCausalLM.from_pretrained(tmp_path / "coconut")
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    plainly = base(made.input_ids).logits  # n·r layers of equal weights, not shared yet
    torch.testing.assert_close(plainly, model.base(made.input_ids).logits)
    assert base.num_parameters() > model.num_parameters()
    for other in (loaded, CoconutForCausalLM.wrap(base, LATENT)):
        assert other.config.base_config.loops == LOOPS
        assert other.num_parameters() == model.num_parameters()
        found = gradients(other.eval(), other(*made).loss)
        assert found.keys() == expected.keys()
        for name, gradient in found.items():
            torch.testing.assert_close(gradient, expected[name], msg=name)
    loaded.save_pretrained(tmp_path / "coconut again")
    base.save_pretrained(tmp_path / "base again")
    for name in ("coconut", "base"):
        first, second = (tmp_path / folder / "model.safetensors" for folder in (name, f"{name} again"))
        assert first.read_bytes() == second.read_bytes()
    assert "MISSING" not in caplog.text


def test_the_number_of_layers_may_have_either_of_its_names() -> None:
    for fields in ({"n_layer": 2}, {"num_hidden_layers": 2}):
        assert looped_config("gpt2", 3, **fields).n_layer == 6
    assert len(looped_config("qwen3", 3, num_hidden_layers=2).layer_types) == 6


def test_a_model_that_cannot_be_looped_is_refused() -> None:
    with torch.device("meta"):
        bert = AutoModelForCausalLM.from_config(
            looped_config("bert", 2, is_decoder=True, num_hidden_layers=1)
        )
        odd = AutoModelForCausalLM.from_config(looped_config("gpt2", 2, n_layer=1))
        mixed = AutoModelForCausalLM.from_config(looped_config("llama", 2, num_hidden_layers=1))
    with pytest.raises(ValueError, match="must have a list of its layers, bert has none"):
        share_layers(bert)
    odd.config.loops = 3
    with pytest.raises(ValueError, match="must divide the number of layers, 2, got 3"):
        share_layers(odd)
    layers_of(mixed)[1].mlp = nn.Identity()
    with pytest.raises(ValueError, match="must be alike, llama has different ones"):
        share_layers(mixed)
