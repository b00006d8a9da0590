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

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..example import Example, Graph
from ..seeding import U64, below, draws, shuffled
from .layered import LayeredConfig, grow
from .prosqa_fair import FairSpec, symbols_of, told_order
from .vocabulary import NAMES, PROPERTY_FAMILIES

# Purposes of draws; those below 12 are the graph's, its names' and its order's.
_COINS, _FAMILIES, _ADJECTIVES, _POLARITY, _FORMS = range(11, 16)

_FAMILY_SIZES = np.array([len(family) for family in PROPERTY_FAMILIES])
_FORMS_TOLD = 4  # of a rule: plural twice as often as "Each" and "Every"
_OF_ENTITY = _FORMS_TOLD  # a fifth form: "Max is a danpus."


class _Drawn(NamedTuple):
    """One pair of twins before its text; the candidates are the ends of both paths."""

    edges: tuple[tuple[int, int], ...]
    paths: tuple[tuple[int, ...], tuple[int, ...]]
    symbols: tuple[str, ...]
    order: list[int]
    forms: list[int]
    coins: list[int]  # which of the two is asked about first, which candidate the query names


def sample(spec: FairSpec, keys: U64, ids: Sequence[str], split: str, surface: str) -> list[Example]:
    """Make the pair of twins of each key [B]; there is one surface, "natural".

    Raises ValueError for a graph with more leaves than there are families of adjectives.
    """
    graph = spec.graph
    if graph.components * (graph.ends - 1) + 1 > len(PROPERTY_FAMILIES):
        raise ValueError(
            f"ends must be small enough for {len(PROPERTY_FAMILIES)} families of adjectives, got {graph.ends}"
        )
    grown = grow(graph, keys, split)
    drawn = zip(
        grown.edges_BE2[:, :, 0].tolist(),
        grown.edges_BE2[:, :, 1].tolist(),
        grown.path_BH.tolist(),
        symbols_of(spec, keys, surface),
        _properties(keys),
        told_order(spec, grown, keys).tolist(),
        _forms(grown.edges_BE2[:, :, 0], graph, keys).tolist(),
        below(draws(keys, purpose=_COINS, count=2), 2).tolist(),
        strict=True,
    )
    found: list[Example] = []
    for row, (starts, ends, nodes, names, properties, order, forms, coins) in enumerate(drawn):
        path = tuple([node for node in nodes if node >= 0])
        symbols = list(names)
        mirrored = tuple([node + graph.nodes for node in path])
        _put_properties(graph, symbols, path[-1], properties)
        edges = tuple(zip(starts, ends, strict=True))
        one = _Drawn(edges, (path, mirrored), tuple(symbols), order, forms, coins)
        found += _twins(one, (ids[2 * row], ids[2 * row + 1]))
    return found


def _forms(start_BE: NDArray[np.int64], graph: LayeredConfig, keys: U64) -> NDArray[np.int64]:
    """Draw how each premise is told [B, E]; of an entity there is one way."""
    forms = below(draws(keys, purpose=_FORMS, count=start_BE.shape[1]), _FORMS_TOLD)
    return np.where(np.array(graph.is_entity())[start_BE], _OF_ENTITY, forms)


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


def _twins(drawn: _Drawn, ids: tuple[str, str]) -> Iterator[Example]:
    """Write one graph twice: the same premises and the same property, asked of either."""
    symbols, edges, paths = drawn.symbols, drawn.edges, drawn.paths
    rules = [
        _BEGIN[form][symbols[u]] + _END[form][symbols[v]]
        for (u, v), form in zip(edges, drawn.forms, strict=True)
    ]
    of_edge = dict(zip(edges, rules, strict=True))
    told = " ".join([rules[at] for at in drawn.order])
    first, named = drawn.coins
    asked = symbols[paths[named][-1]]
    for turn in range(2):
        path, other = paths[first ^ turn], paths[1 - (first ^ turn)]
        who, conclusion = symbols[path[0]], symbols[path[-1]]
        steps = [f"{who} is {_END[_OF_ENTITY][symbols[u]]} {of_edge[u, v]}" for u, v in pairwise(path[1:])]
        yield Example(
            id=ids[turn],
            question=f"{told} True or false: {who} is {asked}.",
            steps=(*steps, f"{who} is {conclusion}."),
            answer=str(asked == conclusion),
            hops=len(path) - 2,
            twin=ids[1 - turn],
            graph=Graph(symbols, edges, path[0], path[-1], other[-1]),
        )


def _begin(name: str) -> tuple[str, ...]:
    """How a premise about ``name`` begins, in each form."""
    plural = f"{name.capitalize()}es are "
    return plural, plural, f"Each {name} is ", f"Every {name} is ", f"{name} is "


def _end(name: str) -> tuple[str, ...]:
    """How a premise ends that leads to ``name``, in each form; every concept ends in "pus"."""
    if not name.endswith("pus"):
        return (f"{name}.",) * (_OF_ENTITY + 1)
    plural, single = f"{name}es.", f"an {name}." if name[0] in "aeiou" else f"a {name}."
    return plural, plural, single, single, single


def _table(tell: Callable[[str], tuple[str, ...]], names: Sequence[str]) -> list[dict[str, str]]:
    """Tell all names once: form -> name -> text."""
    return [dict(zip(names, form, strict=True)) for form in zip(*map(tell, names), strict=True)]


_CONCEPTS = [name for names in NAMES.values() for name in names.concepts]
_ENTITIES = [name for names in NAMES.values() for name in names.entities]
_ADJECTIVES_TOLD = [f"{no}{word}" for family in PROPERTY_FAMILIES for word in family for no in ("", "not ")]
_BEGIN = _table(_begin, _ENTITIES + _CONCEPTS)
_END = _table(_end, _CONCEPTS + _ADJECTIVES_TOLD)
