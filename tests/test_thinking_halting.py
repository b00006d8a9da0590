"""The halting classifier: what it is trained on, and thoughts that end row by row."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tiny_models import AFTER, BEGIN, CONFIGS, LATENT, batch, coconut, reasoner, rows, write_literally

from coconut_bench.coconut.modeling import CoconutForCausalLM


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


def used(model: CoconutForCausalLM, questions: list[list[int]], most: int) -> list[int]:
    mind = reasoner(model, most, halts=True)
    return mind.think(mind.read(questions)).used


@pytest.mark.parametrize("markers", [False, True], ids=["no markers", "markers"])
@pytest.mark.parametrize("architecture", CONFIGS)
def test_a_row_thinks_and_writes_in_a_batch_what_it_does_alone(architecture: str, markers: bool) -> None:
    model, questions = with_head(architecture), [row.prompt for row in rows([0] * 12, seed=5)]
    mind = reasoner(model, 5, halts=True, markers=markers)
    together = mind.answer(questions, 5)
    assert len({one.thoughts for one in together}) >= 2, "rows must end at different times to show anything"
    begin, after = ([BEGIN], [AFTER]) if markers else ([], [])
    for question, found in zip(questions, together, strict=True):
        assert mind.answer([question], 5) == [found]
        assert found.forward_passes == found.thoughts + len(found.tokens) + markers
        # Once their number is known they are thoughts like any other.
        prompt = [*question, *begin, *[LATENT] * found.thoughts, *after]
        assert write_literally(model, [prompt], 5) == [found.tokens]


def test_each_row_can_be_given_its_own_number_of_thoughts() -> None:
    """As controls do: other thoughts, the number that the classifier had chosen."""
    mind = reasoner(with_head("llama"), 5, halts=True)
    questions = [row.prompt for row in rows([0] * 12, seed=5)]
    readings = mind.read(questions)
    trained = mind.think(readings)
    again = mind.think(readings, counts=trained.used)
    assert again.used == trained.used and len(set(trained.used)) > 2
    torch.testing.assert_close(again.fed_BKD, trained.fed_BKD)
    torch.testing.assert_close(again.prompted.h_BD, trained.prompted.h_BD)
    marked = reasoner(mind.model, 5, halts=True, markers=True)
    none = marked.think(marked.read(questions), counts=[0] * 12)
    assert none.used == [0] * 12
    torch.testing.assert_close(none.prompted.h_BD, readings.opened.h_BD)
    zeroed = mind.think(readings, counts=trained.used, replace=lambda k, fed_BD: torch.zeros_like(fed_BD))
    assert zeroed.used == trained.used and not zeroed.fed_BKD.any()


def test_the_first_thought_more_probably_last_than_not_is_the_last() -> None:
    model, questions = with_head("llama"), [row.prompt for row in rows([0] * 12, seed=5)]
    for question, count in zip(questions, used(model, questions, 5), strict=True):
        ids = torch.tensor([question + [LATENT] * 5])
        h_BTD = model.hidden_states(ids).h_BTD[:, len(question) :]
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
    questions = [row.prompt[: row.first_filler] for row in rows([1, 2, 3, 4])]
    assert used(model.eval(), questions, 6) == [1, 2, 3, 4]


def test_the_head_is_saved_and_loaded_with_the_model(tmp_path: Path) -> None:
    model, questions = with_head("gpt2"), [row.prompt for row in rows([0] * 4)]
    model.save_pretrained(tmp_path)
    loaded = CoconutForCausalLM.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(loaded.halting_head.weight, model.halting_head.weight)
    assert used(loaded, questions, 4) == used(model, questions, 4)


def test_halting_needs_a_head_and_thoughts_that_follow_one_another() -> None:
    with pytest.raises(ValueError, match=r"without a halting head \(config\.halting\)"):
        reasoner(coconut("llama"), 3, halts=True)
    together = coconut("llama", halting=True, recurrence="jacobi", slots=3, sweeps=1)
    with pytest.raises(ValueError, match="cannot end thoughts whose number must be constant"):
        reasoner(together, 3, halts=True)
    mind = reasoner(together, 3)
    with pytest.raises(ValueError, match="counts must be left out"):
        mind.think(mind.read([[8, 9]]), counts=[1])
