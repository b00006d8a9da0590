"""Records as two other projects write them, rewritten with the fields of ours.

    {"example1": {"test_example": {"question": ., "query": ., "chain_of_thought": [.], "answer": .}}, ...}
    [{"edges": [[0, 2], ...], "root": 0, "target": 5, "neg_target": 7, "neighbor_k": {"1": [2], ...}}, ...]

The first is a file of ProntoQA's own generator (arXiv 2210.01240), converted as the published code of arXiv
2412.06769 does: the query follows the question, and two sentences of the chain are one step. The second is
ProsQA in the repository of arXiv 2505.12514, whose code writes prompts from ``edges`` in ids, premises and
candidates in random order: here it becomes the symbolic wording, in an order that follows from the record.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Sequence
from typing import Any

from ..wordings.row import Asked, Premises
from ..wordings.table import SYMBOLIC, WORDINGS

TRIAL = "test_example"
LAYERS = "neighbor_k"
"""Marks a record of arXiv 2505.12514: the nodes at each distance from the root."""


def records(content: Any) -> Any:
    """Return the records of a JSON file in our form.

    Args:
        content: What the file holds.

    Returns:
        A list for the two forms above, with the records rewritten; anything else as it is.

    Raises:
        ValueError: A record of one of the two forms has a missing or invalid field; names the record.
    """
    if isinstance(content, dict) and content and all(_is_trial(one) for one in content.values()):
        return [_named(key, prontoqa, trial[TRIAL]) for key, trial in content.items()]
    if not isinstance(content, list):
        return content
    return [
        _named(str(number), superposition, row) if isinstance(row, dict) and LAYERS in row else row
        for number, row in enumerate(content, start=1)
    ]


def prontoqa(trial: dict[str, Any]) -> dict[str, Any]:
    """Rewrite a trial of ProntoQA's generator.

    Args:
        trial: Question, query, chain_of_thought (a list of sentences) and answer.

    Returns:
        The record: question, steps, answer.
    """
    chain = trial["chain_of_thought"]
    steps = [" ".join(chain[at : at + 2]) for at in range(0, len(chain), 2)]
    return {"question": f"{trial['question']} {trial['query']}", "steps": steps, "answer": trial["answer"]}


def superposition(record: dict[str, Any]) -> dict[str, Any]:
    """Rewrite a record of arXiv 2505.12514 in the symbolic wording.

    Args:
        record: Its edges, root, target and neg_target, as ids of nodes.

    Returns:
        The record with its graph; the steps are a shortest path.

    Raises:
        ValueError: The target cannot be reached.
    """
    edges = [(int(u), int(v)) for u, v in record["edges"]]
    root, target, other = (int(record[name]) for name in ("root", "target", "neg_target"))
    names = sorted({node for edge in edges for node in edge} | {root, target, other})
    at = {node: index for index, node in enumerate(names)}
    told = [(at[u], at[v]) for u, v in edges]
    path = _shortest_path(told, at[root], at[target])
    seed = json.dumps([sorted(edges), root, sorted([target, other])])
    order = _order(f"premises {seed}", len(told))
    ends = sorted([at[target], at[other]])
    first, second = (ends[place] for place in _order(f"candidates {seed}", 2))
    symbols = [str(node) for node in names]
    premises = Premises(symbols, [False] * len(names), [told[place] for place in order])
    text = WORDINGS["prosqa", SYMBOLIC].write(premises)(Asked(at[root], first, second, path))
    return {
        "question": text.question, "steps": list(text.steps), "answer": text.answer,
        "idx_to_symbol": symbols, "edges": [list(edge) for edge in told],
        "root": at[root], "target": at[target], "neg_target": at[other],
    }  # fmt: skip


def _order(text: str, count: int) -> list[int]:
    """A random order of ``count`` places that follows from a text; the generators' code has no part in it."""
    return sorted(range(count), key=lambda place: hashlib.sha256(f"{text} {place}".encode()).digest())


def _is_trial(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get(TRIAL), dict)


def _named(name: str, rewrite: Any, record: dict[str, Any]) -> dict[str, Any]:
    """Rewrite a record; a missing or ill-typed field becomes a ValueError that names the record."""
    try:
        rewritten: dict[str, Any] = rewrite(record)
    except KeyError as error:
        raise ValueError(f"{name} the record has no field {error}") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is not a record of its form: {error}") from None
    return rewritten


def _shortest_path(edges: Sequence[tuple[int, int]], root: int, target: int) -> list[int]:
    """Search breadth-first; of several shortest paths, the one whose edges come first."""
    before, queue = {root: root}, deque([root])
    while queue and target not in before:
        node = queue.popleft()
        for v in (v for u, v in edges if u == node and v not in before):
            before[v] = node
            queue.append(v)
    if target not in before:
        raise ValueError(f"target must be reachable from root {root}, got {target}")
    path = [target]
    while path[-1] != root:
        path.append(before[path[-1]])
    return path[::-1]
