"""Ablations of the thoughts: answers with thoughts removed, replaced or swapped, question by question.

Every control keeps the weights and the questions and changes only the vectors that are fed as thoughts; all
controls share one reading of the question (`coconut.thinking`). If a classifier ends the thoughts, a question
keeps the number it had as trained, except under controls that change the number. Runs with pause tokens have
the controls that are meaningful for them: the pauses of all questions are the same vector.

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
    """A row of the battery: one ablation of the thoughts.

    Attributes:
        name: Name of the control.
        subject: What is (not) needed according to its verdict.
        replace: Builds the function that replaces the thoughts; None to keep them.
        thoughts: Constant number of thoughts; None for as many as the question had as trained.
        pauses: Whether the control is meaningful for pause tokens.
        has: Returns the donor of each question, -1 for none, [B]; questions without one are left out. None if
            no donor is needed.
        least: Thoughts that a question must have as trained; with fewer the control would change nothing, so
            it is left out.
    """

    name: str
    subject: str
    replace: Callable[[Materials], Replace] | None
    thoughts: int | None = None
    pauses: bool = True
    has: Callable[[Materials], Tensor] | None = None
    least: int = 1


class Materials(NamedTuple):
    """What a control may use.

    Attributes:
        fed_BKD: Vectors fed as thoughts, as trained.
        used: Number of thoughts of each question, as trained.
        generator: Random numbers.
        other_answer_B: Index in the batch of a donor with another answer, -1 for none.
        same_answer_B: Index in the batch of a donor with the same answer, -1 for none.
    """

    fed_BKD: Tensor
    used: list[int]
    generator: torch.Generator
    other_answer_B: Tensor
    same_answer_B: Tensor


class Answers(NamedTuple):
    """Answers under one control.

    Attributes:
        written: Answer to each question; None if the question is left out.
        donor: True answer of each question's donor; None without a donor.
    """

    written: list[str | None]
    donor: list[str | None]


def battery(thoughts: int) -> list[Control]:
    """Return the controls of a run.

    Args:
        thoughts: Thoughts or pauses per question; the maximum if a classifier ends them.

    Returns:
        The controls in the order of the report, "as trained" first.
    """
    last = thoughts - 1
    rows = [Control(AS_TRAINED, "", None)]
    rows += [
        Control("removed" if k == 0 else f"exit after {k}", _which(k, thoughts), None, k, least=k + 1)
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
        rows.append(Control("permuted", "the order of the thoughts", _permuted, pauses=False, least=2))
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
    """Results on one batch of questions.

    Attributes:
        answers: Answers under each control.
        used: Number of thoughts of each question, as trained.
        states_BKD: Hidden states at the thoughts, as trained.
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
        controls: Rows of `battery`.
        questions: The batch.
        first: Index of its first question; with ``seed`` it determines the random numbers.
        seed: Seed of the noise.

    Returns:
        Answers under every control, and the thoughts as trained.
    """
    segments, reasoner = run.encoder.segments(questions), run.reasoner()
    readings = reasoner.read([parts.question for parts in segments])
    trained = reasoner.think(readings)
    answers = expected(run, questions)
    generator = torch.Generator().manual_seed(seed * 1_000_003 + first)
    materials = Materials(trained.fed_BKD, trained.used, generator, *_donors(answers))
    # A model with broken thoughts may never stop writing; allow no more than the longest chain and answer.
    whole = max(sum(map(len, parts.steps)) + len(parts.answer) for parts in segments)
    limit = min(whole, run.recipe.max_new_tokens)
    found = {}
    for control in controls:  # the thoughts as trained have been computed above
        thought = trained
        if control.name != AS_TRAINED:
            replace = None if control.replace is None else control.replace(materials)
            counts = trained.used if control.thoughts is None and reasoner.thinking.halts else None
            thought = reasoner.think(readings, control.thoughts, replace=replace, counts=counts)
        found[control.name] = _answers(run, reasoner, control, thought, limit, materials, answers)
    return Batch(found, trained.used, trained.states_BKD)


def expected(run: TrainedRun, questions: Sequence[Example]) -> list[str]:
    """Return the true answers as the tokenizer decodes them.

    Args:
        run: A finished run.
        questions: Questions with their true answers.

    Returns:
        Normalized answers, comparable with the written ones.
    """
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
    written: list[str | None] = [
        read_answer(evaluator.text(row), evaluator.marker) if used >= control.least else None
        for row, used in zip(tokens, materials.used, strict=True)
    ]
    if control.has is None:
        return Answers(written, [None] * len(written))
    donors = control.has(materials).tolist()
    written = [text if donor >= 0 else None for text, donor in zip(written, donors, strict=True)]
    return Answers(written, [answers[donor] if donor >= 0 else None for donor in donors])


def _donors(answers: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return for each question the next one (cyclically) with another, and with the same, answer; else -1."""

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
    """Replace each thought by the batch's mean thought at its position."""
    mean_KD = materials.fed_BKD.mean(0)
    return lambda k, fed_BD: mean_KD[k].expand_as(fed_BD)


def _random(materials: Materials, like_BD: Tensor) -> Tensor:
    """Draw Gaussian vectors scaled to the norms of ``like_BD``."""
    noise_BD = torch.randn(like_BD.shape, generator=materials.generator).to(like_BD)
    return noise_BD * (like_BD.norm(dim=-1, keepdim=True) / noise_BD.norm(dim=-1, keepdim=True))


def _noise_up_to(last: int) -> Callable[[Materials], Replace]:
    """Replace thoughts 0…last by noise of the same norm; the later ones follow from it."""

    def made(materials: Materials) -> Replace:
        return lambda k, fed_BD: _random(materials, fed_BD) if k <= last else fed_BD

    return made


def _added_noise(sigma: float) -> Callable[[Materials], Replace]:
    """Add a random vector of σ times the thought's norm."""

    def made(materials: Materials) -> Replace:
        return lambda k, fed_BD: fed_BD + sigma * _random(materials, fed_BD)

    return made


def _permuted(materials: Materials) -> Replace:
    """Rotate the thoughts as trained by one position; the last becomes the first."""
    fed_BKD, used = materials.fed_BKD, materials.used
    rows = torch.arange(len(fed_BKD))

    def replace(k: int, fed_BD: Tensor) -> Tensor:
        before = torch.tensor([(k - 1) % count if k < count else k for count in used])
        return fed_BKD[rows, before]

    return replace


def _transplant(kind: str) -> Callable[[Materials], Replace]:
    """Replace the thoughts by those of the donor, as trained."""

    def made(materials: Materials) -> Replace:
        given_BKD = materials.fed_BKD[_has_donor(kind)(materials).clamp(min=0)]
        return lambda k, fed_BD: given_BKD[:, k]

    return made


def _has_donor(kind: str) -> Callable[[Materials], Tensor]:
    return lambda materials: materials.same_answer_B if kind == "same" else materials.other_answer_B


def batches(questions: Sequence[Example], size: int) -> Iterator[tuple[int, Sequence[Example]]]:
    """Split questions into batches.

    Args:
        questions: All questions.
        size: Questions per batch.

    Yields:
        The index of the batch's first question, and the batch.
    """
    for start in range(0, len(questions), size):
        yield start, questions[start : start + size]
