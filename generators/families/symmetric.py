r"""Graphs whose undirected form cannot tell the candidates apart: four copies of one layered component.

Copy (i, j) of the inner nodes hangs under set i of the entities and over set j of the leaves; r and t are an
entity and a leaf of set 0, r' and t' those of set 1. A coin decides whether r or r' is the query entity; the
other is that of the twin (contrast pair: same premises, other query entity, other answer):

    entities 0 (r) ---- copy 0,0 ---- leaves 0 (t) ---- copy 1,0 ---- entities 1 (r')
         |                                                                 |
         +------------- copy 0,1 ---- leaves 1 (t') --- copy 1,1 ----------+

One premise of each copy is reversed: in 0,0 and 1,1 one that some path from r to t does without; in 0,1 and
1,0 one that every path needs. So r leads to t and not to t', and all premises in between are alike.

Direction ignored, exchanging j maps the graph to itself and moves no entity: nothing that starts at the query
entity and ignores direction can tell the candidates apart (effective resistance, random walks, distances).
Exchanging i and j maps the directed graph to itself: nothing that does not start at the query entity can.

Walks rarely connect root and target: as in `walks`, at most 1 of 5 random ones, and as few guided ones.

Axes: B graphs, N nodes of the component, R entities and T leaves, P pairs, X reversible
edges, H layers, E edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..seeding import U64, Arrays, draws, first_accepted, split_mask, streams, word
from .layered import I64, Layered, LayeredConfig, Mask, connect, draw_hops, draw_layers
from .ontology import edges_hash

# Purposes of draws; those below 3 are those of `layered`. The numbers are part of every dataset's version.
_PAIR, _NEEDLESS, _NEEDED, _PATH = range(3, 7)
_ONE = 1 << 40  # the probability 1: walks are computed in whole numbers, which are the same on every platform
_WALK = 2 * _ONE // 5  # within a copy; half of all walks from the root enter the other one
_COPIES = ((0, 0), (0, 1), (1, 1), (1, 0))


@dataclass(frozen=True, slots=True)
class SymmetricConfig(LayeredConfig):
    """Difficulty of a graph; ``nodes`` and ``edges`` are those of the component that is copied.

    Raises:
        ValueError: A value is out of range.
    """

    nodes: int = 22
    edges: int = 26

    def __post_init__(self) -> None:
        LayeredConfig.__post_init__(self)
        if self.distractors:
            raise ValueError(f"distractors must be 0, got {self.distractors}")

    @property
    def side(self) -> int:
        return 2 * (self.nodes - self.ends)

    @property
    def size(self) -> int:
        return 2 * self.side

    def grow(self, keys: U64, split: str) -> Layered:
        """Sample one graph for each key, see ``LayeredConfig.grow``."""
        edges_BE2, path_BH = first_accepted(keys, lambda keys, attempt: _propose(self, keys, attempt, split))
        return Layered(edges_BE2, path_BH, _depths(self, edges_BE2))


class _Copies(NamedTuple):
    """The component, its root moved to node 0 and its target to the last, and two ways to reverse an edge."""

    whole_BNN: Mask
    needless_BNN: Mask
    needed_BNN: Mask
    kept_BNN: Mask

    def select(self, rows: I64) -> _Copies:
        """Return the graphs with these indices."""
        return _Copies(*(adjacent_BNN[rows] for adjacent_BNN in self))


def _propose(config: SymmetricConfig, keys: U64, attempt: U64, split: str) -> tuple[Arrays, Mask]:
    """Check what is cheap first; ``rows`` are the graphs that are left for the next check."""
    edges_BE2 = np.zeros((len(keys), 4 * config.edges, 2), np.int64)
    path_BH = np.full((len(keys), max(config.hops) + 1), -1)
    accepted = np.zeros(len(keys), np.bool_)
    hops_B = draw_hops(config, keys)
    layer_BN, roomy = draw_layers(config, hops_B, keys, attempt)
    rows = np.flatnonzero(roomy)
    adjacent_BST, connected = connect(config, layer_BN[rows], keys[rows], attempt[rows])
    rows, adjacent_BST = rows[connected], adjacent_BST[connected]
    whole_BNN = np.zeros((len(rows), config.nodes, config.nodes), np.bool_)
    whole_BNN[:, : -config.ends, config.ends :] = adjacent_BST
    copies, found = _reverse(whole_BNN, config.ends, max(config.hops), keys[rows], attempt[rows])
    rows = rows[found]
    seldom = _walks_miss(copies, config.ends)
    rows, copies = rows[seldom], copies.select(seldom)
    edges_BE2[rows] = _whole(config, copies)
    path_BH[rows] = _path(config, copies, hops_B[rows], draws(
        keys[rows], purpose=_PATH, count=config.nodes, attempt=attempt[rows]), path_BH.shape[1])  # fmt: skip
    accepted[rows] = split_mask(edges_hash(edges_BE2[rows], config.size), split)
    return (edges_BE2, path_BH), accepted


class _Reversible(NamedTuple):
    """The edges of all graphs that may be reversed, and the pairs of root and target.

    Attributes:
        graph_X: The graph of each edge, sorted.
        edge_X: The edge from node u to node v as u * N + v.
        needed_XRT: Whether every path from the entity to the leaf takes the edge.
        pairs_BRT: Whether some edge is needed between the two, and another one is not.
    """

    graph_X: I64
    edge_X: I64
    needed_XRT: Mask
    pairs_BRT: Mask

    @classmethod
    def of(cls, whole_BNN: Mask, ends: int, hops: int) -> _Reversible:
        """Find them: both ends of u -> v are inner nodes, u has another child and v another parent.

        So no node becomes an entity or a leaf; no cycle arises, since an edge leads one layer down.
        """
        nodes = whole_BNN.shape[1]
        from_BNR, to_BNT = _count_paths(whole_BNN, ends, hops)
        free_BNN = whole_BNN & (whole_BNN.sum(axis=2) > 1)[:, :, None] & (whole_BNN.sum(axis=1) > 1)[:, None]
        free_BNN[:, :ends] = free_BNN[:, :, -ends:] = False
        graph_X, edge_X = np.divmod(np.flatnonzero(free_BNN), nodes * nodes)
        start, end = np.divmod(edge_X, nodes)
        paths_BRT = from_BNR[:, -ends:].transpose(0, 2, 1)
        through_XRT = from_BNR[graph_X, start][:, :, None] * to_BNT[graph_X, end][:, None, :]
        needed_XRT = through_XRT == paths_BRT[graph_X]
        first = np.flatnonzero(np.diff(graph_X, prepend=-1))
        pairs_BRT = np.zeros(paths_BRT.shape, np.bool_)
        if len(first):
            both = [np.logical_or.reduceat(some, first, axis=0) for some in (needed_XRT, ~needed_XRT)]
            pairs_BRT[graph_X[first]] = both[0] & both[1] & (paths_BRT[graph_X[first]] > 0)
        return cls(graph_X, edge_X, needed_XRT, pairs_BRT)

    def draw(self, pair_B: I64, needed: bool, stream_B: U64, nodes: int) -> tuple[I64, I64]:
        """Draw the edge [B] to reverse in each graph that has one, as its start and its end."""
        root_B, target_B = np.divmod(pair_B, self.pairs_BRT.shape[2])
        some_X = self.needed_XRT[np.arange(len(self.graph_X)), root_B[self.graph_X], target_B[self.graph_X]]
        rank_BP = np.zeros((len(pair_B), nodes * nodes), np.uint64)
        graph, edge = self.graph_X[some_X == needed], self.edge_X[some_X == needed]
        rank_BP[graph, edge] = word(stream_B[graph], edge) | np.uint64(1)
        return np.divmod(rank_BP.argmax(axis=1), nodes)


def _reverse(whole_BNN: Mask, ends: int, hops: int, keys: U64, attempt: U64) -> tuple[_Copies, Mask]:
    """Choose root and target, an edge that all paths between them need, and one that some do without.

    Returns the graphs that have such a pair, and which those are.
    """
    nodes = whole_BNN.shape[1]
    edges = _Reversible.of(whole_BNN, ends, hops)
    pairs_BP = edges.pairs_BRT.reshape(-1, ends * ends)
    words_BP = draws(keys, purpose=_PAIR, count=ends * ends, attempt=attempt) | np.uint64(1)
    pair_B = np.where(pairs_BP, words_BP, np.uint64(0)).argmax(axis=1)
    found = np.asarray(pairs_BP.any(axis=1), np.bool_)
    batch, whole_BNN = np.arange(found.sum()), whole_BNN[found]
    turned = []
    for purpose in (_NEEDLESS, _NEEDED):
        stream_B = streams(keys, purpose=purpose, attempt=attempt)
        start, end = edges.draw(pair_B, purpose == _NEEDED, stream_B, nodes)
        kept_BNN = whole_BNN.copy()
        kept_BNN[batch, start[found], end[found]] = False
        adjacent_BNN = kept_BNN.copy()
        adjacent_BNN[batch, end[found], start[found]] = True
        turned.append((adjacent_BNN, kept_BNN))
    root_B, target_B = np.divmod(pair_B[found], ends)
    order_BN = np.tile(np.arange(nodes), (len(batch), 1))
    for place, node_B in ((0, root_B), (nodes - 1, nodes - ends + target_B)):
        order_BN[batch, node_B], order_BN[:, place] = place, node_B
    moved = (batch[:, None, None], order_BN[:, :, None], order_BN[:, None, :])
    (needless, kept), (needed, _) = turned
    return _Copies(whole_BNN[moved], needless[moved], needed[moved], kept[moved]), found


def _count_paths(whole_BNN: Mask, ends: int, hops: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Count the paths from each entity to each node [B, N, R], and from each node to each leaf [B, N, T]."""
    down_BNN = whole_BNN.astype(np.float64)
    each = np.tile(np.eye(whole_BNN.shape[1]), (len(whole_BNN), 1, 1))
    from_BNR, to_BNT = each[:, :, :ends], each[:, :, -ends:]
    one, two = from_BNR, to_BNT
    for _ in range(hops):
        one, two = down_BNN.transpose(0, 2, 1) @ one, down_BNN @ two
        from_BNR, to_BNT = from_BNR + one, to_BNT + two
    return from_BNR, to_BNT


def _walks_miss(copies: _Copies, ends: int) -> I64:
    """Return in which graphs random and guided walks rarely connect root and target, either way."""
    mentions_BN = copies.whole_BNN.sum(axis=1) + copies.whole_BNN.sum(axis=2)
    mentions_BN[:, :ends] *= 2  # entities and leaves belong to two copies
    mentions_BN[:, -ends:] *= 2
    rows = np.arange(len(mentions_BN))
    for sign in (0, 1, -1):
        for root, goal in ((0, -1), (-1, 0)):
            down_BNN = copies.needless_BNN[rows]
            ways_BNN = down_BNN if goal else down_BNN.transpose(0, 2, 1)
            rows = rows[_arrives(ways_BNN, sign * mentions_BN[rows], goal)[:, root] <= _WALK]
    return rows


def _arrives(ways_BNN: Mask, value_BN: I64, goal: int) -> NDArray[np.float64]:
    """Return how likely a walk to the neighbor of the highest value, ties at random, arrives [B, N].

    In units of 1 / _ONE. All sums are whole numbers below 2^53, exact in floats whatever their order.
    """
    value_BNN = np.where(ways_BNN, value_BN[:, None, :], np.iinfo(np.int64).min)
    steps_BNN = (ways_BNN & (value_BNN == value_BNN.max(axis=2, keepdims=True))).astype(np.float64)
    count_BN = np.maximum(steps_BNN.sum(axis=2), 1)
    chance_BN = np.zeros(value_BN.shape)
    chance_BN[:, goal] = _ONE
    for _ in range(value_BN.shape[1]):
        before_BN = chance_BN
        chance_BN = np.floor((steps_BNN @ before_BN[:, :, None])[:, :, 0] / count_BN)
        chance_BN[:, goal] = _ONE
        if (chance_BN == before_BN).all():
            break
    return chance_BN


def _whole(config: SymmetricConfig, copies: _Copies) -> I64:
    """List the edges [B, E, 2] of all four copies; node v + ``side`` is the mirror image of node v.

    side 0    entities 0, copy 0,0, copy 0,1, leaves 0
    side 1    entities 1, copy 1,1, copy 1,0, leaves 1
    """
    ends, inner = config.ends, config.nodes - 2 * config.ends
    whole = []
    for i, j in _COPIES:
        adjacent_BNN = copies.needless_BNN if i == j else copies.needed_BNN
        place_N = np.concatenate((
            np.arange(ends) + i * config.side,
            np.arange(inner) + i * config.side + ends + (i != j) * inner,
            np.arange(ends) + j * config.side + ends + 2 * inner,
        ))  # fmt: skip
        start, end = np.divmod(np.flatnonzero(adjacent_BNN) % config.nodes**2, config.nodes)
        whole.append(np.stack((place_N[start], place_N[end]), axis=1).reshape(-1, config.edges, 2))
    return np.concatenate(whole, axis=1)


def _path(config: SymmetricConfig, copies: _Copies, hops_B: I64, words_BN: U64, length: int) -> I64:
    """Choose a shortest path [B, H] in copy 0,0, going back from the target to a uniformly drawn parent."""
    batch, path_BH = np.arange(len(hops_B)), np.full((len(hops_B), length), -1)
    below_BN = _count_paths(copies.kept_BNN, 1, length)[0][:, :, 0] > 0
    words_BN = np.where(below_BN, words_BN | np.uint64(1), np.uint64(0))
    node_B = np.full(len(hops_B), config.nodes - 1)
    for steps in range(length):
        at_B = np.maximum(hops_B - steps, 0)
        path_BH[batch, at_B] = node_B + (node_B == config.nodes - 1) * (config.side - config.nodes)
        parent_B = np.where(copies.kept_BNN[batch, :, node_B], words_BN, np.uint64(0)).argmax(axis=1)
        node_B = np.where(node_B == 0, 0, parent_B)
    return path_BH


def _depths(config: SymmetricConfig, edges_BE2: I64) -> I64:
    """Return the length of the longest path to the parent of every edge [B, E]."""
    batch, depth_BN = np.arange(len(edges_BE2))[:, None], np.zeros((len(edges_BE2), config.size), np.int64)
    start, end = edges_BE2[:, :, 0], edges_BE2[:, :, 1]
    for _ in range(max(config.hops) + 2):  # a reversed edge leads a path one layer up, once
        np.maximum.at(depth_BN, (batch, end), depth_BN[batch, start] + 1)
    return depth_BN[batch, start]
