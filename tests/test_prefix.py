"""One reading of the questions, many continuations: each as if it were alone."""

from __future__ import annotations

import pytest
import torch
from tiny_models import END, LATENT, PAD, coconut

from coconut_bench.coconut.decoding import greedy, write
from coconut_bench.coconut.prefix import read, think

QUESTIONS = [[8, 9, 10], [11, 12, 13, 14, 15], [16]]
PAUSE = 4


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "qwen3"])
@pytest.mark.parametrize("thoughts", [0, 1, 3])
def test_thinking_on_a_fork_is_what_the_prompt_with_thoughts_gives(architecture: str, thoughts: int) -> None:
    model = coconut(architecture)
    prompted = read(model, QUESTIONS, PAD)
    for _ in range(2):  # the first continuation leaves no trace in the second
        thought = think(model, prompted, thoughts)
        written = write(model, thought.prompted, end=END, max_new_tokens=6)
        prompts = [question + [LATENT] * thoughts for question in QUESTIONS]
        whole = greedy(model, prompts, pad=PAD, end=END, max_new_tokens=6)
        assert written == [generation.tokens for generation in whole]
        assert thought.fed_BKD.shape == thought.states_BKD.shape == (3, thoughts, 32)
        if thoughts > 1:
            torch.testing.assert_close(thought.fed_BKD[:, 1:], thought.states_BKD[:, :-1])
        think(model, prompted, 2, replace=lambda k, fed_BD: torch.zeros_like(fed_BD))


def test_pauses_one_after_the_other_are_pauses_in_one_pass() -> None:
    """So "as many passes as Coconut" changes nothing about a pause run but its time."""
    model = coconut("llama")
    thought = think(model, read(model, QUESTIONS, PAD), 3, token=PAUSE)
    written = write(model, thought.prompted, end=END, max_new_tokens=6)
    whole = greedy(
        model, [question + [PAUSE] * 3 for question in QUESTIONS], pad=PAD, end=END, max_new_tokens=6
    )
    assert written == [generation.tokens for generation in whole]


def test_what_is_fed_can_be_replaced_and_tokens_may_follow() -> None:
    model = coconut("llama")
    prompted = read(model, QUESTIONS, PAD)
    plain = think(model, prompted, 2, after=[20])
    same = think(model, prompted, 2, replace=lambda k, fed_BD: plain.fed_BKD[:, k], after=[20])
    torch.testing.assert_close(same.prompted.h_BD, plain.prompted.h_BD)
    other = think(model, prompted, 2, replace=lambda k, fed_BD: -fed_BD, after=[20])
    assert not torch.allclose(other.prompted.h_BD, plain.prompted.h_BD, atol=1e-3)
    written = write(model, think(model, prompted, 2, after=[20]).prompted, end=END, max_new_tokens=5)
    prompts = [[*question, LATENT, LATENT, 20] for question in QUESTIONS]
    whole = greedy(model, prompts, pad=PAD, end=END, max_new_tokens=5)
    assert written == [generation.tokens for generation in whole]
