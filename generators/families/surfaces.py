"""How a ProsQA-like graph is written down: in English or in ids.

natural    "Tom is a terpus. Every terpus is a brimpus. ... Is Tom a lempus or scrompus?"
           steps "Tom is a terpus.", ...; answer "Tom is a lempus."
symbolic   "4 7 . 7 1 . 12 3 . > 4 < 1 < 9": three whitespace-separated tokens a premise, then who is asked
           about (``>``: where does it lead?) and the two candidates (``<``: what leads there?);
           steps "4 7 .", ...; answer "1"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple


class Wording(NamedTuple):
    """The text of one example."""

    question: str
    steps: tuple[str, ...]
    answer: str


class Asked(NamedTuple):
    """What is asked of a graph: nodes as indices, ``path`` from the root to the right candidate."""

    root: int
    first: int
    second: int
    path: Sequence[int]


Edges = Sequence[tuple[int, int]]
Asker = Callable[[Asked], Wording]
Writer = Callable[[Sequence[str], Sequence[bool], Edges], Asker]
"""(symbols, which are entities, premises in the order of telling) -> what asks about them.

Twins have their premises told once.
"""


def natural(symbols: Sequence[str], is_entity: Sequence[bool], premises: Edges) -> Asker:
    """Write English sentences."""
    heads = [
        f"{name} is a " if entity else f"Every {name} is a "
        for name, entity in zip(symbols, is_entity, strict=True)
    ]
    tails = [f"{name}." for name in symbols]
    told = " ".join([heads[u] + tails[v] for u, v in premises])

    def ask(asked: Asked) -> Wording:
        who, path = symbols[asked.root], asked.path
        question = f"{told} Is {who} a {symbols[asked.first]} or {symbols[asked.second]}?"
        steps = tuple([heads[u] + tails[v] for u, v in pairwise(path)])
        return Wording(question, steps, f"{who} is a {tails[path[-1]]}")

    return ask


def symbolic(symbols: Sequence[str], is_entity: Sequence[bool], premises: Edges) -> Asker:
    """Write ids, three tokens a premise; an entity looks like any other node."""
    told = " ".join([f"{symbols[u]} {symbols[v]} ." for u, v in premises])

    def ask(asked: Asked) -> Wording:
        question = f"{told} > {symbols[asked.root]} < {symbols[asked.first]} < {symbols[asked.second]}"
        steps = tuple([f"{symbols[u]} {symbols[v]} ." for u, v in pairwise(asked.path)])
        return Wording(question, steps, symbols[asked.path[-1]])

    return ask


SURFACES: Mapping[str, Writer] = {"natural": natural, "symbolic": symbolic}
