"""What the audit says of each dataset, to be read beside an accuracy: how far a guess without reasoning gets.

Each line is what ``coconut-bench audit NAME --surface SURFACE`` prints (10,000 test questions, data seed 0,
fitted models included). A test holds the table against the datasets' versions and against a sample.
"""

from __future__ import annotations

from typing import NamedTuple

from ...generators.audit.report import FAIR
from ..result import Dataset
from .axes import Guess, percent
from .markup import Markup, tag


class Audited(NamedTuple):
    """The strongest guess of an audit: its name, and how often it or its opposite is right."""

    guess: str
    share: float

    def __str__(self) -> str:
        """Return the verdict: ``leaks 97.9 %``."""
        return f"{'leaks' if self.share > FAIR else 'fair'} {percent(self.share)}"


AUDITED: dict[tuple[str, str, str], Audited] = {
    ("prosqa", "1.0.0", "natural"): Audited("boosted-trees", 0.9787),
    ("prosqa", "1.0.0", "symbolic"): Audited("boosted-trees", 0.9776),
    ("prontoqa", "1.0.0", "natural"): Audited("look-up", 1.0000),
    ("prosqa-tiny", "1.0.0", "symbolic"): Audited("text-distance", 0.5069),
    ("prosqa-tiny", "1.0.0", "natural"): Audited("text-distance", 0.5069),
    ("prosqa-tiny-3hop", "1.0.0", "symbolic"): Audited("shared-letters", 0.5033),
    ("prosqa-tiny-3hop", "1.0.0", "natural"): Audited("logistic-regression", 0.5024),
    ("prosqa-tiny-hops1", "1.0.0", "symbolic"): Audited("text-distance", 1.0000),
    ("prosqa-tiny-hops3", "1.0.0", "symbolic"): Audited("boosted-trees", 0.5071),
    ("prosqa-tiny-branching", "1.0.0", "symbolic"): Audited("not text-distance", 0.5054),
    ("prosqa-tiny-joins", "1.0.0", "symbolic"): Audited("text-distance", 0.5044),
    ("prosqa-tiny-distractors", "1.0.0", "symbolic"): Audited("not boosted-trees", 0.5084),
    ("prosqa-tiny-3hop-hops2", "1.0.0", "symbolic"): Audited("boosted-trees", 0.5066),
    ("prosqa-tiny-3hop-hops4", "1.0.0", "symbolic"): Audited("not text-distance", 0.5048),
    ("prosqa-tiny-3hop-hops5", "1.0.0", "symbolic"): Audited("not boosted-trees", 0.5016),
    ("prosqa-tiny-3hop-forks", "1.0.0", "symbolic"): Audited("not logistic-regression", 0.5064),
    ("prosqa-tiny-leaky", "1.0.0", "symbolic"): Audited("boosted-trees", 0.9788),
    ("prosqa-tiny-leaky", "1.0.0", "natural"): Audited("boosted-trees", 0.9761),
    ("prosqa-fair", "1.0.0", "natural"): Audited("shared-letters", 0.5062),
    ("prosqa-fair", "1.0.0", "symbolic"): Audited("not boosted-trees", 0.5066),
    ("prosqa-fair-hops", "1.0.0", "natural"): Audited("not logistic-regression", 0.5091),
    ("prosqa-fair-density", "1.0.0", "natural"): Audited("logistic-regression", 0.5059),
    ("prosqa-fair-branching", "1.0.0", "natural"): Audited("boosted-trees", 0.5092),
    ("prosqa-fair-distractors", "1.0.0", "natural"): Audited("logistic-regression", 0.5098),
    ("prosqa-fair-names", "1.0.0", "natural"): Audited("boosted-trees", 0.5039),
    ("prosqa-fair-order", "1.0.0", "natural"): Audited("logistic-regression", 0.5032),
    ("prosqa-symmetric", "1.0.0", "natural"): Audited("shared-letters", 0.5051),
    ("prosqa-symmetric", "1.0.0", "symbolic"): Audited("not logistic-regression", 0.5094),
    ("prontoqa-fair", "1.0.0", "natural"): Audited("text-distance", 0.5078),
    ("prontoqa-fair-hops", "1.0.0", "natural"): Audited("not told-after", 0.5017),
    ("prontoqa-fair-density", "1.0.0", "natural"): Audited("not text-distance", 0.5034),
    ("prontoqa-fair-distractors", "1.0.0", "natural"): Audited("boosted-trees", 0.5070),
    ("prontoqa-fair-names", "1.0.0", "natural"): Audited("told-after", 0.5058),
    ("prontoqa-fair-order", "1.0.0", "natural"): Audited("not boosted-trees", 0.5020),
}  # fmt: skip
"""(Dataset, version, surface) → the strongest guess."""
CHANCE = 0.5
"""Guessing between the two candidates of a question: every dataset of the table has two."""


def audited(data: Dataset) -> Audited | None:
    """Look up the audit of a dataset.

    Args:
        data: The recorded dataset.

    Returns:
        Its strongest guess; None for a dataset without one, such as a file of one's own.
    """
    return AUDITED.get((data.name, data.version, data.surface))


def guesses(data: Dataset) -> list[Guess]:
    """List the guesses that are drawn into the charts of a dataset.

    Args:
        data: The recorded dataset.

    Returns:
        Chance, and the strongest guess where the dataset leaks; none for a dataset without an audit.
    """
    found = audited(data)
    if found is None:
        return []
    leak = [Guess(found.share, "best guess")] if found.share > FAIR else []
    return [Guess(CHANCE, "chance"), *leak]


def badge(found: Audited | None) -> Markup:
    """Show the audit's verdict beside the name of a dataset.

    Args:
        found: The strongest guess; None where the dataset was not audited.

    Returns:
        The badge.
    """
    if found is None:
        return tag("span", "not audited", class_="badge", title="Run coconut-bench audit on its file.")
    said = f"Best guess without reasoning: {found.guess}, right on {percent(found.share)} of the questions."
    kind = "leaks" if found.share > FAIR else "fair"
    return tag("span", str(found), class_=f"badge {kind}", title=said)
