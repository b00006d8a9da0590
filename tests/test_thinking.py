"""Reading, thinking and writing: batched and cached against one question at a time without a cache."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_models import (
    AFTER,
    BEGIN,
    CONFIGS,
    END,
    LATENT,
    PAUSE,
    VOCABULARY,
    coconut,
    reasoner,
    rows,
    write_literally,
)

from coconut_bench.coconut.thinking import Thinking

QUESTIONS = [[8, 9, 10], [11, 12, 13, 14, 15], [16]]
VOID = -1
"""An end token that is never written."""


def questions(count: int, seed: int) -> list[list[int]]:
    return [row.prompt for row in rows([0] * count, seed=seed)]


@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("thoughts", [0, 1, 3])
@pytest.mark.parametrize("markers", [False, True], ids=["", "markers"])
def test_a_batch_of_8_is_8_batches_of_1_and_the_literal_answers(
    architecture: str, thoughts: int, markers: bool
) -> None:
    model, asked = coconut(architecture, seed=3), questions(8, seed=5)
    mind = reasoner(model, thoughts, markers=markers)
    together = mind.answer(asked, 6)
    assert together == [mind.answer([question], 6)[0] for question in asked]
    begin, after = ([BEGIN], [AFTER]) if markers and thoughts else ([], [])
    prompts = [[*question, *begin, *[LATENT] * thoughts, *after] for question in asked]
    assert [one.tokens for one in together] == write_literally(model, prompts, 6)


def test_rows_stop_at_the_end_token_and_leave_the_batch_without_changing_the_others() -> None:
    model, asked = coconut("llama", seed=1), questions(16, seed=2)
    free = reasoner(model, 2, end=VOID).answer(asked, 12)
    # Take a token that several rows write early as the end token: those rows must stop there.
    written_by = {token: sum(token in g.tokens for g in free) for token in range(VOCABULARY)}
    stop = min(written_by, key=lambda token: abs(written_by[token] - 10))
    assert 3 <= written_by[stop] < 16
    for whole, cut in zip(free, reasoner(model, 2, end=stop).answer(asked, 12), strict=True):
        expected = whole.tokens[: whole.tokens.index(stop) + 1] if stop in whole.tokens else whole.tokens
        assert cut.tokens == expected


COUNTED: list[tuple[dict[str, Any], dict[str, Any], tuple[int, int]]] = [
    # how the model thinks, what stands there, (thoughts, passes before the first token is known)
    ({}, {"count": 0}, (0, 1)),
    ({}, {"count": 3}, (3, 4)),
    ({}, {"count": 3, "markers": True}, (3, 4)),  # what ends the thoughts is read with the last of them
    ({}, {"count": 3, "is_pause": True}, (0, 1)),  # pauses are words of the prompt
    ({"recurrence": "projected"}, {"count": 3}, (3, 4)),
    ({"recurrence": "mixture"}, {"count": 3}, (3, 4)),
    ({"recurrence": "jacobi", "slots": 4, "sweeps": 2}, {"count": 4}, (4, 4)),
    ({"recurrence": "jacobi", "slots": 4, "sweeps": 0}, {"count": 4}, (4, 2)),
]


@pytest.mark.parametrize(("how", "what", "expected"), COUNTED, ids=str)
def test_the_passes_counted_are_those_computed(
    how: dict[str, Any], what: dict[str, Any], expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, passes = coconut("llama", **how), [0]
    inner = model.decode

    def counted(*arguments: Any) -> torch.Tensor:
        passes[0] += 1
        return inner(*arguments)

    monkeypatch.setattr(model, "decode", counted)
    [found] = reasoner(model, end=VOID, **what).answer([[8, 9]], 5)
    thoughts, before = expected
    assert (len(found.tokens), found.thoughts) == (5, thoughts)
    assert found.forward_passes == passes[0] == before + 4  # the last token is written, not read


def test_a_limit_below_one_and_fewer_thoughts_than_none_are_refused() -> None:
    with pytest.raises(ValueError, match="max_new_tokens must be at least 1, got 0"):
        reasoner(coconut("llama"), 0).answer([[8]], 0)
    with pytest.raises(ValueError, match="thoughts must be at least 0, got -1"):
        Thinking(-1)


@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("thoughts", [0, 1, 3])
@pytest.mark.parametrize("recurrence", ["sequential", "projected", "jacobi"])
def test_continuations_of_one_reading_leave_no_trace(
    architecture: str, thoughts: int, recurrence: str
) -> None:
    slots = {"slots": 3, "sweeps": 2} if recurrence == "jacobi" else {}
    mind = reasoner(coconut(architecture, recurrence=recurrence, **slots), 3)
    readings, written = mind.read(QUESTIONS), []
    for _ in range(2):
        thought = mind.think(readings, thoughts)
        assert thought.fed_BKD.shape == thought.states_BKD.shape == (3, thoughts, 32)
        if thoughts > 1 and recurrence == "sequential":
            torch.testing.assert_close(thought.fed_BKD[:, 1:], thought.states_BKD[:, :-1])
        written.append(mind.write(thought.prompted, 6))
        mind.write(mind.think(readings, 2, replace=lambda k, fed_BD: torch.zeros_like(fed_BD)).prompted, 3)
    assert written[0] == written[1]
    if recurrence == "sequential":
        prompts = [question + [LATENT] * thoughts for question in QUESTIONS]
        assert written[0] == write_literally(mind.model, prompts, 6)


@pytest.mark.parametrize("empty_markers", [False, True])
@pytest.mark.parametrize("is_pause", [False, True])
def test_no_thoughts_are_the_prompt_of_stage_0(empty_markers: bool, is_pause: bool) -> None:
    """So "thoughts removed" is a prompt that the first stage was trained on, for every command."""
    model, how = coconut("llama"), {"markers": True, "empty_markers": empty_markers, "is_pause": is_pause}
    mind = reasoner(model, 2, **how)
    thought = mind.think(mind.read(QUESTIONS), 0)
    assert thought.prompted.passes == [1] * len(QUESTIONS)
    removed = mind.write(thought.prompted, 6)
    assert removed == [one.tokens for one in reasoner(model, 0, **how).answer(QUESTIONS, 6)]
    markers = [BEGIN, AFTER] if empty_markers else []
    assert removed == write_literally(model, [[*question, *markers] for question in QUESTIONS], 6)


def test_pauses_one_after_the_other_are_pauses_in_one_pass() -> None:
    """So "as many passes as Coconut" changes nothing about a pause run but its time."""
    mind = reasoner(coconut("llama"), 3, is_pause=True)
    written = mind.write(mind.think(mind.read(QUESTIONS)).prompted, 6)
    assert written == [one.tokens for one in mind.answer(QUESTIONS, 6)]
    assert written == write_literally(mind.model, [question + [PAUSE] * 3 for question in QUESTIONS], 6)


def test_what_is_fed_can_be_replaced() -> None:
    mind = reasoner(coconut("llama"), 2, markers=True)
    readings = mind.read(QUESTIONS)
    plain = mind.think(readings)
    same = mind.think(readings, replace=lambda k, fed_BD: plain.fed_BKD[:, k])
    torch.testing.assert_close(same.prompted.h_BD, plain.prompted.h_BD)
    other = mind.think(readings, replace=lambda k, fed_BD: -fed_BD)
    assert not torch.allclose(other.prompted.h_BD, plain.prompted.h_BD, atol=1e-3)
    prompts = [[*question, BEGIN, LATENT, LATENT, AFTER] for question in QUESTIONS]
    assert mind.write(plain.prompted, 5) == write_literally(mind.model, prompts, 5)
    assert END < LATENT
