"""One question, and what one model made of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...generators.example import Example
from ...generators.wordings.reading import Reading, read_question
from .graph import Search

HALTED = -1
"""In place of a number of thoughts: as many as the classifier that ends them allows each question."""


class Question(NamedTuple):
    """An example, its question read back from the text, and the search that the question asks for."""

    example: Example
    reading: Reading
    search: Search

    @property
    def target(self) -> str:
        return self.search.graph.symbols[self.search.graph.target]


def read_example(example: Example) -> Question:
    """Read an example's question back from its text.

    Args:
        example: A ProsQA-like example with its graph, in natural or symbolic wording.

    Raises:
        ValueError: The example has no graph, or is not ProsQA-like.
    """
    reading = None if example.graph is None else read_question(example.question)
    if reading is None or example.graph is None or reading.wording.opener is None:
        raise ValueError(f"analyze needs ProsQA-like questions with their graphs, got {example.id!r}")
    return Question(example, reading, Search(example.graph))


@dataclass(frozen=True)
class Observation:
    """What one model made of one question. State k is the hidden state after k thoughts, k = 0…K.

    Attributes:
        products: Inner product of concept and state, ``[node][k]``.
        norms: Length of each state.
        lens: The most probable next tokens at each state, with their probabilities.
        values: The value of every node after k thoughts, for k ≥ 1.
        written: The text written after k thoughts, for the k that were asked for.
        right: Whether the answer in that text is right.
        attention: Of each thought on each premise, ``[layer][thought][premise]``; None where not observed.
        used: The number of thoughts before the text written after `HALTED`; None where there is none.
    """

    products: list[list[float]]
    norms: list[float]
    lens: list[list[tuple[str, float]]]
    values: dict[int, list[float]]
    written: dict[int, str]
    right: dict[int, bool]
    attention: list[list[list[float]]] | None = None
    used: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all fields ready for JSON, without an attention that was not observed."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Observed:
    """One model's observations of the questions, in their order; iterates over the pairs.

    Attributes:
        per_step: Thoughts that replace one reasoning step.
        marker: What stands before the answer in a written text.
    """

    questions: Sequence[Question]
    found: Sequence[Observation]
    per_step: int
    marker: str

    def __iter__(self) -> Iterator[tuple[Question, Observation]]:
        return zip(self.questions, self.found, strict=True)

    def steps(self, thoughts: int) -> int:
        """Convert a number of thoughts to steps of the search."""
        return math.ceil(thoughts / self.per_step)
