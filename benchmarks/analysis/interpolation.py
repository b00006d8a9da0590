"""Interpolation: answers with fewer thoughts and more language (arXiv 2412.06769, section 5.1)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from ...generators.proof.process import Category, categorize, split_written
from .figures import SMALL, stacked_bars, thoughts_label
from .observation import Observation, Question
from .table import Table, percent
from .view import Found, Observed, View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GUIDE = (
    "The same weights with fewer thoughts than trained, the rest of the chain in language. The six "
    "categories judge the written path, not the answer (Correct: a shortest one; Longer: to the target "
    "as well; Hallucination: with an edge that no premise tells, or in pieces; Wrong Target: ends "
    "elsewhere; Label: no path is written); after thoughts a path may begin late and is completed by "
    "search. A low accuracy with few thoughts may only say that the model never learned the earlier "
    "stages, or forgot them: see the accuracy that each stage reached in training."
)
COLORS = dict(zip(Category, ("#228833", "#ccbb44", "#ee6677", "#aa3377", "#66ccee", "#bbbbbb"), strict=True))


class Row(NamedTuple):
    """After so many thoughts: questions, right answers, and the count of each category."""

    thoughts: int
    n: int
    right: int
    categories: dict[Category, int]

    @property
    def accuracy(self) -> float:
        return self.right / self.n

    @property
    def shares(self) -> dict[Category, float]:
        return {category: count / self.n for category, count in self.categories.items()}


def category(question: Question, found: Observation, k: int, marker: str) -> Category:
    """Categorize what was written after ``k`` thoughts.

    Args:
        question: The question.
        found: What a model made of it.
        k: A number of thoughts after which it wrote.
        marker: What stands before the answer.
    """
    steps = split_written(found.written[k], marker).steps
    return categorize(question.reading, question.target, steps, is_right=found.right[k], is_partial=k > 0)


def read(observed: Observed) -> list[Row]:
    """Count categories and right answers for each number of thoughts that was written after."""
    rows = []
    for k in observed.found[0].written:
        counts = Counter(category(question, found, k, observed.marker) for question, found in observed)
        right = sum(found.right[k] for found in observed.found)
        rows.append(Row(k, len(observed.found), right, {name: counts[name] for name in Category}))
    return rows


def table(found: Found[Row]) -> Table:
    """One row a model and number of thoughts."""
    rows = [
        [name, str(row.thoughts), percent(row.accuracy), *map(percent, row.shares.values())]
        for name, row in found
    ]
    title = f"Answers and process categories, % of {found.n} questions"
    return Table(title, ["model", "thoughts", "right", *Category], rows)


def draw(found: Found[Row]) -> Figure:
    """One bar a model and number of thoughts, stacked from the categories; the accuracy beside it."""
    bars = [(f"{name}, {thoughts_label(row.thoughts)}", row.shares) for name, row in found]
    figure, axes = stacked_bars(bars, COLORS, f"% of {found.n} questions", spacing=0.28)
    for place, (_, row) in enumerate(found):
        axes.text(101, place, f"{percent(row.accuracy)} right", va="center", fontsize=SMALL)
    axes.set_xlim(0, 114)
    axes.set_xticks(range(0, 101, 20))
    return figure


VIEW = View("interpolation", "Fewer thoughts, more language", GUIDE, read, table, draw, printed=True)
