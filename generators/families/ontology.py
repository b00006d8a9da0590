"""Random ontologies of the published ProsQA kind, many at a time, and a name-free hash of a graph.

Nodes 0 and 1 are two entities; every later node draws its parents among the earlier ones:

    0 -> 2 -> 5 -> 8        reached from 0 only: one side
    1 -> 3 -> 6             reached from 1 only: the other side
    1 -> 7 <- 4             4 drew no parent, so it is an entity too

Hao et al. 2024 (arXiv 2412.06769), Algorithm 1, with the constants that fit the published files better than
those printed there: 28 nodes are tried (11 for the small dataset), nodes that end up alone are dropped, and a
new node draws its parents from the nodes under entity 0 alone (.35), under entity 1 alone (.445) or from all
(.205).

Axes: B graphs, N nodes, P parents (in the order drawn, -1 where there are fewer).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..seeding import U64, below, draws, mix, streams, word

I64 = NDArray[np.int64]
I16 = NDArray[np.int16]

NODES = 28
FAR = 99  # the distance to an unreachable node

# Purposes of draws; the numbers are part of the dataset's version.
_SIDE, _COUNT, _PICK = range(3)

_SIDE_BOUND = 1000
_ONLY_0, _ONLY_1 = 350, 795  # cumulative, in thousandths

_POISSON = np.array(
    [
        0x391F0EE496B83AC8, 0x8ECDA53B78CC92F6, 0xCF1095FCA25BD518, 0xEF320E5D37237629, 0xFB3E9B816EEE528F,
        0xFEDBF90C4C77FB14, 0xFFC3506F03DA6535, 0xFFF4E328BD6F7BF3, 0xFFFE2EAB903B7037, 0xFFFFBB415E0818ED,
    ],
    dtype=np.uint64,
)  # fmt: skip
"""2^64 times the distribution function of Poisson(1.5) at 0..9, rounded down.

The number of them that are at most a uniform word is the count drawn; more than ten parents (probability
6e-7) become ten. Literals, since the last bit of ``exp`` differs between platforms.
"""
PARENTS = len(_POISSON)


class Ontologies(NamedTuple):
    """Grown graphs, and every node's distance from node 0 and from node 1 (FAR where unreachable)."""

    parents_BNP: NDArray[np.int8]
    from_0_BN: NDArray[np.int16]
    from_1_BN: NDArray[np.int16]


def grow(keys: U64, attempt: U64, nodes: int = NODES) -> Ontologies:
    """Grow one graph for each key and attempt [B].

    A node with k ~ Poisson(1.5) parents draws them without replacement from its group, with weights
    proportional to 1.5 * depth + 1, where depth is the shortest distance to any entity.

    Args:
        keys: Example keys [B].
        attempt: Attempts of rejection sampling [B].
        nodes: How many nodes are tried, at most as many as published.

    Returns:
        The B graphs.
    """
    # While graphs grow, the batch is the last axis: node by node, each operation reads contiguous memory.
    side_NB = below(draws(keys, purpose=_SIDE, count=nodes, attempt=attempt), _SIDE_BOUND).T
    count_NB = np.searchsorted(_POISSON, draws(keys, purpose=_COUNT, count=nodes, attempt=attempt).T, "right")
    stream_B = streams(keys, purpose=_PICK, attempt=attempt)
    parents_NPB = np.full((nodes, PARENTS, len(keys)), -1, np.int8)
    # Rows: distance from the nearest entity, from node 0, from node 1.
    distance_3NB = np.full((3, nodes, len(keys)), FAR, np.int16)
    distance_3NB[0] = 0  # a node is an entity until it gets a parent
    distance_3NB[1, 0] = distance_3NB[2, 1] = 0
    depth_NB, under_2NB = distance_3NB[0], np.zeros((2, nodes, len(keys)), np.bool_)
    weight_NB = np.zeros((nodes, len(keys)), np.int16)
    for node in range(nodes):
        if node > 1:
            own = np.where(side_NB[node] < _ONLY_0, under_2NB[0, :node], under_2NB[1, :node])
            own |= side_NB[node] >= _ONLY_1
            stream = (stream_B, node * PARENTS)
            _draw_parents(node, count_NB[node], own * weight_NB[:node], stream, parents_NPB, distance_3NB)
        weight_NB[node] = 3 * depth_NB[node] + 2  # 1.5 * depth + 1, doubled
        reached = distance_3NB[1:, node] < FAR
        under_2NB[:, node] = reached & ~reached[::-1]  # below one of them and not the other
    return Ontologies(
        np.ascontiguousarray(parents_NPB.transpose(2, 0, 1)),
        np.minimum(distance_3NB[1], FAR).T,
        np.minimum(distance_3NB[2], FAR).T,
    )


def _draw_parents(
    node: int,
    count_B: I64,
    weight_NB: I16,
    stream: tuple[U64, int],
    parents_NPB: NDArray[np.int8],
    distance_3NB: I16,
) -> None:
    """Give ``node`` its parents, one after the other, each with probability proportional to its weight.

    ``stream`` is the stream of words and the number of the first one, a word for each parent.
    """
    stream_B, first = stream
    batch = len(count_B)
    # Here and below, masks are summed as bytes (at most 28 nodes), without widening them to 64 bits.
    count_B = np.minimum(count_B, (weight_NB > 0).view(np.int8).sum(axis=0, dtype=np.int8))
    rows = np.flatnonzero(count_B)
    count_B, weight_NB = count_B[rows], weight_NB.take(rows, axis=1)
    distance_3NB[0, node, rows] = FAR
    for turn in range(int(count_B.max(initial=0))):
        if turn:
            left = np.flatnonzero(count_B > turn)
            rows, count_B, weight_NB = rows[left], count_B[left], weight_NB.take(left, axis=1)
        # Cumulative weights: the parent is the first node whose sum is above a number below the total.
        reach = weight_NB.cumsum(axis=0, dtype=np.int16)
        drawn = below(word(stream_B[rows], first + turn), reach[-1]).astype(np.int16)
        parent = (reach <= drawn).view(np.int8).sum(axis=0, dtype=np.int8).astype(np.int64)
        parents_NPB[node, turn, rows] = parent
        weight_NB[parent, np.arange(len(rows))] = 0  # without replacement
        above, here = parent * batch + rows, node * batch + rows
        for distance_NB in distance_3NB:  # one at a time: indexing all three together is slow
            flat = distance_NB.reshape(-1)
            flat[here] = np.minimum(flat[here], flat[above] + 1)


def out_degrees(parents_BNP: NDArray[np.int8]) -> I64:
    """Count the children of every node.

    Args:
        parents_BNP: Parents of every node, -1 where there are fewer.

    Returns:
        The counts, shape [B, N].
    """
    graph, start, _ = edge_list(parents_BNP)
    batch, nodes, _ = parents_BNP.shape
    return np.bincount(graph * nodes + start, minlength=batch * nodes).reshape(batch, nodes)


def edge_list(parents_BNP: NDArray[np.int8]) -> tuple[I64, I64, I64]:
    """List the edges of all graphs, sorted by graph, child and slot.

    Args:
        parents_BNP: Parents of every node, -1 where there are fewer.

    Returns:
        The graph, the parent and the child of each edge, three arrays of the same length.
    """
    flat = parents_BNP.ravel()
    at = np.flatnonzero(flat >= 0)
    graph, child = np.divmod(at // PARENTS, parents_BNP.shape[1])
    return graph, flat[at].astype(np.int64), child


def shape_hash(parents_BNP: NDArray[np.int8]) -> U64:
    """Hash graphs by `edges_hash`; nodes without an edge do not count.

    Args:
        parents_BNP: Parents of every node, -1 where there are fewer.

    Returns:
        The hashes, shape [B].
    """
    batch, nodes, _ = parents_BNP.shape
    graph, start, child = edge_list(parents_BNP)
    return _refined(graph * nodes + start, graph * nodes + child, batch, nodes)


def edges_hash(edges_BE2: I64, nodes: int) -> U64:
    """Hash graphs so that isomorphic ones get the same hash, whatever the names and order of nodes and edges.

    Degrees and two rounds of Weisfeiler-Lehman color refinement, parents and children distinguished.
    Different shapes may have the same hash, which only puts both in the same split.

    Args:
        edges_BE2: Edges (parent, child) between nodes 0..nodes-1.
        nodes: Number of nodes of a graph.

    Returns:
        The hashes, shape [B].
    """
    batch = len(edges_BE2)
    flat = edges_BE2 + (np.arange(batch) * nodes)[:, None, None]
    return _refined(flat[:, :, 0].ravel(), flat[:, :, 1].ravel(), batch, nodes)


def _refined(start: I64, end: I64, batch: int, nodes: int) -> U64:
    """Refine the colors of the nodes of all graphs together; edges are between graph * nodes + node."""
    color: U64 = np.zeros(batch * nodes, np.uint64)
    for _ in range(3):  # the first round is the degrees
        above: U64 = np.zeros_like(color)
        under: U64 = np.zeros_like(color)
        # A sum of mixed colors is a hash of the multiset of the neighbors' colors: it forgets their order.
        np.add.at(above, end, mix(color[start] + np.uint64(1)))
        np.add.at(under, start, mix(color[end] + np.uint64(2)))
        color = mix(color + np.uint64(3) * above + np.uint64(5) * under)
    color[np.bincount(start, minlength=color.size) + np.bincount(end, minlength=color.size) == 0] = 0
    return mix(color.reshape(batch, nodes)).sum(axis=1, dtype=np.uint64)
