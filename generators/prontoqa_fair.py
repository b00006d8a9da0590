"""ProntoQA without the look-up: the published wording on graphs that only a search solves.

    "Every danpus is a rompus. Lempuses are not shy. ... Each jompus is shy. Max is a danpus. ...
     True or false: Max is shy."
    steps  "Max is a danpus. Every danpus is a rompus." ... "Max is a lempus. Lempuses are not shy."
           "Max is not shy."
    answer "False"; its twin asks "True or false: Rex is shy."

The graphs are those of ``layered`` with properties for leaves. The property of the one asked about and its
opposite are the two candidates: the rule that contradicts has the same place in the mirror image as the
true one, at the same depth, under somebody who is not asked about. No other family of adjectives is used
twice.

Axes: B graphs, F families of adjectives, P properties, E edges.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .example import Example, Graph
from .layered import LayeredConfig, grow
from .prosqa_fair import FairSpec, labels, told_order
from .seeding import U64, below, draws, shuffled
from .vocabulary import NAMES, PROPERTY_FAMILIES

# Purposes of draws; those below 12 are the graph's, its names' and its order's.
_COINS, _FAMILIES, _ADJECTIVES, _POLARITY, _FORMS = range(11, 16)

_FAMILY_SIZES = np.array([len(family) for family in PROPERTY_FAMILIES])
_FORMS_TOLD = 4  # of a rule: plural twice as often as "Each" and "Every"


class _Drawn(NamedTuple):
    """One pair of twins before its text; the candidates are the ends of both paths."""

    edges: list[tuple[int, int]]
    paths: tuple[tuple[int, ...], tuple[int, ...]]
    symbols: tuple[str, ...]
    order: list[int]
    forms: list[int]
    coins: list[int]  # which of the two is asked about first, which candidate the query names


def sample(spec: FairSpec, keys: U64, ids: Sequence[str], split: str, surface: str) -> list[Example]:
    """Make the pair of twins of each key [B]; there is one surface, "natural".

    Raises ValueError for a graph with more leaves than there are families of adjectives.
    """
    graph, names = spec.graph, NAMES[spec.names]
    if graph.components * (graph.ends - 1) + 1 > len(PROPERTY_FAMILIES):
        raise ValueError(
            f"ends must be small enough for {len(PROPERTY_FAMILIES)} families of adjectives, got {graph.ends}"
        )
    grown = grow(graph, keys, split)
    drawn = zip(
        grown.edges_BE2.tolist(),
        grown.path_BH.tolist(),
        *(rows.tolist() for rows in labels(spec, keys)),
        _properties(keys),
        told_order(spec, grown, keys).tolist(),
        below(draws(keys, purpose=_FORMS, count=grown.edges_BE2.shape[1]), _FORMS_TOLD).tolist(),
        below(draws(keys, purpose=_COINS, count=2), 2).tolist(),
        strict=True,
    )
    is_entity = graph.is_entity()
    found: list[Example] = []
    for row, (edges, nodes, who, what, properties, order, forms, coins) in enumerate(drawn):
        path = tuple([node for node in nodes if node >= 0])
        entities, concepts = (names.entities[at] for at in who), (names.concepts[at] for at in what)
        symbols = [next(entities) if entity else next(concepts) for entity in is_entity]
        mirrored = tuple([node + graph.nodes for node in path])
        _put_properties(graph, symbols, path[-1], properties)
        pairs = [(u, v) for u, v in edges]
        one = _Drawn(pairs, (path, mirrored), tuple(symbols), order, forms, coins)
        found += _twins(one, is_entity, (ids[2 * row], ids[2 * row + 1]))
    return found


def _properties(keys: U64) -> list[list[tuple[str, str]]]:
    """Draw a property of every family and its opposite, for each graph in another order."""
    order_BF = shuffled(draws(keys, purpose=_FAMILIES, count=len(PROPERTY_FAMILIES)))
    which_BF = below(draws(keys, purpose=_ADJECTIVES, count=len(PROPERTY_FAMILIES)), _FAMILY_SIZES[order_BF])
    negated_BF = below(draws(keys, purpose=_POLARITY, count=len(PROPERTY_FAMILIES)), 2)
    rows = zip(order_BF.tolist(), which_BF.tolist(), negated_BF.tolist(), strict=True)
    return [
        [
            (f"not {word}", word) if negated else (word, f"not {word}")
            for family, at, negated in zip(*row, strict=True)
            for word in [PROPERTY_FAMILIES[family][at]]
        ]
        for row in rows
    ]


def _put_properties(
    graph: LayeredConfig, symbols: list[str], target: int, properties: list[tuple[str, str]]
) -> None:
    """Give the leaves of every component their properties: the opposites of one to the two candidates."""
    rest = iter(properties)
    symbols[target], symbols[target + graph.nodes] = next(rest)
    for component in range(graph.components):
        for leaf in range((component + 1) * graph.nodes - graph.ends, (component + 1) * graph.nodes):
            if (leaf - target) % graph.nodes:  # in a distractor, the node like the target stays a concept
                symbols[leaf] = next(rest)[0]


def _twins(drawn: _Drawn, is_entity: Sequence[bool], ids: tuple[str, str]) -> Iterator[Example]:
    """Write one graph twice: the same premises and the same property, asked of either."""
    symbols, edges, paths = drawn.symbols, drawn.edges, drawn.paths
    rules = [
        _rule(symbols[u], symbols[v], form, is_entity[u])
        for (u, v), form in zip(edges, drawn.forms, strict=True)
    ]
    of_edge = dict(zip(edges, rules, strict=True))
    told = " ".join([rules[at] for at in drawn.order])
    first, named = drawn.coins
    asked = symbols[paths[named][-1]]
    for turn in range(2):
        path, other = paths[first ^ turn], paths[1 - (first ^ turn)]
        who, conclusion = symbols[path[0]], symbols[path[-1]]
        steps = [f"{_rule(who, symbols[u], 0, True)} {of_edge[u, v]}" for u, v in pairwise(path[1:])]
        yield Example(
            id=ids[turn],
            question=f"{told} True or false: {who} is {asked}.",
            steps=(*steps, f"{who} is {conclusion}."),
            answer=str(asked == conclusion),
            hops=len(path) - 2,
            twin=ids[1 - turn],
            graph=Graph(symbols, tuple(edges), path[0], path[-1], other[-1]),
        )


def _rule(start: str, end: str, form: int, of_entity: bool) -> str:
    """Write one premise; every concept ends in "pus", and only "impus" takes "an"."""
    is_concept = end.endswith("pus")
    single = f"an {end}" if end[0] in "aeiou" else f"a {end}"
    if of_entity:
        return f"{start} is {single}."
    if form < 2:
        return f"{start.capitalize()}es are {end}{'es' if is_concept else ''}."
    return f"{'Each' if form == 2 else 'Every'} {start} is {single if is_concept else end}."
