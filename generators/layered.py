r"""Graphs of many shapes that cannot be solved without a search: a random component and its mirror image.

A component has layers; every premise leads one layer down, so every way from an entity (layer 0) ends in
layer ``hops``, the right one and the dead ends alike, and every way into a candidate starts at an entity:

    layer 0     r     x     y          two components: A with root r and target t, B its mirror image with
                | \ / |  \  |          r' and t'; the candidates are t and t', a coin decides whether r or
    layer 1     a   b     c   d        r' is asked about, and the twin asks about the other one
                |  \| \ / |   |
    layer 2     e   f   g     h        links: p is the right path. p[hops - 3] and p'[hops - 1] both lead to
                 \ / \ / \  /          l1 -> l2 -> l3, and so do p'[hops - 3] and p[hops - 1], mirrored
    layer 3      u    t    v

Through the links t' is as near to r as t is when direction is ignored: ``hops`` steps. Since the graph is its
own mirror image, nothing that does not start from the one asked about can tell the candidates apart. Root
and target are chosen such that one walk from r ends at t in at most 1 of 5 cases, and one back from t at r in
at most 1 of 5, whether it goes anywhere at random or to whatever is mentioned most often or least often.

Axes: B graphs, N nodes of a component, S starts and T ends of its edges, L leaves, H layers, E edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .ontology import edges_hash
from .seeding import U64, Arrays, below, draws, first_accepted, split_mask

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

LINKS = 3  # nodes of each of the two chains that connect the components
# Purposes of draws; the numbers are part of every dataset's version. Names and order take those from 8 on.
_HOPS, _LAYERS, _EDGES, _QUESTION = range(4)

_ONE = 1 << 40  # the probability 1: walks are computed in integers, which are the same on every platform
_WALK = _ONE // 5
_TRIES = 4  # pairs of root and target tried on one component before another one is drawn


@dataclass(frozen=True, slots=True)
class LayeredConfig:
    """The difficulty dial. Raises ValueError for impossible values.

    ``hops`` are the depths that are mixed in equal shares. A component has ``nodes`` nodes, of them ``ends``
    entities and ``ends`` leaves, and ``edges`` edges; these do not vary, so neither the size of a graph nor
    the length of its text tells its depth. ``distractors`` further components of the same shape have no
    candidate.
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
    def size(self) -> int:
        """The nodes of a whole graph."""
        return self.components * self.nodes + 2 * LINKS

    @property
    def entities(self) -> int:
        """The nodes without parents of a whole graph: the first ``ends`` of every component."""
        return self.components * self.ends

    def is_entity(self) -> list[bool]:
        component = [node < self.ends for node in range(self.nodes)]
        return component * self.components + [False] * (2 * LINKS)


class Layered(NamedTuple):
    """Accepted graphs. ``path_BH`` is the right path in the first component, -1 after its end.

    The node v of component c is node c * nodes + v of the graph; the links come last. ``layer_BE`` is the
    layer that each edge starts from.
    """

    edges_BE2: I64
    path_BH: I64
    layer_BE: I64


def grow(config: LayeredConfig, keys: U64, split: str) -> Layered:
    """Sample one graph for each key [B], of a shape that belongs to the split.

    Raises RuntimeError where a configuration leaves no graph.
    """
    hops_B = np.array(config.hops)[below(draws(keys, purpose=_HOPS, count=1)[:, 0], len(config.hops))]
    of_key = dict(zip(keys.tolist(), hops_B.tolist(), strict=True))

    def propose(keys: U64, attempt: U64) -> tuple[Arrays, Mask]:
        hops_B = np.array([of_key[key] for key in keys.tolist()])
        layer_BN = _layers(config, hops_B, draws(keys, purpose=_LAYERS, count=config.nodes, attempt=attempt))
        starts, ends = config.nodes - config.ends, config.nodes - config.ends
        words = draws(keys, purpose=_EDGES, count=starts * ends, attempt=attempt)
        adjacent_BNN, accepted = _connect(config, layer_BN, words.reshape(-1, starts, ends))
        path_BH = _question(config, adjacent_BNN, layer_BN, draws(
            keys, purpose=_QUESTION, count=_TRIES * (1 + config.nodes), attempt=attempt))  # fmt: skip
        rows = np.flatnonzero(accepted & (path_BH[:, 0] >= 0))
        accepted[:] = False
        edges_BE2 = np.zeros((len(keys), config.components * config.edges + 2 * (LINKS + 1), 2), np.int64)
        edges_BE2[rows] = _whole(config, adjacent_BNN[rows], path_BH[rows], hops_B[rows])
        accepted[rows] = split_mask(edges_hash(edges_BE2[rows], config.size), split)
        layer_BE = _edge_layers(config, edges_BE2, layer_BN, hops_B)
        return (edges_BE2, path_BH, layer_BE), accepted

    return Layered(*first_accepted(keys, propose))


def _layers(config: LayeredConfig, hops_B: I64, words_BN: U64) -> I64:
    """Put every node into a layer [B, N]: entities first, leaves last, no layer empty."""
    inner = config.nodes - 2 * config.ends
    layer_BN = np.zeros(words_BN.shape, np.int64)
    middle = layer_BN[:, config.ends : config.ends + inner]
    at = np.arange(inner)
    drawn = 1 + below(words_BN[:, :inner], (hops_B - 1)[:, None])
    middle[:] = np.where(at < (hops_B - 1)[:, None], at + 1, drawn)
    layer_BN[:, -config.ends :] = hops_B[:, None]
    return layer_BN


def _connect(config: LayeredConfig, layer_BN: I64, words_BST: U64) -> tuple[Mask, Mask]:
    """Draw the edges [B, N, N], and say which graphs could get exactly as many as asked for.

    Every node that is no entity gets one parent, every node without a child that is no leaf a child, and then
    any edges from layer to layer, all in the order of their words.
    """
    starts, first_end = config.nodes - config.ends, config.ends
    allowed = layer_BN[:, None, first_end:] == layer_BN[:, :starts, None] + 1
    words_BST = np.where(allowed, words_BST | np.uint64(1), np.uint64(0))
    chosen = words_BST == words_BST.max(axis=1, keepdims=True)
    childless = ~chosen.any(axis=2, keepdims=True)
    chosen |= childless & (words_BST == words_BST.max(axis=2, keepdims=True))
    needed = chosen.sum(axis=(1, 2)) <= config.edges
    rank = np.where(chosen, np.iinfo(np.uint64).max, words_BST).reshape(len(layer_BN), -1)
    last = np.partition(rank, -config.edges, axis=1)[:, -config.edges, None]
    enough = last[:, 0] > 0
    adjacent_BNN = np.zeros((len(layer_BN), config.nodes, config.nodes), np.bool_)
    adjacent_BNN[:, :starts, first_end:] = (rank >= np.maximum(last, np.uint64(1))).reshape(words_BST.shape)
    exact = adjacent_BNN.sum(axis=(1, 2)) == config.edges
    return adjacent_BNN, needed & enough & exact


def _question(config: LayeredConfig, adjacent_BNN: Mask, layer_BN: I64, words_BW: U64) -> I64:
    """Choose root and target, and return a path [B, H] between them; all -1 where none was found.

    A few pairs are tried among those that a random walk seldom connects, either way; the first is taken that
    guided walks do not connect.
    """
    fits_BP = _seldom_connected(config, adjacent_BNN, int(layer_BN.max()))
    path_BH = np.full((len(layer_BN), max(config.hops) + 1), -1)
    rank_BP = fits_BP.cumsum(axis=1)
    leaf, words_BTW = config.nodes - config.ends, words_BW.reshape(len(words_BW), _TRIES, -1)
    for turn in range(_TRIES):
        rows = np.flatnonzero((path_BH[:, 0] < 0) & (rank_BP[:, -1] > 0))
        drawn = below(words_BTW[rows, turn, 0], rank_BP[rows, -1])[:, None] + 1
        root_B, target_B = np.divmod((rank_BP[rows] >= drawn).argmax(axis=1), config.ends)
        adjacent, layer = adjacent_BNN[rows], layer_BN[rows]
        path = _path(adjacent, layer, root_B, leaf + target_B, words_BTW[rows, turn, 1:], path_BH.shape[1])
        fits = _unguided(adjacent, path, layer[:, -1])
        path_BH[rows[fits]] = path[fits]
    return path_BH


def _seldom_connected(config: LayeredConfig, adjacent_BNN: Mask, hops: int) -> Mask:
    """Say which pairs (root, target), numbered root * ends + target, one walk connects in 1 of 5 or fewer."""
    leaf = config.nodes - config.ends
    each = np.eye(config.nodes)
    forward = _walks(adjacent_BNN, each[:, leaf:], hops)[:, : config.ends]
    backward = _walks(adjacent_BNN.transpose(0, 2, 1), each[:, : config.ends], hops)[:, leaf:]
    backward = backward.transpose(0, 2, 1)
    return ((forward > 0) & (forward <= _WALK) & (backward <= _WALK)).reshape(len(forward), -1)


def _walks(adjacent_BNN: Mask, goal_NL: NDArray[np.float64], hops: int) -> NDArray[np.float64]:
    """Return how likely a random walk from each node ends at each goal [B, N, L], in units of 1 / _ONE.

    ``goal_NL`` is 1 where the node is the goal. All values are whole numbers below 2^53, so the floats hold
    them exactly and sums do not depend on order.
    """
    ways_BN1 = adjacent_BNN.sum(axis=2)[:, :, None].astype(np.float64)
    stays = ways_BN1 == 0
    ends_BNL = np.where(stays, _ONE * goal_NL, 0.0)
    steps_BNN = adjacent_BNN.astype(np.float64)
    for _ in range(hops):
        ends_BNL = np.where(stays, ends_BNL, np.floor(steps_BNN @ ends_BNL / np.maximum(ways_BN1, 1)))
    return ends_BNL


def _path(adjacent_BNN: Mask, layer_BN: I64, root_B: I64, target_B: I64, words_BN: U64, length: int) -> I64:
    """Choose a path from root to target [B, H], going back from the target to any parent under the root."""
    batch = np.arange(len(root_B))
    under_BN = np.zeros(layer_BN.shape, np.bool_)
    under_BN[batch, root_B] = True
    for _ in range(length - 1):
        under_BN |= (adjacent_BNN & under_BN[:, :, None]).any(axis=1)
    path_BH = np.full((len(root_B), length), -1)
    node_B = target_B
    for _ in range(length):
        path_BH[batch, layer_BN[batch, node_B]] = node_B
        open_BN = adjacent_BNN[batch, :, node_B] & under_BN
        parent_B = np.where(open_BN, words_BN | np.uint64(1), np.uint64(0)).argmax(axis=1)
        node_B = np.where(open_BN.any(axis=1), parent_B, node_B)
    return path_BH


def _unguided(adjacent_BNN: Mask, path_BH: I64, hops_B: I64) -> Mask:
    """Say which graphs [B] also keep a walk away that goes to whatever is mentioned most often, or least.

    The links make two nodes of the right path more frequent, which would guide such a walk. A walk forwards
    may also turn into a link; left out here, that can only make it miss more often.
    """
    batch = np.arange(len(hops_B))
    mentions_BN = adjacent_BNN.sum(axis=1) + adjacent_BNN.sum(axis=2)
    for above in (1, 3):
        mentions_BN[batch, path_BH[batch, hops_B - above]] += 1
    root_B, target_B = path_BH[:, 0], path_BH[batch, hops_B]
    fits = np.ones(len(hops_B), np.bool_)
    walks = ((adjacent_BNN, root_B, target_B), (adjacent_BNN.transpose(0, 2, 1), target_B, root_B))
    for ways_BNN, start_B, goal_B in walks:
        for value_BN in (mentions_BN, -mentions_BN):
            node_B = start_B
            for _ in range(int(hops_B.max(initial=0))):
                open_BN = ways_BNN[batch, node_B]
                best_B = np.where(open_BN, value_BN, np.iinfo(np.int64).min).argmax(axis=1)
                node_B = np.where(open_BN.any(axis=1), best_B, node_B)
            fits &= node_B != goal_B
    return fits


def _whole(config: LayeredConfig, adjacent_BNN: Mask, path_BH: I64, hops_B: I64) -> I64:
    """List the edges [B, E, 2]: those of the component, its mirror image and distractors, then the links."""
    batch = np.arange(len(path_BH))
    _, start, end = np.nonzero(adjacent_BNN)
    component = np.stack((start, end), axis=1).reshape(len(path_BH), config.edges, 2)
    whole = [component + at * config.nodes for at in range(config.components)]
    upper, lower = path_BH[batch, hops_B - 3], path_BH[batch, hops_B - 1]
    for side in (0, 1):
        link = config.components * config.nodes + side * LINKS
        chain = [(upper + side * config.nodes, link), (lower + (1 - side) * config.nodes, link)]
        chain += [(np.full_like(upper, node), node + 1) for node in range(link, link + LINKS - 1)]
        whole += [np.stack((one, np.full_like(one, node)), axis=1)[:, None] for one, node in chain]
    return np.concatenate(whole, axis=1)


def _edge_layers(config: LayeredConfig, edges_BE2: I64, layer_BN: I64, hops_B: I64) -> I64:
    """Return the layer of the start of every edge [B, E]; links are below everything that leads to them."""
    batch = len(hops_B)
    links = hops_B[:, None] + np.arange(LINKS)
    of_node = np.concatenate([layer_BN] * config.components + [links, links], axis=1)
    return np.take_along_axis(of_node, edges_BE2[:, :, 0].reshape(batch, -1), axis=1)
