"""ProsQA as published: which of two concepts follows from the premises for the query entity.

    "Every shumpus is a rempus. Every shumpus is a yimpus. Every terpus is a fompus. ... Tom is a terpus. ...
     Every brimpus is a lempus. ... Is Tom a lempus or scrompus?"
    steps  "Tom is a terpus." "Every terpus is a brimpus." "Every brimpus is a lempus."
    answer "Tom is a lempus."

Hao et al. 2024 (arXiv 2412.06769), section 5 and Algorithm 1; their generator is not published, and the
selection below is read off their files, where it holds in every record of the validation and test splits.

It leaks: the right candidate is a deepest leaf, the wrong one a leaf of any depth, so depth alone gives the
answer to 9 of 10 questions. The dataset is here to reproduce published results, not to measure reasoning;
``prosqa-tiny-leaky`` is the same sampler at the size of ``prosqa-tiny``, to measure what the leak is worth.

Axes: B graphs, N nodes, P parents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..example import Example, Graph
from ..seeding import U64, Arrays, below, draws, first_accepted, shuffled, split_mask
from ..wordings.row import Asked, Premises, Writer
from ..wordings.table import WORDINGS
from .ontology import FAR, NODES, PARENTS, Ontologies, edge_list, grow, out_degrees, shape_hash
from .vocabulary import CONCEPTS, ENTITIES

_NAMES = np.array(ENTITIES + CONCEPTS, object)
T = TypeVar("T")

# Purposes of draws; 0 to 2 are the ontology's. The numbers are part of the dataset's version.
_CHOICE, _ENTITY_LABELS, _LABELS, _ORDER, _COINS = range(3, 8)


@dataclass(frozen=True, slots=True)
class PublishedConfig:
    """Size of the graphs; the defaults are those of the published files.

    Attributes:
        nodes: How many are tried; those that end up without an edge are dropped.
        min_hops: The fewest edges of the right path.
        max_hops: The most.
        pool: Symbolic ids are drawn from 0..pool-1.

    Raises:
        ValueError: A value is out of range.
    """

    nodes: int = NODES
    min_hops: int = 3
    max_hops: int = 6
    pool: int = 40

    def __post_init__(self) -> None:
        limits = {
            "nodes": (4, NODES), "min_hops": (1, self.max_hops), "max_hops": (1, self.nodes - 2),
            "pool": (self.nodes, 10_000),
        }  # fmt: skip
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be in {low}..{high}, got {value}")


PUBLISHED = PublishedConfig()
TINY = PublishedConfig(nodes=11, min_hops=2, max_hops=2, pool=16)
"""The size of ``prosqa-tiny``."""


class Question(NamedTuple):
    """The question about each graph [B], and the distances from its root; 0 hops: no question is possible."""

    root: NDArray[np.int64]
    target: NDArray[np.int64]
    negative: NDArray[np.int64]
    hops: NDArray[np.int64]
    distance_BN: NDArray[np.int16]


def choose(config: PublishedConfig, graphs: Ontologies, words_B3: U64) -> Question:
    """Choose the query entity (root) and the two candidates (target, negative).

    Root: whichever of nodes 0 and 1 has the deepest leaf that the other does not reach, as many hops away as
    the configuration allows; a coin decides a tie. Target: one of its deepest such leaves. Negative: any such
    leaf of the other.

    Args:
        config: Which depths are allowed.
        graphs: B graphs.
        words_B3: Random words: tie, target, negative.

    Returns:
        The B questions.
    """
    from_0, from_1 = graphs.from_0_BN, graphs.from_1_BN
    # A leaf has parents and no children; under_0 are the leaves that only node 0 reaches.
    leaf = (out_degrees(graphs.parents_BNP) == 0) & (graphs.parents_BNP[:, :, 0] >= 0)
    under_0, under_1 = leaf & (from_0 < FAR) & (from_1 == FAR), leaf & (from_1 < FAR) & (from_0 == FAR)
    depth_0 = np.where(under_0, from_0, 0).max(axis=1)
    depth_1 = np.where(under_1, from_1, 0).max(axis=1)
    root = np.where(depth_0 == depth_1, below(words_B3[:, 0], 2), depth_1 > depth_0)
    hops = np.maximum(depth_0, depth_1).astype(np.int64)
    asks_0 = root[:, None] == 0
    distance = np.where(asks_0, from_0, from_1)
    own, other = np.where(asks_0, under_0, under_1), np.where(asks_0, under_1, under_0)
    valid = (hops >= config.min_hops) & (hops <= config.max_hops) & other.any(axis=1)
    target = _one_of(own & (distance == hops[:, None]), words_B3[:, 1])
    return Question(root, target, _one_of(other, words_B3[:, 2]), np.where(valid, hops, 0), distance)


def _one_of(mask_BN: NDArray[np.bool_], words_B: U64) -> NDArray[np.int64]:
    """Draw one of the True columns of each row, uniformly; 0 where there is none."""
    # rank counts the True columns so far, so the k-th of them is the first column of rank k.
    rank = mask_BN.cumsum(axis=1)
    return (rank == below(words_B, rank[:, -1])[:, None] + 1).argmax(axis=1)


def sample(config: PublishedConfig, keys: U64, ids: Sequence[str], split: str, surface: str) -> list[Example]:
    """Sample one example for each key.

    Args:
        config: Size of the graphs.
        keys: Example keys [B].
        ids: Ids of the B examples.
        split: Split that the graphs must belong to.
        surface: The wording, a surface of the family in `WORDINGS`.

    Returns:
        The B examples.
    """

    def propose(keys: U64, attempt: U64) -> tuple[Arrays, NDArray[np.bool_]]:
        graphs = grow(keys, attempt, config.nodes)
        question = choose(config, graphs, draws(keys, purpose=_CHOICE, count=3, attempt=attempt))
        accepted = question.hops > 0
        accepted[accepted] = split_mask(shape_hash(graphs.parents_BNP[accepted]), split)
        return (graphs.parents_BNP, *question), accepted

    parents_BNP, root, target, negative, _, distance_BN = first_accepted(keys, propose, together=2048)
    wording = WORDINGS["prosqa", surface]
    is_entity_BN = parents_BNP[:, :, 0] < 0
    used_BN = ~is_entity_BN | (out_degrees(parents_BNP) > 0)
    index_BN = used_BN.cumsum(axis=1) - 1  # published indices skip nodes without an edge
    sizes = used_BN.sum(axis=1)
    edges = _edges(parents_BNP, index_BN)
    drawn = zip(
        ids,
        edges,
        _orders(keys, [len(some) for some in edges]),
        _cut(_symbols(keys, config.pool if wording.uses_ids else 0, is_entity_BN, used_BN), sizes),
        _cut(is_entity_BN[used_BN].tolist(), sizes),
        index_BN.tolist(),
        _ways(parents_BNP, distance_BN),
        np.stack((root, target, negative), axis=1).tolist(),
        draws(keys, purpose=_COINS, count=2).tolist(),
        strict=True,
    )
    return [_write(_Drawn(*row), wording.write) for row in drawn]


class _Drawn(NamedTuple):
    """One accepted graph; ``place`` is the published index of each node."""

    id: str
    edges: list[tuple[int, int]]
    order: list[int]
    symbols: list[str]
    is_entity: list[bool]
    place: list[int]
    ways: _Ways
    asked: list[int]  # root, target, negative
    coins: list[int]  # two words: which shortest path is the chain, which candidate comes first


class _Ways(NamedTuple):
    """A graph packed for the way back to the root, one byte a number: indexing bytes is fast in Python.

    parents    p p p p p p p p p p | p p ...    PARENTS for each node; a missing one is the node itself,
    distance   d | d | ...                      which is no nearer to the root, so no path takes it
    """

    parents: bytes
    distance: bytes


def _write(graph: _Drawn, writer: Writer) -> Example:
    """Write the question, the chain and the answer of a graph."""
    edges, index = graph.edges, graph.place
    symbols = tuple(graph.symbols)
    root, target, negative = [index[node] for node in graph.asked]
    path = [index[node] for node in _shortest_path(graph.ways, graph.asked[1], graph.coins[0])]
    first, second = (target, negative) if graph.coins[1] >> 63 else (negative, target)  # the top bit is fair
    premises = Premises(symbols, graph.is_entity, [edges[at] for at in graph.order])
    text = writer(premises)(Asked(root, first, second, path))
    known = Graph(symbols, tuple(edges), root, target, negative)
    return Example(graph.id, *text, hops=len(path) - 1, graph=known)


def _ways(parents_BNP: NDArray[np.int8], distance_BN: NDArray[np.int16]) -> Iterator[_Ways]:
    """Pack parents and distances of each graph."""
    # Both fit in a byte: nodes are below 28, distances at most FAR = 99.
    nodes = parents_BNP.shape[1]
    own = np.arange(nodes, dtype=np.int8)[:, None]
    parents, distance = (
        np.where(parents_BNP < 0, own, parents_BNP).tobytes(),
        distance_BN.astype(np.int8).tobytes(),
    )
    row = nodes * PARENTS
    for at in range(len(parents_BNP)):
        yield _Ways(parents[at * row : (at + 1) * row], distance[at * nodes : (at + 1) * nodes])


def _shortest_path(ways: _Ways, target: int, word: int) -> tuple[int, ...]:
    """Return one of the shortest paths from root to target, each with the same probability."""
    parents, distance = ways
    paths: list[tuple[int, ...]] = [(target,)]  # all shortest paths, grown backwards one layer at a time
    for step in range(distance[target] - 1, -1, -1):
        paths = [
            (node, *path)
            for path in paths
            for node in parents[path[0] * PARENTS : (path[0] + 1) * PARENTS]
            if distance[node] == step
        ]
    return paths[((word >> 32) * len(paths)) >> 32]  # `below` for one word


def _edges(parents_BNP: NDArray[np.int8], index_BN: NDArray[np.int64]) -> list[list[tuple[int, int]]]:
    """List the edges of each graph, sorted by child, as published indices."""
    graph, parent, child = edge_list(parents_BNP)
    start, end = index_BN[graph, parent].tolist(), index_BN[graph, child].tolist()
    return list(_cut(list(zip(start, end, strict=True)), np.bincount(graph, minlength=len(parents_BNP))))


def _cut(rows: list[T], sizes: NDArray[np.int64]) -> Iterator[list[T]]:
    """Cut a list over all graphs into one list for each."""
    stops = sizes.cumsum().tolist()
    return (rows[first:stop] for first, stop in pairwise([0, *stops]))


def _orders(keys: U64, counts: Sequence[int]) -> list[list[int]]:
    """Shuffle the edges of each graph; the graphs have different numbers of them."""
    words_BE = draws(keys, purpose=_ORDER, count=max(counts))
    unused_BE = np.arange(words_BE.shape[1]) >= np.array(counts)[:, None]
    words_BE[unused_BE] = np.iinfo(np.uint64).max  # sorted to the end
    return [row[:count] for row, count in zip(shuffled(words_BE).tolist(), counts, strict=True)]


def _symbols(keys: U64, pool: int, is_entity_BN: NDArray[np.bool_], used_BN: NDArray[np.bool_]) -> list[str]:
    """Draw the names of all used nodes, graph after graph: ids of the pool, words where it is 0."""
    if pool:
        labels = shuffled(draws(keys, purpose=_LABELS, count=pool))
        label_BN = np.take_along_axis(labels, used_BN.cumsum(axis=1) - 1, axis=1)
        return np.array([str(label) for label in range(pool)], object)[label_BN[used_BN]].tolist()
    entities = shuffled(draws(keys, purpose=_ENTITY_LABELS, count=len(ENTITIES)))
    concepts = shuffled(draws(keys, purpose=_LABELS, count=len(CONCEPTS))) + len(ENTITIES)
    # The k-th entity of a graph gets the k-th of the shuffled names, and so does the k-th concept.
    entity_rank = np.maximum((is_entity_BN & used_BN).cumsum(axis=1) - 1, 0)
    concept_rank = np.maximum((~is_entity_BN).cumsum(axis=1) - 1, 0)
    label_BN = np.where(
        is_entity_BN,
        np.take_along_axis(entities, entity_rank, axis=1),
        np.take_along_axis(concepts, concept_rank, axis=1),
    )
    return _NAMES[label_BN[used_BN]].tolist()
