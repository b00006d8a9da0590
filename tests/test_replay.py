"""Answers over a cache of fixed size: those of the growing one, pass for pass."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_models import CONFIGS, coconut, reasoner, rows
from torch.utils._python_dispatch import TorchDispatchMode

from coconut_bench.coconut import replay, thinking


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("markers", [False, True])
@pytest.mark.parametrize("architecture", CONFIGS)
def test_a_fixed_cache_gives_the_same_answers_thoughts_and_passes(
    architecture: str, markers: bool, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = [row.prompt for row in rows([0] * 5, seed=2)]
    with_markers = {"markers": markers, "empty_markers": markers}
    made = reasoner(coconut(architecture, seed=3), count, **with_markers)
    expected = made.answer(questions, 12)
    monkeypatch.setattr(thinking.Reasoner, "_replays", True)
    assert made.answer(questions, 12) == expected
    again = made.answer(questions[::-1], 12)  # the same memory, other questions
    assert again == expected[::-1]
    assert len(made._replayers.made) == 1


def test_projected_thoughts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    made = reasoner(coconut("llama", recurrence="projected"), 2)
    questions = [row.prompt for row in rows([0] * 3)]
    expected = made.answer(questions, 9)
    monkeypatch.setattr(thinking.Reasoner, "_replays", True)
    assert made.answer(questions, 9) == expected


class Looks(TorchDispatchMode):
    """Counts what a GPU would have to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func.overloadpacket.__name__ in (
            "_local_scalar_dense",
            "nonzero",
            "is_nonzero",
            "equal",
        )
        return func(*args, **(kwargs or {}))


def test_thoughts_and_tokens_are_looked_at_every_eight_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    made = reasoner(coconut("gpt2", seed=3), 3, end=-1)
    read = made.read([row.prompt for row in rows([0] * 4)]).opened
    looks = {}
    for tokens in (7, 8, 23, 24):
        with Looks() as seen:
            made._replayers.write(read, 3, [], -1, tokens)
        looks[tokens] = seen.count
    assert looks == {7: 0, 8: 1, 23: 2, 24: 3}


def test_it_is_not_used_on_a_cpu_nor_for_thoughts_updated_together() -> None:
    assert not reasoner(coconut("gpt2"), 1)._replays
    assert replay.can_replay(coconut("gpt2"))
    assert not replay.can_replay(coconut("gpt2", recurrence="jacobi", slots=2, sweeps=1))


def test_a_pass_that_cannot_be_recorded_is_computed_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = reasoner(coconut("gpt2", seed=3), 2)
    questions = [row.prompt for row in rows([0] * 3)]
    expected = made.answer(questions, 9)

    def refused() -> None:
        raise RuntimeError("operation not permitted")

    monkeypatch.setattr(torch.cuda, "synchronize", refused)
    monkeypatch.setattr(thinking.Reasoner, "_replays", True)
    whole = replay.Replayer.__init__
    monkeypatch.setattr(replay.Replayer, "__init__", lambda self, *given: whole(self, *given[:-1], True))
    assert made.answer(questions, 9) == expected
    told = capsys.readouterr().err.splitlines()
    assert told == ["answers are not replayed (CUDA graphs): operation not permitted"]
