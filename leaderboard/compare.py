"""Two or more rows of one dataset, question by question.

A pair is `different` only if the difference holds over the questions (exact McNemar, seeds added up) and,
with several seeds, over the seeds too (paired t): one test alone would take the luck of a seed, or of a
question, for an effect. It is `equivalent` if two one-sided tests say so for a margin of 2 points, over the
questions (twins as clusters) and over the seeds. Else it is `undecided`, which is not the same as equal.

All pairs of one call are one family; their p-values are Holm's.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Literal, NamedTuple

from .predictions import Prediction, read_predictions
from .result import Result
from .statistics import (
    Estimate,
    Interval,
    McNemar,
    bootstrap_interval,
    cluster_estimate,
    detectable,
    estimate,
    holm,
    mcnemar,
    t_interval,
    t_test,
    tost,
)

MARGIN = 0.02
ALPHA = 0.05

Verdict = Literal["different", "equivalent", "undecided"]


class Comparison(NamedTuple):
    """What can be said of ``a`` against ``b``; differences are fractions, those of ``a`` less those of ``b``.

    ``by_seed`` and ``combined`` are McNemar tests, ``by_questions`` the mean difference with its clustered
    error, ``bootstrap`` its interval, ``by_seeds`` the same mean with the error over seeds (None for one
    seed). ``p`` is the Holm-adjusted p-value of no difference, ``equivalence_p`` that of a difference of
    `MARGIN` or more, also adjusted.
    """

    a: Result
    b: Result
    by_seed: dict[int, McNemar]
    combined: McNemar
    by_questions: Estimate
    bootstrap: Interval
    by_seeds: Estimate | None
    p: float
    equivalence_p: float

    @property
    def verdict(self) -> Verdict:
        """Both can be true: a difference that is real and smaller than the margin counts as equivalent."""
        if self.equivalence_p < ALPHA:
            return "equivalent"
        return "different" if self.p < ALPHA else "undecided"


class Paired(NamedTuple):
    """Two rows on the same questions: for each shared seed 1 where only a is right, -1 where only b is."""

    differences: dict[int, list[int]]
    clusters: list[str]

    def by_seed(self) -> dict[int, McNemar]:
        """The test of each seed."""
        return {seed: mcnemar(row.count(1), row.count(-1)) for seed, row in self.differences.items()}

    def combined(self) -> McNemar:
        """The test with the counts of all seeds added up."""
        tests = self.by_seed().values()
        return mcnemar(sum(test.only_a for test in tests), sum(test.only_b for test in tests))

    def by_question(self) -> list[float]:
        """The difference at each question, the mean over seeds."""
        return [sum(values) / len(values) for values in zip(*self.differences.values(), strict=True)]

    def over_seeds(self) -> Estimate | None:
        """The mean difference with its error over seeds, None for one seed."""
        means = [sum(row) / len(row) for row in self.differences.values()]
        return estimate(means) if len(means) > 1 else None

    def p_value(self) -> float:
        """That of no difference, over the questions and over the seeds: the larger of the two."""
        seeds = self.over_seeds()
        return max(self.combined().p, t_test(seeds) if seeds else 0.0)


class Answers:
    """The predictions of rows, each file read once, from the folder that holds the side files."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._read: dict[str, dict[str, Prediction]] = {}

    def of(self, row: Result, seed: int) -> dict[str, Prediction]:
        """Question id → prediction. ValueError where the row has none for this seed."""
        record = next(entry.predictions for entry in row.seeds if entry.seed == seed)
        if record is None:
            raise ValueError(f"{row.key} {row.method}, seed {seed}: has no predictions to compare")
        if record.sha256 not in self._read:
            read = read_predictions(record, self.folder)
            self._read[record.sha256] = {prediction.id: prediction for prediction in read}
        return self._read[record.sha256]

    def paired(self, a: Result, b: Result) -> Paired:
        """The answers of two rows on their shared seeds.

        ValueError where the rows are not of the same questions or share no seed.
        """
        names = f"{a.key} {a.method} and {b.key} {b.method}"
        if (a.dataset.content_hash, a.dataset.split) != (b.dataset.content_hash, b.dataset.split):
            raise ValueError(f"{names} must be of the same questions, got {a.dataset} and {b.dataset}")
        seeds = sorted({entry.seed for entry in a.seeds} & {entry.seed for entry in b.seeds})
        if not seeds:
            raise ValueError(f"{names} must share a seed")
        questions = self.of(a, seeds[0])
        differences = {}
        for seed in seeds:
            ours, theirs = self.of(a, seed), self.of(b, seed)
            if not ours.keys() == theirs.keys() == questions.keys():
                raise ValueError(f"{names}: predictions must be of the same questions, seed {seed} differs")
            differences[seed] = [ours[name].correct - theirs[name].correct for name in questions]
        return Paired(differences, [prediction.twin or name for name, prediction in questions.items()])


def compare(rows: Sequence[Result], folder: Path | str) -> list[Comparison]:
    """Every pair of ``rows``, in their order, as one family; ``folder`` holds the side files.

    ValueError for fewer than two rows, for rows of different questions and for missing predictions.
    """
    if len(rows) < 2:
        raise ValueError(f"rows must be at least 2, got {len(rows)}")
    answers = Answers(folder)
    pairs = [_compare(a, b, answers.paired(a, b)) for a, b in combinations(rows, 2)]
    p_values = holm([pair.p for pair in pairs])
    equivalence = holm([pair.equivalence_p for pair in pairs])
    return [
        pair._replace(p=p, equivalence_p=equivalence_p)
        for pair, p, equivalence_p in zip(pairs, p_values, equivalence, strict=True)
    ]


def ranks(rows: Sequence[Result], folder: Path | str) -> dict[str, int]:
    """Row key → 1 + how many rows are better and told apart from it; rows of one rank are tied.

    The family is all pairs of rows with the same questions. Rows that cannot be compared (no predictions, no
    shared seed) are not told apart.
    """
    answers = Answers(folder)
    worse: list[str] = []
    p_values: list[float] = []
    for a, b in combinations(rows, 2):
        if (a.dataset.content_hash, a.dataset.split) == (b.dataset.content_hash, b.dataset.split):
            try:
                pair = answers.paired(a, b)
            except (ValueError, OSError):
                continue
            combined = pair.combined()
            worse.append((b if combined.only_a > combined.only_b else a).key)
            p_values.append(pair.p_value())
    places = dict.fromkeys((row.key for row in rows), 1)
    for key, p in zip(worse, holm(p_values), strict=True):
        if p < ALPHA:
            places[key] += 1
    return places


def report(pairs: Sequence[Comparison]) -> str:
    """The comparisons as text, a block a pair."""
    return "\n\n".join(_report(pair, len(pairs)) for pair in pairs)


def _compare(a: Result, b: Result, pair: Paired) -> Comparison:
    """The comparison with p-values that are not adjusted yet."""
    values = pair.by_question()
    questions, seeds = cluster_estimate(values, pair.clusters), pair.over_seeds()
    return Comparison(
        a=a,
        b=b,
        by_seed=pair.by_seed(),
        combined=pair.combined(),
        by_questions=questions,
        bootstrap=bootstrap_interval(values, pair.clusters),
        by_seeds=seeds,
        p=pair.p_value(),
        equivalence_p=max(tost(found, MARGIN) for found in (questions, seeds) if found),
    )


def _report(pair: Comparison, family: int) -> str:
    a, b = (f"{row.method} ({row.recipe.name}, {row.key})" for row in (pair.a, pair.b))
    questions = pair.by_questions
    lines = [
        f"{a} against {b}: {pair.verdict}",
        f"  difference {_points(questions.mean)}, 95 % by questions {_range(pair.bootstrap)} "
        f"(bootstrap over {questions.freedom + 1} clusters)",
    ]
    if pair.by_seeds:
        seeds = _range(t_interval(pair.by_seeds))
        lines.append(f"  95 % by seeds {seeds} (t over {pair.by_seeds.freedom + 1} seeds)")
    for seed, test in pair.by_seed.items():
        lines.append(f"  seed {seed}: {_mcnemar(test)}")
    if len(pair.by_seed) > 1:
        lines.append(f"  together: {_mcnemar(pair.combined)}")
    lines.append(
        f"  no difference: p = {pair.p:.3g}; difference of {100 * MARGIN:.0f} points or more: "
        f"p = {pair.equivalence_p:.3g} (TOST); Holm over {family} pair{'s' if family > 1 else ''}"
    )
    lines.append(f"  detectable with 80 % power: {100 * detectable(questions):.1f} points")
    return "\n".join(lines)


def _mcnemar(test: McNemar) -> str:
    return f"only a {test.only_a}, only b {test.only_b}, exact McNemar p = {test.p:.3g}"


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f} points"


def _range(interval: Interval) -> str:
    return f"{100 * interval.low:+.1f}..{100 * interval.high:+.1f}"
