"""ProntoQA in English sentences, as published (arXiv 2210.01240): does a property follow?

    "Numpuses are not wooden. Each vumpus is a brimpus. ... True or false: Max is not wooden."
    steps "Max is a vumpus. Each vumpus is a brimpus.", ..., "Max is not wooden."; answer "True"

The candidates are a property and its opposite; the question names one. A step is what is known of the query
entity and the rule used on it, the last one the conclusion.

Writer and reader share no code and no constant: what the proof is worth depends on it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

from .parsed import Edge, Parsed, end_of, parse
from .row import Asked, Asker, Premises, Text

FORMS = 4
"""How a premise about a concept may be told: plural (twice, so that it is as frequent), "Each", "Every"."""

_OF_ENTITY = FORMS  # a fifth form: "Max is a danpus."


def write(premises: Premises) -> Asker:
    """Tell premises, each in its form; see `row.Premises` and `row.Writer`."""
    symbols, is_entity = premises.symbols, premises.is_entity
    rules = {}
    for edge, form in zip(premises.edges, premises.forms, strict=True):
        u, v = edge
        told_as = _OF_ENTITY if is_entity[u] else form
        rules[edge] = _begin(symbols[u])[told_as] + _end(symbols[v])[told_as]
    told = " ".join(rules.values())

    def ask(asked: Asked) -> Text:
        who, path, named = symbols[asked.root], asked.path, symbols[asked.first]
        known = f"{who} is "
        steps = [f"{known}{_end(symbols[u])[_OF_ENTITY]} {rules[u, v]}" for u, v in pairwise(path[1:])]
        verdict = "True" if asked.first == path[-1] else "False"
        question = f"{told} True or false: {who} is {named}."
        return Text(question, (*steps, f"{known}{symbols[path[-1]]}."), verdict)

    return ask


@cache
def _begin(name: str) -> tuple[str, ...]:
    """How a premise about ``name`` begins, in each form."""
    plural = f"{name.capitalize()}es are "
    return plural, plural, f"Each {name} is ", f"Every {name} is ", f"{name} is "


@cache
def _end(name: str) -> tuple[str, ...]:
    """How a premise ends that leads to ``name``, in each form; every concept ends in "pus"."""
    if not name.endswith("pus"):
        return (f"{name}.",) * (_OF_ENTITY + 1)
    plural, single = f"{name}es.", f"an {name}." if name[0] in "aeiou" else f"a {name}."
    return plural, plural, single, single, single


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
