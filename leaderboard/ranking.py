"""Ranks of rows on the same questions, from at most two comparisons a row.

    rank  method    accuracy %
    1=    coconut   99.9          the best of its group
    1=    cot       83.9          not significantly below the best of its group: tied
    2     no-cot    49.9          below coconut, and so the first of the next group; not below cot

Rows are walked by descending accuracy. A row that is significantly below the best one of its group begins
the next group; its rank is that of the group before, plus the number of that group's rows that are
significantly better. Which pairs are compared follows from the data, so each p-value is adjusted for all
pairs of rows on these questions (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Sequence

from .aggregate import mean_accuracy
from .compare import ALPHA, Answers
from .result import Result
from .statistics import estimate, t_test


def ranks(rows: Sequence[Result], answers: Answers) -> dict[str, int]:
    """Rank rows on the same questions: 1 + the number of rows that are found significantly better.

    Rows that cannot be compared (no predictions, no shared seed) count as tied.

    Args:
        rows: Measured rows, of any datasets.
        answers: Their predictions.

    Returns:
        Row key → rank.
    """
    same: dict[tuple[str, str], list[Result]] = {}
    for row in rows:
        same.setdefault((row.dataset.content_hash, row.dataset.split), []).append(row)
    places: dict[str, int] = {}
    for family in same.values():
        family.sort(key=lambda row: -mean_accuracy(row))
        places |= _Walk(answers, ALPHA / max(1, len(family) * (len(family) - 1) // 2)).places(family)
    return places


class _Walk:
    """Rank the rows of one family; a p-value below ``level`` is significant."""

    def __init__(self, answers: Answers, level: float) -> None:
        self.answers = answers
        self.level = level
        self.known: dict[tuple[str | None, ...], float] = {}

    def places(self, rows: Sequence[Result]) -> dict[str, int]:
        """Rank rows that are sorted by descending accuracy."""
        places, rank = {}, 1
        group: list[Result] = []
        best: dict[int, Result] = {}  # seed → the best row of the group that has answers for it
        for row in rows:
            seeds = sorted(_seeds(row))
            # From two seeds hardly anything follows: the one with the most seeds in common is asked.
            leaders = {best[seed].key: best[seed] for seed in seeds if seed in best}.values()
            leader = max(leaders, key=lambda one: len(_seeds(one).intersection(seeds)), default=None)
            if leader is not None and self.is_below(row, leader):
                rank += sum(self.is_below(row, other) for other in group)
                group, best = [], {}
            group.append(row)
            places[row.key] = rank
            for seed in _seeds(row) - best.keys():
                if self._can_read(row):
                    best[seed] = row
        return places

    def is_below(self, row: Result, other: Result) -> bool:
        """Whether ``other`` is significantly better."""
        ours, theirs = ({entry.seed: entry for entry in one.seeds} for one in (row, other))
        shared = sorted(ours.keys() & theirs.keys())
        gains = [theirs[seed].test.n_correct - ours[seed].test.n_correct for seed in shared]
        if not gains or self._least_p(gains, row.dataset.n) >= self.level:
            return False  # without a look at the predictions
        files = [one[seed].predictions for seed in shared for one in (ours, theirs)]
        key = tuple(file.sha256 if file else None for file in files)
        if key not in self.known:
            try:
                self.known[key] = self.answers.paired(other, row).p_value()
            except (ValueError, OSError):
                self.known[key] = 1.0
        return self.known[key] < self.level

    @staticmethod
    def _least_p(gains: Sequence[int], n: int) -> float:
        """The smallest p-value that these differences of right answers, one a seed, can have.

        McNemar's is smallest where no answer speaks against the difference and no two are of one cluster.
        """
        if sum(gains) <= 0:
            return 1.0
        over_seeds = t_test(estimate([gain / n for gain in gains])) if len(gains) > 1 else 0.0
        return max(2.0 ** (1 - sum(gains)), over_seeds)

    def _can_read(self, row: Result) -> bool:
        try:
            return all(self.answers.of(row, entry.seed) for entry in row.seeds)
        except (ValueError, OSError):
            return False


def _seeds(row: Result) -> set[int]:
    return {entry.seed for entry in row.seeds if entry.predictions}
