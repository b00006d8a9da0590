"""Ablations of the thoughts: answers with thoughts removed, replaced or swapped, question by question.

Every control keeps the weights and the questions and changes only what stands where the thoughts stood; all
controls share one reading of the question (`coconut.thinking`). If a classifier ends the thoughts, a question
keeps the number it had as trained, except under controls that change the number. Runs with pause tokens have
the controls that are meaningful for them: the pauses of all questions are the same vector.

With fewer thoughts a model trained in stages writes the chain instead, as in its earlier stages: such a
control "may write". A "forced answer" is the more probable of the two candidates' answers, at once.

Axes: B questions, K thoughts, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from ...coconut.thinking import Reasoner, Thoughts
from ...generators.answers import read_answer
from ...generators.example import Example
from ...generators.plugins import table
from ..run.trained import TrainedRun
from .pairs import Donor, candidate_answers, donors
from .replacements import (
    Materials,
    Replacement,
    added_noise,
    means,
    noise_up_to,
    permuted,
    transplanted,
    zeros,
)

AS_TRAINED = "as trained"
REMOVED_MAY_WRITE, REMOVED_FORCED = "removed, may write", "removed, forced answer"
TWIN, UNRELATED = "thoughts of its twin", "thoughts of an unrelated question"
ANOTHER_ANSWER, SAME_ANSWER = f"{UNRELATED}, another answer", f"{UNRELATED}, same answer"
SIGMAS = (0.3, 1.0, 3.0)


class Control(NamedTuple):
    """A row of the battery: one ablation of the thoughts.

    Attributes:
        name: Name of the control.
        subject: What is (not) needed according to its verdict.
        replace: Builds the function that replaces the thoughts; None to keep them.
        thoughts: Constant number of thoughts; None for as many as the question had as trained.
        is_forced: Whether the answer of a candidate must follow at once; questions without two candidates are
            left out.
        pauses: Whether the control is meaningful for pause tokens.
        donor: Whose thoughts are fed; questions without such a donor are left out. None for no donor.
        least: Thoughts that a question must have as trained; with fewer the control would change nothing, so
            it is left out.
    """

    name: str
    subject: str
    replace: Replacement | None
    thoughts: int | None = None
    is_forced: bool = False
    pauses: bool = True
    donor: Donor | None = None
    least: int = 1


CONTROLS: Mapping[str, Control] = table("CONTROLS", {}, Control)
"""Those of plugins, which follow the package's own in every battery."""


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
    rows += [_fewer(k, thoughts, is_forced=True) for k in range(thoughts)]
    rows += [_fewer(k, thoughts, is_forced=False) for k in range(thoughts)]
    rows += [
        Control("zeroed", "the content of the thoughts", zeros),
        Control("mean", "what differs between the thoughts of questions", means, pauses=False),
        Control("norm-matched noise", "the direction of the thoughts", noise_up_to(last)),
    ]
    rows += [Control(f"noise σ={s:g}", "precision beyond this noise", added_noise(s)) for s in SIGMAS]
    rows += [
        Control(f"noise up to {j + 1}", f"the first {j + 1} of the thoughts", noise_up_to(j))
        for j in range(last)
    ]
    if thoughts > 1:
        rows.append(Control("permuted", "the order of the thoughts", permuted, pauses=False, least=2))
    transplants: tuple[tuple[str, Donor, str], ...] = (
        (TWIN, "twin", "what the thoughts hold of the query entity"),
        (ANOTHER_ANSWER, "another answer", "the question's own thoughts"),
        (SAME_ANSWER, "same answer", "what the thoughts hold beyond the answer"),
    )
    rows += [
        Control(name, subject, transplanted(donor), pauses=False, donor=donor)
        for name, donor, subject in transplants
    ]
    for row in CONTROLS.values():
        if row.name in {known.name for known in rows}:
            raise ValueError(f"control {row.name!r} of a plugin must have another name, this one is taken")
    return [*rows, *CONTROLS.values()]


def _fewer(k: int, thoughts: int, *, is_forced: bool) -> Control:
    """The control with the first k thoughts only."""
    subject = "the thoughts" if k == 0 else f"thinking more than {k} of {thoughts} times"
    if is_forced:
        name = REMOVED_FORCED if k == 0 else f"forced answer after {k} thought{'s' if k > 1 else ''}"
    else:
        subject += ", where it may write the chain instead"
        name = REMOVED_MAY_WRITE if k == 0 else f"exit after {k}, may write"
    return Control(name, subject, None, k, is_forced, least=k + 1)


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
    materials = Materials(trained.fed_BKD, trained.used, generator, donors(questions, answers))
    choices = _choices(run, questions)
    # A model with broken thoughts may never stop writing; allow no more than the longest chain and answer.
    whole = max(sum(map(len, parts.steps)) + len(parts.answer) for parts in segments)
    limit = min(whole, run.recipe.max_new_tokens)
    found = {}
    for control in controls:  # the thoughts as trained have been computed above
        thought = trained
        if control.name != AS_TRAINED:
            replacing = None if control.replace is None else control.replace(materials)
            counts = trained.used if control.thoughts is None and reasoner.thinking.halts else None
            thought = reasoner.think(readings, control.thoughts, replace=replacing, counts=counts)
        if control.is_forced:
            written = _forced(reasoner, thought, choices)
        else:
            written = [_read(run, row) for row in reasoner.write(thought.prompted, limit)]
        found[control.name] = _taking_part(control, written, materials, answers)
    return Batch(found, trained.used, trained.states_BKD)


def expected(run: TrainedRun, questions: Sequence[Example]) -> list[str]:
    """Return the true answers as the tokenizer decodes them.

    Args:
        run: A finished run.
        questions: Questions with their true answers.

    Returns:
        Normalized answers, comparable with the written ones.
    """
    return [_read(run, parts.answer) for parts in run.encoder.segments(questions)]


class _Choice(NamedTuple):
    """The answer of one candidate: its tokens (answer marker and end token included), and as it is read."""

    tokens: list[int]
    text: str


def _read(run: TrainedRun, tokens: list[int]) -> str:
    return read_answer(run.evaluator.text(tokens), run.evaluator.marker)


def _choices(run: TrainedRun, questions: Sequence[Example]) -> list[list[_Choice]]:
    """The answers of each question's two candidates; none for a question without."""
    found = []
    for example in questions:
        asked = [replace(example, answer=text) for text in candidate_answers(example) or ()]
        found.append([_Choice(p.answer, _read(run, p.answer)) for p in run.encoder.segments(asked)])
    return found


def _forced(reasoner: Reasoner, thought: Thoughts, choices: Sequence[Sequence[_Choice]]) -> list[str | None]:
    chosen = reasoner.choose(thought.prompted, [[one.tokens for one in row] for row in choices])
    return [row[index].text if row else None for row, index in zip(choices, chosen, strict=True)]


def _taking_part(
    control: Control, written: Sequence[str | None], materials: Materials, answers: Sequence[str]
) -> Answers:
    """Leave out the questions in which the control changes nothing, and those without a donor."""
    rows = range(len(written))
    given = materials.donors[control.donor].tolist() if control.donor else None
    takes = [materials.used[b] >= control.least and (given is None or given[b] >= 0) for b in rows]
    return Answers(
        [written[b] if takes[b] else None for b in rows],
        [answers[given[b]] if given and takes[b] else None for b in rows],
    )
