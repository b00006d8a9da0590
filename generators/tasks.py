"""A dataset as a sequence of tasks with a score, in the shape that reasoning-gym made common.

    >>> tasks = create_dataset("prosqa-tiny", seed=0, size=100)
    >>> tasks[7]["question"]
    '15 11 . 11 13 . 15 0 . 10 12 . 12 1 . 5 3 . 10 5 . 0 8 . 6 13 . 6 3 . > 10 < 13 < 3'
    >>> tasks.score_answer("10 5 . 5 3 . ### 3", tasks[7])
    1.0

An entry is ``{"question": text, "answer": text, "metadata": {...}}``. Entries can be accessed in any order,
and another seed gives other questions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

from .answers import is_right, read_answer
from .datasets import examples, get_dataset, resolve_surface
from .dial import address
from .example import SPLITS, Example
from .lookup import pick

Entry = dict[str, Any]


def score_answer(answer: str | None, entry: Mapping[str, Any]) -> float:
    """Score an answer, as the leaderboard does (see `answers`).

    Args:
        answer: What a model wrote. The text after the last ``###`` counts, or all of it where there is none;
            a chain of thought before the marker is ignored. None counts as wrong.
        entry: The task, with its right answer under ``answer``.

    Returns:
        1.0 if the answer is right, else 0.0.
    """
    return float(answer is not None and is_right(read_answer(answer), str(entry["answer"])))


class TaskDataset(Sequence[Entry]):
    """Entries of one split of a dataset, made on access; `create_dataset` makes one.

    Args:
        name: A dataset of the table.
        seed: Another seed gives other tasks.
        size: How many there are.
        split: train, valid or test.
        surface: The wording; None for the dataset's first.
    """

    def __init__(self, name: str, seed: int, size: int, split: str, surface: str | None) -> None:
        dataset = get_dataset(name)
        largest = dataset.largest(pick({known: known for known in SPLITS}, split, "split"))
        if not 1 <= size <= largest:
            raise ValueError(f"size must be in 1..{largest} for {name} {split}, got {size}")
        self.name, self.seed, self.size, self.split = name, seed, size, split
        self.surface = resolve_surface(dataset, surface)
        # Outside train a dataset with twins gives whole pairs only.
        self._unit = 2 if dataset.twins else 1
        self._examples(0, self._unit)  # raises for a bad seed here, not at the first entry

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        """Return one entry, or those of a slice.

        Args:
            index: A place from 0, or from the end where negative, or a slice.

        Raises:
            IndexError: Beyond the size.
        """
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self.size))]
        if not -self.size <= index < self.size:
            raise IndexError(f"index must be in {-self.size}..{self.size - 1}, got {index}")
        index %= self.size
        start = index - index % self._unit
        return self._entry(index, list(self._examples(start, self._unit))[index - start])

    def __iter__(self) -> Iterator[Entry]:
        whole = self.size + self.size % self._unit
        for index, example in zip(range(self.size), self._examples(0, whole), strict=False):
            yield self._entry(index, example)

    def score_answer(self, answer: str | None, entry: Mapping[str, Any]) -> float:
        """See `score_answer`."""
        return score_answer(answer, entry)

    def _examples(self, start: int, count: int) -> Iterator[Example]:
        return examples(self.name, self.split, seed=self.seed, start=start, count=count, surface=self.surface)

    def _entry(self, index: int, example: Example) -> Entry:
        metadata = {
            "source_dataset": self.name,
            "source_index": index,
            "id": example.id,
            "twin": example.twin,
            "steps": list(example.steps),
            "difficulty": {"hops": example.hops},
        }
        return {"question": example.question, "answer": example.answer, "metadata": metadata}


def create_dataset(
    name: str,
    seed: int = 0,
    size: int = 500,
    *,
    split: str = "train",
    surface: str | None = None,
    **settings: int | str,
) -> TaskDataset:
    """Make a sequence of tasks; the same arguments give the same tasks on any machine.

    No graph of one split is in another, whatever the seeds, so a model may train on train without end and be
    tested on test.

    Args:
        name: A dataset of the table.
        seed: The seed of all draws.
        size: The number of tasks.
        split: train, valid or test.
        surface: The wording, None the dataset's first.
        **settings: Difficulty of the graphs, such as ``hops=4`` (see `dial`); another setting is another
            dataset, as its version says.

    Raises:
        ValueError: For an unknown name, split, surface or setting (with the nearest known one), and for a
            size, seed or setting out of range.
    """
    return TaskDataset(address(name, settings), seed, size, split, surface)
