"""Compare rows on one dataset, question by question.

A pair is `different` only if the difference holds over the questions (exact McNemar) and, with several seeds,
over the seeds (paired t): either test alone would take the luck of one seed, or of one question, for an
effect. A pair is `equivalent` if two one-sided tests say so for a margin of 2 points, over the questions and
over the seeds. Otherwise it is `undecided`, which does not mean equal.

Tests over the questions are clustered: twins (a contrast pair: same premises, other query entity, other
answer), in all seeds, are one cluster.

All pairs of one call form one family; their p-values are adjusted by Holm's method.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np

from .mcnemar import McNemar, mcnemar
from .predictions import Folders, read_predictions
from .result import Dataset, Result
from .statistics import (
    Estimate,
    Interval,
    bootstrap_interval,
    cluster_estimate,
    estimate,
    holm,
    t_test,
    tost,
)

MARGIN = 0.02
ALPHA = 0.05

Verdict = Literal["different", "equivalent", "undecided"]


class Paired(NamedTuple):
    """The answers of two rows to the same questions.

    Attributes:
        differences: Shared seed → per question 1 where only a is right, -1 where only b is, else 0.
        clusters: Per question, the name of its pair of twins, or its own id.
    """

    differences: dict[int, list[int]]
    clusters: list[str]

    def by_seed(self) -> dict[int, McNemar]:
        """Run McNemar's test for each seed, twins as clusters."""
        return {seed: mcnemar(row, self.clusters) for seed, row in self.differences.items()}

    def combined(self) -> McNemar:
        """Run McNemar's test on all seeds; answers to a pair of twins in all seeds are one cluster."""
        answers = [value for row in self.differences.values() for value in row]
        return mcnemar(answers, self.clusters * len(self.differences))

    def by_question(self) -> list[float]:
        """The difference at each question, averaged over seeds."""
        return [sum(values) / len(values) for values in zip(*self.differences.values(), strict=True)]

    def over_seeds(self) -> Estimate | None:
        """The mean difference with its standard error over seeds; None for one seed."""
        means = [sum(row) / len(row) for row in self.differences.values()]
        return estimate(means) if len(means) > 1 else None

    def p_value(self) -> float:
        """The larger of the p-values of no difference over the questions and over the seeds."""
        seeds = self.over_seeds()
        return max(self.combined().p, t_test(seeds) if seeds else 0.0)


class Comparison(NamedTuple):
    """What the tests say of row ``a`` against row ``b``. Differences are fractions, ``a`` minus ``b``.

    Attributes:
        a: The first row.
        b: The second row.
        paired: Their answers.
        by_questions: Mean difference over questions, with its clustered standard error.
        by_seeds: The same mean with its standard error over seeds; None for one seed.
        p: Holm-adjusted p-value of no difference.
        equivalence_p: Holm-adjusted p-value of a difference of `MARGIN` or more.
    """

    a: Result
    b: Result
    paired: Paired
    by_questions: Estimate
    by_seeds: Estimate | None
    p: float
    equivalence_p: float

    @property
    def bootstrap(self) -> Interval:
        """The bootstrap interval of the mean difference over questions."""
        return bootstrap_interval(self.paired.by_question(), self.paired.clusters)

    @property
    def verdict(self) -> Verdict:
        """The verdict. A difference that is significant but smaller than the margin counts as equivalent."""
        if self.equivalence_p < ALPHA:
            return "equivalent"
        return "different" if self.p < ALPHA else "undecided"


class Sheet(NamedTuple):
    """What a comparison needs of a predictions file.

    Attributes:
        clusters: Question id → the name of its pair of twins, or its own id; in the order of the file.
        correct: 1 where the answer is right, else 0, [questions].
    """

    clusters: dict[str, str]
    correct: np.ndarray

    def ordered_as(self, questions: dict[str, str]) -> np.ndarray:
        """``correct`` in the order of other ids, which are the same ones."""
        if self.clusters is questions:
            return self.correct
        places = dict(zip(self.clusters, range(len(self.clusters)), strict=True))
        return self.correct[[places[name] for name in questions]]


def _told(data: Dataset) -> str:
    return f"{data.n} of {data.name} {data.version} {data.surface}, {data.split}, seed {data.seed}"


class Answers:
    """The predictions of rows, each file read once, each pair of rows compared once.

    Args:
        folders: The folder of the predictions files, or several.

    Attributes:
        compared: Keys of two rows → their comparison, not adjusted.
    """

    def __init__(self, folders: Folders) -> None:
        self.folders = folders
        self.compared: dict[tuple[str, str], Comparison] = {}
        self._read: dict[str, Sheet] = {}
        self._clusters: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}

    def of(self, row: Result, seed: int) -> Sheet:
        """Read the predictions of a row.

        Args:
            row: The row.
            seed: One of its seeds.

        Returns:
            What a comparison needs of them.

        Raises:
            ValueError: Where the row has no predictions for this seed.
        """
        record = next(entry.predictions for entry in row.seeds if entry.seed == seed)
        if record is None:
            raise ValueError(f"{row.key} {row.method}, seed {seed}: has no predictions to compare")
        if record.sha256 not in self._read:
            read = read_predictions(record, self.folders)
            found = {one.id: one.twin or one.id for one in read}
            clusters = self._clusters.setdefault(tuple(found.items()), found)  # most rows share them
            correct = np.array([one.correct for one in read], dtype=np.int8)
            self._read[record.sha256] = Sheet(clusters, correct)
        return self._read[record.sha256]

    def paired(self, a: Result, b: Result) -> Paired:
        """Pair the answers of two rows on their shared seeds.

        Args:
            a: The first row.
            b: The second row.

        Returns:
            The paired answers.

        Raises:
            ValueError: Where the rows answer different questions or share no seed.
        """
        names = f"{a.key} {a.method} and {b.key} {b.method}"
        if (a.dataset.content_hash, a.dataset.split) != (b.dataset.content_hash, b.dataset.split):
            raise ValueError(
                f"{names} must be of the same questions, got {_told(a.dataset)} and {_told(b.dataset)}"
            )
        seeds = sorted({entry.seed for entry in a.seeds} & {entry.seed for entry in b.seeds})
        if not seeds:
            raise ValueError(f"{names} must share a seed")
        questions = self.of(a, seeds[0]).clusters
        differences = {}
        for seed in seeds:
            ours, theirs = self.of(a, seed), self.of(b, seed)
            if not ours.clusters.keys() == theirs.clusters.keys() == questions.keys():
                raise ValueError(f"{names}: predictions must be of the same questions, seed {seed} differs")
            gained = ours.ordered_as(questions) - theirs.ordered_as(questions)
            differences[seed] = gained.tolist()
        return Paired(differences, list(questions.values()))


def compare(rows: Sequence[Result], folder: Folders) -> list[Comparison]:
    """Compare every pair of rows, as one family of tests.

    Args:
        rows: At least two rows on the same questions.
        folder: The folder of the predictions files.

    Returns:
        One comparison per pair, in the order of the rows.

    Raises:
        ValueError: For fewer than two rows, rows on different questions, and missing predictions.
    """
    if len(rows) < 2:
        raise ValueError(f"rows must be at least 2, got {len(rows)}")
    answers = Answers(folder)
    return adjusted([compare_pair(a, b, answers) for a, b in combinations(rows, 2)])


def compare_pair(a: Result, b: Result, answers: Answers) -> Comparison:
    """Compare two rows, without an adjustment of the p-values.

    Args:
        a: The first row.
        b: The second row.
        answers: Their predictions.

    Returns:
        The comparison, to be adjusted with those of its family.

    Raises:
        ValueError: For rows on different questions or without a shared seed, and missing predictions.
    """
    if (a.key, b.key) in answers.compared:
        return answers.compared[a.key, b.key]
    pair = answers.paired(a, b)
    questions, seeds = cluster_estimate(pair.by_question(), pair.clusters), pair.over_seeds()
    answers.compared[a.key, b.key] = Comparison(
        a=a,
        b=b,
        paired=pair,
        by_questions=questions,
        by_seeds=seeds,
        p=pair.p_value(),
        equivalence_p=max(tost(found, MARGIN) for found in (questions, seeds) if found),
    )
    return answers.compared[a.key, b.key]


def adjusted(family: Sequence[Comparison]) -> list[Comparison]:
    """Adjust the p-values of a family of comparisons by Holm's method.

    Args:
        family: All comparisons that are made together.

    Returns:
        The same, in the same order.
    """
    p_values = holm([pair.p for pair in family])
    equivalence = holm([pair.equivalence_p for pair in family])
    return [
        pair._replace(p=p, equivalence_p=equivalence_p)
        for pair, p, equivalence_p in zip(family, p_values, equivalence, strict=True)
    ]
