"""What a row of the table of wordings is made of, and what its writer takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .parsed import Parsed


class Premises(NamedTuple):
    """What is told of a graph, before its words; nodes are indices into ``symbols``.

    Attributes:
        symbols: The names of the nodes.
        is_entity: Which nodes are entities, i.e. have no parents.
        edges: The premises in the order of telling.
        forms: How each premise is told, where the wording has several forms: a number below
            ``Wording.forms``, or that number itself for a premise about an entity.
    """

    symbols: Sequence[str]
    is_entity: Sequence[bool]
    edges: Sequence[tuple[int, int]]
    forms: Sequence[int] = ()


class Asked(NamedTuple):
    """What is asked of a graph: nodes as indices, ``path`` from the root to the right candidate."""

    root: int
    first: int
    second: int
    path: Sequence[int]


class Text(NamedTuple):
    """The text of one example."""

    question: str
    steps: tuple[str, ...]
    answer: str


Asker = Callable[[Asked], Text]
Writer = Callable[[Premises], Asker]
"""Premises -> what asks about them. Twins have their premises told once."""


class Paper(NamedTuple):
    """Where a family was published.

    Attributes:
        dataset: The name of the dataset in the rows quoted from arXiv 2412.06769.
        recipe: The recipe that repeats that paper's training on it.
        citations: BibTeX entries of the papers to cite.
    """

    dataset: str
    recipe: str
    citations: tuple[str, ...]


class Wording(NamedTuple):
    """A row of ``WORDINGS``: everything that the words of a question decide.

    Attributes:
        family: Whose questions it words, a key of ``PAPERS``.
        surface: Its name within the family.
        paper: Where the family was published.
        write: The writer.
        read: The reader: a question's text -> what it says, or None where it does not end as this wording
            does. ValueError for a premise that is not of this wording.
        chain: The nodes that the steps pass, root first. ValueError at the first step that does not follow.
        answer: The answer's text, given the candidate that was found to be right.
        shortcut: The audit's rule that is the strongest known shortcut of the family as published.
        uses_ids: Whether nodes are called by numbers, not by the names of entities and concepts.
        needs_marker: Whether an answer can be told from a step by the marker before it only.
        forms: In how many ways a premise about a concept may be told.
        opener: What stands before the concept that a step begins with, for the analysis to force; None where
            a step is more than a premise, so that it cannot be analyzed.
        concludes: Whether the conclusion is told as a step of its own. The edge from the entity is then
            given and no hop, so hops are the steps less one.
        fixed_answers: All answers there are, where they name no candidate.
    """

    family: str
    surface: str
    paper: Paper
    write: Writer
    read: Callable[[str], Parsed | None]
    chain: Callable[[Parsed, Sequence[str]], list[str]]
    answer: Callable[[Parsed, str], str]
    shortcut: str
    uses_ids: bool = False
    needs_marker: bool = True
    forms: int = 1
    opener: str | None = None
    concludes: bool = False
    fixed_answers: tuple[str, ...] = ()
