"""One question with its chain of thought, its answer and the graph behind it; and its JSON form.

    {"answer": "1", "edges": [[0, 1], [1, 2], ...], "hops": 2, "id": "prosqa-tiny/1.0.0/symbolic/test/0/6",
     "idx_to_symbol": ["4", "7", "1", ...], "neg_target": 7, "question": "4 7 . 7 1 . ... > 4 < 1 < 9",
     "root": 0, "steps": ["4 7 .", "7 1 ."], "target": 2, "twin": "prosqa-tiny/1.0.0/symbolic/test/0/7"}

The JSON form holds every field of the published ProsQA and ProntoQA records under its published name, so the
paper's code reads these files; ``from_json`` reads the published records, which lack the rest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .terminal import shown
from .wordings.table import hops_of

SPLITS = ("train", "valid", "test")
GRAPH_FIELDS = ("idx_to_symbol", "edges", "root", "target", "neg_target")
MOST_HOPS = 10_000


@dataclass(frozen=True, slots=True)
class Graph:
    """The premises as a directed graph: edge (u, v) says that every ``symbols[u]`` is a ``symbols[v]``.

    In ProntoQA a property is a node too ("not wooden"); the candidates are one adjective and its negation.

    Attributes:
        symbols: The names of the nodes.
        edges: The premises, as indices into ``symbols``.
        root: The query entity, an index into ``symbols``.
        target: The candidate that can be reached from the root.
        neg_target: The other candidate.
    """

    symbols: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    root: int
    target: int
    neg_target: int


@dataclass(frozen=True, slots=True)
class Example:
    """A question, the steps that lead to its answer, and where it comes from.

    Attributes:
        id: Dataset, version, surface, split, seed and index.
        question: The premises, then the question.
        steps: The chain of thought.
        answer: What is to be written.
        hops: As the dataset's paper counts them: the edges from root to target in ProsQA, the rules used in
            ProntoQA (where the edge from the entity is given and not counted).
        twin: The id of the contrast pair's other question (same premises, other query entity, other answer),
            None where the dataset has none.
        graph: The graph behind it, None in files without one.
    """

    id: str
    question: str
    steps: tuple[str, ...]
    answer: str
    hops: int
    twin: str | None = None
    graph: Graph | None = None

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dict: the published fields, then ``id``, ``hops`` and ``twin``."""
        record: dict[str, Any] = {"question": self.question, "answer": self.answer, "steps": list(self.steps)}
        if self.graph is not None:
            graph = self.graph
            edges = [list(edge) for edge in graph.edges]
            values = (list(graph.symbols), edges, graph.root, graph.target, graph.neg_target)
            record.update(zip(GRAPH_FIELDS, values, strict=True))
        record.update(id=self.id, hops=self.hops, twin=self.twin)
        return record

    @classmethod
    def from_json(cls, record: Mapping[str, Any], default_id: str = "") -> Example:
        """Read a record of ours or a published one (question, answer, steps, perhaps the graph fields).

        Args:
            record: The JSON object. Where it does not state ``hops``, they are counted from the steps,
                without a conclusion that is told as a step of its own.
            default_id: The id of a record without one.

        Raises:
            ValueError: That names the missing, empty or ill-typed field.
        """
        steps = _field(record, "steps", list)
        if not all(map(_is_text, steps)):
            raise ValueError(f"steps must be a list of strings, got {shown(steps)}")
        twin = record.get("twin")
        if twin is not None and not _is_text(twin):
            raise ValueError(f"twin must be an id or null, got {shown(twin)}")
        answer = _text(record, "answer")
        return cls(
            id=_field(record, "id", str) if "id" in record else default_id,
            question=_text(record, "question"),
            steps=tuple(steps),
            answer=answer,
            hops=_hops(record) if "hops" in record else hops_of(steps, answer),
            twin=twin,
            graph=_graph(record) if any(name in record for name in GRAPH_FIELDS) else None,
        )


def canonical_row(example: Example) -> bytes:
    """Return the bytes that are hashed for checksums: sorted keys, no spaces, UTF-8, one line feed."""
    text = json.dumps(example.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8") + b"\n"


def rows_hash(rows: Iterable[Example]) -> str:
    """Return the SHA-256 (hex) of the examples' canonical rows, one after the other."""
    digest = hashlib.sha256()
    for example in rows:
        digest.update(canonical_row(example))
    return digest.hexdigest()


def _field(record: Mapping[str, Any], name: str, kind: type) -> Any:
    """Return ``record[name]`` after checking that it is there and of the right type."""
    if name not in record:
        raise ValueError(f"the record has no field {name!r}")
    value = record[name]
    if type(value) is kind and (kind is not str or _is_text(value)):
        return value
    raise ValueError(f"{name} must be a JSON {kind.__name__}, got {shown(value)}")


def _is_text(value: object) -> bool:
    """Whether a value is a string that can be encoded: JSON may hold half a character."""
    return type(value) is str and (value.isascii() or not any("\ud800" <= one <= "\udfff" for one in value))


def _hops(record: Mapping[str, Any]) -> int:
    hops: int = _field(record, "hops", int)
    if not 0 <= hops <= MOST_HOPS:
        raise ValueError(f"hops must be in 0..{MOST_HOPS}, got {shown(hops)}")
    return hops


def _text(record: Mapping[str, Any], name: str) -> str:
    """Return ``record[name]`` after checking that it is a string with something in it."""
    text: str = _field(record, name, str)
    if not text.strip():
        raise ValueError(f"{name} must not be empty, got {shown(text)}")
    return text


def _graph(record: Mapping[str, Any]) -> Graph:
    """Read the five graph fields and check that every index points at a symbol."""
    symbols = tuple(_field(record, "idx_to_symbol", list))
    for symbol in symbols:
        if not _is_text(symbol) or not symbol.strip():
            raise ValueError(f"idx_to_symbol must be a list of names, got {shown(symbol)} in it")
    edges = []
    for edge in _field(record, "edges", list):
        if not (isinstance(edge, list) and len(edge) == 2 and all(_points(node, symbols) for node in edge)):
            raise ValueError(f"edges must be pairs of indices below {len(symbols)}, got {shown(edge)}")
        edges.append((edge[0], edge[1]))
    nodes = [_field(record, name, int) for name in ("root", "target", "neg_target")]
    if not all(_points(node, symbols) for node in nodes):
        names = "root, target and neg_target"
        raise ValueError(f"{names} must be indices below {len(symbols)}, got {shown(nodes)}")
    return Graph(symbols, tuple(edges), *nodes)


def _points(node: object, symbols: tuple[str, ...]) -> bool:
    return type(node) is int and 0 <= node < len(symbols)
