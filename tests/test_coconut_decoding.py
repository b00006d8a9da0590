"""Batched, cached decoding against one token at a time without a cache."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_models import CONFIGS, END, LATENT, PAD, VOCABULARY, coconut, rows

from coconut_bench.coconut.decoding import greedy
from coconut_bench.coconut.modeling import CoconutForCausalLM
from coconut_bench.coconut.reference import reference_logits


@torch.inference_mode()
def decode_literally(model: CoconutForCausalLM, prompt: list[int], limit: int) -> list[int]:
    """Greedy decoding that computes everything again for each token."""
    written: list[int] = []
    while len(written) < limit and END not in written:
        ids = torch.tensor([prompt + written])
        logits_V = reference_logits(model, ids, torch.ones_like(ids))[0, -1]
        logits_V[LATENT] = -torch.inf
        written.append(int(logits_V.argmax()))
    return written


@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("thoughts", [0, 1, 3])
def test_a_batch_of_8_is_8_batches_of_1_and_the_literal_decoding(architecture: str, thoughts: int) -> None:
    model = coconut(architecture, seed=3)
    prompts = [row.prompt for row in rows([thoughts] * 8, seed=5)]
    together = greedy(model, prompts, pad=PAD, end=END, max_new_tokens=6)
    alone = [greedy(model, [prompt], pad=PAD, end=END, max_new_tokens=6)[0] for prompt in prompts]
    assert together == alone
    assert [g.tokens for g in together] == [decode_literally(model, prompt, 6) for prompt in prompts]


def test_rows_stop_at_the_end_token_and_leave_the_batch_without_changing_the_others() -> None:
    model = coconut("llama", seed=1)
    prompts = [row.prompt for row in rows([2] * 16, seed=2)]
    free = greedy(model, prompts, pad=PAD, end=VOID, max_new_tokens=12)
    # Take a token that several rows write early as the end token: those rows must stop there.
    written_by = {token: sum(token in g.tokens for g in free) for token in range(VOCABULARY)}
    stop = min(written_by, key=lambda token: abs(written_by[token] - 10))
    assert 3 <= written_by[stop] < 16
    stopped = greedy(model, prompts, pad=PAD, end=stop, max_new_tokens=12)
    for whole, cut in zip(free, stopped, strict=True):
        expected = whole.tokens[: whole.tokens.index(stop) + 1] if stop in whole.tokens else whole.tokens
        assert cut.tokens == expected


VOID = -1
"""An end token that is never written."""


def test_counts_are_tokens_written_thoughts_and_passes() -> None:
    model = coconut("gpt2")
    prompts = [[8, 9, LATENT, LATENT], [7, 8, 9, LATENT, LATENT]]
    for generation in greedy(model, prompts, pad=PAD, end=VOID, max_new_tokens=5):
        assert (len(generation.tokens), generation.thoughts) == (5, 2)
        assert generation.forward_passes == 1 + 2 + 4  # the last token is written, not read again


def test_the_forward_passes_counted_are_those_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    model, passes = coconut("llama"), [0]
    inner = model.decode

    def counted(*arguments: Any) -> torch.Tensor:
        passes[0] += 1
        return inner(*arguments)

    monkeypatch.setattr(model, "decode", counted)
    [generation] = greedy(model, [[8, 9, LATENT, LATENT, LATENT]], pad=PAD, end=VOID, max_new_tokens=4)
    assert passes[0] == generation.forward_passes


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="max_new_tokens must be at least 1, got 0"):
        greedy(coconut("llama"), [[8]], pad=PAD, end=END, max_new_tokens=0)
