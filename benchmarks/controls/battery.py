"""Are the thoughts used? Answers with the thoughts left out, replaced or exchanged, question by question.

Every control keeps the weights and the questions, and changes only what the thoughts are fed; the reading of
a question is shared by all of them (`coconut.thinking`). Where a classifier ends the thoughts, a question
keeps the number that it had as trained, but for the controls that change the number. A pause run has the same
controls on its pauses, as far as they mean something: the pauses of all questions are one vector.

Axes: B questions, K thoughts, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ...coconut.recurrence import Replace
from ...coconut.thinking import Reasoner, Thoughts
from ...generators.answers import read_answer
from ...generators.example import Example
from ..run.trained import TrainedRun

AS_TRAINED = "as trained"
SIGMAS = (0.3, 1.0, 3.0)


class Control(NamedTuple):
    """A row of the battery: what is done to the thoughts, and what it would show if answers did not change.

    Attributes:
        name: Of the control.
        subject: Completes "… is (not) needed".
        replace: Makes what thoughts are replaced by; None to leave them as they are.
        thoughts: A constant number of them; None for as many as the question had as trained.
        pauses: Whether it means something for pause tokens.
        has: Which questions take part (a transplant needs a donor), [B]; all without it.
    """

    name: str
    subject: str
    replace: Callable[[Materials], Replace] | None
    thoughts: int | None = None
    pauses: bool = True
    has: Callable[[Materials], Tensor] | None = None


class Materials(NamedTuple):
    """What a control may work with: the thoughts as trained [B, K, D] and how many each question had, random
    numbers, and whose thoughts a question could be given: indices [B] into the batch, -1 where there is none.
    """

    fed_BKD: Tensor
    used: list[int]
    generator: torch.Generator
    other_answer_B: Tensor
    same_answer_B: Tensor


class Answers(NamedTuple):
    """What was written to each question under one control, None where the control has no such question, and
    for transplants the donor's answer.
    """

    written: list[str | None]
    donor: list[str | None]


def battery(thoughts: int) -> list[Control]:
    """The controls of a run with (at most) ``thoughts`` thoughts, in the report's order; as trained first."""
    last = thoughts - 1
    rows = [Control(AS_TRAINED, "", None)]
    rows += [
        Control("removed" if k == 0 else f"exit after {k}", _which(k, thoughts), None, k)
        for k in range(thoughts)
    ]
    rows += [
        Control("zeroed", "the content of the thoughts", _zeros),
        Control("mean", "what differs between the thoughts of questions", _means, pauses=False),
        Control("norm-matched noise", "the direction of the thoughts", _noise_up_to(last)),
    ]
    rows += [Control(f"noise σ={s:g}", "precision beyond this noise", _added_noise(s)) for s in SIGMAS]
    rows += [
        Control(f"noise up to {j + 1}", f"the first {j + 1} of the thoughts", _noise_up_to(j))
        for j in range(last)
    ]
    if thoughts > 1:
        rows.append(Control("permuted", "the order of the thoughts", _permuted, pauses=False))
    rows += [
        Control(
            f"transplanted, {kind} answer", subject, _transplant(kind), pauses=False, has=_has_donor(kind)
        )
        for kind, subject in (
            ("another", "the question's own thoughts"),
            ("same", "what the thoughts hold beyond the answer"),
        )
    ]
    return rows


class Batch(NamedTuple):
    """What a batch of questions came to: the answers under every control, and as trained the number of
    thoughts of each question and the states at them [B, K, D].
    """

    answers: dict[str, Answers]
    used: list[int]
    states_BKD: Tensor


def run_battery(
    run: TrainedRun, controls: Sequence[Control], questions: Sequence[Example], first: int, seed: int = 0
) -> Batch:
    """Answer one batch of questions under every control.

    Args:
        run: A finished run.
        controls: Of `battery`; as trained must be among them.
        questions: The batch.
        first: The number of its first question: with ``seed`` it decides the random numbers.
        seed: Of noise.
    """
    segments, reasoner = run.encoder.segments(questions), run.reasoner()
    readings = reasoner.read([parts.question for parts in segments])
    trained = reasoner.think(readings)
    answers = expected(run, questions)
    generator = torch.Generator().manual_seed(seed * 1_000_003 + first)
    materials = Materials(trained.fed_BKD, trained.used, generator, *_donors(answers))
    # A model that has lost the thread goes on writing; wait for nothing longer than a chain and its answer.
    whole = max(sum(map(len, parts.steps)) + len(parts.answer) for parts in segments)
    limit = min(whole, run.recipe.max_new_tokens)
    found = {}
    for control in controls:  # as trained is the first: its thoughts have just been thought
        thought = trained
        if control.name != AS_TRAINED:
            replace = None if control.replace is None else control.replace(materials)
            counts = trained.used if control.thoughts is None and reasoner.thinking.halts else None
            thought = reasoner.think(readings, control.thoughts, replace=replace, counts=counts)
        found[control.name] = _answers(run, reasoner, control, thought, limit, materials, answers)
    return Batch(found, trained.used, trained.states_BKD)


def expected(run: TrainedRun, questions: Sequence[Example]) -> list[str]:
    """The true answers as the tokenizer writes them."""
    evaluator = run.evaluator
    segments = run.encoder.segments(questions)
    return [read_answer(evaluator.text(parts.answer), evaluator.marker) for parts in segments]


def _answers(
    run: TrainedRun,
    reasoner: Reasoner,
    control: Control,
    thought: Thoughts,
    limit: int,
    materials: Materials,
    answers: Sequence[str],
) -> Answers:
    tokens, evaluator = reasoner.write(thought.prompted, limit), run.evaluator
    written: list[str | None] = [read_answer(evaluator.text(row), evaluator.marker) for row in tokens]
    if control.has is None:
        return Answers(written, [None] * len(written))
    donors = control.has(materials).tolist()
    written = [text if donor >= 0 else None for text, donor in zip(written, donors, strict=True)]
    return Answers(written, [answers[donor] if donor >= 0 else None for donor in donors])


def _donors(answers: Sequence[str]) -> tuple[Tensor, Tensor]:
    """For each question the next one, round the batch, with another answer, and with the same; else -1."""

    def next_one(row: int, wanted: bool) -> int:
        others = [(row + step) % len(answers) for step in range(1, len(answers))]
        return next((other for other in others if (answers[other] == answers[row]) == wanted), -1)

    rows = range(len(answers))
    return torch.tensor([next_one(r, False) for r in rows]), torch.tensor([next_one(r, True) for r in rows])


def _which(k: int, thoughts: int) -> str:
    return "the thoughts" if k == 0 else f"thinking more than {k} of {thoughts} times"


def _zeros(materials: Materials) -> Replace:
    return lambda k, fed_BD: torch.zeros_like(fed_BD)


def _means(materials: Materials) -> Replace:
    """Each thought is the batch's mean thought of its place."""
    mean_KD = materials.fed_BKD.mean(0)
    return lambda k, fed_BD: mean_KD[k].expand_as(fed_BD)


def _random(materials: Materials, like_BD: Tensor) -> Tensor:
    """Gaussian vectors as long as ``like_BD``."""
    noise_BD = torch.randn(like_BD.shape, generator=materials.generator).to(like_BD)
    return noise_BD * (like_BD.norm(dim=-1, keepdim=True) / noise_BD.norm(dim=-1, keepdim=True))


def _noise_up_to(last: int) -> Callable[[Materials], Replace]:
    """Noise of the thought's length in place of the thoughts 0…last; the later ones follow from it."""

    def made(materials: Materials) -> Replace:
        return lambda k, fed_BD: _random(materials, fed_BD) if k <= last else fed_BD

    return made


def _added_noise(sigma: float) -> Callable[[Materials], Replace]:
    """The thought, and a random vector σ times as long."""

    def made(materials: Materials) -> Replace:
        return lambda k, fed_BD: fed_BD + sigma * _random(materials, fed_BD)

    return made


def _permuted(materials: Materials) -> Replace:
    """The thoughts as trained, each in the place of the next, the last one in that of the first."""
    fed_BKD, used = materials.fed_BKD, materials.used
    rows = torch.arange(len(fed_BKD))

    def replace(k: int, fed_BD: Tensor) -> Tensor:
        before = torch.tensor([(k - 1) % count if k < count else k for count in used])
        return fed_BKD[rows, before]

    return replace


def _transplant(kind: str) -> Callable[[Materials], Replace]:
    """The thoughts as trained of a question with another, or with the same, answer."""

    def made(materials: Materials) -> Replace:
        given_BKD = materials.fed_BKD[_has_donor(kind)(materials).clamp(min=0)]
        return lambda k, fed_BD: given_BKD[:, k]

    return made


def _has_donor(kind: str) -> Callable[[Materials], Tensor]:
    return lambda materials: materials.same_answer_B if kind == "same" else materials.other_answer_B


def batches(questions: Sequence[Example], size: int) -> Iterator[tuple[int, Sequence[Example]]]:
    """The questions in parts of ``size``, each with the number of its first."""
    for start in range(0, len(questions), size):
        yield start, questions[start : start + size]
