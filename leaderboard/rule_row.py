"""The audit's best rule on a dataset as a row: the floor that an accuracy has to be read against.

    rule-mean-entity on prosqa-tiny-leaky, 1000 test questions: 87.5 % right

A rule looks at words, positions, counts or the whole graph, but never at the query entity, and learns
nothing. Of all such rules and their opposites, the one that is right most often on the validation questions
is taken; the test questions are answered by it alone. Where it rates both candidates the same, it answers
the one that is named first.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..generators.answers import is_right, read_answer
from ..generators.audit.puzzle import Puzzle
from ..generators.audit.report import shortcut_status
from ..generators.audit.rules import STATIC, Rule
from ..generators.datasets import examples, get_dataset, resolve_surface
from ..generators.example import Example, rows_hash
from ..generators.wordings.reading import read_question
from .measures import Cost
from .predictions import Prediction, summarize, write_predictions
from .provenance import provenance
from .result import Base, Dataset, Recipe, Result, SeedResult

RULE = "rule"
READ_THE_ENTITY = ("shared-letters", "told-after", "text-distance")
"""Zero-effort rules that look at the query entity's name or place."""


class Guess(NamedTuple):
    """A rule, or its opposite."""

    rule: Rule
    is_opposite: bool

    @property
    def name(self) -> str:
        """The method of the row: ``rule-mean-entity``, ``rule-not-alphabet``."""
        return f"{RULE}-{'not-' if self.is_opposite else ''}{self.rule.name}"

    def option(self, puzzle: Puzzle) -> int:
        """Choose a candidate, 0 for the one named first."""
        first, second = (self.rule.score(puzzle, option) for option in (0, 1))
        return int(first > second if self.is_opposite else second > first)


GUESSES = tuple(
    Guess(rule, is_opposite)
    for rule in STATIC
    if rule.name not in READ_THE_ENTITY
    for is_opposite in (False, True)
)
"""All that are tried."""


def rule_row(
    name: str, folder: Path, *, n: int | None = None, surface: str | None = None, seed: int = 0
) -> Result:
    """Choose the best rule on validation questions and answer the test questions by it.

    Args:
        name: A dataset of the table.
        folder: Folder to write the predictions to.
        n: Number of test questions; None for the dataset's.
        surface: The wording; None for the dataset's first.
        seed: Seed of the questions.

    Returns:
        A row of the kind ``rule``.

    Raises:
        ValueError: For an unknown name or wording, or a number of questions that the dataset has not.
        OSError: ``folder`` cannot be written.
    """
    row = get_dataset(name)
    surface = resolve_surface(row, surface)
    valid = list(examples(name, "valid", seed=seed, surface=surface))
    guess = _best(valid)
    test = list(examples(name, "test", seed=seed, count=n or row.sizes["test"], surface=surface))
    predictions = [_prediction(guess, example) for example in test]
    entry = SeedResult(
        seed=0,
        **summarize(predictions)._asdict(),
        training=Cost(seconds=None),
        inference=Cost(seconds=None),
        stages=[],
        checkpoint_rule=f"the best of {len(GUESSES)} guesses on {len(valid)} validation questions",
        predictions=write_predictions(predictions, folder),
        provenance=provenance(device="cpu"),
    )
    record = Dataset(
        name=row.name, version=row.version, surface=surface, split="test", n=len(test),
        content_hash=rows_hash(test), seed=seed,
    )  # fmt: skip
    base = Base(name="no model", parameters=None)
    return Result(
        kind="rule", dataset=record, method=guess.name, recipe=Recipe(name=RULE, hash=None),
        base_model=base, quick=False, seeds=[entry],
    )  # fmt: skip


def _best(valid: Sequence[Example]) -> Guess:
    """The guess that is right most often; of equal ones the first of the table."""
    puzzles = [Puzzle.of(example) for example in valid]

    def right(guess: Guess) -> int:
        return sum(guess.option(one) == one.right for one in puzzles)

    return max(GUESSES, key=right)


def _prediction(guess: Guess, example: Example) -> Prediction:
    reading = read_question(example.question)
    option = guess.option(Puzzle.of_reading(reading, example.answer, example.id))
    written = read_answer(reading.answer(reading.candidates[option]))
    expected = read_answer(example.answer)
    return Prediction(
        id=example.id,
        prediction=written,
        answer=expected,
        correct=is_right(written, expected),
        language_tokens=None,
        thoughts=None,
        forward_passes=None,
        hops=example.hops,
        twin=None if example.twin is None else min(example.id, example.twin),
        shortcut=shortcut_status(example),
    )
