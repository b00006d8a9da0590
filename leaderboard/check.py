"""Check that a leaderboard file agrees with its predictions: recompute every number that can be recomputed.

`read` has already checked the schema, each score against its counts, and the parts against the whole. This
module checks each predictions file against its checksum, each seed's numbers against its predictions, the
predictions on one dataset against one another, the dataset's hash against what its generator makes now, and
whether rows that are compared start from the base model that they name (`lineage`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .lineage import lineage_problems
from .predictions import mismatches, read_predictions
from .result import Dataset, Leaderboard
from .samples import address

UNCOUNTED = 10_000
"""Questions of a dataset that are generated again though no predictions show that they are so many."""


def check(board: Leaderboard, folder: Path) -> list[str]:
    """Check a leaderboard.

    Args:
        board: The leaderboard.
        folder: The folder of its predictions files.

    Returns:
        The problems found, one line each.
    """
    counted: dict[Dataset, dict[str, str]] = {}
    rows = list(_check_rows(board, folder, counted))
    own = [row for row in board.measured if row.kind == "measured"]
    return [*rows, *lineage_problems(own), *_check_datasets(board, counted)]


def _check_rows(board: Leaderboard, folder: Path, counted: dict[Dataset, dict[str, str]]) -> Iterator[str]:
    """Yield the problems of each seed; ``counted`` gets question id → answer of each dataset."""
    answers: dict[str, dict[str, str]] = {}
    for row in board.measured:
        for entry in row.seeds:
            name = f"{row.key} {row.method} on {row.dataset.name}, seed {entry.seed}"
            if entry.predictions is None:
                yield f"{name}: has no predictions, its accuracy cannot be recomputed"
                continue
            try:
                predictions = read_predictions(entry.predictions, folder)
                problems = list(mismatches(predictions, entry))
            except FileNotFoundError as error:
                yield f"{name}: {error.filename}: missing"
                continue
            except (ValueError, OSError) as error:
                yield f"{name}: {error}"
                continue
            yield from (f"{name}: {problem}" for problem in problems)
            found = {prediction.id: prediction.answer for prediction in predictions}
            counted.setdefault(row.dataset, found)
            if answers.setdefault(row.dataset.content_hash, found) != found:
                yield f"{name}: questions and answers must be those of the other rows of the same dataset"


def _check_datasets(board: Leaderboard, counted: dict[Dataset, dict[str, str]]) -> Iterator[str]:
    """Yield the datasets whose content, or whose answers, differ from what this version generates.

    A number of questions that no predictions bear out is not believed: it may be a billion.
    """
    from ..generators.answers import is_right
    from ..generators.datasets import examples
    from ..generators.example import rows_hash

    seen: set[Dataset] = set()
    for row in board.measured:
        data = row.dataset
        at = None if data in seen else address(data)
        seen.add(data)
        if at is None or data.seed is None:
            continue
        name = f"{row.key} {row.method} on {data.name}"
        if data not in counted and data.n > UNCOUNTED:
            yield f"{name}: n must be borne out by predictions for the dataset to be generated, got {data.n}"
            continue
        try:
            made = list(examples(at, data.split, seed=data.seed, count=data.n, surface=data.surface))
        except ValueError as error:
            yield f"{name}: the dataset cannot be generated: {error}"
            continue
        if (found := rows_hash(made)) != data.content_hash:
            yield f"{name}: content_hash must be {found} as generated, got {data.content_hash}"
        elif data in counted:
            right = sum(is_right(counted[data].get(one.id, ""), one.answer) for one in made)
            if right < data.n:
                said = f"got {right} of {data.n}"
                yield f"{name}: right answers must be those of the generated questions, {said}"
