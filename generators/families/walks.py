"""Choose the query entity (root) and the target of a layered graph such that walks rarely connect them.

A walk goes forwards from the root or backwards from the target, at random or to the neighbor mentioned most
often or least often. All graphs are walked at once over flat lists of edges, layer by layer:

    graph 0    a -> c, a -> d, b -> d        nodes 0 .. N-1
    graph 1    a -> c, b -> c, b -> d        nodes N .. 2N-1: node v of graph b is number b * N + v
    here       0 0 1 | N   N+1 N+1           sorted, so the edges of one node are one run
    there      2 3 3 | N+2 N+2 N+3           `np.add.reduceat` sums over each run

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
_TRIES = 4  # pairs of root and target tried on one component before another component is drawn
_MAX_NODES = 64


class Component(NamedTuple):
    """One component of each of B graphs: the first ``ends`` nodes are entities, the last ``ends`` leaves.

    Attributes:
        adjacent_BST: Whether an edge leads from a start (every node but the leaves) to an end (every node but
            the entities); column t is node ``ends`` + t.
        layer_BN: Layer of every node.
        ends: Number of entities, and of leaves.
        edges_BE2: Edges (start, end), sorted by start.
        by_end_BE2: The same edges, sorted by end.
    """

    adjacent_BST: Mask
    layer_BN: I64
    ends: int
    edges_BE2: I64
    by_end_BE2: I64

    @classmethod
    def of(cls, adjacent_BST: Mask, layer_BN: I64, ends: int, edges: int) -> Component:
        """List the edges of an adjacency matrix.

        Args:
            adjacent_BST: Adjacency, see the attributes.
            layer_BN: Layer of every node.
            ends: Number of entities, and of leaves.
            edges: Number of edges E, the same in every graph.

        Returns:
            The components.
        """
        # Flat positions come graph by graph and row by row. Every graph has exactly E edges, so the list
        # folds into [B, E]; of the transposed matrix it is sorted by end.
        shape, (starts, stops) = (len(layer_BN), edges, 2), adjacent_BST.shape[1:]
        start, end = np.divmod(np.flatnonzero(adjacent_BST) % (starts * stops), stops)
        edges_BE2 = np.stack((start, end + ends), axis=1).reshape(shape)
        end, start = np.divmod(np.flatnonzero(adjacent_BST.transpose(0, 2, 1)) % (starts * stops), starts)
        by_end_BE2 = np.stack((start, end + ends), axis=1).reshape(shape)
        return cls(adjacent_BST, layer_BN, ends, edges_BE2, by_end_BE2)

    @property
    def nodes(self) -> int:
        """Number of nodes N of a component."""
        return self.layer_BN.shape[1]

    def select(self, rows: I64) -> Component:
        """Return the graphs with these indices."""
        return Component(
            self.adjacent_BST[rows],
            self.layer_BN[rows],
            self.ends,
            self.edges_BE2[rows],
            self.by_end_BE2[rows],
        )

    def flat(self, edges_BE2: I64) -> tuple[I64, I64]:
        """Return starts and ends of edges [B, E, 2] as two flat lists, node v of graph b as b * nodes + v."""
        offset = (np.arange(len(edges_BE2)) * self.nodes)[:, None]
        return (edges_BE2[:, :, 0] + offset).ravel(), (edges_BE2[:, :, 1] + offset).ravel()


def choose_path(graphs: Component, length: int, keys: U64, attempts: U64) -> I64:
    """Choose root and target of each graph, and a path between them.

    A few pairs are tried among those that a random walk rarely connects, in both directions; the first one
    that guided walks do not connect is taken.

    Args:
        graphs: B components.
        length: Nodes of the longest path H.
        keys: Keys of the graphs [B].
        attempts: Attempts of rejection sampling [B].

    Returns:
        The path [B, H], -1 after its end; all -1 where no pair was found.
    """
    path_BH = np.full((len(keys), length), -1)
    if not len(keys):
        return path_BH
    fits_BP, reached_BNL = _seldom_connected(graphs)
    rank_BP = fits_BP.cumsum(axis=1)  # the k-th pair that fits is the first of rank k
    leaf, count = graphs.nodes - graphs.ends, 1 + graphs.nodes  # a word for the pair, one for every node
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
    """Return which pairs of root and target a random walk connects in at most 1 of 5 cases, either way.

    Pair P is root * ends + target. Also return how likely a walk back from each node ends at each root
    [B, N, L]: above 0 exactly where the root leads to the node.
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
    back = backward[:, leaf:].transpose(0, 2, 1)  # both are now [B, roots, targets]
    return ((forward > 0) & (forward <= _WALK) & (back <= _WALK)).reshape(size, -1), backward


def _walks(here: I64, there: I64, turn: I64, goal_FL: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how likely a random walk from each node ends at each goal [F, L], in units of 1 / _ONE.

    An edge leads from ``here``, which is sorted, to ``there``; a smaller ``turn`` is nearer the end of the
    walk. ``goal_FL`` is 1 where the node is the goal.

        turn 1      turn 0      goal        value of a node: mean of the values of the nodes it leads to
        1/2  ->  1  ->  1                   turn 0 first, so that each value is final before it is read
             ->  0  ->  0

    All values are whole numbers below 2^53, so floats hold them exactly and sums do not depend on order.
    """
    ends_FL = _ONE * goal_FL
    order = np.argsort(turn.astype(np.uint8), kind="stable")  # stable: here stays sorted within each turn
    here, there = here[order], there[order]
    for first, stop in pairwise([0, *np.bincount(turn).cumsum().tolist()]):
        if first == stop:
            continue
        groups = _groups(here[first:stop])
        ways = np.diff(groups, append=stop - first)  # out-degree of each node of this turn
        total = np.add.reduceat(ends_FL[there[first:stop]], groups, axis=0)
        ends_FL[here[first:stop][groups]] = np.floor(total / ways[:, None])
    return ends_FL


def _groups(values: I64) -> I64:
    """Return where each run of equal values begins."""
    return np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))


def _path(graphs: Component, under_BN: Mask, target_B: I64, words_BN: U64, length: int) -> I64:
    """Choose a path to the target [B, H], going back to a uniformly drawn parent below the root."""
    batch, layer_BN = np.arange(len(target_B)), graphs.layer_BN
    path_BH = np.full((len(target_B), length), -1)
    # One word for every node: above 0 (the set bit) below the root, 0 elsewhere. A step back goes to the
    # parent with the largest word; no node is a candidate twice, so the draws are independent.
    words_BS = np.where(under_BN, words_BN | np.uint64(1), np.uint64(0))[:, : graphs.nodes - graphs.ends]
    node_B = target_B
    for _ in range(length):
        path_BH[batch, layer_BN[batch, node_B]] = node_B  # a path has one node in every layer
        open_BS = graphs.adjacent_BST[batch, :, np.maximum(node_B - graphs.ends, 0)]
        parent_B = np.where(open_BS, words_BS, np.uint64(0)).argmax(axis=1)
        node_B = np.where(node_B < graphs.ends, node_B, parent_B)  # an entity has no parents: stay
    return path_BH


def _unguided(graphs: Component, path_BH: I64) -> Mask:
    """Return in which graphs [B] no walk to the most, or least, frequently mentioned neighbor arrives either.

    The links add a mention to two nodes of the right path, which would guide such a walk. A walk forwards
    may also turn into a link; left out here, that can only make it miss more often.
    """
    batch, hops_B = np.arange(len(path_BH)), graphs.layer_BN[:, -1]
    start, end = graphs.flat(graphs.edges_BE2)
    mentions_F = np.bincount(np.concatenate((start, end)), minlength=graphs.layer_BN.size)
    offset_B = batch * graphs.nodes
    for above in (1, 3):  # the nodes p[hops - 1] and p[hops - 3], where links start
        mentions_F[path_BH[batch, hops_B - above] + offset_B] += 1
    root_B, target_B = path_BH[:, 0] + offset_B, path_BH[batch, hops_B] + offset_B
    fits = np.ones(len(path_BH), np.bool_)
    back_end, back_start = graphs.flat(graphs.by_end_BE2)[::-1]  # backwards an edge leads from end to start
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
    """Return where a walk goes from each node [F]: to the neighbor of the highest value, or nowhere.

    Value and node are packed into one integer, so that a single maximum a run compares both; of equal values
    the node with the lowest number is first:

        bits    63 .. 6    5 .. 0
                value      63 - node        unpacked by % 64, for negative values too (numpy's % is >= 0)
    """
    groups = _groups(here)
    local = there % nodes  # the node's number within its graph, below 64
    best = np.maximum.reduceat(value_F[there] * _MAX_NODES + (_MAX_NODES - 1 - local), groups)
    next_F = np.arange(len(value_F))  # nodes without a way on stay where they are
    at = here[groups]
    # From number b * nodes + v to b * nodes + w by adding w - v.
    next_F[at] += _MAX_NODES - 1 - best % _MAX_NODES - at % nodes
    return next_F
