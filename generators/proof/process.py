"""The category of a written chain of thought, whatever the answer: the six categories of Coconut.

    "4 7 . 7 1 . > 4 < 1 < 9"   the query entity is 4, the target 1

    written            category          because
    4 7 . 7 1 . 1      Correct Path      a shortest path to the target
    4 2 . 2 7 . 7 1 .  Longer Path       a path to the target, and not a shortest one
    4 1 . 1            Hallucination     no premise says 4 → 1
    4 7 . 1            Wrong Target      a path that ends elsewhere
    1                  Correct Label     no path, the right answer
    9                  Incorrect Label   no path, another answer

After continuous thoughts the chain begins late: it is completed by the best path from the root to where it
begins, found by search, and is a Hallucination where there is none (arXiv 2412.06769, section 5.1). The
categories are mutually exclusive, and every text has one. ``1 4 .`` is no premise where ``4 1 .`` is one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import networkx as nx

from ..wordings.reading import Reading


class Category(StrEnum):
    """The six categories, in the paper's order."""

    CORRECT_PATH = "Correct Path"
    LONGER_PATH = "Longer Path"
    HALLUCINATION = "Hallucination"
    WRONG_TARGET = "Wrong Target"
    CORRECT_LABEL = "Correct Label"
    INCORRECT_LABEL = "Incorrect Label"


class Written(NamedTuple):
    """What a model wrote, cut into the steps of its chain and its answer (the text after the marker)."""

    steps: tuple[str, ...]
    answer: str


def split_written(text: str, marker: str) -> Written:
    """Cut a text into chain and answer at the last marker, and the chain after each full stop.

    Args:
        text: What a model wrote.
        marker: What stands before the answer, which may be the full stop itself. If another marker is
            missing, there is no answer.

    >>> split_written("4 7 . 7 1 . 1", ".")
    Written(steps=('4 7 .', '7 1 .'), answer='1')
    >>> split_written("Tom is a yumpus .", "###")
    Written(steps=('Tom is a yumpus.',), answer='')
    """
    chain, found, answer = text.rpartition(marker)
    if not found:
        chain, answer = ("", text) if marker == "." else (text, "")
    sentences = re.findall(r"[^.]+\.?|\.", chain + found if marker == "." else chain)
    steps = (_spaced(sentence) for sentence in sentences if sentence.strip())
    return Written(tuple(steps), " ".join(answer.split()))


def categorize(
    reading: Reading, target: str, steps: Sequence[str], *, is_right: bool, is_partial: bool
) -> Category:
    """The category of a written chain.

    Args:
        reading: The question.
        target: Its right candidate.
        steps: The chain, as `split_written` cuts it.
        is_right: Whether the answer is right, which decides where no step is written.
        is_partial: Whether thoughts may replace the chain's first steps; else it must begin at the query
            entity.

    Raises:
        ValueError: For a wording whose steps are more than premises.
    """
    wording = reading.wording
    if wording.opener is None:
        raise ValueError(
            f"wording must be one whose steps are premises, got {wording.family} {wording.surface}"
        )
    if not steps:
        return Category.CORRECT_LABEL if is_right else Category.INCORRECT_LABEL
    chain = _followed(reading, steps)
    if chain is None or not (is_partial or chain[0] == reading.root):
        return Category.HALLUCINATION
    distance = nx.single_source_shortest_path_length(reading.graph, reading.root)
    if chain[0] not in distance:
        return Category.HALLUCINATION
    if chain[-1] != target:
        return Category.WRONG_TARGET
    length = distance[chain[0]] + len(chain) - 1
    return Category.CORRECT_PATH if length == distance[target] else Category.LONGER_PATH


def _followed(reading: Reading, steps: Sequence[str]) -> list[str] | None:
    """The nodes that the steps pass; None where one is no premise or does not begin where the last ended."""
    told = {_spaced(premise): edge for premise, edge in zip(reading.premises, reading.edges, strict=True)}
    chain: list[str] = []
    for step in steps:
        start, end = told.get(_spaced(step), (None, None))
        if start is None or end is None or (chain and chain[-1] != start):
            return None
        chain += [end] if chain else [start, end]
    return chain


def _spaced(sentence: str) -> str:
    """One space between words, and before a full stop only after a number, as the wordings write it."""
    return re.sub(r"(?<=[a-z]) \.", ".", " ".join(sentence.split()))
