"""The halting classifier: what it is trained on, and thoughts that end row by row."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tiny_models import CONFIGS, END, LATENT, PAD, batch, coconut, rows

from coconut_bench.coconut.decoding import greedy, write
from coconut_bench.coconut.encoding import collate_prompts
from coconut_bench.coconut.halting import Thought, think
from coconut_bench.coconut.modeling import CoconutForCausalLM

AFTER = 6


def with_head(architecture: str) -> CoconutForCausalLM:
    """A random model whose classifier ends the thoughts of different rows at different times."""
    torch.manual_seed(1)
    model = CoconutForCausalLM.wrap(coconut(architecture, seed=3).base, LATENT, halting=True).eval()
    torch.nn.init.normal_(model.halting_head.weight, std=1.0)
    made = batch([4] * 8, seed=9)
    with torch.no_grad():
        h_ND = model.hidden_states(made.input_ids, made.attention_mask).h_BTD[made.input_ids == LATENT]
        model.halting_head.bias -= model.halting_head(h_ND).median()
    return model


def thought(model: CoconutForCausalLM, prompts: list[list[int]], most: int, after: list[int]) -> Thought:
    ids, mask = collate_prompts(prompts, PAD)
    return think(model, ids, mask, max_thoughts=most, after=after)


@pytest.mark.parametrize("after", [[], [AFTER]], ids=["no marker", "marker"])
@pytest.mark.parametrize("architecture", CONFIGS)
def test_a_row_thinks_and_writes_in_a_batch_what_it_does_alone(architecture: str, after: list[int]) -> None:
    model, prompts = with_head(architecture), [row.prompt for row in rows([0] * 12, seed=5)]
    together = thought(model, prompts, 5, after)
    used = together.used_B.tolist()
    assert len(set(used)) > 2, "rows must end at different times for this to show anything"
    written = write(model, together.prompted, end=END, max_new_tokens=5)
    for prompt, count, tokens in zip(prompts, used, written, strict=True):
        alone = thought(model, [prompt], 5, after)
        assert alone.used_B.tolist() == [count]
        assert write(model, alone.prompted, end=END, max_new_tokens=5) == [tokens]
        # Once their number is known they are thoughts like any other.
        [known] = greedy(model, [[*prompt, *[LATENT] * count, *after]], pad=PAD, end=END, max_new_tokens=5)
        assert known.tokens == tokens


def test_the_first_thought_more_probably_last_than_not_is_the_last() -> None:
    model, prompts = with_head("llama"), [row.prompt for row in rows([0] * 12, seed=5)]
    for prompt, count in zip(prompts, thought(model, prompts, 5, []).used_B.tolist(), strict=True):
        ids = torch.tensor([prompt + [LATENT] * 5])
        h_BTD = model.hidden_states(ids).h_BTD[:, len(prompt) :]
        says_last = (model.halting_head(h_BTD).sigmoid() > 0.5).flatten().tolist()
        assert count == (says_last.index(True) + 1 if True in says_last else 5)


@pytest.mark.parametrize("counts", [[3, 3, 3], [0, 1, 4, 2]], ids=str)
def test_the_loss_is_the_language_model_s_and_the_mean_over_thoughts_of_the_classifier_s(
    counts: list[int],
) -> None:
    model, made = with_head("qwen3"), batch(counts)
    h_BTD = model.hidden_states(made.input_ids, made.attention_mask).h_BTD
    losses = []
    for b, columns in enumerate((row == LATENT).nonzero().flatten().tolist() for row in made.input_ids):
        for column in columns:
            logit = model.halting_head(h_BTD[b, column])[0]
            losses.append(F.softplus(-logit if column == columns[-1] else logit))
    plain = CoconutForCausalLM.wrap(model.base, LATENT)
    expected = plain(*made).loss + torch.stack(losses).mean()
    torch.testing.assert_close(model(*made).loss, expected)


def test_the_classifier_learns_when_to_end() -> None:
    model = with_head("llama").train()
    made = batch([1, 2, 3, 4])  # four questions, each with its own number of thoughts
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        model(*made).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    prompts = [row.prompt[: row.first_filler] for row in rows([1, 2, 3, 4])]
    assert thought(model.eval(), prompts, 6, []).used_B.tolist() == [1, 2, 3, 4]


def test_the_head_is_saved_and_loaded_with_the_model(tmp_path: Path) -> None:
    model, prompts = with_head("gpt2"), [row.prompt for row in rows([0] * 4)]
    model.save_pretrained(tmp_path)
    loaded = CoconutForCausalLM.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(loaded.halting_head.weight, model.halting_head.weight)
    assert thought(loaded, prompts, 4, []).used_B.tolist() == thought(model, prompts, 4, []).used_B.tolist()


def test_thinking_without_a_head_or_with_a_negative_limit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"config\.halting is off"):
        thought(coconut("llama"), [[8]], 3, [])
    with pytest.raises(ValueError, match="max_thoughts must be at least 0, got -1"):
        thought(with_head("llama"), [[8]], -1, [])
