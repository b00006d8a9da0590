"""The classes of a search and the heights of its nodes, on a graph drawn by hand and by enumeration."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
import pytest

from coconut_bench.benchmarks.analysis.graph import CLASSES, Search
from coconut_bench.generators import examples
from coconut_bench.generators.example import Graph

#   0 → 1 → 3 → 5 → 8      5 is the target, 6 → 5 comes from outside
#   0 → 2 → 4              6 → 7 is never reached
EDGES = ((0, 1), (1, 3), (3, 5), (0, 2), (2, 4), (6, 5), (6, 7), (5, 8))
SEARCH = Search(Graph(tuple("abcdefghi"), EDGES, 0, 5, 7))


@pytest.mark.parametrize(
    ("steps", "optimal", "frontier", "reachable"),
    [
        (0, {0}, set(), set()),
        (1, {1}, {2}, {0}),
        (2, {3}, {4}, {0, 1, 2}),
        (3, {5}, set(), {0, 1, 2, 3, 4}),
        (4, set(), {8}, {0, 1, 2, 3, 4, 5}),
    ],
)
def test_classes_of_a_search_drawn_by_hand(
    steps: int, optimal: set[int], frontier: set[int], reachable: set[int]
) -> None:
    rest = set(range(9)) - optimal - frontier - reachable
    for wanted, name in zip((optimal, frontier, reachable, rest), CLASSES, strict=True):
        assert {node for node in range(9) if SEARCH.class_after(node, steps) == name} == wanted
    assert set(SEARCH.frontier(steps)) == optimal | frontier


def test_heights_of_a_graph_drawn_by_hand() -> None:
    assert [SEARCH.height(node, "longest") for node in range(9)] == [4, 3, 1, 2, 0, 1, 2, 0, 0]
    assert [SEARCH.height(node, "shortest") for node in range(9)] == [2, 3, 1, 2, 0, 1, 1, 0, 0]
    cycle = Search(Graph(tuple("abc"), ((0, 1), (1, 2), (2, 0)), 0, 1, 2))
    assert cycle.height(0, "shortest") is None


@pytest.mark.parametrize("name", ["prosqa", "prosqa-fair"])
def test_optimal_nodes_and_heights_are_what_enumerating_paths_gives(name: str) -> None:
    for example in examples(name, "valid", count=16):
        graph = example.graph
        assert graph is not None
        search, directed = Search(graph), nx.DiGraph(list(graph.edges))
        best = list(nx.all_shortest_paths(directed, graph.root, graph.target))
        for steps in range(len(best[0])):
            wanted = {path[steps] for path in best}
            found = {node for node in directed if search.class_after(node, steps) == "Optimal"}
            assert found == wanted
        edges = {edge for path in best for edge in pairwise(path)}
        assert {edge for edge in directed.edges if search.is_best(*edge)} == edges
        leaves = [node for node in directed if directed.out_degree(node) == 0]
        for node in list(directed)[:6]:
            lengths = [len(path) - 1 for path in nx.all_simple_paths(directed, node, leaves)]
            lengths = [0] if node in leaves else lengths
            assert search.height(node, "longest") == max(lengths)
            assert search.height(node, "shortest") == min(lengths)
            assert search.is_right(node) == nx.has_path(directed, node, graph.target)
