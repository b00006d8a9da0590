"""ProsQA without the leak: the published wording on graphs that only a search solves.

    "Every rimpus is a wolpus. Fae is a gorpus. ... Every hanpus is a terpus. Is Fae a terpus or bompus?"
    steps  "Fae is a gorpus." "Every gorpus is a hanpus." "Every hanpus is a terpus."
    answer "Fae is a terpus."; its twin asks "Is Rex a terpus or bompus?" of the same premises

The graphs are those of ``layered``. What a model is trained on and what it is tested on may differ in one
thing at a time: the depth, the density, the branching, distractor components, the names, or the order in
which the premises are told (``FairSpec``).

Axes: B graphs, N nodes, E edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..example import Example
from ..lookup import pick
from ..seeding import U64, below, draws, shuffled
from ..wordings.table import WORDINGS
from .fair import Shape, twins
from .layered import Layered, LayeredConfig, grow
from .vocabulary import NAMES

# Purposes of draws; those below 8 are the graph's. The numbers are part of every dataset's version.
_ENTITY_LABELS, _LABELS, _ORDER, _COINS = range(8, 12)

ORDERS = ("shuffled", "backward")


@dataclass(frozen=True, slots=True)
class FairSpec:
    """A graph and how it is told: ``names`` is a row of ``NAMES``, ``order`` one of ``ORDERS``.

    "shuffled" tells the premises in uniformly random order, "backward" those of the deepest layer first, so
    every step of the chain is told before the one that it follows. Raises ValueError for an unknown name or
    order, and for a graph with more nodes than there are names.
    """

    graph: LayeredConfig = field(default_factory=LayeredConfig)
    names: str = "seen"
    order: str = "shuffled"

    def __post_init__(self) -> None:
        names = pick(NAMES, self.names, "set of names")
        pick({order: order for order in ORDERS}, self.order, "order")
        graph = self.graph
        concepts = graph.size - graph.entities
        needs = ("entities", graph.entities), ("concepts", concepts), ("ids", graph.size)
        for what, needed in needs:
            known = len(getattr(names, what))
            if needed > known:
                raise ValueError(f"{what} must be at most {known} (the names there are), got {needed}")


def sample(spec: FairSpec, keys: U64, ids: Sequence[str], split: str, surface: str) -> list[Example]:
    """Make the pair of twins of each key [B]; ``ids`` names the 2 B examples in order."""
    graphs = grow(spec.graph, keys, split)
    wording = WORDINGS["prosqa", surface]
    symbols = symbols_of(spec, keys, wording.uses_ids)
    orders = told_order(spec, graphs, keys).tolist()
    coins = below(draws(keys, purpose=_COINS, count=2), 2).tolist()
    is_entity = tuple(spec.graph.is_entity())
    nodes = spec.graph.nodes
    found: list[Example] = []
    starts, ends = graphs.edges_BE2[:, :, 0].tolist(), graphs.edges_BE2[:, :, 1].tolist()
    drawn = zip(starts, ends, graphs.path_BH.tolist(), symbols, orders, coins, strict=True)
    for row, (start, end, path, names, order, coin) in enumerate(drawn):
        path = tuple([node for node in path if node >= 0])
        mirrored = tuple([node + nodes for node in path])
        shape = Shape(tuple(zip(start, end, strict=True)), is_entity, (path, mirrored))
        found += twins(shape, names, order, coin, (ids[2 * row], ids[2 * row + 1]), wording)
    return found


def told_order(spec: FairSpec, graphs: Layered, keys: U64) -> NDArray[np.int64]:
    """Return the order in which the edges of each graph are told [B, E]."""
    words_BE = draws(keys, purpose=_ORDER, count=graphs.layer_BE.shape[1])
    if spec.order == "backward":
        rank = (31 - graphs.layer_BE).astype(np.uint64)
        words_BE = (rank << np.uint64(59)) | (words_BE >> np.uint64(5))
    return shuffled(words_BE)


def _labels(spec: FairSpec, keys: U64) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw the names of each graph: indices of its entities [B, entities] and of its other nodes."""
    names, graph = NAMES[spec.names], spec.graph
    entities = shuffled(draws(keys, purpose=_ENTITY_LABELS, count=len(names.entities)))
    concepts = shuffled(draws(keys, purpose=_LABELS, count=len(names.concepts)))
    return entities[:, : graph.entities], concepts[:, : graph.size - graph.entities]


def symbols_of(spec: FairSpec, keys: U64, uses_ids: bool) -> list[tuple[str, ...]]:
    """Name the nodes of each graph, by ids or by names."""
    names = NAMES[spec.names]
    table: NDArray[Any]
    if uses_ids:
        table = np.array(names.ids, object)
        label_BN = shuffled(draws(keys, purpose=_LABELS, count=len(names.ids)))[:, : spec.graph.size]
    else:
        table = np.array(names.entities + names.concepts, object)
        is_entity = np.array(spec.graph.is_entity())
        entities, concepts = _labels(spec, keys)
        label_BN = np.empty((len(keys), spec.graph.size), np.int64)
        label_BN[:, is_entity] = entities
        label_BN[:, ~is_entity] = len(names.entities) + concepts
    return [tuple(row) for row in table[label_BN].tolist()]
