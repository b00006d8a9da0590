"""Graphs that cannot be solved without a search: two alike components, one of them asked about.

With two hops, one fork and one bridge (the dataset ``prosqa-tiny``); A and B are the candidates:

    a0 -> a1 -> A <- u -> B <- b1 <- b0
    a0 -> a2 -> a3         b3 <- b2 <- b0

    "4 7 . 7 1 . 12 3 . ... > 4 < 1 < 9"   asks about a0; its twin "... > 12 < 1 < 9" about b0

Everything is drawn before a fair coin decides who is asked about, so a rule that does not look at the one
asked about is right half of the time by construction. Dead ends are as long as the right path, false ways
into a candidate too, and the bridge u connects both candidates to both roots when direction is ignored.

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
    """The difficulty dial. Chains are counted at a node, the right path included.

    ``branching`` chains leave each of the first ``forks`` nodes of the path; all but one are dead ends that
    stop at the depth of the candidate. ``ways_in`` chains enter each of the last ``joins`` nodes of the path;
    all but one are false and start as far from the candidate as the root is. ``bridges`` nodes without
    parents have an edge to the end of the path of every component. ``distractors`` components have the
    same shape but no candidate. Symbolic ids are drawn from 0..pool-1. Raises ValueError for impossible
    values.
    """

    hops: int = 2
    branching: int = 2
    forks: int = 1
    ways_in: int = 1
    joins: int = 0
    bridges: int = 1
    distractors: int = 0
    pool: int = 16

    def __post_init__(self) -> None:
        limits = {
            "hops": (1, 12), "branching": (1, 8), "forks": (0, self.hops), "ways_in": (1, 8),
            "joins": (0, self.hops), "bridges": (0, 8), "distractors": (0, 16),
        }  # fmt: skip
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be in {low}..{high}, got {value}")
        nodes = len(shape(self).is_entity)
        if not nodes <= self.pool <= 10_000:
            raise ValueError(f"pool must be in {nodes}..10000 (the graph has {nodes} nodes), got {self.pool}")


class Shape(NamedTuple):
    """A graph before its nodes are named. ``paths`` are the right paths of the two candidate components."""

    edges: tuple[tuple[int, int], ...]
    is_entity: tuple[bool, ...]
    paths: tuple[tuple[int, ...], tuple[int, ...]]


@lru_cache(maxsize=64)
def shape(config: FairConfig) -> Shape:
    """Build the graph of a configuration; nodes are numbered component by component, bridges last."""
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
        for depth in range(config.forks):
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
    """Count the different questions (premise order, candidate order and who is asked left out).

    Labelled graphs with their two candidates: injections of the ids into the nodes, divided by the
    symmetries of the shape.
    """
    nodes = len(shape(config).is_entity)
    inside = math.factorial(config.branching - 1) ** config.forks
    inside *= math.factorial(config.ways_in - 1) ** config.joins
    components = 2 + config.distractors
    symmetries = 2 * math.factorial(config.distractors) * inside**components * math.factorial(config.bridges)
    return math.perm(config.pool, nodes) // symmetries


def sample(config: FairConfig, keys: U64, ids: Sequence[str], split: str, surface: str) -> list[Example]:
    """Make the pair of twins of each key [B]; ``ids`` names the 2 B examples in order.

    Raises ValueError when the surface has fewer names than the graph has nodes.
    """
    names = _names(config, surface)
    graph = shape(config)
    wording = WORDINGS["prosqa", surface]
    (labels_BN,) = _labelled(config, keys, split, wording.uses_ids)
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
    """Write one graph twice: the same premises and candidates, each root asked about once.

    Args:
        graph: The graph with both right paths.
        symbols: The names of its nodes.
        order: The order in which its edges are told.
        coins: Which root the first twin asks about, and which candidate is named first.
        ids: The ids of both.
        wording: How they are told.
        forms: The form of each edge's premise, where the wording has several.
    """
    edges, paths = graph.edges, graph.paths
    first_asked, first_candidate = coins
    candidates = (paths[first_candidate][-1], paths[1 - first_candidate][-1])
    told_forms = [forms[at] for at in order] if forms else ()
    ask = wording.write(Premises(symbols, graph.is_entity, [edges[at] for at in order], told_forms))
    for turn in range(2):
        path = paths[first_asked ^ turn]
        other = paths[1 - (first_asked ^ turn)]
        text = ask(Asked(path[0], *candidates, path))
        known = Graph(symbols, edges, path[0], path[-1], other[-1])
        yield Example(ids[turn], *text, len(path) - 1 - wording.concludes, ids[1 - turn], known)


def _names(config: FairConfig, surface: str) -> Sequence[str]:
    """Return what a label stands for on this surface; in English entities come first, then concepts."""
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


def _labelled(config: FairConfig, keys: U64, split: str, uses_ids: bool) -> Arrays:
    """Draw names [B, N] for each key until the labelled graph belongs to the split.

    The shape is the same for all, so forgetting the names would leave one graph for three splits; what
    is kept apart here is the set of labelled edges.
    """
    graph = shape(config)
    start_E, end_E = np.array(graph.edges).T
    entity_at = np.flatnonzero(graph.is_entity)
    concept_at = np.flatnonzero(~np.array(graph.is_entity))

    def propose(keys: U64, attempt: U64) -> tuple[Arrays, NDArray[np.bool_]]:
        if uses_ids:
            ids = shuffled(draws(keys, purpose=_LABELS, count=config.pool, attempt=attempt))
            labels = ids[:, : len(graph.is_entity)]
        else:
            entities = shuffled(draws(keys, purpose=_ENTITY_LABELS, count=len(ENTITIES), attempt=attempt))
            concepts = shuffled(draws(keys, purpose=_LABELS, count=len(CONCEPTS), attempt=attempt))
            labels = np.empty((len(keys), len(graph.is_entity)), np.int64)
            labels[:, entity_at] = entities[:, : len(entity_at)]
            labels[:, concept_at] = len(ENTITIES) + concepts[:, : len(concept_at)]
        edge = (labels[:, start_E].astype(np.uint64) << np.uint64(32)) + labels[:, end_E].astype(np.uint64)
        # A sum forgets the order of the edges; mixing each first keeps different sets apart.
        canonical = mix(edge + np.uint64(1)).sum(axis=1, dtype=np.uint64)
        return (labels,), split_mask(canonical, split)

    return first_accepted(keys, propose)
