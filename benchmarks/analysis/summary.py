"""What the observations of one model say: tables over all questions, ready for JSON, print and plots."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...generators.example import Example
from ...generators.proof.process import Category, categorize, split_written
from ...generators.wordings.reading import Reading, read_question
from .graph import CLASSES, HEIGHTS, Search
from .observe import Observation

OTHER_TOKEN = "no concept of the question"
PERCENTILES = tuple(range(0, 101, 5))
PARALLEL_STEPS = (1, 2)
"""The thoughts whose parallelism the paper shows."""


class Asked(NamedTuple):
    """A question, read back from its text, with the search that it asks for."""

    example: Example
    reading: Reading
    search: Search

    @property
    def target(self) -> str:
        return self.search.graph.symbols[self.search.graph.target]


class Mean(NamedTuple):
    """A mean, its standard error (None of fewer than two values), and of how many values."""

    mean: float
    error: float | None
    n: int


def asked(example: Example) -> Asked:
    """Raises ValueError for a question without a graph, or of a wording that cannot be analyzed."""
    reading = None if example.graph is None else read_question(example.question)
    if reading is None or example.graph is None or reading.wording.opener is None:
        raise ValueError(f"analyze needs ProsQA-like questions with their graphs, got {example.id!r}")
    return Asked(example, reading, Search(example.graph))


def interpolation(
    questions: Sequence[Asked], found: Sequence[Observation], marker: str
) -> list[dict[str, Any]]:
    """For each number of thoughts that was written after: accuracy and the count of each category."""
    rows = []
    for k in found[0]["written"]:
        chosen = [
            category(question, entry, k, marker) for question, entry in zip(questions, found, strict=True)
        ]
        counts = Counter(chosen)
        rows.append(
            {
                "thoughts": int(k),
                "n": len(chosen),
                "right": sum(entry["right"][k] for entry in found),
                "categories": {name.value: counts[name] for name in Category},
            }
        )
    return rows


def category(question: Asked, entry: Observation, k: str, marker: str) -> Category:
    """The category of what was written after ``k`` thoughts."""
    written = split_written(entry["written"][k], marker)
    return categorize(
        question.reading, question.target, written.steps,
        is_right=entry["right"][k], is_partial=int(k) > 0,
    )  # fmt: skip


def frontier_values(
    questions: Sequence[Asked], found: Sequence[Observation], per_step: int
) -> list[dict[str, Any]]:
    """After each number of thoughts, what the concepts at the frontier are worth.

    ``mass`` is their sum; ``right`` and ``wrong`` the mean value of those from which the target can and
    cannot be reached; ``top_right`` how often the highest is right and ``chance`` how often a random one is,
    of the ``decided`` questions whose frontier has both kinds. ``other`` is the mean value of the wrong
    candidate, wherever it is, and ``above_other`` how often the target's is higher: a model that only knows
    the candidates' names gives both the same.
    """
    rows = []
    for k in found[0]["values"]:
        steps = math.ceil(int(k) / per_step)
        seen: dict[str, list[float]] = {
            name: [] for name in ("mass", "right", "wrong", "other", "above_other", "top_right", "chance")
        }
        for question, entry in zip(questions, found, strict=True):
            for name, value in _at_frontier(question.search, entry["values"][k], steps).items():
                seen[name].append(value)
        means = {name: mean(values) for name, values in seen.items()}
        rows.append({"thoughts": int(k), "steps": steps, **means, "decided": len(seen["chance"])})
    return rows


def _at_frontier(search: Search, values_of: Sequence[float], steps: int) -> dict[str, float]:
    """The columns of `frontier_values` that one question has; none where the search has ended before."""
    frontier = search.frontier(steps)
    if not frontier:
        return {}
    values = np.array([values_of[node] for node in frontier])
    is_right = np.array([search.is_right(node) for node in frontier], bool)
    target, other = values_of[search.graph.target], values_of[search.graph.neg_target]
    above = float(target > other) + 0.5 * float(target == other)
    row = {"mass": float(values.sum()), "other": other, "above_other": above}
    for name, chosen in (("right", is_right), ("wrong", ~is_right)):
        if chosen.any():
            row[name] = float(values[chosen].mean())
    if is_right.any() and not is_right.all():
        row["top_right"] = float(is_right[values == values.max()].mean())
        row["chance"] = float(is_right.mean())
    return row


def parallelism(
    questions: Sequence[Asked], found: Sequence[Observation], per_step: int
) -> list[dict[str, Any]]:
    """The summed value of the 1, 2 and 3 best frontier concepts, by percentile of the questions."""
    rows = []
    for steps in PARALLEL_STEPS:
        k = str(steps * per_step)
        if k not in found[0]["values"]:
            continue
        sums = []
        for question, entry in zip(questions, found, strict=True):
            values = sorted(
                (entry["values"][k][node] for node in question.search.frontier(steps)), reverse=True
            )
            sums.append(np.cumsum([*values, 0.0, 0.0, 0.0][:3]))
        curves = np.percentile(np.array(sums), PERCENTILES, axis=0).T
        rows.append({"steps": steps, "percentiles": list(PERCENTILES), "top": curves.tolist()})
    return rows


def value_by_height(
    questions: Sequence[Asked], found: Sequence[Observation], per_step: int
) -> list[dict[str, Any]]:
    """The mean value of right and wrong frontier concepts by their height, both kinds of height."""
    rows = []
    for k in found[0]["values"]:
        steps = math.ceil(int(k) / per_step)
        for which in HEIGHTS:
            groups: dict[tuple[int, bool], list[float]] = defaultdict(list)
            for question, entry in zip(questions, found, strict=True):
                for node in question.search.frontier(steps):
                    height = question.search.height(node, which)
                    if height is not None:
                        groups[height, question.search.is_right(node)].append(entry["values"][k][node])
            rows += [
                {
                    "thoughts": int(k), "height": which, "edges": edges,
                    "right": mean(groups[edges, True]), "wrong": mean(groups[edges, False]),
                }
                for edges in sorted({edges for edges, _ in groups})
            ]  # fmt: skip
    return rows


def superposition(
    questions: Sequence[Asked], found: Sequence[Observation], per_step: int
) -> list[dict[str, Any]]:
    """The inner product of the state after k thoughts with the concepts of each class after k: a question's
    mean, and the mean of those.
    """
    rows = []
    for k in range(len(found[0]["norms"])):
        steps = math.ceil(k / per_step)
        groups: dict[str, list[float]] = defaultdict(list)
        for question, entry in zip(questions, found, strict=True):
            of_class: dict[str, list[float]] = defaultdict(list)
            for node, products in enumerate(entry["products"]):
                of_class[question.search.class_after(node, steps)].append(products[k])
            _add_means(groups, of_class)
        rows.append({"thoughts": k, "steps": steps, "classes": _means(groups, CLASSES)})
    return rows


def attention(
    questions: Sequence[Asked], found: Sequence[Observation], per_step: int
) -> list[dict[str, Any]]:
    """The mean attention of thought k in each layer on a premise, by the class of the concept it begins with:
    a question's mean, and the mean of those.

    Thought k takes the search from step k - 1 to step k, so the class is that after k - 1 steps: Frontier and
    Optimal premises lead to the next frontier.
    """
    groups: dict[tuple[int, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for question, entry in zip(questions, found, strict=True):
        index = {symbol: node for node, symbol in enumerate(question.search.graph.symbols)}
        for layer, thoughts in enumerate(entry.get("attention", ())):
            for k, shares in enumerate(thoughts, 1):
                steps = math.ceil(k / per_step) - 1
                of_class: dict[str, list[float]] = defaultdict(list)
                for (start, _), share in zip(question.reading.edges, shares, strict=True):
                    of_class[question.search.class_after(index[start], steps)].append(share)
                _add_means(groups[k, layer], of_class)
    return [
        {"thoughts": k, "layer": layer, "classes": _means(found, CLASSES)}
        for (k, layer), found in sorted(groups.items())
    ]


def norms(found: Sequence[Observation]) -> list[Mean | None]:
    """The length of the state after 0, 1, … thoughts."""
    return [mean(column) for column in zip(*(entry["norms"] for entry in found), strict=True)]


def lens_classes(
    questions: Sequence[Asked], found: Sequence[Observation], per_step: int
) -> list[dict[str, Any]]:
    """Of what class the most probable next token is, after 0, 1, … thoughts: shares of the questions.

    A token is a concept if it is the concept's name, so this says little where names are several tokens.
    """
    rows = []
    for k in range(len(found[0]["norms"])):
        steps = math.ceil(k / per_step)
        counts: Counter[str] = Counter()
        for question, entry in zip(questions, found, strict=True):
            token, symbols = entry["lens"][k][0][0], question.search.graph.symbols
            known = token in symbols
            counts[question.search.class_after(symbols.index(token), steps) if known else OTHER_TOKEN] += 1
        shares = {name: counts[name] / len(found) for name in (*CLASSES, OTHER_TOKEN)}
        rows.append({"thoughts": k, "steps": steps, "shares": shares})
    return rows


def mean(values: Iterable[float]) -> Mean | None:
    """None of no values."""
    found = np.asarray(list(values), float)
    if not len(found):
        return None
    error = float(found.std(ddof=1) / math.sqrt(len(found))) if len(found) > 1 else None
    return Mean(float(found.mean()), error, len(found))


def _add_means(groups: dict[str, list[float]], of_class: Mapping[str, Sequence[float]]) -> None:
    """Add one question's mean of each class, so that errors are those of questions."""
    for name, values in of_class.items():
        groups[name].append(float(np.mean(values)))


def _means(groups: Mapping[str, Sequence[float]], names: Sequence[str]) -> dict[str, Mean | None]:
    return {name: mean(groups.get(name, ())) for name in names}
