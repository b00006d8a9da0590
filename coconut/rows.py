"""One example as token ids, and one row that is made of it for a batch."""

from __future__ import annotations

from typing import NamedTuple

from ..generators.example import Graph


class Segments(NamedTuple):
    """One example as token ids, independent of the method.

    Attributes:
        question: The question.
        steps: Each step.
        answer: Marker, answer, end token.
        graph: The graph behind it, if it is known.
    """

    question: list[int]
    steps: list[list[int]]
    answer: list[int]
    graph: Graph | None = None


class Row(NamedTuple):
    """One row of a batch.

    Attributes:
        prompt: Question, thoughts or pause tokens, and the markers around them.
        target: The tokens to write: the rest of the chain, and the answer.
        first_filler: Index in ``prompt`` of the first thought or pause token, or where one would stand.
        answer: The number of tokens at the end of ``target`` that are the answer itself, not its marker.
        texts: What the thoughts of each removed step must be decodable into (SIM-CoT), end token included.
        mixtures: The tokens of the concepts that each thought is the mixture of (CoT2); the thoughts are then
            in ``target``, as they are to be learned.
    """

    prompt: list[int]
    target: list[int]
    first_filler: int
    answer: int = 0
    texts: tuple[list[int], ...] = ()
    mixtures: tuple[list[int], ...] = ()


def step_texts(parts: Segments, removed: int, groups: int, end: int) -> tuple[list[int], ...]:
    """Return what each group of thoughts must be decodable into, as in the published code of SIM-CoT.

    Args:
        parts: The example.
        removed: How many steps, the first ones, thoughts stand in the place of.
        groups: The number of groups.
        end: The end token.

    Returns:
        One removed step a group, for the last group all that are left of them; the answer for a group
        without a step.
    """
    ends = [*range(1, groups), max(groups, removed)]
    texts = [[token for step in parts.steps[k : ends[k]] for token in step] for k in range(groups)]
    return tuple([*text, end] if text else parts.answer for text in texts)


def multiple_of(unit: int, number: int) -> int:
    """Return the least multiple that is not below a number.

    Args:
        unit: What it is to be a multiple of, at least 1.
        number: From 0 on.
    """
    return -(-number // unit) * unit


def round_up(number: int) -> int:
    """Return the next number whose binary form has no ones but in its first three digits, and at least 16.

    Args:
        number: From 0 on.
    """
    unit = max(16, 1 << max(0, number.bit_length() - 3))
    return multiple_of(unit, number)
