"""Which questions belong together: twins, batches that do not part them, donors, candidates.

Twins are a contrast pair: same premises, other query entity, other answer. Each example names its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from ...generators.answers import is_right
from ...generators.example import Example
from ...generators.wordings.reading import read_question

Donor = Literal["twin", "another answer", "same answer"]
"""Whose thoughts are transplanted: those of the twin, or of an unrelated question."""


def pair_of(example: Example) -> str:
    """Name the pair of twins of a question.

    Args:
        example: Question.

    Returns:
        The same id for both twins; its own for a question without a twin.
    """
    return min(example.id, example.twin or example.id)


def paired(questions: Sequence[Example]) -> list[Example]:
    """Sort questions so that twins are neighbors.

    Args:
        questions: Questions in any order.

    Returns:
        The questions in the order of each pair's first question.
    """
    first: dict[str, int] = {}
    for example in questions:
        first.setdefault(pair_of(example), len(first))
    return sorted(questions, key=lambda example: first[pair_of(example)])


def batches(questions: Sequence[Example], size: int) -> Iterator[tuple[int, Sequence[Example]]]:
    """Split questions into batches; neighboring twins stay together.

    Args:
        questions: All questions.
        size: Most questions per batch (a pair may exceed it).

    Yields:
        The index of the batch's first question, and the batch.
    """
    ends = [i for i in range(1, len(questions)) if pair_of(questions[i - 1]) != pair_of(questions[i])]
    start = before = 0
    for end in [*ends, len(questions)]:
        if end - start > size and before > start:
            yield start, questions[start:before]
            start = before
        before = end
    if before > start:
        yield start, questions[start:before]


def donors(questions: Sequence[Example], answers: Sequence[str]) -> dict[Donor, Tensor]:
    """Find the donors of a batch: each question's twin, and the next unrelated questions (cyclically).

    A question is unrelated if it is not the twin and not asked of the same premises.

    Args:
        questions: The batch.
        answers: Its true answers.

    Returns:
        For each kind of donor, its index in the batch for each question, -1 for none, [B].
    """
    rows, premises = range(len(questions)), [_premises(example) for example in questions]
    row_of = {example.id: row for row, example in enumerate(questions)}

    def unrelated(row: int, same: bool) -> int:
        return next(
            (
                other
                for other in (*rows[row + 1 :], *rows[:row])
                if (answers[other] == answers[row]) == same
                and premises[other] != premises[row]
                and pair_of(questions[other]) != pair_of(questions[row])
            ),
            -1,
        )

    return {
        "twin": torch.tensor([row_of.get(example.twin or "", -1) for example in questions]),
        "another answer": torch.tensor([unrelated(row, False) for row in rows]),
        "same answer": torch.tensor([unrelated(row, True) for row in rows]),
    }


def _premises(example: Example) -> object:
    graph = example.graph
    if graph is None:
        return pair_of(example)
    return frozenset((graph.symbols[u], graph.symbols[v]) for u, v in graph.edges)


def candidate_answers(example: Example) -> tuple[str, str] | None:
    """Word the answers of a question's two candidates.

    Args:
        example: Question.

    Returns:
        Both answers in the order of the candidates in the question; None for a question without a graph or of
        an unknown wording.
    """
    if example.graph is None:
        return None
    try:
        reading = read_question(example.question)
    except ValueError:
        return None
    one, other = map(reading.answer, reading.candidates)
    return (one, other) if is_right(one, example.answer) != is_right(other, example.answer) else None
