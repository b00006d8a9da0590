"""ProntoQA with five fictional hops, as published: does a property of the query entity follow?

    "Numpuses are not wooden. Vumpuses are lempuses. ... Each yumpus is wooden. ... Each vumpus is a brimpus.
     Max is a vumpus. Max is a lorpus. True or false: Max is not wooden."
    steps  "Max is a vumpus. Each vumpus is a brimpus." ... "Max is a numpus. Numpuses are not wooden."
           "Max is not wooden."
    answer "True"

Saparov and He 2023 (arXiv 2210.01240), with the options of Hao et al. 2024 (arXiv 2412.06769). The original
generator grows random ontologies and keeps those of one shape, which is drawn directly here:

    entity -> C5 -> C4 -> C3 -> C2 -> C1 -> R     each Ci also is a Di, which has no other parent
    entity -> E -> ER                             one property each on C1-C5, D1-D5 and E
    Q                                             its one rule says the opposite of C1's

It leaks: of the two rules with the query's adjective, the one about a concept that occurs elsewhere is
always right, so one look-up answers every question.

Axes: B examples, R the 22 rules about the entity's ontology, C the 14 concepts, P the 11 properties.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..example import Example, Graph
from ..seeding import U64, Arrays, below, draws, first_accepted, mix, shuffled, split_mask
from ..wordings.row import Asked, Premises, Wording
from ..wordings.table import WORDINGS
from .vocabulary import PRONTOQA_CONCEPTS, PRONTOQA_ENTITIES, PROPERTY_FAMILIES

HOPS = 5
_CHAIN, _R, _D, _E, _ER, _Q = range(5), 5, range(6, 11), 11, 12, 13  # where the concepts stand: C5 first
_BEARERS = (*_CHAIN, *_D, _E)  # the concepts with a property, in this order

_IS_A = (
    tuple(zip(_CHAIN, (*_CHAIN[1:], _R), strict=True)) + tuple(zip(_CHAIN, _D, strict=True)) + ((_E, _ER),)
)
"""The rules between concepts; the rules about properties follow them in the order of ``_BEARERS``."""

_RULES = len(_IS_A) + len(_BEARERS)
_PROPERTY_OF_C1 = _BEARERS.index(_CHAIN[-1])

# Where nodes stand in the graph: the entity, the 14 concepts, the 11 properties and the opposite of C1's.
_FIRST_CONCEPT, _FIRST_LITERAL = 1, 15
_IS_ENTITY = (True,) + (False,) * (_FIRST_LITERAL + len(_BEARERS))
_FACTS = 2  # edges from the entity: they come first, the rules after them, Q's last
_EDGES = (
    (0, _FIRST_CONCEPT + _CHAIN[0]),
    (0, _FIRST_CONCEPT + _E),
    *((_FIRST_CONCEPT + u, _FIRST_CONCEPT + v) for u, v in _IS_A),
    *((_FIRST_CONCEPT + u, _FIRST_LITERAL + at) for at, u in enumerate((*_BEARERS, _Q))),
)

# The share of negated properties, as (how many, of how many): C5 to C2, C1, D5 to D1, E.
_NEGATED = np.array([(13, 47)] * 4 + [(91, 193)] + [(1, 3)] * 6)

_FAMILY_SIZES = np.array([len(family) for family in PROPERTY_FAMILIES])

# Purposes of draws; the numbers are part of the dataset's version.
_CONCEPTS, _FAMILIES, _ADJECTIVES, _POLARITY, _FORMS, _ORDER, _REST = range(7)


class _Drawn(NamedTuple):
    """One example before its text. ``rest``: entity, slot of Q's rule, order of the facts, query negated."""

    concepts: list[int]
    families: list[int]
    adjectives: list[int]
    negated: list[bool]
    forms: list[int]
    order: list[int]
    rest: list[int]


def sample(keys: U64, ids: Sequence[str], split: str, surface: str) -> list[Example]:
    """Make one example for each key.

    Args:
        keys: The keys of the random streams [B].
        ids: The ids of the examples.
        split: The split that the graphs must belong to.
        surface: A surface of ProntoQA.
    """

    def propose(keys: U64, attempt: U64) -> tuple[Arrays, NDArray[np.bool_]]:
        words_BF = draws(keys, purpose=_FAMILIES, count=len(PROPERTY_FAMILIES), attempt=attempt)
        families_BP = shuffled(words_BF)[:, : len(_BEARERS)]
        words_BP = draws(keys, purpose=_ADJECTIVES, count=len(_BEARERS), attempt=attempt)
        adjectives_BP = below(words_BP, _FAMILY_SIZES[families_BP])
        words_BP = draws(keys, purpose=_POLARITY, count=len(_BEARERS), attempt=attempt)
        negated_BP = below(words_BP, _NEGATED[:, 1]) < _NEGATED[:, 0]
        accepted = split_mask(properties_hash(families_BP, adjectives_BP, negated_BP), split)
        return (families_BP, adjectives_BP, negated_BP), accepted

    properties, wording = first_accepted(keys, propose), WORDINGS["prontoqa", surface]
    drawn = zip(
        shuffled(draws(keys, purpose=_CONCEPTS, count=len(PRONTOQA_CONCEPTS))).tolist(),
        *(column.tolist() for column in properties),
        below(draws(keys, purpose=_FORMS, count=_RULES + 1), wording.forms).tolist(),
        shuffled(draws(keys, purpose=_ORDER, count=_RULES)).tolist(),
        below(
            draws(keys, purpose=_REST, count=4), np.array([len(PRONTOQA_ENTITIES), _RULES + 1, 2, 2])
        ).tolist(),
        strict=True,
    )
    return [_write(id, _Drawn(*row), wording) for id, row in zip(ids, drawn, strict=True)]


def properties_hash(
    families_BP: NDArray[np.int64], adjectives_BP: NDArray[np.int64], negated_BP: NDArray[np.bool_]
) -> U64:
    """Hash which property each node of the one shape has, [B]: what is left when names are forgotten."""
    properties = (families_BP * 16 + adjectives_BP * 2 + negated_BP).astype(np.uint64)
    place = np.arange(1, properties.shape[1] + 1, dtype=np.uint64) << np.uint64(32)
    return mix(properties + place).sum(axis=1, dtype=np.uint64)


def _write(id: str, drawn: _Drawn, wording: Wording) -> Example:
    """Write the text of one example."""
    entity_at, slot, facts_order, query_negated = drawn.rest
    symbols = (
        PRONTOQA_ENTITIES[entity_at],
        *[PRONTOQA_CONCEPTS[name] for name in drawn.concepts[: _Q + 1]],
        *_literals(drawn),
    )
    target, other = _FIRST_LITERAL + _PROPERTY_OF_C1, len(symbols) - 1
    told = [_FACTS + at for at in drawn.order]
    told.insert(slot, len(_EDGES) - 1)
    told += (1, 0) if facts_order else (0, 1)
    forms = [wording.forms] * _FACTS + drawn.forms
    premises = Premises(symbols, _IS_ENTITY, [_EDGES[at] for at in told], [forms[at] for at in told])
    asks_target = bool(query_negated) == drawn.negated[_PROPERTY_OF_C1]
    candidates = (target, other) if asks_target else (other, target)
    path = (0, *[_FIRST_CONCEPT + at for at in _CHAIN], target)
    text = wording.write(premises)(Asked(0, *candidates, path))
    return Example(id, *text, hops=HOPS, graph=Graph(symbols, _EDGES, 0, target, other))


def _literals(drawn: _Drawn) -> list[str]:
    """Return the 11 properties in words, and last the opposite of C1's."""
    words = [
        PROPERTY_FAMILIES[family][adjective]
        for family, adjective in zip(drawn.families, drawn.adjectives, strict=True)
    ]
    literals = [
        f"not {word}" if negated else word for word, negated in zip(words, drawn.negated, strict=True)
    ]
    word = words[_PROPERTY_OF_C1]
    literals.append(word if drawn.negated[_PROPERTY_OF_C1] else f"not {word}")
    return literals
