"""ProntoQA without the look-up: the published wording on graphs where guessing does not help.

    "Every danpus is a rompus. Lempuses are not shy. ... Each jompus is shy. Max is a danpus. ...
     True or false: Max is shy."
    steps  "Max is a danpus. Every danpus is a rompus." ... "Max is a lempus. Lempuses are not shy."
           "Max is not shy."
    answer "False"; its twin asks "True or false: Rex is shy."

A twin is the other half of a contrast pair: the same premises, another query entity, the other answer.

The graphs are those of ``layered`` with properties for leaves. The property of the query entity and its
opposite are the two candidates: the rule that contradicts has the same place in the mirror image as the
true one, at the same depth, under another entity. No other family of adjectives is used twice.

Axes: B graphs, F families of adjectives, P properties, E edges.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..example import Example
from ..seeding import U64, below, draws, shuffled
from ..wordings.table import WORDINGS
from .fair import Shape, twins
from .layered import LayeredConfig
from .prosqa_fair import FairSpec, symbols_of, told_order
from .vocabulary import PROPERTY_FAMILIES

# Purposes of draws; those below 12 are the graph's, its names' and its order's.
_COINS, _FAMILIES, _ADJECTIVES, _POLARITY, _FORMS = range(11, 16)

_FAMILY_SIZES = np.array([len(family) for family in PROPERTY_FAMILIES])


def sample(spec: FairSpec, keys: U64, ids: Sequence[str], split: str, surface: str) -> list[Example]:
    """Make the pair of twins of each key.

    Args:
        spec: The graphs, their names and the order of telling.
        keys: The keys of the random streams [B].
        ids: The ids of the 2 B examples.
        split: The split that the graphs must belong to.
        surface: A surface of ProntoQA.

    Raises:
        ValueError: For a graph with more leaves than there are families of adjectives.
    """
    graph, wording = spec.graph, WORDINGS["prontoqa", surface]
    if graph.components * (graph.ends - 1) + 1 > len(PROPERTY_FAMILIES):
        raise ValueError(
            f"ends must be small enough for {len(PROPERTY_FAMILIES)} families of adjectives, got {graph.ends}"
        )
    grown = graph.grow(keys, split)
    drawn = zip(
        grown.edges_BE2[:, :, 0].tolist(),
        grown.edges_BE2[:, :, 1].tolist(),
        grown.path_BH.tolist(),
        symbols_of(spec, keys, wording.uses_ids),
        _properties(keys),
        told_order(spec, grown, keys).tolist(),
        _forms(grown.edges_BE2[:, :, 0], graph, keys, wording.forms).tolist(),
        below(draws(keys, purpose=_COINS, count=2), 2).tolist(),
        strict=True,
    )
    is_entity = tuple(graph.is_entity())
    found: list[Example] = []
    for row, (starts, ends, nodes, names, properties, order, forms, coins) in enumerate(drawn):
        path = tuple([node for node in nodes if node >= 0])
        mirrored = tuple([node + graph.nodes for node in path])
        symbols = list(names)
        _put_properties(graph, symbols, path[-1], properties)
        shape = Shape(tuple(zip(starts, ends, strict=True)), is_entity, (path, mirrored))
        pair = (ids[2 * row], ids[2 * row + 1])
        found += twins(shape, tuple(symbols), order, coins, pair, wording, forms)
    return found


def _forms(start_BE: NDArray[np.int64], graph: LayeredConfig, keys: U64, count: int) -> NDArray[np.int64]:
    """Draw how each premise is told [B, E]; of an entity there is one way."""
    forms = below(draws(keys, purpose=_FORMS, count=start_BE.shape[1]), count)
    return np.where(np.array(graph.is_entity())[start_BE], count, forms)


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
