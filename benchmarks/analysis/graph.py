"""A question as a search from the query entity (the root): which concepts are where after k steps.

    0 → 1 → 3 → 5      the root is 0, the target is 5        after 2 steps
    0 → 2 → 4          6 → 5 comes from outside              Optimal 3, Frontier 4, Reachable 0 1 2,
                                                             Not Reachable 5 6

Optimal: k edges from the root, on a shortest path to the target. Frontier: k edges, on no such path.
Reachable: fewer edges. Not Reachable: more edges, or no path. The classes of arXiv 2505.12514, here made
mutually exclusive; every concept has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import networkx as nx

from ...generators.example import Graph

OPTIMAL, FRONTIER, REACHABLE, NOT_REACHABLE = "Optimal", "Frontier", "Reachable", "Not Reachable"
CLASSES = (OPTIMAL, FRONTIER, REACHABLE, NOT_REACHABLE)
HEIGHTS = ("longest", "shortest")


@dataclass(frozen=True)
class Search:
    """The graph of one question; nodes are indices into its symbols."""

    graph: Graph

    @cached_property
    def edges(self) -> nx.DiGraph[int]:
        directed: nx.DiGraph[int] = nx.DiGraph()
        directed.add_nodes_from(range(len(self.graph.symbols)))
        directed.add_edges_from(self.graph.edges)
        return directed

    @cached_property
    def node_of(self) -> dict[str, int]:
        """Nodes by their symbols."""
        return {symbol: node for node, symbol in enumerate(self.graph.symbols)}

    @cached_property
    def distance(self) -> dict[int, int]:
        """Edges from the root to every node that it reaches."""
        return dict(nx.single_source_shortest_path_length(self.edges, self.graph.root))

    @cached_property
    def to_target(self) -> dict[int, int]:
        """Edges to the target from every node that reaches it."""
        return dict(nx.single_source_shortest_path_length(self.edges.reverse(copy=False), self.graph.target))

    def frontier(self, steps: int) -> list[int]:
        """Return the nodes that are ``steps`` edges from the root."""
        return sorted(node for node, edges in self.distance.items() if edges == steps)

    def is_right(self, node: int) -> bool:
        """Return whether the target can be reached from ``node``."""
        return node in self.to_target

    def is_optimal(self, node: int) -> bool:
        """Return whether ``node`` is on a shortest path from the root to the target."""
        if node not in self.distance or node not in self.to_target:
            return False
        return self.distance[node] + self.to_target[node] == self.distance[self.graph.target]

    def is_best(self, start: int, end: int) -> bool:
        """Return whether the edge ``start`` → ``end`` is on a shortest path from the root to the target."""
        if not (self.is_optimal(start) and self.is_optimal(end)):
            return False
        return self.distance[end] == self.distance[start] + 1

    def class_after(self, node: int, steps: int) -> str:
        """Classify a concept (arXiv 2505.12514, made mutually exclusive).

        Args:
            node: The concept.
            steps: Steps of the search so far.

        Returns:
            One of ``CLASSES``.
        """
        edges = self.distance.get(node)
        if edges is None or edges > steps:
            return NOT_REACHABLE
        if edges < steps:
            return REACHABLE
        return OPTIMAL if self.is_optimal(node) else FRONTIER

    def height(self, node: int, which: str) -> int | None:
        """Measure the distance from a concept to a leaf, a node without outgoing edges.

        The paper says longest in a caption and shortest in its text (arXiv 2412.06769, section 5.4).

        Args:
            node: The concept.
            which: The longest or the shortest path, one of ``HEIGHTS``.

        Returns:
            The number of edges; None in a graph with a cycle, which has no longest path and may have no leaf.
        """
        return self._heights[which].get(node)

    @cached_property
    def _heights(self) -> dict[str, dict[int, int]]:
        found: dict[str, dict[int, int]] = {which: {} for which in HEIGHTS}
        if not nx.is_directed_acyclic_graph(self.edges):
            return found
        for node in reversed(list(nx.topological_sort(self.edges))):
            for which, choose in zip(HEIGHTS, (max, min), strict=True):
                below = [found[which][child] for child in self.edges.successors(node)]
                found[which][node] = 1 + choose(below) if below else 0
        return found
