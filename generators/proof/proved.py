"""A question whose answer was found by search, and the building blocks of promises about its graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import networkx as nx

from ..wordings.reading import Reading


@dataclass(frozen=True)
class Proved:
    """A question whose answer was found by search.

    Attributes:
        reading: The question as read from its text.
        chain: The nodes from its root to ``target``.
        target: The candidate that can be reached.
        other: The one that cannot.
    """

    reading: Reading
    chain: tuple[str, ...]
    target: str
    other: str


def require(condition: bool, promise: str) -> None:
    """Raise ValueError(promise) unless the condition holds."""
    if not condition:
        raise ValueError(promise)


def sources(graph: nx.DiGraph[str]) -> set[str]:
    """Return the nodes without parents."""
    return {node for node, degree in graph.in_degree() if degree == 0}


def entities_above(graph: nx.DiGraph[str], node: str) -> set[str]:
    """Return the nodes without parents from which the node can be reached."""
    above: set[str] = nx.ancestors(graph, node)
    return above & sources(graph)


def shape(proved: Proved) -> object:
    """Return a form without names and order: the colors after four rounds of refinement."""
    return hash(refined(proved.reading.graph, {}, rounds=4))


def refined(graph: nx.DiGraph[str], marks: Mapping[str, int], rounds: int) -> tuple[int, ...]:
    """Return the sorted colors of the nodes after color refinement (Weisfeiler and Leman 1968).

    Equal graphs have equal colors; unequal trees never have.

    Args:
        graph: The graph.
        marks: The color that a node starts with, 0 without one.
        rounds: How often, at most, a node's color takes up those of its parents and children.
    """
    nodes = {node: at for at, node in enumerate(graph)}
    parents: list[list[int]] = [[] for _ in nodes]
    children: list[list[int]] = [[] for _ in nodes]
    for parent, child in graph.edges:
        parents[nodes[child]].append(nodes[parent])
        children[nodes[parent]].append(nodes[child])
    colors = [marks.get(node, 0) for node in nodes]
    different = len(set(colors))
    for _ in range(rounds):
        of = colors.__getitem__
        colors = [
            hash((color, tuple(sorted(map(of, above))), tuple(sorted(map(of, below)))))
            for color, above, below in zip(colors, parents, children, strict=True)
        ]
        before, different = different, len(set(colors))
        if different == before:  # no later round splits a color, in any graph that has these colors
            break
    return tuple(sorted(colors))


def stable_hash(words: Sequence[object]) -> int:
    """Return a hash of words that is the same in every process, unlike Python's."""
    return int.from_bytes(blake2b(repr(words).encode(), digest_size=8).digest(), "big")
