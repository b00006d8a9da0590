"""ProsQA in English sentences, as published (arXiv 2412.06769).

    "Tom is a terpus. Every terpus is a brimpus. ... Is Tom a lempus or scrompus?"
    steps "Tom is a terpus.", ...; answer "Tom is a lempus."

Writer and reader share no code and no constant: what the proof is worth depends on it.
"""

from __future__ import annotations

import re
from itertools import pairwise

from .parsed import Parsed, edge_reader, parse
from .row import Asked, Asker, Premises, Text


def write(premises: Premises) -> Asker:
    """Tell premises; see `row.Premises` and `row.Writer`."""
    symbols = premises.symbols
    heads = [
        f"{name} is a " if entity else f"Every {name} is a "
        for name, entity in zip(symbols, premises.is_entity, strict=True)
    ]
    tails = [f"{name}." for name in symbols]
    told = " ".join([heads[u] + tails[v] for u, v in premises.edges])

    def ask(asked: Asked) -> Text:
        who, path = symbols[asked.root], asked.path
        question = f"{told} Is {who} a {symbols[asked.first]} or {symbols[asked.second]}?"
        steps = tuple([heads[u] + tails[v] for u, v in pairwise(path)])
        return Text(question, steps, f"{who} is a {tails[path[-1]]}")

    return ask


_QUESTION = re.compile(r"(?P<told>.+\.) Is (?P<who>[A-Z][a-z]+) a (?P<one>[a-z]+) or (?P<two>[a-z]+)\?")
# After "Every" comes a concept, in small letters; without it an entity, with a capital.
_read_edge = edge_reader(r"(?:Every (?=[a-z])|(?=[A-Z]))([A-Z]?[a-z]+) is a ([a-z]+)\.")


def read(question: str) -> Parsed | None:
    """Parse a question; see `row.Wording`."""
    match = _QUESTION.fullmatch(question)
    return match and parse(match["told"], _read_edge, match["who"], (match["one"], match["two"]))


def answer(parsed: Parsed, target: str) -> str:
    """Return the sentence that names the right candidate."""
    return f"{parsed.root} is a {target}."
