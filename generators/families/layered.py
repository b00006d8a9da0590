r"""Graphs of many shapes where guessing does not help: a random component and its mirror image.

A component has layers; every premise leads one layer down, so every path from an entity (layer 0) ends in
layer ``hops``, the right one and the dead ends alike, and every path into a candidate starts at an entity:

    layer 0     r     x     y          two components: A with root r and target t, B its mirror image with
                | \ / |  \  |          r' and t'; the candidates are t and t'; a coin decides whether r or r'
    layer 1     a   b     c   d        is the query entity; the other is that of the twin (contrast pair: same
                |  \| \ / |   |        premises, other query entity, other answer)
    layer 2     e   f   g     h        links: p is the right path. p[hops - 3] and p'[hops - 1] both lead to
                 \ / \ / \  /          l1 -> l2 -> l3, and so do p'[hops - 3] and p[hops - 1], mirrored
    layer 3      u    t    v

Through the links t' is as near to r as t is when direction is ignored: ``hops`` steps. Only this
shortest distance is balanced: there are more undirected routes to t, see `symmetric`. Since the graph is its
own mirror image, nothing that does not start from the query entity can tell the candidates apart. Root and
target are chosen such that a random walk from r ends at t in at most 1 of 5 cases, one back from t at r
likewise, and no walk that follows the most or the least frequently mentioned neighbor connects them.

Axes: B graphs, N nodes of a component, S starts and T ends of its edges, H layers, E edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..seeding import U64, Arrays, below, draws, first_accepted, split_mask, streams, word
from .ontology import edges_hash
from .walks import Component, choose_path

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

LINKS = 3  # nodes of each of the two chains that connect the components
# Purposes of draws; the numbers are part of every dataset's version. Those from 3 on are used elsewhere.
_HOPS, _LAYERS, _EDGES = range(3)


@dataclass(frozen=True, slots=True)
class LayeredConfig:
    """Difficulty of a graph. All sizes but the depth are fixed, so no size or text length tells the depth.

    Attributes:
        hops: Depths, mixed in equal shares.
        nodes: Nodes of a component.
        edges: Edges of a component.
        ends: Entities of a component, and also its leaves.
        distractors: Further components of the same shape without a candidate.

    Raises:
        ValueError: A value is out of range.
    """

    hops: tuple[int, ...] = (3, 4, 5, 6)
    nodes: int = 24
    edges: int = 32
    ends: int = 5
    distractors: int = 0

    def __post_init__(self) -> None:
        if not self.hops or not all(3 <= hops <= 12 for hops in self.hops):
            raise ValueError(f"hops must be in 3..12, got {self.hops}")
        limits = {
            "ends": (5, 16),
            "nodes": (2 * self.ends + max(self.hops) - 1, 64),
            "edges": (self.nodes, 2 * self.nodes),
            "distractors": (0, 8),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be in {low}..{high}, got {value}")

    @property
    def components(self) -> int:
        return 2 + self.distractors

    @property
    def side(self) -> int:
        """How far a node's number is from that of its mirror image."""
        return self.nodes

    @property
    def size(self) -> int:
        """Number of nodes of a whole graph."""
        return self.components * self.nodes + 2 * LINKS

    @property
    def entities(self) -> int:
        """Number of entities (nodes without parents) of a whole graph."""
        return self.components * self.ends

    def is_entity(self) -> list[bool]:
        """Return for each node of a whole graph whether it is an entity: the first ones of each component."""
        component = [node < self.ends for node in range(self.side)]
        return component * self.components + [False] * (self.size - self.components * self.side)

    def grow(self, keys: U64, split: str) -> Layered:
        """Sample one graph for each key.

        Args:
            keys: Keys of the graphs [B].
            split: Split that the shapes must belong to.

        Returns:
            The B graphs.

        Raises:
            NoCandidateError: No graph of this configuration is accepted.
        """
        return _grow(self, keys, split)


class Layered(NamedTuple):
    """Accepted graphs. Node v of component c is node c * nodes + v of the graph; the links come last.

    Attributes:
        edges_BE2: Edges (parent, child).
        path_BH: The right path in the first component, -1 after its end.
        layer_BE: The layer that each edge starts from.
    """

    edges_BE2: I64
    path_BH: I64
    layer_BE: I64


def _grow(config: LayeredConfig, keys: U64, split: str) -> Layered:
    size = config.components * config.edges + 2 * (LINKS + 1)

    def propose(keys: U64, attempt: U64) -> tuple[Arrays, Mask]:
        """Check what is cheap first; ``rows`` are the graphs that are left for the next check."""
        edges_BE2 = np.zeros((len(keys), size, 2), np.int64)
        path_BH = np.full((len(keys), max(config.hops) + 1), -1)
        layer_BN, roomy = draw_layers(config, draw_hops(config, keys), keys, attempt)
        rows = np.flatnonzero(roomy)
        adjacent_BST, connected = connect(config, layer_BN[rows], keys[rows], attempt[rows])
        rows, adjacent_BST = rows[connected], adjacent_BST[connected]
        component = Component.of(adjacent_BST, layer_BN[rows], config.ends, config.edges)
        path_BH[rows] = choose_path(component, path_BH.shape[1], keys[rows], attempt[rows])
        asked = path_BH[rows, 0] >= 0
        rows = rows[asked]
        edges_BE2[rows] = _whole(config, component.edges_BE2[asked], path_BH[rows], layer_BN[rows, -1])
        accepted = np.zeros(len(keys), np.bool_)
        accepted[rows] = split_mask(edges_hash(edges_BE2[rows], config.size), split)
        return (edges_BE2, path_BH, layer_BN), accepted

    edges_BE2, path_BH, layer_BN = first_accepted(keys, propose)
    return Layered(edges_BE2, path_BH, _edge_layers(config, edges_BE2, layer_BN))


def draw_hops(config: LayeredConfig, keys: U64) -> I64:
    """Draw the depth of each graph [B], once a key: one an attempt would favor depths accepted often."""
    return np.array(config.hops)[below(draws(keys, purpose=_HOPS, count=1)[:, 0], len(config.hops))]


def draw_layers(config: LayeredConfig, hops_B: I64, keys: U64, attempt: U64) -> tuple[I64, Mask]:
    """Put every node into a layer: entities first, leaves last, no layer empty.

    Args:
        config: Difficulty of the graphs.
        hops_B: Depth of each graph.
        keys: Keys of the graphs [B].
        attempt: Attempts of rejection sampling [B].

    Returns:
        The layers [B, N], and which graphs have enough pairs of nodes in adjacent layers for their edges.
    """
    words_BN = draws(keys, purpose=_LAYERS, count=config.nodes - 2 * config.ends, attempt=attempt)
    layer_BN = np.zeros((len(hops_B), config.nodes), np.int64)
    at = np.arange(words_BN.shape[1])
    # Of the nodes between, the first hops - 1 take layers 1, 2, … in turn; the others any inner layer.
    drawn = 1 + below(words_BN, (hops_B - 1)[:, None])
    layer_BN[:, config.ends : -config.ends] = np.where(at < (hops_B - 1)[:, None], at + 1, drawn)
    layer_BN[:, -config.ends :] = hops_B[:, None]
    return layer_BN, _roomy(config, layer_BN)


def _roomy(config: LayeredConfig, layer_BN: I64) -> Mask:
    """Return which graphs [B] have enough pairs of nodes in adjacent layers for their edges."""
    layers = max(config.hops) + 1
    # One count for all graphs: layer h of graph b is number b * layers + h.
    flat = layer_BN + np.arange(len(layer_BN))[:, None] * layers
    size_BH = np.bincount(flat.ravel(), minlength=len(layer_BN) * layers).reshape(-1, layers)
    room_B: Mask = (size_BH[:, 1:] * size_BH[:, :-1]).sum(axis=1) >= config.edges
    return room_B


def connect(config: LayeredConfig, layer_BN: I64, keys: U64, attempts: U64) -> tuple[Mask, Mask]:
    """Draw the edges [B, S, T], and return which graphs have exactly the number of edges wanted.

    Every node but an entity gets one parent, every node without a child but a leaf gets one, and then any
    edges between adjacent layers follow, all by the order of random words, one for each pair (s, t):

            t0  t1  t2  t3        a row a parent, a column a child; · is not allowed (layers not adjacent): 0
        s0   5   9   ·   ·        1. the largest word of each column is an edge: 7 9 6 8
        s1   7   3   ·   ·        2. the largest of each row that has none yet is an edge: 4
        s2   2   4   ·   ·        3. these get the largest word possible, then the E largest are the edges
        s3   ·   ·   6   8
    """
    inner = config.nodes - config.ends
    flat = (len(layer_BN), inner * inner)
    allowed = layer_BN[:, None, config.ends :] == layer_BN[:, :inner, None] + 1
    row, pair = np.divmod(np.flatnonzero(allowed), inner * inner)  # much faster than nonzero of two axes
    rank = np.zeros(flat, np.uint64)
    stream = streams(keys, purpose=_EDGES, attempt=attempts)
    # Words are drawn for the allowed pairs only, at most a third of all; the set bit keeps them above 0.
    rank[row, pair] = word(stream[row], pair) | np.uint64(1)
    words_BST = rank.reshape(allowed.shape)  # a view: what is written there is in rank as well
    chosen = words_BST == words_BST.max(axis=1, keepdims=True)
    graph, start = np.nonzero(~chosen.any(axis=2))  # the nodes without a child
    chosen[graph, start, words_BST[graph, start].argmax(axis=1)] = True
    needed = np.count_nonzero(chosen.reshape(flat), axis=1) <= config.edges
    words_BST[chosen] = np.iinfo(np.uint64).max
    adjacent = rank >= _largest(rank[row, pair], row, len(rank), config.edges)[:, None]
    exact = np.count_nonzero(adjacent, axis=1) == config.edges  # not so where two words are equal
    return adjacent.reshape(allowed.shape), needed & exact


def _largest(values: U64, row: I64, rows: int, nth: int) -> U64:
    """Return the ``nth`` largest of the values of each row [B]; ``row`` is sorted."""
    # Rows have different numbers of values; each row's are moved to the left of a table and filled up with 0.
    count_B = np.bincount(row, minlength=rows)
    packed = np.zeros((rows, int(count_B.max(initial=nth))), np.uint64)
    packed[row, np.arange(len(row)) - (count_B.cumsum() - count_B)[row]] = values
    return np.partition(packed, -nth, axis=1)[:, -nth]


def _whole(config: LayeredConfig, component: I64, path_BH: I64, hops_B: I64) -> I64:
    """List the edges [B, E, 2]: those of the component, its mirror image and distractors, then the links.

    side 0    p [hops - 3] and p'[hops - 1]  ->  l1 -> l2 -> l3
    side 1    p'[hops - 3] and p [hops - 1]  ->  the other three links
    """
    batch = np.arange(len(path_BH))
    whole = [component + at * config.nodes for at in range(config.components)]
    upper, lower = path_BH[batch, hops_B - 3], path_BH[batch, hops_B - 1]
    for side in (0, 1):
        link = config.components * config.nodes + side * LINKS
        chain = [(upper + side * config.nodes, link), (lower + (1 - side) * config.nodes, link)]
        chain += [(np.full_like(upper, node), node + 1) for node in range(link, link + LINKS - 1)]
        whole += [np.stack((one, np.full_like(one, node)), axis=1)[:, None] for one, node in chain]
    return np.concatenate(whole, axis=1)


def _edge_layers(config: LayeredConfig, edges_BE2: I64, layer_BN: I64) -> I64:
    """Return the layer of the parent of every edge [B, E]; links are below all nodes that lead to them."""
    links = layer_BN[:, -1:] + np.arange(LINKS)
    of_node = np.concatenate([layer_BN] * config.components + [links, links], axis=1)
    return np.take_along_axis(of_node, edges_BE2[:, :, 0], axis=1)
