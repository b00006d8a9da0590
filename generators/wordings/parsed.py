"""What a reader makes of a question, and what readers share. No writer uses any of it.

Nodes are words: "terpus", "Tom", "12", and in ProntoQA properties too ("wooden", "not wooden").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx as nx

Edge = tuple[str, str]


@dataclass(frozen=True)
class Parsed:
    """A question as read.

    Attributes:
        premises: The text of each premise, in the order of telling.
        edges: One edge for each premise, so a duplicate shows.
        root: The query entity.
        candidates: Both candidates, in the order of the question.
    """

    premises: tuple[str, ...]
    edges: tuple[Edge, ...]
    root: str
    candidates: tuple[str, str]

    @cached_property
    def graph(self) -> nx.DiGraph[str]:
        """The graph that the premises make."""
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_edges_from(self.edges)
        return graph


def parse(told: str, read_edge: Callable[[str], Edge], root: str, candidates: tuple[str, str]) -> Parsed:
    """Cut the premises apart and read each.

    Args:
        told: The premises, each with its full stop, a space between two.
        read_edge: The edge that one premise tells; ValueError where it is not understood.
        root: The query entity.
        candidates: Both candidates.

    Raises:
        ValueError: At a premise that is not understood, or white space other than one space.
    """
    premises = tuple([premise.strip() for premise in re.findall(r"[^.]+\.", told)])
    edges = tuple([read_edge(premise) for premise in premises])
    if " ".join(premises) != told:
        raise ValueError("premises must be separated by single spaces")
    return Parsed(premises, edges, root, candidates)


def edge_reader(form: str) -> Callable[[str], Edge]:
    """Make a reader of premises.

    Args:
        form: A regular expression with two groups, the start and the end of the edge.

    Returns:
        A function from a premise to its edge, which raises ValueError where the premise has another form.
    """
    pattern = re.compile(form)

    def read(premise: str) -> Edge:
        match = pattern.fullmatch(premise)
        if match is None:
            raise ValueError(f"premise not understood: {premise!r}")
        start, end = match.groups()
        return start, end

    return read


def follow(parsed: Parsed, steps: Sequence[str]) -> list[str]:
    """Follow steps that are premises.

    Args:
        parsed: The question.
        steps: The chain.

    Returns:
        The nodes that the steps pass, root first.

    Raises:
        ValueError: At the first step that is no premise or does not start where the last one ended.
    """
    told = dict(zip(parsed.premises, parsed.edges, strict=True))
    chain = [parsed.root]
    for number, step in enumerate(steps, 1):
        chain.append(end_of(step, number, chain[-1], told))
    return chain


def end_of(premise: str, number: int, node: str, told: dict[str, Edge]) -> str:
    """Say where a premise leads.

    Args:
        premise: The premise that is used.
        number: The step's number, for the message.
        node: Where the step must start.
        told: Premise -> its edge.

    Raises:
        ValueError: Where it is no premise or starts elsewhere.
    """
    if premise not in told:
        raise ValueError(f"step {number} is not a premise: {premise!r}")
    start, end = told[premise]
    if start != node:
        raise ValueError(f"step {number} starts at {start!r}, the one before it ended at {node!r}")
    return end
