"""Graphs where guessing does not help: two isomorphic components, the query entity in one.

With two hops, one fork and one bridge (the dataset ``prosqa-tiny``); A and B are the candidates:

    a0 -> a1 -> A <- u -> B <- b1 <- b0
    a0 -> a2 -> a3         b3 <- b2 <- b0

    "4 7 . 7 1 . 12 3 . ... > 4 < 1 < 9"   asks about a0; its twin "... > 12 < 1 < 9" about b0

Twins are a contrast pair: same premises, other query entity, other answer. Everything is drawn before a fair
coin decides which entity is the query, so a rule that ignores the query entity is right half of the time by
construction. Dead ends are as long as the right path, false ways into a candidate too, and the bridge u
connects both candidates to both roots when direction is ignored.

Axes: B graphs (pairs of twins), N nodes, E edges.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..example import Example, Graph
from ..seeding import U64, Arrays, below, draws, first_accepted, mix, shuffled, split_mask
from ..wordings.row import Asked, Premises, Wording
from ..wordings.table import WORDINGS
from .vocabulary import CONCEPTS, ENTITIES

# Purposes of draws; the numbers are part of every dataset's version.
_LABELS, _ENTITY_LABELS, _ORDER, _COINS = range(4)


@dataclass(frozen=True, slots=True)
class FairConfig:
    """Difficulty of a graph. Chains are counted at a node, the right path included.

    Attributes:
        hops: Edges of the right path.
        branching: Chains that leave each node of the path that branches; all but one are dead ends that stop
            at the depth of the candidate.
        forks: Nodes of the path that branch, one after another.
        fork_at: Depth of the first of them; 0 is the root.
        ways_in: Chains that enter each of the last ``joins`` nodes of the path; all but one are false and
            start as far from the candidate as the root is.
        joins: Nodes of the path that false chains enter.
        bridges: Nodes without parents with an edge to the end of the path of every component.
        distractors: Further components of the same shape without a candidate.
        pool: Symbolic ids are drawn from 0..pool-1.

    Raises:
        ValueError: A value is out of range, or the pool is smaller than the graph.
    """

    hops: int = 2
    branching: int = 2
    forks: int = 1
    fork_at: int = 0
    ways_in: int = 1
    joins: int = 0
    bridges: int = 1
    distractors: int = 0
    pool: int = 16

    def __post_init__(self) -> None:
        limits = {
            "hops": (1, 12), "branching": (1, 8), "forks": (0, self.hops),
            "fork_at": (0, self.hops - self.forks), "ways_in": (1, 8), "joins": (0, self.hops),
            "bridges": (0, 8), "distractors": (0, 16),
        }  # fmt: skip
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be in {low}..{high}, got {value}")
        nodes = len(shape(self).is_entity)
        if not nodes <= self.pool <= 10_000:
            raise ValueError(f"pool must be in {nodes}..10000 (the graph has {nodes} nodes), got {self.pool}")


class Shape(NamedTuple):
    """A graph before its nodes are named.

    Attributes:
        edges: Pairs of nodes (parent, child).
        is_entity: Whether each node is an entity.
        paths: The right paths of the two candidate components, as nodes from root to candidate.
    """

    edges: tuple[tuple[int, int], ...]
    is_entity: tuple[bool, ...]
    paths: tuple[tuple[int, ...], tuple[int, ...]]


@lru_cache(maxsize=64)
def shape(config: FairConfig) -> Shape:
    """Build the graph of a configuration.

    Args:
        config: Its difficulty.

    Returns:
        The graph; nodes are numbered component by component, bridges last.
    """
    edges: list[tuple[int, int]] = []
    paths: list[tuple[int, ...]] = []
    size = 0

    def chain(length: int) -> list[int]:
        nonlocal size
        nodes = list(range(size, size + length))
        size += length
        return nodes

    def link(nodes: Sequence[int]) -> None:
        edges.extend(pairwise(nodes))

    for _ in range(2 + config.distractors):
        path = chain(config.hops + 1)
        link(path)
        # Dead ends leave the path and stop at the candidate's depth; false ways start at the root's depth.
        for depth in range(config.fork_at, config.fork_at + config.forks):
            for _ in range(config.branching - 1):
                link([path[depth], *chain(config.hops - depth)])
        for depth in range(config.hops - config.joins + 1, config.hops + 1):
            for _ in range(config.ways_in - 1):
                link([*chain(depth), path[depth]])
        paths.append(tuple(path))
    for bridge in chain(config.bridges):
        edges.extend((bridge, path[-1]) for path in paths)
    children = {v for _, v in edges}
    return Shape(tuple(edges), tuple(node not in children for node in range(size)), (paths[0], paths[1]))


def capacity(config: FairConfig) -> int:
    """Count the distinct symbolic questions, ignoring premise order, candidate order and query entity.

    These are the labeled graphs with their two candidates: injections of the ids into the nodes, divided by
    the symmetries of the shape.

    Args:
        config: Difficulty of the graphs.
    """
    nodes = len(shape(config).is_entity)
    inside = math.factorial(config.branching - 1) ** config.forks
    inside *= math.factorial(config.ways_in - 1) ** config.joins
    components = 2 + config.distractors
    symmetries = 2 * math.factorial(config.distractors) * inside**components * math.factorial(config.bridges)
    return math.perm(config.pool, nodes) // symmetries


def sample(config: FairConfig, keys: U64, ids: Sequence[str], split: str, surface: str) -> list[Example]:
    """Sample a pair of twins for each key.

    Args:
        config: Difficulty of the graphs.
        keys: Keys of the pairs [B].
        ids: Ids of the 2 B examples.
        split: Split that the labeled graphs must belong to.
        surface: The wording, a surface of the family in `WORDINGS`.

    Returns:
        The 2 B examples, twins side by side.

    Raises:
        ValueError: The surface has fewer names than the graph has nodes.
    """
    names = _names(config, surface)
    graph = shape(config)
    wording = WORDINGS["prosqa", surface]
    (labels_BN,) = _labeled(config, keys, split, wording.uses_ids)
    order_BE = shuffled(draws(keys, purpose=_ORDER, count=len(graph.edges))).tolist()
    coins_B2 = below(draws(keys, purpose=_COINS, count=2), 2).tolist()
    examples: list[Example] = []
    for row, labels in enumerate(labels_BN.tolist()):
        symbols = tuple([names[label] for label in labels])
        pair = (ids[2 * row], ids[2 * row + 1])
        examples += twins(graph, symbols, order_BE[row], coins_B2[row], pair, wording)
    return examples


def twins(
    graph: Shape,
    symbols: tuple[str, ...],
    order: list[int],
    coins: list[int],
    ids: tuple[str, str],
    wording: Wording,
    forms: Sequence[int] = (),
) -> Iterable[Example]:
    """Write one graph twice: same premises and candidates, each root once as the query entity.

    Args:
        graph: The graph, nodes not named yet.
        symbols: Name of each node.
        order: Order of the premises: a permutation of the edges.
        coins: Two bits: which root is asked first, whose candidate is named first.
        ids: Ids of the two examples.
        wording: How they are told.
        forms: The form of each edge's premise, where the wording has several.

    Yields:
        The two examples.
    """
    edges, paths = graph.edges, graph.paths
    first_asked, first_candidate = coins
    candidates = (paths[first_candidate][-1], paths[1 - first_candidate][-1])
    told_forms = [forms[at] for at in order] if forms else ()
    ask = wording.write(Premises(symbols, graph.is_entity, [edges[at] for at in order], told_forms))
    for turn in range(2):
        path = paths[first_asked ^ turn]  # the coin's root first, then the other one
        other = paths[1 - (first_asked ^ turn)]
        text = ask(Asked(path[0], *candidates, path))
        known = Graph(symbols, edges, path[0], path[-1], other[-1])
        yield Example(ids[turn], *text, len(path) - 1 - wording.concludes, ids[1 - turn], known)


def _names(config: FairConfig, surface: str) -> Sequence[str]:
    """Return the name of each label on this surface; natural: the entities, then the concepts."""
    if WORDINGS["prosqa", surface].uses_ids:
        return [str(label) for label in range(config.pool)]
    is_entity = shape(config).is_entity
    entities, concepts = sum(is_entity), len(is_entity) - sum(is_entity)
    if entities > len(ENTITIES) or concepts > len(CONCEPTS):
        raise ValueError(
            f"surface {surface!r} has names for {len(ENTITIES)} entities and {len(CONCEPTS)} concepts; "
            f"this graph needs {entities} and {concepts}"
        )
    return ENTITIES + CONCEPTS


def drawn_labels(
    is_entity: Sequence[bool],
    sizes: tuple[int, int],
    keys: U64,
    purposes: tuple[int, int],
    attempt: U64 | int,
) -> NDArray[np.int64]:
    """Draw distinct labels for the nodes of each graph, entities and concepts from names of their own.

    Args:
        is_entity: Whether each of the N nodes is an entity.
        sizes: Numbers of names for entities and for concepts.
        keys: Keys of the graphs [B].
        purposes: Purposes of the draws for entities and for concepts.
        attempt: Attempts of rejection sampling, see `streams`.

    Returns:
        Indices into the names of entities followed by those of concepts, shape [B, N].
    """
    label_BN, mask = np.empty((len(keys), len(is_entity)), np.int64), np.array(is_entity)
    for nodes, first, size, purpose in zip((mask, ~mask), (0, sizes[0]), sizes, purposes, strict=True):
        order = shuffled(draws(keys, purpose=purpose, count=size, attempt=attempt))
        label_BN[:, nodes] = first + order[:, : np.count_nonzero(nodes)]
    return label_BN


def _labeled(config: FairConfig, keys: U64, split: str, uses_ids: bool) -> Arrays:
    """Draw labels [B, N] for each key until the labeled graph belongs to the split.

    All graphs have the same shape, so a hash of the shape could not tell three splits apart: here the set of
    labeled edges decides.
    """
    graph = shape(config)
    start_E, end_E = np.array(graph.edges).T
    sizes, purposes = (len(ENTITIES), len(CONCEPTS)), (_ENTITY_LABELS, _LABELS)

    def propose(keys: U64, attempt: U64) -> tuple[Arrays, NDArray[np.bool_]]:
        if uses_ids:
            ids = shuffled(draws(keys, purpose=_LABELS, count=config.pool, attempt=attempt))
            labels = ids[:, : len(graph.is_entity)]
        else:
            labels = drawn_labels(graph.is_entity, sizes, keys, purposes, attempt)
        # An edge as one word, start and end 32 bits each.
        edge = (labels[:, start_E].astype(np.uint64) << np.uint64(32)) + labels[:, end_E].astype(np.uint64)
        # A sum forgets the order of the edges; mixing each of them first keeps different sets apart.
        canonical = mix(edge + np.uint64(1)).sum(axis=1, dtype=np.uint64)
        return (labels,), split_mask(canonical, split)

    return first_accepted(keys, propose)
