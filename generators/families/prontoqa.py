"""ProntoQA with five fictional hops, as published: does a property follow for the one asked about?

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

# The share of negated properties, as (how many, of how many): C5 to C2, C1, D5 to D1, E.
_NEGATED = np.array([(13, 47)] * 4 + [(91, 193)] + [(1, 3)] * 6)

_FAMILY_SIZES = np.array([len(family) for family in PROPERTY_FAMILIES])

# Purposes of draws; the numbers are part of the dataset's version.
_CONCEPTS, _FAMILIES, _ADJECTIVES, _POLARITY, _FORMS, _ORDER, _REST = range(7)

# How a rule can be told: its subject and, when it is a concept, its object. Plurals are twice as frequent.
_PLURAL = (
    [f"{name.capitalize()}es are" for name in PRONTOQA_CONCEPTS],
    [f"{name}es" for name in PRONTOQA_CONCEPTS],
)
_SINGULAR = [f"an {name}" if name[0] in "aeiou" else f"a {name}" for name in PRONTOQA_CONCEPTS]
_FORMS_TABLE = (
    _PLURAL,
    _PLURAL,
    ([f"Each {name} is" for name in PRONTOQA_CONCEPTS], _SINGULAR),
    ([f"Every {name} is" for name in PRONTOQA_CONCEPTS], _SINGULAR),
)


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
    """Make one example for each key [B]; ``ids`` names them. There is one surface, "natural"."""

    def propose(keys: U64, attempt: U64) -> tuple[Arrays, NDArray[np.bool_]]:
        words_BF = draws(keys, purpose=_FAMILIES, count=len(PROPERTY_FAMILIES), attempt=attempt)
        families_BP = shuffled(words_BF)[:, : len(_BEARERS)]
        words_BP = draws(keys, purpose=_ADJECTIVES, count=len(_BEARERS), attempt=attempt)
        adjectives_BP = below(words_BP, _FAMILY_SIZES[families_BP])
        words_BP = draws(keys, purpose=_POLARITY, count=len(_BEARERS), attempt=attempt)
        negated_BP = below(words_BP, _NEGATED[:, 1]) < _NEGATED[:, 0]
        accepted = split_mask(properties_hash(families_BP, adjectives_BP, negated_BP), split)
        return (families_BP, adjectives_BP, negated_BP), accepted

    properties = first_accepted(keys, propose)
    drawn = zip(
        shuffled(draws(keys, purpose=_CONCEPTS, count=len(PRONTOQA_CONCEPTS))).tolist(),
        *(column.tolist() for column in properties),
        below(draws(keys, purpose=_FORMS, count=_RULES + 1), len(_FORMS_TABLE)).tolist(),
        shuffled(draws(keys, purpose=_ORDER, count=_RULES)).tolist(),
        below(
            draws(keys, purpose=_REST, count=4), np.array([len(PRONTOQA_ENTITIES), _RULES + 1, 2, 2])
        ).tolist(),
        strict=True,
    )
    return [_write(id, _Drawn(*row)) for id, row in zip(ids, drawn, strict=True)]


def properties_hash(
    families_BP: NDArray[np.int64], adjectives_BP: NDArray[np.int64], negated_BP: NDArray[np.bool_]
) -> U64:
    """Hash which property each node of the one shape has, [B]: what is left when names are forgotten."""
    properties = (families_BP * 16 + adjectives_BP * 2 + negated_BP).astype(np.uint64)
    place = np.arange(1, properties.shape[1] + 1, dtype=np.uint64) << np.uint64(32)
    return mix(properties + place).sum(axis=1, dtype=np.uint64)


def _write(id: str, drawn: _Drawn) -> Example:
    """Write the text of one example."""
    names, forms = drawn.concepts, drawn.forms
    entity_at, slot, facts_order, query_negated = drawn.rest
    entity = PRONTOQA_ENTITIES[entity_at]
    literals = _literals(drawn)
    rules = [
        f"{_FORMS_TABLE[form][0][names[u]]} {_FORMS_TABLE[form][1][names[v]]}."
        for form, (u, v) in zip(forms[: len(_IS_A)], _IS_A, strict=True)
    ]
    rules += [
        f"{_FORMS_TABLE[form][0][names[u]]} {literal}."
        for form, u, literal in zip(forms[len(_IS_A) : _RULES], _BEARERS, literals[:-1], strict=True)
    ]
    told = [rules[at] for at in drawn.order]
    told.insert(slot, f"{_FORMS_TABLE[forms[-1]][0][names[_Q]]} {literals[-1]}.")
    facts = [f"{entity} is {_SINGULAR[names[_CHAIN[0]]]}.", f"{entity} is {_SINGULAR[names[_E]]}."]
    told += facts[::-1] if facts_order else facts
    conclusion = f"{entity} is {literals[_PROPERTY_OF_C1]}."
    adjective = PROPERTY_FAMILIES[drawn.families[_PROPERTY_OF_C1]][drawn.adjectives[_PROPERTY_OF_C1]]
    asked = f"{entity} is not {adjective}." if query_negated else f"{entity} is {adjective}."
    used = [*rules[: HOPS - 1], rules[len(_IS_A) + _PROPERTY_OF_C1]]
    steps = [f"{entity} is {_SINGULAR[names[at]]}. {rule}" for at, rule in zip(_CHAIN, used, strict=True)]
    return Example(
        id=id,
        question=f"{' '.join(told)} True or false: {asked}",
        steps=(*steps, conclusion),
        answer="True" if asked == conclusion else "False",
        hops=HOPS,
        graph=_graph(entity, names, literals),
    )


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


_FIRST_CONCEPT, _FIRST_LITERAL = 1, 15
_EDGES = (
    (0, _FIRST_CONCEPT + _CHAIN[0]),
    (0, _FIRST_CONCEPT + _E),
    *((_FIRST_CONCEPT + u, _FIRST_CONCEPT + v) for u, v in _IS_A),
    *((_FIRST_CONCEPT + u, _FIRST_LITERAL + at) for at, u in enumerate((*_BEARERS, _Q))),
)


def _graph(entity: str, names: list[int], literals: list[str]) -> Graph:
    """Return the graph: the entity, the 14 concepts, the 11 properties and the opposite of C1's."""
    symbols = (entity, *[PRONTOQA_CONCEPTS[name] for name in names[: _Q + 1]], *literals)
    return Graph(symbols, _EDGES, 0, _FIRST_LITERAL + _PROPERTY_OF_C1, len(symbols) - 1)
