"""Which row of a dataset is best, and why rows are tied: what `compare` says, in words.

    No row is significantly the best: coconut (99.7 %) does not differ significantly from cot (82.2 %;
    undecided, p = .413). It is significantly above the other 6 rows.

The sentences are those of `verdicts`; all pairs of the compared rows are one family of tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from ..compare import Answers
from ..result import Result
from ..verdicts import Judged, compared_accuracy, judge_pairs, p_text, sentence
from .axes import percent
from .marks import Series
from .markup import Markup, join, tag, unbroken

COMPARED = 8
"""Rows of a dataset that are compared, the most accurate ones: the number of pairs grows with its square."""


class Findings(NamedTuple):
    """The comparisons on one set of questions.

    Attributes:
        series: All rows, the most accurate first.
        pairs: Row key → its pairs with the others among the first `COMPARED` of them.
        names: Row key → its name.
        sentences: Keys of two rows → what the tests say of them.
    """

    series: Sequence[Series]
    pairs: dict[str, list[Judged]]
    names: dict[str, str]
    sentences: dict[tuple[str, str], str]

    def said(self, pair: Judged) -> str:
        """What the tests say of a pair."""
        return self.sentences[pair.a.key, pair.b.key]


def find(series: Sequence[Series], answers: Answers) -> Findings:
    """Compare the most accurate rows with one another.

    Args:
        series: The rows on one set of questions, the most accurate first.
        answers: Their predictions.

    Returns:
        The comparisons.
    """
    rows = [one.row for one in series[:COMPARED]]
    pairs: dict[str, list[Judged]] = {row.key: [] for row in rows}
    names, sentences = {one.row.key: one.name for one in series}, {}
    for pair in judge_pairs(list(combinations(rows, 2)), answers):
        pairs[pair.a.key].append(pair)
        pairs[pair.b.key].append(pair)
        sentences[pair.a.key, pair.b.key] = sentence(pair, names)  # slow: a bootstrap
    return Findings(series, pairs, names, sentences)


def headline(found: Findings) -> Markup:
    """Say which row is best.

    Args:
        found: The comparisons.

    Returns:
        A paragraph, and the sentences that it rests on, folded.
    """
    best = found.series[0]
    share = f" ({percent(best.means.accuracy)}{', quick run' if best.row.quick else ''})"
    top = tag("b", best.name), unbroken(share)
    pairs = found.pairs[best.row.key]
    if not pairs:
        if best.row.kind == "rule":
            only = ("No row of a model. The rule ", *top, " does not read the query entity.")
        else:
            only = ("Only one row of a model: ", *top, ". There is none to compare it with.")
        return tag("p", *only, class_="verdict")
    ties = [pair for pair in pairs if not _is_above(best.row, pair)]
    above, left = len(pairs) - len(ties), len(found.series) - 1 - len(pairs)
    lesser = "The least accurate row is" if left == 1 else f"The {left} least accurate rows are"
    rest = f" {lesser} not compared here." if left else ""
    if not ties:
        others = "the other row" if above == 1 else f"all {above} other rows"
        said = join("Best: ", *top, f", significantly above {others}{' compared' if left else ''}.{rest}")
    else:
        listed = "; ".join(_tie(pair, found) for pair in ties[:3])
        listed += f"; and {len(ties) - 3} more" if len(ties) > 3 else ""
        others = "the other row" if above == 1 else f"the other {above} rows"
        also = f" It is significantly above {others}{' compared' if left else ''}." if above else ""
        start = join("No row is significantly the best: ", *top, " does not differ significantly from ")
        said = join(start, unbroken(f"{listed}.{also}{rest}"))
    sentences = tag("ul", *(tag("li", unbroken(found.said(pair))) for pair in pairs))
    why = tag(
        "details", tag("summary", f"The tests behind this, adjusted for {pairs[0].family} pairs"), sentences
    )
    return join(tag("p", said, class_="verdict"), why)


def comparisons(found: Findings, key: str) -> list[str]:
    """List what the tests say of one row against every other compared one.

    Args:
        found: The comparisons.
        key: The row's key.

    Returns:
        A sentence per pair, ties first.
    """
    pairs = sorted(found.pairs.get(key, []), key=lambda pair: pair.order is not None)
    return [found.said(pair) for pair in pairs]


def tied_with(found: Findings, key: str) -> str:
    """Name the rows that a row does not differ from, with p-value and verdict.

    Args:
        found: The comparisons.
        key: The row's key.

    Returns:
        The names; empty where there is none.
    """
    pairs = [pair for pair in found.pairs.get(key, []) if pair.order is None]
    others = [pair.b.key if pair.a.key == key else pair.a.key for pair in pairs]
    return "; ".join(
        f"{found.names[other]} ({_reason(pair)})" for pair, other in zip(pairs, others, strict=True)
    )


def _is_above(row: Result, pair: Judged) -> bool:
    return pair.order is not None and pair.order[0] is row


def _tie(pair: Judged, found: Findings) -> str:
    """The second row of a pair, its accuracy on the seeds compared, and why the first is not above it."""
    said = percent(next(one.means.accuracy for one in found.series if one.row.key == pair.b.key))
    if pair.found and 0 < (count := len(pair.found.paired.differences)) < len(pair.b.seeds):
        seeds = "the 1 seed" if count == 1 else f"the {count} seeds"
        said = f"{percent(compared_accuracy(pair.b, pair.found))} on {seeds} that both have"
    return f"{found.names[pair.b.key]} ({said}; {_reason(pair)})"


def _reason(pair: Judged) -> str:
    if pair.found is None:
        return f"not compared, {pair.reason}"
    if pair.found.verdict == "equivalent":
        return f"equivalent, TOST p {p_text(pair.found.equivalence_p)}"
    return f"{pair.found.verdict}, p {p_text(pair.found.p)}"
