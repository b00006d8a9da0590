"""Guess the answers of a dataset without reasoning, and say how often that is right.

    >>> report = audit("prosqa-tiny", examples=1000, learned=False)
    >>> report["nearest-entity"].accuracy
    0.5

The rules are in `rules`, the fitted models in `models`. Everything is read from the text, so published files
can be audited too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ..datasets import DATASETS, get_dataset
from ..datasets import examples as dataset_examples
from ..example import Example
from ..extras import check_installed
from ..lookup import pick
from ..stored.formats import FORMATS, read_examples
from ..wordings.reading import read_question
from .puzzle import Puzzle
from .rules import EFFORTS, RULES, credit

EXAMPLES = 10_000  # questions of a generated dataset; of a file all are taken
LEAKS = ("zero-effort", "root-blind", "learned")  # the efforts that a fair dataset leaves at one half
FAIR = 0.52  # a guess, or its opposite, that is right more often is a leak
_Z = 1.959963984540054  # the 97.5 % point of the normal distribution

ShortcutStatus = Literal["right", "silent", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """How often one rule or model is right.

    Attributes:
        name: A row of ``RULES`` or ``MODELS``.
        effort: What it may look at, a key of ``EFFORTS``.
        description: What it guesses.
        accuracy: The share of questions on which it is right, 0..1; undecided ones count half.
        low: Lower end of the 95 % interval (Wilson's score).
        high: Upper end.
        silent: The share of questions that it does not decide.
        cost: What computing it takes, of a graph algorithm.
    """

    name: str
    effort: str
    description: str
    accuracy: float
    low: float
    high: float
    silent: float
    cost: str = ""

    @property
    def strength(self) -> float:
        """The accuracy of the rule or of its opposite, whichever is better."""
        return max(self.accuracy, 1 - self.accuracy)

    def __str__(self) -> str:
        """Return its strength and name: ``99.7 % (effective-resistance)``."""
        return f"{100 * self.strength:.1f} % ({'not ' if self.accuracy < 0.5 else ''}{self.name})"


@dataclass(frozen=True, slots=True)
class Report:
    """The findings on ``examples`` questions of ``source``; the models were fitted on ``fitted_on``."""

    source: str
    examples: int
    fitted_on: str
    findings: tuple[Finding, ...]

    def __getitem__(self, name: str) -> Finding:
        return pick({finding.name: finding for finding in self.findings}, name, "rule")

    def strongest(self, *efforts: str) -> Finding:
        """Return the finding farthest from one half, of the efforts that a fair dataset leaves there.

        Args:
            efforts: Other efforts to choose from.
        """
        rows = (row for row in self.findings if row.effort in (efforts or LEAKS))
        return max(rows, key=lambda row: row.strength)

    def verdict(self) -> str:
        """Say in one sentence whether guesses without reasoning leak, and what graph algorithms reach.

        Graph algorithms are no guesses: they are stated, and make no dataset a leak. Where only the 95 %
        interval of a guess reaches ``FAIR``, there are too few questions to tell.
        """
        guess, graph = self.strongest(), self.strongest("graph-algorithm")
        surely = max(row.low if row.accuracy >= 0.5 else 1 - row.high
                     for row in self.findings if row.effort in LEAKS)  # fmt: skip
        if surely > FAIR:
            word = "leaks"
        elif guess.strength <= FAIR:
            word = "fair"
        else:
            word = f"undecided on {self.examples:,} questions"
        return (
            f"best guess without reasoning: {guess}: {word}; "
            f"best undirected graph algorithm: {graph}, {graph.cost}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dict; shares are in 0..1."""
        rows = [{name: getattr(row, name) for name in Finding.__slots__} for row in self.findings]
        head = {"source": self.source, "examples": self.examples, "fitted_on": self.fitted_on}
        return {**head, "efforts": dict(EFFORTS), "findings": rows, "verdict": self.verdict()}

    def __str__(self) -> str:
        """Return a table, the strongest of each effort first."""
        lines = [f"{self.source}, {self.examples} questions; % right [95 % interval], % undecided"]
        for effort, meaning in EFFORTS.items():
            rows = sorted((row for row in self.findings if row.effort == effort), key=lambda r: -r.strength)
            if rows:
                fitted = f"; {self.fitted_on}" if effort == "learned" else ""
                lines += ["", f"{effort}: {meaning}{fitted}"]
            lines += [
                f"  {row.name:20}{100 * row.accuracy:6.1f} [{100 * row.low:5.1f}, {100 * row.high:5.1f}]"
                f"{100 * row.silent:7.1f}  {row.description}{row.cost and f' ({row.cost})'}"
                for row in rows
            ]
        return "\n".join([*lines, "", self.verdict()])


def wilson(right: float, total: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share (Wilson, 1927).

    Args:
        right: The count, which may hold halves.
        total: Of how many.
    """
    share, weight = right / total, _Z * _Z / total
    middle = (share + weight / 2) / (1 + weight)
    half = _Z * math.sqrt(share * (1 - share) / total + weight / (4 * total)) / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)


def shortcut_status(example: Example) -> ShortcutStatus:
    """Say what the strongest known shortcut of the example's wording makes of it.

    In ProsQA that is the rule ``nearest-entity``, in ProntoQA ``look-up``. Report the accuracy for each
    status: a model that only learned the shortcut fails where it is wrong or silent.

    Args:
        example: The example; its text is read, not its graph.

    Raises:
        ValueError: For a question of no known wording.
    """
    reading = read_question(example.question)
    share = credit(RULES[reading.wording.shortcut], Puzzle.of_reading(reading, example.answer))
    return "silent" if share == 0.5 else "right" if share > 0.5 else "wrong"


def audit(
    source: str | Path,
    *,
    split: str = "test",
    fit: str = "train",
    examples: int | None = None,
    learned: bool = True,
    surface: str | None = None,
    seed: int = 0,
) -> Report:
    """Try every rule and, where ``learned``, every model on a dataset, a generated folder or a data file.

    Args:
        source: A dataset's name, a generated folder or a data file.
        split: The split that is scored.
        fit: The split on which the models are fitted, on as many questions. On a single file, each half is
            guessed by models fitted on the other.
        examples: How many questions to take; None: all of a file, 10,000 of a dataset.
        learned: Whether to fit models too, which needs scikit-learn.
        surface: The wording of a dataset, None its first.
        seed: The dataset's seed.

    Raises:
        ValueError: For an unknown source or split and for a question that cannot be read.
        OSError: For a file that is missing.
    """
    if examples is not None and examples < 4:
        raise ValueError(f"examples must be at least 4, got {examples}")
    if fit == split:
        raise ValueError(f"fit must be another split than {split}, the one that is scored")
    place = Place.of(str(source), seed, surface)
    if learned:
        check_installed("sklearn", "a guess by fitted models (not with --no-learned)")
    puzzles = place.read(split, examples)
    findings = [_try(name, puzzles) for name in RULES]
    fitted_on = ""
    if learned:
        fitted_on = "each half by a fit on the other" if place.is_file else f"fitted on {fit}"
        findings += _fitted(puzzles, None if place.is_file else place.read(fit, examples))
    title = str(source) if place.is_file else f"{source} {split}"
    return Report(title, len(puzzles), fitted_on, tuple(findings))


def _try(name: str, puzzles: Sequence[Puzzle]) -> Finding:
    rule = RULES[name]
    credits = [credit(rule, puzzle) for puzzle in puzzles]
    total, size = sum(credits), len(credits)
    silent = 0.0 if rule.random else credits.count(0.5) / size
    share = total / size
    return Finding(name, rule.effort, rule.description, share, *wilson(total, size), silent, rule.cost)


def _fitted(puzzles: Sequence[Puzzle], fit: Sequence[Puzzle] | None) -> Iterator[Finding]:
    """Guess with every model; without a set to fit on, the halves are fitted on one another."""
    from .models import MODELS

    half = len(puzzles) // 4 * 2  # even, so twins stay in the same half
    for model in MODELS:
        if fit is not None:
            guesses = list(model.guess(fit, puzzles))
        else:
            one, two = puzzles[:half], puzzles[half:]
            guesses = [*model.guess(two, one), *model.guess(one, two)]
        right = sum(bool(guess) == puzzle.right for guess, puzzle in zip(guesses, puzzles, strict=True))
        size = len(puzzles)
        yield Finding(model.name, "learned", model.description, right / size, *wilson(right, size), 0.0)


class Place(NamedTuple):
    """Where questions come from: a row of the table of datasets, a folder with a split a file, or a file."""

    name: str
    is_file: bool
    seed: int
    surface: str | None

    @classmethod
    def of(cls, name: str, seed: int, surface: str | None) -> Place:
        """Tell paths from names of datasets; raises ValueError with the nearest known name."""
        path = Path(name)
        if name not in DATASETS and (path.exists() or path.suffix or len(path.parts) > 1):
            if not path.exists():
                raise FileNotFoundError(f"no such file: {path}")
            return cls(name, path.is_file(), seed, surface)
        return cls(get_dataset(name).name, False, seed, surface)

    def read(self, split: str, count: int | None) -> list[Puzzle]:
        """Return the questions of a split, or of the file; raises ValueError with the id of a bad one."""
        if self.name in DATASETS:
            size = EXAMPLES if count is None else count
            found = dataset_examples(self.name, split, seed=self.seed, count=size, surface=self.surface)
        else:
            path = Path(self.name) if self.is_file else self._split_file(split)
            found = islice(read_examples(path), count)
        puzzles = []
        for example in found:
            try:
                puzzles.append(Puzzle.of(example))
                _ = puzzles[-1].order
            except ValueError as error:
                raise ValueError(f"{example.id}: {error}") from None
        if len(puzzles) < 4:
            raise ValueError(f"{self.name} must have at least 4 questions, got {len(puzzles)}")
        return puzzles

    def _split_file(self, split: str) -> Path:
        suffixes = [row.suffix for row in FORMATS.values()]
        for suffix in suffixes:
            path = Path(self.name) / f"{split}{suffix}"
            if path.is_file():
                return path
        raise FileNotFoundError(f"{self.name} has no file {split}{f' or {split}'.join(suffixes)}")
