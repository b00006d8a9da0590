"""What each dataset promises of its graphs, proved on the graph that was read back from the text.

``CONTRACTS`` is the table: dataset -> its family of wordings, the promise, the form of its graphs that no two
splits share, twins (contrast pairs: same premises, other query entity, other answer) or not. Shares no code
with the samplers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import networkx as nx

from ..families.vocabulary import CONCEPTS, ENTITIES, PRONTOQA_CONCEPTS, PRONTOQA_ENTITIES, PROPERTY_FAMILIES
from ..lookup import pick
from ..plugins import table
from ..wordings.prontoqa import opposite
from .mirrored import Mirrored
from .proved import Proved, entities_above, refined, require, shape, sources, stable_hash


@dataclass(frozen=True)
class Contract:
    """A row of ``CONTRACTS``.

    Attributes:
        family: Whose wordings the dataset has: a family of ``wordings.table.WORDINGS``.
        check: Raises ValueError with the broken promise.
        form: Maps equal graphs to equal values.
        twins: Whether every question has a twin.
    """

    family: str
    check: Callable[[Proved], None]
    form: Callable[[Proved], object]
    twins: bool = False


def _known_names(proved: Proved, entities: tuple[str, ...], concepts: tuple[str, ...]) -> None:
    """Check in English text that entities are exactly the nodes without parents, and every name is known."""
    graph = proved.reading.graph
    if proved.reading.wording.uses_ids:
        return
    for node in graph:
        names = entities if graph.in_degree(node) == 0 else concepts
        require(
            node in names,
            f"{node!r} is not a name for a node {'without' if names is entities else 'with'} parents",
        )


def published_prosqa(proved: Proved, hops: tuple[int, int], nodes: int) -> None:
    """Both candidates are leaves; the right one is a deepest leaf, no rival's.

    Args:
        proved: The question.
        hops: How far the target must be, the least and the most.
        nodes: The most nodes that a graph may have.

    Raises:
        ValueError: With the first broken promise.
    """
    graph, root = proved.reading.graph, proved.reading.root
    _known_names(proved, ENTITIES, CONCEPTS)
    require(len(graph) <= nodes, f"there must be at most {nodes} nodes, found {len(graph)}")
    depth = len(proved.chain) - 1
    require(hops[0] <= depth <= hops[1], f"hops must be in {hops[0]}..{hops[1]}, found {depth}")
    for candidate in (proved.target, proved.other):
        require(graph.out_degree(candidate) == 0, f"candidate {candidate!r} must be a leaf")
    rivals = entities_above(graph, proved.other)
    require(
        any(_deepest_leaf(graph, root, rival, depth, proved.target) for rival in rivals),
        f"{proved.target!r} must be a deepest leaf of {root!r} that the rival of the question does not reach",
    )


def _deepest_leaf(graph: nx.DiGraph[str], root: str, rival: str, hops: int, target: str) -> bool:
    """Say whether target is as deep as any leaf that only one of root and rival reaches."""
    own = nx.single_source_shortest_path_length(graph, root)
    theirs = nx.single_source_shortest_path_length(graph, rival)
    exclusive = [node for node in own.keys() ^ theirs.keys() if not graph.out_degree(node)]
    return target not in theirs and all(own.get(node, theirs.get(node, 0)) <= hops for node in exclusive)


def labels(proved: Proved) -> object:
    """Return a form without the order of the premises."""
    return stable_hash(sorted(proved.reading.edges))


def published_prontoqa(proved: Proved) -> None:
    """The one shape: a chain of five concepts with side branches, a distractor pair, and a lone rule."""
    graph, root = proved.reading.graph, proved.reading.root
    require(
        len(proved.reading.premises) == 25, f"there must be 25 premises, found {len(proved.reading.premises)}"
    )
    require(len(proved.chain) == 7, f"hops must be 5, found {len(proved.chain) - 2}")
    require(root in PRONTOQA_ENTITIES, f"{root!r} is not a known entity")
    for node in set(graph) - {root}:
        known = node in PRONTOQA_CONCEPTS or any(
            node.removeprefix("not ") in family for family in PROPERTY_FAMILIES
        )
        require(known, f"{node!r} is not a known concept or property")
    roles = _roles(proved)
    families = [_family(literal) for literal in roles[:11]]
    require(len(set(families)) == 11, "the eleven properties must be of different families")
    require(proved.other == opposite(proved.target), "the other candidate must be the opposite property")


def _roles(proved: Proved) -> tuple[str, ...]:
    """Return the properties of C5..C1, D5..D1 and E; raises ValueError where the shape is another one."""
    graph, (root, *concepts, target) = proved.reading.graph, proved.chain
    expected = {(root, concepts[0]), *pairwise(concepts), (concepts[-1], target)}

    def only(nodes: set[str], what: str) -> str:
        require(len(nodes) == 1, f"there must be one {what}, found {sorted(nodes)}")
        return nodes.pop()

    def bearer(node: str, what: str) -> str:
        literal = only({child for child in graph.succ[node] if _is_property(child)}, f"property of {what}")
        expected.add((node, literal))
        return literal

    own, side = [], []
    for at, concept in enumerate(concepts):
        branches = {child for child in graph.succ[concept] if not _is_property(child)} - set(concepts)
        expected.update((concept, child) for child in branches)
        own.append(bearer(concept, f"chain concept {concept!r}"))
        if at == len(concepts) - 1:
            end = only({child for child in branches if not graph.out_degree(child)}, "end of the chain")
            branches.discard(end)
        side.append(bearer(only(branches, f"side branch of {concept!r}"), "a side branch"))
    pair = only(set(graph.succ[root]) - {concepts[0]}, "distractor of the query entity")
    rest = only({child for child in graph.succ[pair] if not _is_property(child)}, "parent of the distractor")
    lone = only(set(graph.pred[proved.other]), "rule with the opposite property")
    expected |= {(root, pair), (pair, rest), (lone, proved.other)}
    literals = (*own, *side, bearer(pair, "the distractor"))
    require(expected == set(graph.edges), f"unexpected premises: {sorted(expected ^ set(graph.edges))}")
    require(len(graph) == 27, f"there must be 27 concepts and properties, found {len(graph)}")
    return literals


def _is_property(node: str) -> bool:
    return not node.endswith("pus")


def _family(literal: str) -> int:
    word = literal.removeprefix("not ")
    return next(at for at, family in enumerate(PROPERTY_FAMILIES) if word in family)


def properties(proved: Proved) -> object:
    """Return a form without names and order: which property stands at each place of the one shape."""
    return stable_hash(_roles(proved))


class Counts(NamedTuple):
    """What a tiny graph has that another one has not.

    Attributes:
        premises: Edges.
        ends: Leaves below the query entity, the target included.
        entities: Entities above either candidate.
    """

    premises: int
    ends: int = 2
    entities: int = 2


def two_alike_components(proved: Proved, hops: int, counts: Counts | None = None) -> None:
    """The query entity's component and its rival are alike.

    Without the bridges (nodes without parents above both candidates), the two candidates are in components
    that color refinement finds equal, roots and candidates marked: no count of nodes, edges, degrees, depths
    or walks differs. Undirected, everything is connected; another leaf is as far from the root as the target;
    equally many entities are above either candidate.

    Args:
        proved: The question.
        hops: How far the target must be.
        counts: What the graph must have; None where its settings are not those of a row of the table.

    Raises:
        ValueError: With the first broken promise.
    """
    graph, root = proved.reading.graph, proved.reading.root
    _known_names(proved, ENTITIES, CONCEPTS)
    require(len(proved.chain) - 1 == hops, f"hops must be {hops}, found {len(proved.chain) - 1}")
    above = [entities_above(graph, node) for node in (proved.target, proved.other)]
    many = [len(found) for found in above]
    require(many[0] == many[1], f"entities above the candidates must be equally many, found {many}")
    require(
        nx.is_weakly_connected(graph), "both candidates must be connected to the root if direction is ignored"
    )
    distance = nx.single_source_shortest_path_length(graph, root)
    ends = [node for node, steps in distance.items() if steps == hops and graph.out_degree(node) == 0]
    require(len(ends) >= 2, f"a dead end as long as the path must leave {root!r}")
    if counts is not None:
        below = [node for node in nx.descendants(graph, root) if not graph.out_degree(node)]
        found = Counts(graph.number_of_edges(), len(below), many[0])
        require(found == counts, f"the graph must have {counts}, found {found}")
    apart = graph.subgraph(set(graph) - (above[0] & above[1]))
    undirected = apart.to_undirected()
    own, rival = (
        apart.subgraph(nx.node_connected_component(undirected, node)).copy()
        for node in (proved.target, proved.other)
    )
    require(root in own and proved.other not in own, "the candidates must be in different components")
    colors = refined(own, {root: 1, proved.target: 2}, rounds=len(own))
    require(
        any(refined(rival, {one: 1, proved.other: 2}, rounds=len(own)) == colors for one in sources(rival)),
        "the components of the two candidates must be alike",
    )


_PROSQA_FAIR = Mirrored(hops=(3, 4, 5, 6), nodes=54, premises=72)
# One edge more than rules are used.
_PRONTOQA_FAIR = Mirrored(hops=(4, 5, 6, 7), nodes=54, premises=72, opposites=True)


def _fair(promise: Mirrored, **changed: Any) -> Contract:
    family = "prontoqa" if promise.opposites else "prosqa"
    return Contract(family, replace(promise, **changed), shape, twins=True)


def _tiny(hops: int, counts: Counts) -> Contract:
    return Contract("prosqa", partial(two_alike_components, hops=hops, counts=counts), labels, twins=True)


_ROWS = {
    "prosqa": Contract("prosqa", partial(published_prosqa, hops=(3, 6), nodes=28), shape),
    "prontoqa": Contract("prontoqa", published_prontoqa, properties),
    "prosqa-tiny": _tiny(2, Counts(10)),
    "prosqa-tiny-hops1": _tiny(1, Counts(10, ends=4)),
    "prosqa-tiny-hops3": _tiny(3, Counts(10)),
    "prosqa-tiny-branching": _tiny(2, Counts(14, ends=3)),
    "prosqa-tiny-joins": _tiny(2, Counts(14, entities=3)),
    "prosqa-tiny-distractors": _tiny(2, Counts(15)),
    "prosqa-tiny-3hop": _tiny(3, Counts(14)),
    "prosqa-tiny-3hop-hops2": _tiny(2, Counts(14, ends=3)),
    "prosqa-tiny-3hop-hops4": _tiny(4, Counts(14)),
    "prosqa-tiny-3hop-hops5": _tiny(5, Counts(14)),
    "prosqa-tiny-3hop-forks": _tiny(3, Counts(18, ends=3)),
    "prosqa-tiny-leaky": Contract("prosqa", partial(published_prosqa, hops=(2, 2), nodes=11), shape),
    "prosqa-fair": _fair(_PROSQA_FAIR),
    "prosqa-fair-hops": _fair(_PROSQA_FAIR, hops=(7, 8, 9, 10, 11, 12)),
    "prosqa-fair-density": _fair(_PROSQA_FAIR, premises=92),
    "prosqa-fair-branching": _fair(_PROSQA_FAIR, nodes=74, premises=98),
    "prosqa-fair-distractors": _fair(_PROSQA_FAIR, nodes=78, premises=104),
    "prosqa-fair-names": _fair(_PROSQA_FAIR, names="unseen"),
    "prosqa-fair-order": _fair(_PROSQA_FAIR, backward=True),
    "prosqa-symmetric": _fair(_PROSQA_FAIR, nodes=68, premises=104, undirected=True),
    "prontoqa-fair": _fair(_PRONTOQA_FAIR),
    "prontoqa-fair-hops": _fair(_PRONTOQA_FAIR, hops=(8, 9, 10, 11, 12)),
    "prontoqa-fair-density": _fair(_PRONTOQA_FAIR, premises=92),
    "prontoqa-fair-distractors": _fair(_PRONTOQA_FAIR, nodes=78, premises=104),
    "prontoqa-fair-names": _fair(_PRONTOQA_FAIR, names="unseen"),
    "prontoqa-fair-order": _fair(_PRONTOQA_FAIR, backward=True),
}

CONTRACTS: Mapping[str, Contract] = table("CONTRACTS", _ROWS, Contract)


def contract_of(name: str, version: str) -> Contract:
    """Return the contract of a dataset, also of one with other settings, which its version names.

    Args:
        name: The dataset.
        version: Such as 1.0.0, or 1.0.0+hops=4.

    Raises:
        ValueError: The dataset is unknown (the nearest one is named), or its settings have no contract.
    """
    own = pick(CONTRACTS, name, "dataset")
    _, plus, text = version.partition("+")
    if not plus:
        return own
    given = dict(part.split("=", 1) for part in text.split("+") if "=" in part)
    if isinstance(own.check, Mirrored):
        return replace(own, check=_remade(own.check, given))
    if isinstance(own.check, partial) and own.check.func is two_alike_components:
        hops = int(given.get("hops", own.check.keywords["hops"]))
        return replace(own, check=partial(own.check.func, hops=hops))
    raise ValueError(f"{name} has no contract for the settings {text}")


def _remade(promise: Mirrored, given: Mapping[str, str]) -> Mirrored:
    """The promise for other sizes: components alike, 6 nodes and 8 premises that link them."""
    components = 2 + int(given.get("distractors", 0))
    nodes = int(given.get("nodes", (promise.nodes - 6) // 2))
    edges = int(given.get("edges", (promise.premises - 8) // 2))
    hops = promise.hops
    if "hops" in given:
        first, _, last = given["hops"].partition("-")
        hops = tuple(range(int(first), int(last or first) + 1))
    return replace(promise, hops=hops, nodes=components * nodes + 6, premises=components * edges + 8)
