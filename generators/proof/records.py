"""Prove one record from its text: its answer, its steps, and what its dataset promises of it.

The text is parsed and searched by code that shares nothing with the samplers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import networkx as nx

from ..example import Example, canonical_row
from ..wordings.reading import read_question
from .contracts import contract_of
from .proved import Proved, require

Row = Mapping[str, Any]


class VerificationError(ValueError):
    """A dataset is not what it claims to be."""


class Told(NamedTuple):
    """What the manifest says of the records of a split; ``start`` is the index of the first."""

    dataset: str
    version: str
    surface: str
    prefix: str
    start: int


class Checked(NamedTuple):
    """A record that is right by itself.

    Attributes:
        place: File, line and id.
        row: Its canonical bytes.
        form: Its graph's form, which no other split may have.
        unlike_twin: How it is no twin of the record before it, although it should be one.
    """

    place: str
    row: bytes
    form: object
    unlike_twin: str = ""


def prove(example: Example) -> Proved:
    """Read one example's text, search its graph, and check answer, steps, hops and graph fields.

    Args:
        example: The example.

    Returns:
        The question with the answer that the search found.

    Raises:
        ValueError: That says what is wrong.
    """
    reading = read_question(example.question)
    graph, root = reading.graph, reading.root
    repeated = len(reading.edges) - len(set(reading.edges))
    require(not repeated, f"{repeated} premises are told twice")
    require(nx.is_directed_acyclic_graph(graph), "the premises must have no cycle")
    require(root in graph and graph.in_degree(root) == 0, f"query entity {root!r} must have no parents")
    distance = nx.single_source_shortest_path_length(graph, root)
    reached = [candidate for candidate in reading.candidates if candidate in distance]
    require(len(reached) == 1, f"one candidate must follow, found {len(reached)} of {reading.candidates}")
    target = reached[0]
    other = next(candidate for candidate in reading.candidates if candidate != target)
    require(other in graph, f"candidate {other!r} does not occur in the premises")
    answer = reading.answer(target)
    require(example.answer == answer, f"answer must be {answer!r}, got {example.answer!r}")
    chain = reading.chain(example.steps)
    require(chain[-1] == target, f"steps end at {chain[-1]!r} and must end at {target!r}")
    shortest = distance[target]
    require(len(chain) - 1 == shortest, f"steps take {len(chain) - 1} edges, the shortest way {shortest}")
    hops = shortest - reading.wording.concludes
    require(example.hops == hops, f"hops must be {hops}, got {example.hops}")
    _check_graph(example, set(reading.edges), (root, target, other))
    return Proved(reading, tuple(chain), target, other)


def _check_graph(example: Example, edges: set[tuple[str, str]], asked: tuple[str, str, str]) -> None:
    """Compare the machine-readable fields with what the text says."""
    known = example.graph
    if known is None:
        return
    symbols = known.symbols
    require(len(set(symbols)) == len(symbols), "idx_to_symbol must not repeat a symbol")
    stated = [(symbols[u], symbols[v]) for u, v in known.edges]
    difference = sorted(set(stated) ^ edges)
    require(not difference, f"edges and question differ: {difference[:2]}")
    require(len(stated) == len(edges), "edges must not repeat an edge")
    require(
        set(symbols) == {node for edge in edges for node in edge}, "idx_to_symbol must name every node once"
    )
    names = tuple(symbols[node] for node in (known.root, known.target, known.neg_target))
    require(names == asked, f"root, target and neg_target must be {asked}, got {names}")


def check_block(
    file: str, rows: Sequence[tuple[int, Row]], error: Exception | None, told: Told | None
) -> tuple[list[Checked], Exception | None]:
    """Prove consecutive records; runs in a worker.

    Args:
        file: Name of the file.
        rows: The records and their numbers; a twin is in the block of its twin.
        error: What ended the reading after them.
        told: What the manifest says of them; None for a single file.

    Returns:
        What was found for each record, up to the first that is wrong, and the error there.
    """
    found: list[Checked] = []
    twin: Proved | None = None
    for number, row in rows:
        place = f"{file}:{number} {row.get('id', '')}".rstrip()
        try:
            one, twin = _check(place, number, row, told, twin)
        except ValueError as wrong:
            return found, VerificationError(f"{place}: {wrong}")
        found.append(one)
    return found, error


def _check(
    place: str, number: int, row: Row, told: Told | None, before: Proved | None
) -> tuple[Checked, Proved]:
    """Prove one record, and what the dataset promises of it; ``before`` is the record before it."""
    if told is None:
        return Checked(place, b"", None), prove(Example.from_json(row))
    contract, index = contract_of(told.dataset, told.version), told.start + number - 1
    twin = f"{told.prefix}{index ^ 1}" if contract.twins else None
    expected = {"id": f"{told.prefix}{index}", "twin": twin}
    example = Example.from_json({**expected, **row})
    for field, value in expected.items():
        require(getattr(example, field) == value, f"{field} must be {value!r}")
    proved = prove(example)
    wording, stated = proved.reading.wording, (contract.family, told.surface)
    if (wording.family, wording.surface) != stated:
        raise ValueError(f"wording must be {' '.join(stated)}, found {wording.family} {wording.surface}")
    contract.check(proved)
    unlike = _unlike(before, proved) if contract.twins and index % 2 else ""
    return Checked(place, canonical_row(example), contract.form(proved), unlike), proved


def _unlike(first: Proved | None, second: Proved) -> str:
    """Say what twins must share, or must not, and these do not; nothing if they are twins."""
    assert first is not None
    one, two = first.reading, second.reading
    rules = {
        "twins must have the same premises in the same order": one.premises == two.premises,
        "twins must have the same candidates in the same order": one.candidates == two.candidates,
        "twins must have different query entities": one.root != two.root,
        "twins must have different answers": first.target == second.other,
        "twins must be equally deep": len(first.chain) == len(second.chain),
    }
    return next((rule for rule, holds in rules.items() if not holds), "")
