"""What the fair datasets promise of their graphs, proved on the graph that was read back from the text.

Shares no code with the samplers.
"""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx

from ..families.vocabulary import NAMES, PROPERTY_FAMILIES
from ..wordings.prontoqa import opposite
from .proved import Proved, entities_above, refined, require, sources

SELDOM = 0.2  # how often one random walk may connect the query entity and the right candidate


@dataclass(frozen=True)
class Mirrored:
    """The graph is its own mirror image with the candidates exchanged; no root-blind rule tells them apart.

    Attributes:
        hops: The depths there may be, in edges.
        nodes: How many nodes there must be.
        premises: How many premises there must be.
        names: The set that the names are from, a row of ``NAMES``.
        backward: Whether every premise is told before those that lead to it.
        opposites: Whether the candidates are a property and its opposite, as in ProntoQA.
        undirected: Whether, direction ignored, the candidates must look alike from the query entity too.
    """

    hops: tuple[int, ...]
    nodes: int
    premises: int
    names: str = "seen"
    backward: bool = False
    opposites: bool = False
    undirected: bool = False

    def __call__(self, proved: Proved) -> None:
        """Check one question.

        Args:
            proved: The question.

        Raises:
            ValueError: With the first broken promise.
        """
        graph, told = proved.reading.graph, proved.reading.edges
        hops = len(proved.chain) - 1
        require(hops in self.hops, f"hops must be in {self.hops}, found {hops}")
        require(len(graph) == self.nodes, f"there must be {self.nodes} nodes, found {len(graph)}")
        require(len(told) == self.premises, f"there must be {self.premises} premises, found {len(told)}")
        if self.opposites:
            _opposite_properties(proved)
        _known_names(proved, self.names)
        _equally_far(proved, hops)
        _no_way_ends_early(proved, hops)
        _walks_miss(proved)
        require(any(_mirror(proved, rival) for rival in entities_above(graph, proved.other)),
                "exchanging the candidates must leave a graph of the same shape")  # fmt: skip
        if self.undirected:
            _alike_undirected(proved)
        if self.backward:
            place = {edge: at for at, edge in enumerate(told)}
            late = [(u, v) for u, v in told if any(place[v, w] > place[u, v] for w in graph.succ[v])]
            require(not late, f"what {late[:1]} leads to must be told before it")


def _known_names(proved: Proved, which: str) -> None:
    """Check that every name is of the set; entities are exactly the nodes without parents."""
    graph, names = proved.reading.graph, NAMES[which]
    words = {word for family in PROPERTY_FAMILIES for word in family}
    for node in graph:
        if proved.reading.wording.uses_ids:
            known = node in names.ids
        elif graph.in_degree(node) == 0:
            known = node in names.entities
        else:
            known = node in names.concepts or (not graph.out_degree(node) and node.split()[-1] in words)
        require(known, f"{node!r} is not one of the {which} names for its place")


def _opposite_properties(proved: Proved) -> None:
    """The candidates are opposites, and no other two properties are of one family."""
    require(proved.other == opposite(proved.target), "the other candidate must be the opposite property")
    words = {node: node.removeprefix("not ") for node in proved.reading.graph}
    for family in PROPERTY_FAMILIES:
        own = {node for node, word in words.items() if word in family}
        allowed = own == {proved.target, proved.other} or len(own) <= 1
        require(allowed, f"properties of one family must not meet: {sorted(own)}")


def _equally_far(proved: Proved, hops: int) -> None:
    """Direction ignored, both candidates are ``hops`` steps away; equally many entities lead to either."""
    graph, root = proved.reading.graph, proved.reading.root
    distance = nx.single_source_shortest_path_length(graph.to_undirected(as_view=True), root)
    far = [distance.get(node) for node in (proved.target, proved.other)]
    require(far == [hops, hops], f"direction ignored, both candidates must be {hops} away, found {far}")
    above = [len(entities_above(graph, node)) for node in (proved.target, proved.other)]
    require(above[0] == above[1], f"entities above the candidates must be equally many, found {above}")


def _no_way_ends_early(proved: Proved, hops: int) -> None:
    """No dead end and no false way in is shorter than the right path."""
    graph, root = proved.reading.graph, proved.reading.root
    below = nx.single_source_shortest_path_length(graph, root)
    ends = [steps for node, steps in below.items() if not graph.out_degree(node)]
    require(len(ends) > 1 and min(ends) >= hops, f"dead ends must be {hops} or more steps away, found {ends}")
    above = nx.single_source_shortest_path_length(graph.reverse(copy=False), proved.target)
    starts = [above[node] for node in sources(graph) & set(above)]
    require(len(starts) > 1 and min(starts) >= hops, f"ways in must be {hops} or more long, found {starts}")


def _walks_miss(proved: Proved) -> None:
    """One random walk from the root, or back from the target, connects the two in at most 1 of 5 cases."""
    graph, root, target = proved.reading.graph, proved.reading.root, proved.target
    order = list(nx.topological_sort(graph))
    for start, end, ways, nodes in (
        (root, target, graph.succ, order),
        (target, root, graph.pred, order[::-1]),
    ):
        chance: dict[str, float] = {start: 1.0}
        for node in nodes:
            for other in ways[node] if node in chance else ():
                chance[other] = chance.get(other, 0.0) + chance[node] / len(ways[node])
        require(
            chance[end] <= SELDOM + 1e-9,
            f"a random walk from {start!r} must seldom end at {end!r}, found {chance[end]:.3f}",
        )


def _mirror(proved: Proved, rival: str) -> bool:
    """Say whether the graph looks the same with the candidates exchanged, and the root and rival.

    Color refinement decides; it is deeper than any path, and so finds every difference in what leads where.
    """
    graph, root, target, other = proved.reading.graph, proved.reading.root, proved.target, proved.other
    one = refined(graph, {root: 1, rival: 2, target: 3, other: 4}, rounds=13)
    return one == refined(graph, {rival: 1, root: 2, other: 3, target: 4}, rounds=13)


def _alike_undirected(proved: Proved) -> None:
    """Direction ignored, color refinement must not tell the candidates apart once the query entity is marked.

    Equal colors bound what any walk, flow or distance from there can tell.
    """
    edges = proved.reading.graph.edges
    graph: nx.DiGraph[str] = nx.DiGraph([*edges, *((child, parent) for parent, child in edges)])
    one, two = (
        refined(graph, {proved.reading.root: 1, first: 2, second: 3}, rounds=16)
        for first, second in ((proved.target, proved.other), (proved.other, proved.target))
    )
    require(one == two, "direction ignored, the candidates must look alike from the query entity")
