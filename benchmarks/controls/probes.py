"""Linear probes: what can be decoded from each thought, compared with permuted labels.

A ridge regression from the hidden state at thought k (the input of the next one) to one score per concept is
fitted on the first half of the questions and scored on the second half; twins (same premises, other query
entity, other answer) are not parted. Target: how often the right candidate scores above the wrong one.
Frontier: how often a concept k edges from the query entity scores above a farther one. p is the share of fits
on permuted labels that do as well (questions keep their thoughts and get another question's labels). A
successful probe shows that information is present, not that the model uses it; the controls test that.

Axes: N questions, K thoughts, D width, C concepts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from ...generators.example import Example
from .pairs import pair_of

Array = NDArray[np.float64]
RIDGE = 1.0
PERMUTATIONS = 199


class Probe(NamedTuple):
    """Result of one probe.

    Attributes:
        target: ``target`` or ``frontier``.
        thought: Number of the thought, from 1.
        n: Held-out questions.
        score: Share of pairs of concepts in the right order; 0.5 is chance.
        permuted: Mean score with permuted labels.
        p: P-value of the permutation test.
    """

    target: str
    thought: int
    n: int
    score: float
    permuted: float
    p: float

    def to_json(self) -> dict[str, Any]:
        return self._asdict()

    def __str__(self) -> str:
        return (
            f"thought {self.thought}, {self.target}: {self.score:.3f} "
            f"(permuted labels {self.permuted:.3f}, p = {self.p:.3f}, n = {self.n})"
        )


def probe_thoughts(states_NKD: Array, questions: Sequence[Example], seed: int = 0) -> list[Probe]:
    """Fit both probes on each thought.

    Args:
        states_NKD: Hidden states at the thoughts.
        questions: Questions [N], twins as neighbors (`pairs.paired`); those without a graph are left out.
        seed: Seed of the permutations.

    Returns:
        Two probes per thought; none if fewer than four questions have a graph.
    """
    rows = [index for index, example in enumerate(questions) if example.graph is not None]
    if len(rows) < 4:
        return []
    chosen = [questions[index] for index in rows]
    states, half = states_NKD[rows], len(rows) // 2
    half += pair_of(chosen[half - 1]) == pair_of(chosen[half])
    found = []
    for k in range(states.shape[1]):
        for name, labels in (("target", target_labels(chosen)), ("frontier", frontier_labels(chosen, k + 1))):
            score, permuted, p = _permutation_test(states[:, k], labels, half, np.random.default_rng(seed))
            found.append(Probe(name, k + 1, len(rows) - half, score, permuted, p))
    return found


def target_labels(questions: Sequence[Example]) -> Array:
    """Label the candidates.

    Args:
        questions: Questions with a graph.

    Returns:
        Labels [N, C]: 1 for the right candidate, -1 for the wrong one, else 0.
    """
    index = _concepts(questions)
    labels = np.zeros((len(questions), len(index)))
    for row, example in enumerate(questions):
        graph = example.graph
        assert graph is not None
        labels[row, index[graph.symbols[graph.target]]] = 1
        labels[row, index[graph.symbols[graph.neg_target]]] = -1
    return labels


def frontier_labels(questions: Sequence[Example], depth: int) -> Array:
    """Label the concepts by their distance from the query entity.

    Args:
        questions: Questions with a graph.
        depth: Distance in edges.

    Returns:
        Labels [N, C]: 1 at this distance, -1 if farther or not reachable, else 0.
    """
    index = _concepts(questions)
    labels = np.zeros((len(questions), len(index)))
    for row, example in enumerate(questions):
        graph = example.graph
        assert graph is not None
        directed = nx.DiGraph(graph.edges)
        distance = nx.single_source_shortest_path_length(directed, graph.root)
        for node in directed:
            at = distance.get(node, len(graph.symbols))
            labels[row, index[graph.symbols[node]]] = 1 if at == depth else -1 if at > depth else 0
    return labels


def _concepts(questions: Sequence[Example]) -> dict[str, int]:
    names = sorted({symbol for example in questions if example.graph for symbol in example.graph.symbols})
    return {name: column for column, name in enumerate(names)}


def _permutation_test(
    thoughts_ND: Array, labels_NC: Array, half: int, generator: np.random.Generator
) -> tuple[float, float, float]:
    fit = _Fit(thoughts_ND[:half], thoughts_ND[half:])
    score = _score(fit.predict(labels_NC[:half]), labels_NC[half:])
    permuted = [
        _score(fit.predict(labels_NC[generator.permutation(half)]), labels_NC[half:])
        for _ in range(PERMUTATIONS)
    ]
    as_good = sum(other >= score for other in permuted)
    return score, float(np.mean(permuted)), (1 + as_good) / (1 + PERMUTATIONS)


class _Fit:
    """Ridge regression with standardized inputs; one factorization serves all sets of labels."""

    def __init__(self, train_ND: Array, test_ND: Array) -> None:
        mean, spread = train_ND.mean(0), train_ND.std(0) + 1e-6
        train, test = (train_ND - mean) / spread, (test_ND - mean) / spread
        gram = train.T @ train + RIDGE * len(train) * np.eye(train.shape[1])
        self.map = test @ np.linalg.solve(gram, train.T)

    def predict(self, labels_NC: Array) -> Array:
        """Fit ``labels_NC`` of the training half and return scores [N, C] of the test half."""
        mean = labels_NC.mean(0)
        return self.map @ (labels_NC - mean) + mean


def _score(predicted_NC: Array, labels_NC: Array) -> float:
    """Mean over questions of the share of (positive, negative) concept pairs in order; ties count half."""
    shares = []
    for predicted, labels in zip(predicted_NC, labels_NC, strict=True):
        difference = predicted[labels > 0][:, None] - predicted[labels < 0][None]
        if difference.size:
            shares.append(((difference > 0) + 0.5 * (difference == 0)).mean())
    return float(np.mean(shares)) if shares else 0.5
