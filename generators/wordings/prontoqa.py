"""ProntoQA in English sentences, as published (arXiv 2210.01240): does a property follow?

    "Numpuses are not wooden. Each vumpus is a brimpus. ... True or false: Max is not wooden."
    steps "Max is a vumpus. Each vumpus is a brimpus.", ..., "Max is not wooden."; answer "True"

The candidates are a property and its opposite; the question names one. A step is what is known of the query
entity and the rule used on it, the last one the conclusion.

Writer and reader share no code and no constant: what the proof is worth depends on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from .parsed import Edge, Parsed, end_of, parse
from .row import Asked, Asker, Premises, Text

FORMS = 4
"""How a premise about a concept may be told: plural (twice, so that it is as frequent), "Each", "Every"."""

_OF_ENTITY = FORMS  # a fifth form: "Max is a danpus."


class _Told(dict[str, tuple[str, ...]]):
    """Name -> its part of a premise in each form, told once; a dict because a call a premise is slow."""

    def __init__(self, tell: Callable[[str], tuple[str, ...]]) -> None:
        self.tell = tell

    def __missing__(self, name: str) -> tuple[str, ...]:
        self[name] = told = self.tell(name)
        return told


def _begin(name: str) -> tuple[str, ...]:
    plural = f"{name.capitalize()}es are "
    return plural, plural, f"Each {name} is ", f"Every {name} is ", f"{name} is "


def _end(name: str) -> tuple[str, ...]:
    """Every concept ends in "pus", no property does."""
    if not name.endswith("pus"):
        return (f"{name}.",) * (_OF_ENTITY + 1)
    plural, single = f"{name}es.", f"an {name}." if name[0] in "aeiou" else f"a {name}."
    return plural, plural, single, single, single


_BEGIN, _END = _Told(_begin), _Told(_end)


def write(premises: Premises) -> Asker:
    """Tell premises, each in its form; see `row.Premises` and `row.Writer`."""
    symbols, edges, begin, end = premises.symbols, premises.edges, _BEGIN, _END
    rules = [
        begin[symbols[u]][form] + end[symbols[v]][form]
        for (u, v), form in zip(edges, premises.forms, strict=True)
    ]
    told, rule_of = " ".join(rules), dict(zip(edges, rules, strict=True))

    def ask(asked: Asked) -> Text:
        who, path = symbols[asked.root], asked.path
        steps = [f"{who} is {end[symbols[u]][_OF_ENTITY]} {rule_of[u, v]}" for u, v in pairwise(path[1:])]
        question = f"{told} True or false: {who} is {symbols[asked.first]}."
        verdict = "True" if asked.first == path[-1] else "False"
        return Text(question, (*steps, f"{who} is {symbols[path[-1]]}."), verdict)

    return ask


_QUESTION = re.compile(r"(?P<told>.+\.) True or false: (?P<who>[A-Z][a-z]+) is (?P<one>(?:not )?[a-z]+)\.")
_PREMISE = re.compile(
    r"(?:(?P<plural>[A-Z][a-z]+)es are|(?:Each|Every) (?P<singular>[a-z]+) is|(?P<entity>[A-Z][a-z]+) is)"
    r" (?:(?P<concepts>[a-z]+pus)es|(?P<article>an?) (?P<concept>[a-z]+pus)|(?P<property>(?:not )?[a-z]+))\."
)


def read(question: str) -> Parsed | None:
    """Parse a question; see `row.Wording`."""
    match = _QUESTION.fullmatch(question)
    return match and parse(match["told"], _read_edge, match["who"], (match["one"], opposite(match["one"])))


def opposite(literal: str) -> str:
    """Return the negation of a property."""
    return literal.removeprefix("not ") if literal.startswith("not ") else f"not {literal}"


def _read_edge(sentence: str) -> Edge:
    match = _PREMISE.fullmatch(sentence)
    if match is None or (match["plural"] and match["article"]) or (match["concepts"] and not match["plural"]):
        raise ValueError(f"premise not understood: {sentence!r}")
    if match["article"] and (match["article"] == "an") != (match["concept"][0] in "aeiou"):
        raise ValueError(f"wrong article: {sentence!r}")
    start = match["entity"] or match["singular"] or match["plural"].lower()
    return start, match["concepts"] or match["concept"] or match["property"]


def chain(parsed: Parsed, steps: Sequence[str]) -> list[str]:
    """Follow the steps; see `row.Wording`."""
    told = dict(zip(parsed.premises, parsed.edges, strict=True))
    nodes = [parsed.root]
    for number, step in enumerate(steps[:-1], 1):
        known, _, rule = step.partition(". ")
        if number == 1:
            nodes.append(end_of(f"{known}.", number, nodes[-1], told))
        elif _read_edge(f"{known}.") != (parsed.root, nodes[-1]):
            raise ValueError(f"step {number} does not say what the one before it showed: {known + '.'!r}")
        nodes.append(end_of(rule, number, nodes[-1], told))
    if steps[-1] != f"{parsed.root} is {nodes[-1]}.":
        raise ValueError(f"step {len(steps)} is not the conclusion: {steps[-1]!r}")
    return nodes


def answer(parsed: Parsed, target: str) -> str:
    """Say whether the property that the question names is the right candidate."""
    return "True" if parsed.candidates[0] == target else "False"
