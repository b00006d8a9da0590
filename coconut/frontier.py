"""The frontier of a question's search: the nodes that are some number of edges from the query entity.

Coconut-BFS learns to write one of them, CoT2 to think of all of them at once.

0 → 1 → 3        0 edges: 0        1 edge: 1 2        2 edges: 3 4
0 → 2 → 4        the distance of a node is that of its shortest path; the others have none
"""

from __future__ import annotations

import numpy as np

from ..generators.example import Graph
from ..generators.seeding import below


def levels(graph: Graph) -> list[list[int]]:
    """Return the nodes that can be reached from the root, by their distance.

    Args:
        graph: The graph of a question.

    Returns:
        ``[distance][…]``: nodes in ascending order.
    """
    after: dict[int, list[int]] = {}
    for start, end in graph.edges:
        after.setdefault(start, []).append(end)
    found, seen = [[graph.root]], {graph.root}
    while True:
        following = sorted({end for node in found[-1] for end in after.get(node, ())} - seen)
        if not following:
            return found
        found.append(following)
        seen.update(following)


def visited(graph: Graph, step: int, last: int) -> list[str]:
    """Return the concepts that a search has reached at a step, of which CoT2's thought is the mixture.

    Args:
        graph: The graph of a question.
        step: The step, from 1 on.
        last: The step from which on the answer is known.

    Returns:
        The names of the nodes that many edges from the root; the target alone at the last step and after it,
        and where there is no such node.
    """
    frontier = levels(graph)[step : step + 1]
    nodes = frontier[0] if frontier and step < last else [graph.target]
    return [graph.symbols[node] for node in nodes]


def drawn(graph: Graph, distance: int, word: int) -> str | None:
    """Draw a frontier node uniformly.

    Args:
        graph: The graph of a question.
        distance: Edges from the root.
        word: Random bits, below 2**64.

    Returns:
        Its name; None where no node has that distance.
    """
    frontier = levels(graph)[distance : distance + 1]
    if not frontier:
        return None
    [nodes] = frontier
    return graph.symbols[nodes[int(below(np.array([word], dtype=np.uint64), len(nodes))[0])]]
