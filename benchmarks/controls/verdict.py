"""Verdicts: answers under a control compared with answers as trained, question by question.

    needed      the thoughts     99.6 -> 49.7 %   499 only as trained, 0 only here, p < .001

*Needed*: fewer answers are right (exact McNemar test). *Harmful*: more are. *Not needed*: accuracy differs by
less than 2 points (two one-sided tests). Otherwise *undecided*, which does not mean equal. All tests take
twins (contrast pairs: same premises, other query entity, other answer) as clusters, in all runs of a report.
P-values are Holm-adjusted over all controls of a report.

A run that only guesses between the two candidates can "need" its thoughts too, because it has learned at
which position an answer is written. The report therefore tests whether the run as trained is above guessing
(above 0 where questions have no two candidates); if it is not, its lines make *no claim*.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Literal, NamedTuple

from ...generators.terminal import counted
from ...leaderboard.compare import ALPHA, MARGIN
from ...leaderboard.mcnemar import mcnemar
from ...leaderboard.statistics import Estimate, cluster_estimate, holm, t_test, tost

Verdict = Literal["needed", "not needed", "undecided", "harmful", "no claim"]


class Outcome(NamedTuple):
    """Answers under one control and as trained, on the questions that take part.

    Attributes:
        name: Name of the control.
        subject: What is (not) needed according to its verdict.
        trained: Whether each answer as trained is right.
        here: Whether each answer under the control is right.
        clusters: Cluster of each question: its pair of twins, or itself.
        donor: Number of answers that equal the donor's; None for controls without donors.
    """

    name: str
    subject: str
    trained: Sequence[bool]
    here: Sequence[bool]
    clusters: Sequence[Hashable]
    donor: int | None = None


class Line(NamedTuple):
    """One control's line of the report.

    Attributes:
        name: Name of the control.
        subject: What is (not) needed according to the verdict.
        n: Questions that take part.
        trained: Share of right answers as trained.
        here: Share of right answers under the control.
        only_trained: Questions answered right only as trained.
        only_here: Questions answered right only under the control.
        p: P-value of a difference, Holm-adjusted.
        equivalence_p: P-value of equivalence, Holm-adjusted.
        verdict: Whether the subject is needed; ``harmful`` if significantly more answers are right without
            it, ``no claim`` where the run as trained only guesses.
        donor: Number of answers that equal the donor's; None for controls without donors.
        stay_right: Number of answers that are right as trained and under the control.
    """

    name: str
    subject: str
    n: int
    trained: float
    here: float
    only_trained: int
    only_here: int
    p: float
    equivalence_p: float
    verdict: Verdict
    donor: int | None
    stay_right: int

    def to_json(self) -> dict[str, Any]:
        return self._asdict()

    def __str__(self) -> str:
        accuracy = f"{100 * self.trained:.1f} -> {100 * self.here:.1f} % of {self.n}"
        counts = f"{self.only_trained} right only as trained, {self.only_here} only here"
        tests = f"p {p_text(self.p)}, equivalence p {p_text(self.equivalence_p)}"
        donor = ""
        if self.donor is not None:
            are, stay = "is" if self.donor == 1 else "are", "stays" if self.stay_right == 1 else "stay"
            donor = f"; {counted(self.donor, 'answer')} {are} the donor's, {self.stay_right} {stay} right"
        return f"{self.verdict:<11} {self.subject} ({self.name}): {accuracy}; {counts}, {tests}{donor}"


def verdicts(outcomes: Sequence[Outcome]) -> list[Line]:
    """Test all controls of a report as one family.

    Args:
        outcomes: Answers under each control, with at least two clusters each.

    Returns:
        One line per control, in the same order.
    """
    tests = [_tests(outcome) for outcome in outcomes]
    adjusted = holm([test.p for test in tests])
    equivalence = holm([test.equivalence_p for test in tests])
    return [
        _line(outcome, test, p, same)
        for outcome, test, p, same in zip(outcomes, tests, adjusted, equivalence, strict=True)
    ]


def guessing_p(outcome: Outcome, chance: float = 0.5) -> float:
    """Test accuracy as trained against guessing, twins as clusters.

    Args:
        outcome: Answers as trained.
        chance: Accuracy of a guess: one half between two candidates, 0 for answers of any kind.

    Returns:
        One-sided p-value of the null hypothesis that accuracy is at most ``chance``.
    """
    found = _above(chance, outcome.trained, outcome)
    both = t_test(found)
    return both / 2 if found.mean > 0 else 1 - both / 2


def is_at_chance(outcome: Outcome) -> bool:
    """Whether accuracy under a control does not differ from guessing between two candidates.

    Args:
        outcome: Answers under the control.

    Returns:
        Whether a two-sided test, twins as clusters, finds no difference from one half.
    """
    return t_test(_above(0.5, outcome.here, outcome)) >= ALPHA


def _above(chance: float, right: Sequence[bool], outcome: Outcome) -> Estimate:
    return cluster_estimate([float(value) - chance for value in right], outcome.clusters)


class _Tests(NamedTuple):
    only_trained: int
    only_here: int
    p: float
    equivalence_p: float


def _tests(outcome: Outcome) -> _Tests:
    differences = [int(a) - int(b) for a, b in zip(outcome.trained, outcome.here, strict=True)]
    found = mcnemar(differences, outcome.clusters)
    estimate = cluster_estimate(differences, outcome.clusters)
    return _Tests(found.only_a, found.only_b, found.p, tost(estimate, MARGIN))


def _line(outcome: Outcome, test: _Tests, p: float, equivalence_p: float) -> Line:
    n, right = len(outcome.trained), sum(outcome.trained)
    verdict: Verdict = "undecided"
    if equivalence_p < ALPHA:
        verdict = "not needed"
    elif p < ALPHA:
        verdict = "needed" if test.only_trained > test.only_here else "harmful"
    return Line(
        outcome.name, outcome.subject, n, right / n, sum(outcome.here) / n, test.only_trained, test.only_here,
        p, equivalence_p, verdict, outcome.donor, right - test.only_trained,
    )  # fmt: skip


def p_text(value: float) -> str:
    """Format a p-value.

    Args:
        value: P-value.

    Returns:
        Relation and value, to be printed after "p".
    """
    return "< .001" if value < 0.001 else f"= {value:.3f}"
