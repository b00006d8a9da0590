"""Sentences about pairs of methods, each made from the verdict of their tests and from nothing else.

    Coconut is above No-CoT: 99.9 % and 49.9 %, +50.0 points (95 % interval over 3 seeds 47.2 to 52.6;
    p < .001, Holm over 8 pairs).

The pairs are declared here, not picked by their outcome: every method against Coconut, and CoT against
No-CoT. They are one family of tests. All numbers are those of the seeds that both rows have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from .compare import MARGIN, Answers, Comparison, adjusted, compare_pair
from .result import Result
from .statistics import Interval, t_interval

REFERENCE = "coconut"
CONTROLS = (("cot", "no-cot"), ("pause-cot", "cot"))


class Judged(NamedTuple):
    """A declared pair.

    Attributes:
        a: The row of the first method.
        b: The row of the second method.
        found: What the tests say of ``a`` against ``b``, adjusted over the family; None where they cannot be
            compared.
        family: Number of pairs that were compared.
        reason: Why they were not compared.
    """

    a: Result
    b: Result
    found: Comparison | None
    family: int
    reason: str = ""

    @property
    def order(self) -> tuple[Result, Result] | None:
        """The significantly better row and the other one; None where the rows do not differ."""
        if self.found is None or self.found.verdict != "different":
            return None
        return (self.a, self.b) if self.found.by_questions.mean > 0 else (self.b, self.a)


def judge(rows: Sequence[Result], answers: Answers) -> list[Judged]:
    """Compare the declared pairs of a group of rows.

    Args:
        rows: Rows on the same questions, one per method.
        answers: Their predictions.

    Returns:
        The pairs, in the order of the rows. Rows that lack predictions or share no seed are not compared.
    """
    by_method = {row.method: row for row in rows}
    wanted = [(REFERENCE, row.method) for row in rows if row.method != REFERENCE]
    pairs = [pair for pair in (*wanted, *CONTROLS) if by_method.keys() >= set(pair)]
    return judge_pairs([(by_method[a], by_method[b]) for a, b in pairs], answers)


def judge_pairs(pairs: Sequence[tuple[Result, Result]], answers: Answers) -> list[Judged]:
    """Compare pairs of rows as one family.

    Args:
        pairs: Pairs of rows on the same questions.
        answers: Their predictions.

    Returns:
        The pairs, in their order. Rows that lack predictions or share no seed are not compared.
    """
    found = [_judge(a, b, answers) for a, b in pairs]
    family = adjusted([pair.found for pair in found if pair.found])
    left = iter(family)
    return [pair._replace(found=pair.found and next(left), family=len(family)) for pair in found]


def sentence(pair: Judged, titles: Mapping[str, str]) -> str:
    """Put what the tests say of a pair into words.

    Args:
        pair: The pair.
        titles: Key or method of a row → its name in the sentence; other rows are called by their method.

    Returns:
        One sentence.
    """
    if pair.found is None:
        a, b = (_name(row, titles) for row in (pair.a, pair.b))
        return f"{a} and {b}: not compared, {pair.reason}."
    first, second = pair.order or (pair.a, pair.b)
    sign = 1 if first is pair.a else -1
    a, b = (_name(row, titles) for row in (first, second))
    shares = " and ".join(f"{100 * compared_accuracy(row, pair.found):.1f} %" for row in (first, second))
    points = f"{_signed(sign * pair.found.by_questions.mean, '+')} points"
    verdict = pair.found.verdict
    p = p_text(pair.found.equivalence_p if verdict == "equivalent" else pair.found.p)
    said = {
        "different": f"{a} is above {b}: {shares}, {points}",
        "equivalent": f"{a} and {b} do not differ by {100 * MARGIN:g} points or more: {shares}, {points}",
        "undecided": f"{a} and {b}: undecided, {shares}, {points}",
    }
    test = "TOST p" if verdict == "equivalent" else "p"
    family = f"Holm over {pair.family} pair{'' if pair.family == 1 else 's'}"
    return f"{said[verdict]} ({_interval(pair.found, sign)}; {test} {p}, {family})."


def compared_accuracy(row: Result, found: Comparison) -> float:
    """Return the mean accuracy of a row on the seeds that were compared.

    Args:
        row: A row of the pair.
        found: Its comparison.
    """
    shares = [entry.test.accuracy for entry in row.seeds if entry.seed in found.paired.differences]
    return sum(shares) / len(shares)


def _name(row: Result, titles: Mapping[str, str]) -> str:
    return titles.get(row.key) or titles.get(row.method, row.method)


def _judge(a: Result, b: Result, answers: Answers) -> Judged:
    try:
        return Judged(a, b, compare_pair(a, b, answers), 1)
    except OSError as error:
        name = Path(error.filename or "a predictions file").name
        return Judged(a, b, None, 0, f"{name} is missing or not readable")
    except ValueError as error:
        return Judged(a, b, None, 0, str(error))


def _interval(found: Comparison, sign: int) -> str:
    low, high = t_interval(found.by_seeds) if found.by_seeds else found.bootstrap
    ends = Interval(low, high) if sign > 0 else Interval(-high, -low)
    over = f"{len(found.paired.differences)} seeds" if found.by_seeds else "the questions of one seed"
    return f"95 % interval over {over} {_signed(ends.low)} to {_signed(ends.high)}"


def _signed(share: float, plus: str = "") -> str:
    """A fraction in points with a real minus; no minus at what is rounded to 0."""
    points = round(100 * share, 1)
    return f"{'−' if points < 0 else plus}{abs(points):.1f}"


def p_text(value: float) -> str:
    """Format a p-value with its relation, to be printed after "p"."""
    return "< .001" if value < 0.001 else "= 1" if value > 0.9995 else f"= {value:.3f}".replace("0.", ".", 1)
