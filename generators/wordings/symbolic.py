"""ProsQA in ids: three whitespace-separated tokens a premise.

    "4 7 . 7 1 . 12 3 . > 4 < 1 < 9"   the query entity after ``>``, the candidates after ``<``
    steps "4 7 .", ...; answer "1"

Writer and reader share no code and no constant: what the proof is worth depends on it.
"""

from __future__ import annotations

import re
from itertools import pairwise

from .parsed import Parsed, edge_reader, parse
from .row import Asked, Asker, Premises, Text


def write(premises: Premises) -> Asker:
    """Tell premises, an entity like any other node; see `row.Premises` and `row.Writer`."""
    symbols = premises.symbols
    told = " ".join([f"{symbols[u]} {symbols[v]} ." for u, v in premises.edges])

    def ask(asked: Asked) -> Text:
        question = f"{told} > {symbols[asked.root]} < {symbols[asked.first]} < {symbols[asked.second]}"
        steps = tuple([f"{symbols[u]} {symbols[v]} ." for u, v in pairwise(asked.path)])
        return Text(question, steps, symbols[asked.path[-1]])

    return ask


_QUESTION = re.compile(r"(?P<told>[0-9 .]+ \.) > (?P<who>\d+) < (?P<one>\d+) < (?P<two>\d+)")
_read_edge = edge_reader(r"(\d+) (\d+) \.")


def read(question: str) -> Parsed | None:
    """Parse a question; see `row.Wording`."""
    match = _QUESTION.fullmatch(question)
    return match and parse(match["told"], _read_edge, match["who"], (match["one"], match["two"]))


def answer(parsed: Parsed, target: str) -> str:
    """Return the id of the right candidate."""
    return target


def is_like(text: str) -> bool:
    """Whether a text has ids and this wording's marks only, though it may be no question of it."""
    return all(word.isdigit() or word in {".", ">", "<"} for word in text.split())
