"""Who is asked about in a layered graph: a root and a target that a walk seldom connects.

A walk goes forwards from the root or backwards from the target, at random or to whatever is mentioned most
often or least often. All graphs are walked at once over flat lists of edges, layer by layer.

Axes: B graphs, N nodes of a component, S starts and T ends of its edges, L entities or leaves, P pairs of
them, H layers, E edges, F all nodes of all graphs.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..seeding import U64, below, draws

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

_QUESTION = 3  # the purpose of these draws; the number is part of every dataset's version
_ONE = 1 << 40  # the probability 1: walks are computed in integers, which are the same on every platform
_WALK = _ONE // 5
_TRIES = 4  # pairs of root and target tried on one component before another one is drawn
_MAX_NODES = 64


class Component(NamedTuple):
    """Components: the first ``ends`` nodes are entities, the last ``ends`` leaves.

    ``adjacent_BST`` has a row for every node that is no leaf and a column for every node that is no entity.
    ``edges_BE2`` are sorted by start, ``by_end_BE2`` by end.
    """

    adjacent_BST: Mask
    layer_BN: I64
    ends: int
    edges_BE2: I64
    by_end_BE2: I64

    @classmethod
    def of(cls, adjacent_BST: Mask, layer_BN: I64, ends: int, edges: int) -> Component:
        """List the edges; every graph has ``edges``."""
        shape, (starts, stops) = (len(layer_BN), edges, 2), adjacent_BST.shape[1:]
        start, end = np.divmod(np.flatnonzero(adjacent_BST) % (starts * stops), stops)
        edges_BE2 = np.stack((start, end + ends), axis=1).reshape(shape)
        end, start = np.divmod(np.flatnonzero(adjacent_BST.transpose(0, 2, 1)) % (starts * stops), starts)
        by_end_BE2 = np.stack((start, end + ends), axis=1).reshape(shape)
        return cls(adjacent_BST, layer_BN, ends, edges_BE2, by_end_BE2)

    @property
    def nodes(self) -> int:
        return self.layer_BN.shape[1]

    def select(self, rows: I64) -> Component:
        """Return some of the graphs."""
        return Component(
            self.adjacent_BST[rows],
            self.layer_BN[rows],
            self.ends,
            self.edges_BE2[rows],
            self.by_end_BE2[rows],
        )

    def flat(self, edges_BE2: I64) -> tuple[I64, I64]:
        """Starts and ends of all graphs' edges, node v of graph b being number b * nodes + v."""
        offset = (np.arange(len(edges_BE2)) * self.nodes)[:, None]
        return (edges_BE2[:, :, 0] + offset).ravel(), (edges_BE2[:, :, 1] + offset).ravel()


def choose_path(graphs: Component, length: int, keys: U64, attempts: U64) -> I64:
    """Choose root and target, and return a path [B, H = length] between them; all -1 where none was found.

    A few pairs are tried among those that a random walk seldom connects, either way; the first is taken that
    guided walks do not connect.
    """
    path_BH = np.full((len(keys), length), -1)
    if not len(keys):
        return path_BH
    fits_BP, reached_BNL = _seldom_connected(graphs)
    rank_BP = fits_BP.cumsum(axis=1)
    leaf, count = graphs.nodes - graphs.ends, 1 + graphs.nodes
    for turn in range(_TRIES):
        rows = np.flatnonzero((path_BH[:, 0] < 0) & (rank_BP[:, -1] > 0))
        if not rows.size:
            break
        words_BW = draws(
            keys[rows], purpose=_QUESTION, first=turn * count, count=count, attempt=attempts[rows]
        )
        drawn = below(words_BW[:, 0], rank_BP[rows, -1])[:, None] + 1
        root_B, target_B = np.divmod((rank_BP[rows] >= drawn).argmax(axis=1), graphs.ends)
        some = graphs.select(rows) if rows.size < len(keys) else graphs
        under_BN = reached_BNL[rows, :, root_B] > 0
        path = _path(some, under_BN, leaf + target_B, words_BW[:, 1:], length)
        fits = _unguided(some, path)
        path_BH[rows[fits]] = path[fits]
    return path_BH


def _seldom_connected(graphs: Component) -> tuple[Mask, NDArray[np.float64]]:
    """Say which pairs (root, target), numbered root * ends + target, one walk connects in 1 of 5 or fewer.

    Also return how likely a walk back from each node [B, N] ends at each root [L]; above 0 where the root
    leads to the node.
    """
    shape = (len(graphs.layer_BN), graphs.nodes, graphs.ends)
    each = np.eye(graphs.nodes)
    leaf, size = graphs.nodes - graphs.ends, len(graphs.layer_BN)
    start, end = graphs.flat(graphs.edges_BE2)
    layer = graphs.layer_BN.ravel()
    forward = _walks(start, end, layer.max() - layer[start], np.tile(each[:, leaf:], (size, 1)))
    start, end = graphs.flat(graphs.by_end_BE2)
    backward = _walks(end, start, layer[end], np.tile(each[:, : graphs.ends], (size, 1))).reshape(shape)
    forward = forward.reshape(shape)[:, : graphs.ends]
    back = backward[:, leaf:].transpose(0, 2, 1)
    return ((forward > 0) & (forward <= _WALK) & (back <= _WALK)).reshape(size, -1), backward


def _walks(here: I64, there: I64, turn: I64, goal_FL: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how likely a random walk from each node ends at each goal [F, L], in units of 1 / _ONE.

    An edge leads from ``here``, which is sorted, to ``there``; a smaller ``turn`` is nearer the end of the
    walk. ``goal_FL`` is 1 where the node is the goal. All values are whole numbers below 2^53, so the
    floats hold them exactly and sums do not depend on order.
    """
    ends_FL = _ONE * goal_FL
    order = np.argsort(turn.astype(np.uint8), kind="stable")
    here, there = here[order], there[order]
    for first, stop in pairwise([0, *np.bincount(turn).cumsum().tolist()]):
        if first == stop:
            continue
        groups = _groups(here[first:stop])
        ways = np.diff(groups, append=stop - first)
        total = np.add.reduceat(ends_FL[there[first:stop]], groups, axis=0)
        ends_FL[here[first:stop][groups]] = np.floor(total / ways[:, None])
    return ends_FL


def _groups(values: I64) -> I64:
    """Return where each run of equal values begins."""
    return np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))


def _path(graphs: Component, under_BN: Mask, target_B: I64, words_BN: U64, length: int) -> I64:
    """Choose a path to the target [B, H], going back to any parent under the root."""
    batch, layer_BN = np.arange(len(target_B)), graphs.layer_BN
    path_BH = np.full((len(target_B), length), -1)
    words_BS = np.where(under_BN, words_BN | np.uint64(1), np.uint64(0))[:, : graphs.nodes - graphs.ends]
    node_B = target_B
    for _ in range(length):
        path_BH[batch, layer_BN[batch, node_B]] = node_B
        open_BS = graphs.adjacent_BST[batch, :, np.maximum(node_B - graphs.ends, 0)]
        parent_B = np.where(open_BS, words_BS, np.uint64(0)).argmax(axis=1)
        node_B = np.where(node_B < graphs.ends, node_B, parent_B)  # an entity has no parents
    return path_BH


def _unguided(graphs: Component, path_BH: I64) -> Mask:
    """Say which graphs [B] also keep a walk away that goes to whatever is mentioned most often, or least.

    The links make two nodes of the right path more frequent, which would guide such a walk. A walk forwards
    may also turn into a link; left out here, that can only make it miss more often.
    """
    batch, hops_B = np.arange(len(path_BH)), graphs.layer_BN[:, -1]
    start, end = graphs.flat(graphs.edges_BE2)
    mentions_F = np.bincount(np.concatenate((start, end)), minlength=graphs.layer_BN.size)
    offset_B = batch * graphs.nodes
    for above in (1, 3):
        mentions_F[path_BH[batch, hops_B - above] + offset_B] += 1
    root_B, target_B = path_BH[:, 0] + offset_B, path_BH[batch, hops_B] + offset_B
    fits = np.ones(len(path_BH), np.bool_)
    back_end, back_start = graphs.flat(graphs.by_end_BE2)[::-1]
    for here, there, node_B, goal_B in (
        (start, end, root_B, target_B),
        (back_end, back_start, target_B, root_B),
    ):
        for value_F in (mentions_F, -mentions_F):
            next_F = _guide(here, there, value_F, graphs.nodes)
            at_B = node_B
            for _ in range(int(hops_B.max(initial=0))):
                at_B = next_F[at_B]
            fits &= at_B != goal_B
    return fits


def _guide(here: I64, there: I64, value_F: I64, nodes: int) -> I64:
    """Return where a walk goes from each node [F]: to the first of those of the highest value, or nowhere."""
    groups = _groups(here)
    local = there % nodes
    best = np.maximum.reduceat(value_F[there] * _MAX_NODES + (_MAX_NODES - 1 - local), groups)
    next_F = np.arange(len(value_F))
    at = here[groups]
    next_F[at] += _MAX_NODES - 1 - best % _MAX_NODES - at % nodes
    return next_F
