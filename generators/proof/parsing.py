"""Read a question's text back into a graph. Shares no code with what wrote the text.

    >>> reading = read_question("4 7 . 7 1 . 12 9 . > 4 < 1 < 9")
    >>> reading.root, reading.candidates, sorted(reading.graph.edges)
    ('4', ('1', '9'), [('12', '9'), ('4', '7'), ('7', '1')])

Nodes are words: "terpus", "Tom", "12", and in ProntoQA properties too ("wooden", "not wooden").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx

_PROSQA_QUESTION = re.compile(
    r"(?P<told>.+\.) Is (?P<who>[A-Z][a-z]+) a (?P<one>[a-z]+) or (?P<two>[a-z]+)\?"
)
_PROSQA_PREMISE = re.compile(r"(?:Every (?P<concept>[a-z]+)|(?P<entity>[A-Z][a-z]+)) is a (?P<end>[a-z]+)\.")
_SYMBOLIC_QUESTION = re.compile(r"(?P<told>[0-9 .]+ \.) > (?P<who>\d+) < (?P<one>\d+) < (?P<two>\d+)")
_SYMBOLIC_PREMISE = re.compile(r"(?P<concept>\d+) (?P<end>\d+) \.")
_PRONTOQA_QUESTION = re.compile(
    r"(?P<told>.+\.) True or false: (?P<who>[A-Z][a-z]+) is (?P<one>(?:not )?[a-z]+)\."
)
_PRONTOQA_PREMISE = re.compile(
    r"(?:(?P<plural>[A-Z][a-z]+)es are|(?:Each|Every) (?P<singular>[a-z]+) is|(?P<entity>[A-Z][a-z]+) is)"
    r" (?:(?P<concepts>[a-z]+pus)es|(?P<article>an?) (?P<concept>[a-z]+pus)|(?P<property>(?:not )?[a-z]+))\."
)


@dataclass(frozen=True)
class Reading:
    """A question as read: its premises in order, the graph they make, who is asked, the two candidates.

    ``edges`` has one edge for each premise, so a duplicate shows; ``kind`` is natural, symbolic or prontoqa.
    """

    kind: str
    premises: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    graph: nx.DiGraph[str]
    root: str
    candidates: tuple[str, str]


def read_question(text: str) -> Reading:
    """Parse a question of any surface; raises ValueError with the first part that is not of that surface."""
    if match := _PRONTOQA_QUESTION.fullmatch(text):
        asked = match["one"]
        kind, two = "prontoqa", opposite(asked)
        premises = re.findall(r"[^.]+\.", match["told"])
        edges = [_prontoqa_edge(premise.strip()) for premise in premises]
    elif match := _PROSQA_QUESTION.fullmatch(text):
        kind, asked, two = "natural", match["one"], match["two"]
        premises = re.findall(r"[^.]+\.", match["told"])
        edges = [_edge(_PROSQA_PREMISE, premise.strip()) for premise in premises]
    elif match := _SYMBOLIC_QUESTION.fullmatch(text):
        kind, asked, two = "symbolic", match["one"], match["two"]
        premises = re.findall(r"[^.]+\.", match["told"])
        edges = [_edge(_SYMBOLIC_PREMISE, premise.strip()) for premise in premises]
    else:
        raise ValueError(f"question ends in no known form: ...{text[-60:]!r}")
    told = tuple(premise.strip() for premise in premises)
    if " ".join(told) != match["told"]:
        raise ValueError("premises must be separated by single spaces")
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from(edges)
    return Reading(kind, told, tuple(edges), graph, match["who"], (asked, two))


def opposite(literal: str) -> str:
    """Return the negation of a property."""
    return literal.removeprefix("not ") if literal.startswith("not ") else f"not {literal}"


def read_chain(reading: Reading, steps: Sequence[str]) -> list[str]:
    """Follow the steps and return the nodes they pass, root first.

    Raises ValueError at the first step that is not a premise or does not start where the last one ended.
    """
    if not steps:
        raise ValueError("steps must not be empty")
    told = dict(zip(reading.premises, reading.edges, strict=True))
    if reading.kind == "prontoqa":
        return _prontoqa_chain(reading, steps, told)
    chain = [reading.root]
    for number, step in enumerate(steps):
        _follow(chain, number, step, told)
    return chain


def expected_answer(reading: Reading, target: str) -> str:
    """Return the answer's text, given the candidate that was found to be right."""
    if reading.kind == "prontoqa":
        return "True" if reading.candidates[0] == target else "False"
    return f"{reading.root} is a {target}." if reading.kind == "natural" else target


def _edge(form: re.Pattern[str], sentence: str) -> tuple[str, str]:
    match = form.fullmatch(sentence)
    if match is None:
        raise ValueError(f"premise not understood: {sentence!r}")
    start = match["concept"] or match["entity"]
    return start, match["end"]


def _prontoqa_edge(sentence: str) -> tuple[str, str]:
    match = _PRONTOQA_PREMISE.fullmatch(sentence)
    if match is None or (match["plural"] and match["article"]) or (match["concepts"] and not match["plural"]):
        raise ValueError(f"premise not understood: {sentence!r}")
    if match["article"] and (match["article"] == "an") != (match["concept"][0] in "aeiou"):
        raise ValueError(f"wrong article: {sentence!r}")
    start = match["entity"] or match["singular"] or match["plural"].lower()
    return start, match["concepts"] or match["concept"] or match["property"]


def _follow(chain: list[str], number: int, sentence: str, told: dict[str, tuple[str, str]]) -> None:
    """Append where the sentence leads."""
    if sentence not in told:
        raise ValueError(f"step {number + 1} is not a premise: {sentence!r}")
    start, end = told[sentence]
    if start != chain[-1]:
        raise ValueError(f"step {number + 1} starts at {start!r}, the one before it ended at {chain[-1]!r}")
    chain.append(end)


def _prontoqa_chain(reading: Reading, steps: Sequence[str], told: dict[str, tuple[str, str]]) -> list[str]:
    """Every step but the last says what is known of the one asked about and the rule that is used on it."""
    chain = [reading.root]
    for number, step in enumerate(steps[:-1]):
        known, _, rule = step.partition(". ")
        if number == 0:
            _follow(chain, number, f"{known}.", told)
        elif _prontoqa_edge(f"{known}.") != (reading.root, chain[-1]):
            raise ValueError(f"step {number + 1} does not say what the one before it showed: {known + '.'!r}")
        _follow(chain, number, rule, told)
    if steps[-1] != f"{reading.root} is {chain[-1]}.":
        raise ValueError(f"step {len(steps)} is not the conclusion: {steps[-1]!r}")
    return chain
