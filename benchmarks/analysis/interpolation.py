"""Interpolation: answers with fewer thoughts and more language (arXiv 2412.06769, section 5.1)."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from ...generators.proof.process import Category, categorize, split_written
from .figures import stacked_bars
from .means import percent
from .observation import HALTED, Observation, Observed, Question
from .view import View

GUIDE = (
    "The same weights with fewer thoughts than in training; the rest of the chain is written in language. "
    "The six categories judge the written path, whatever the answer. Correct Path: a shortest path to the "
    "target. Longer Path: reaches the target, but is not a shortest path. Hallucination: has an edge that "
    "no premise states, or is disconnected. Wrong Target: ends elsewhere. Correct Label, Incorrect Label: "
    "no path is written. After thoughts a path may start late, and its beginning is completed by search. "
    "Low accuracy with few thoughts may only mean that the model never learned the earlier stages, or "
    "forgot them: compare the validation accuracy at the end of each stage."
)
NAMES = [category.value for category in Category]
COLORS = dict(zip(NAMES, ("#228833", "#ccbb44", "#ee6677", "#aa3377", "#66ccee", "#bbbbbb"), strict=True))


class Row(NamedTuple):
    """After ``thoughts``: the number of questions, of right answers, and of texts in each category.

    Where a classifier ended the thoughts it is their mean, and ``halted``.
    """

    thoughts: float
    n: int
    right: int
    categories: dict[str, int]
    halted: bool = False

    @property
    def label(self) -> str:
        return f"{self.thoughts:.2f}, halted" if self.halted else f"{self.thoughts}"

    @property
    def accuracy(self) -> float:
        return self.right / self.n

    @property
    def shares(self) -> dict[str, float]:
        return {name: count / self.n for name, count in self.categories.items()}


def category(question: Question, found: Observation, k: int, marker: str) -> Category:
    """Categorize a written text.

    Args:
        question: What was asked.
        found: What a model made of it.
        k: The number of thoughts after which the text was written.
        marker: What stands before the answer in it.
    """
    steps = split_written(found.written[k], marker).steps
    return categorize(question.reading, question.target, steps, is_right=found.right[k], is_partial=k != 0)


def read(observed: Observed) -> list[Row]:
    """Count categories and right answers for each number of thoughts after which a text was asked for."""
    rows = []
    for k in observed.found[0].written:
        counts = Counter(category(question, found, k, observed.marker) for question, found in observed)
        right = sum(found.right[k] for found in observed.found)
        used = [found.used for found in observed.found if found.used is not None]
        thoughts = sum(used) / len(used) if k == HALTED else k
        categories = {name.value: counts[name] for name in Category}
        rows.append(Row(thoughts, len(observed.found), right, categories, k == HALTED))
    return rows


VIEW: View[Row] = View(
    "interpolation", "Fewer thoughts, more language", GUIDE, read,
    caption="Answers and process categories, % of {n} questions",
    header=["thoughts", "right", *NAMES],
    cells=lambda row: [row.label, *map(percent, (row.accuracy, *row.shares.values()))],
    draw=stacked_bars(
        lambda row: row.shares, COLORS, "% of {n} questions", spacing=0.28,
        beside=lambda row: f"{percent(row.accuracy)} right",
    ),
    printed=True,
)  # fmt: skip
