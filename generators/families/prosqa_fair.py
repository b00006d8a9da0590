"""ProsQA without the leak: the published wording on graphs where guessing does not help.

    "Every rimpus is a wolpus. Fae is a gorpus. ... Every hanpus is a terpus. Is Fae a terpus or bompus?"
    steps  "Fae is a gorpus." "Every gorpus is a hanpus." "Every hanpus is a terpus."
    answer "Fae is a terpus."; its twin asks "Is Rex a terpus or bompus?" of the same premises

The graphs are those of `layered` or of `symmetric`. A test set may differ from the training set in one factor
at a time: depth, density, branching, distractor components, names, or the order of the premises (`FairSpec`).

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
from .fair import Shape, drawn_labels, twins
from .layered import Layered, LayeredConfig
from .vocabulary import NAMES

# Purposes of draws; those below 8 are the graph's. The numbers are part of every dataset's version.
_ENTITY_LABELS, _LABELS, _ORDER, _COINS = range(8, 12)

ORDERS = ("shuffled", "backward")


@dataclass(frozen=True, slots=True)
class FairSpec:
    """A graph, its names and the order of its premises.

    Attributes:
        graph: Difficulty of the graph.
        names: Row of `NAMES`.
        order: One of `ORDERS`: "shuffled" for uniformly random order, "backward" for the deepest layer first,
            so every step of the chain appears before the step that it follows.

    Raises:
        ValueError: Unknown names or order, or fewer names than nodes.
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
    """Sample a pair of twins (same premises, other query entity, other answer) for each key.

    Args:
        spec: The graphs, their names and order.
        keys: Keys of the pairs [B].
        ids: Ids of the 2 B examples.
        split: Split that the graphs must belong to.
        surface: The wording, a surface of the family in `WORDINGS`.

    Returns:
        The 2 B examples, twins side by side.
    """
    graphs = spec.graph.grow(keys, split)
    wording = WORDINGS["prosqa", surface]
    symbols = symbols_of(spec, keys, wording.uses_ids)
    orders = told_order(spec, graphs, keys).tolist()
    coins = below(draws(keys, purpose=_COINS, count=2), 2).tolist()
    is_entity = tuple(spec.graph.is_entity())
    side = spec.graph.side
    found: list[Example] = []
    starts, ends = graphs.edges_BE2[:, :, 0].tolist(), graphs.edges_BE2[:, :, 1].tolist()
    drawn = zip(starts, ends, graphs.path_BH.tolist(), symbols, orders, coins, strict=True)
    for row, (start, end, path, names, order, coin) in enumerate(drawn):
        path = tuple([node for node in path if node >= 0])
        mirrored = tuple([node + side for node in path])  # the mirror image
        shape = Shape(tuple(zip(start, end, strict=True)), is_entity, (path, mirrored))
        found += twins(shape, names, order, coin, (ids[2 * row], ids[2 * row + 1]), wording)
    return found


def told_order(spec: FairSpec, graphs: Layered, keys: U64) -> NDArray[np.int64]:
    """Draw the order of the premises.

    Args:
        spec: Its ``order`` decides.
        graphs: B graphs.
        keys: Their keys [B].

    Returns:
        A permutation of the edges of each graph, shape [B, E].
    """
    words_BE = draws(keys, purpose=_ORDER, count=graphs.layer_BE.shape[1])
    if spec.order == "backward":
        # The layer in the upper 5 bits decides, deepest first; the remaining random bits order its edges.
        rank = (31 - graphs.layer_BE).astype(np.uint64)
        words_BE = (rank << np.uint64(59)) | (words_BE >> np.uint64(5))
    return shuffled(words_BE)


def symbols_of(spec: FairSpec, keys: U64, uses_ids: bool) -> list[tuple[str, ...]]:
    """Draw the names of the nodes.

    Args:
        spec: The graphs and their names.
        keys: Keys of the graphs [B].
        uses_ids: Whether nodes are named by ids, see `Wording`.

    Returns:
        The names of the nodes of each graph, in the order of the nodes.
    """
    names = NAMES[spec.names]
    table: NDArray[Any]
    if uses_ids:
        table = np.array(names.ids, object)
        label_BN = shuffled(draws(keys, purpose=_LABELS, count=len(names.ids)))[:, : spec.graph.size]
    else:
        table = np.array(names.entities + names.concepts, object)
        sizes, purposes = (len(names.entities), len(names.concepts)), (_ENTITY_LABELS, _LABELS)
        label_BN = drawn_labels(spec.graph.is_entity(), sizes, keys, purposes, attempt=0)
    return [tuple(row) for row in table[label_BN].tolist()]
