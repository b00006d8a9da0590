"""One question as a guess without reasoning sees it: words, positions, degrees, distances.

    >>> puzzle = Puzzle.read("4 7 . 7 1 . 12 9 . > 4 < 1 < 9", answer="1")
    >>> puzzle.right, puzzle.names[puzzle.root], puzzle.up(puzzle.candidates[0])
    (0, '4', {1: 0, 2: 1, 0: 2})

Nodes are numbers here; ``Puzzle`` only looks things up, the guesses made from it are in `rules`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from ..example import Example
from ..wordings.reading import Reading, read_question

FAR = 99  # the distance of what is not connected


class Telling(NamedTuple):
    """Where a node is mentioned among the premises, counted from 0."""

    first: int
    last: int
    mean: float


class Puzzle:
    """A question's graph with its two candidates; ``entities`` are the nodes without parents.

    A candidate that no premise mentions is a node on its own.

    Args:
        premises: The edges, in the order of telling.
        root: The query entity.
        candidates: Both candidates, in the order of the question.
        right: 0 or 1, the candidate that the answer names.
        id: The example's id.
    """

    def __init__(
        self,
        premises: Sequence[tuple[str, str]],
        root: str,
        candidates: tuple[str, str],
        right: int,
        id: str = "",
    ) -> None:
        self.id = id
        self.right = right
        index: dict[str, int] = {}
        self.premises = tuple(
            (index.setdefault(start, len(index)), index.setdefault(end, len(index)))
            for start, end in premises
        )
        self.root = index.setdefault(root, len(index))
        first, second = (index.setdefault(name, len(index)) for name in candidates)
        self.candidates = (first, second)
        self.names = tuple(index)
        self.children: list[list[int]] = [[] for _ in index]
        self.parents: list[list[int]] = [[] for _ in index]
        for start, end in self.premises:
            self.children[start].append(end)
            self.parents[end].append(start)
        self.entities = tuple(node for node, above in enumerate(self.parents) if not above)
        self._reached: dict[tuple[int, int], Mapping[int, int]] = {}

    @classmethod
    def read(cls, question: str, answer: str, id: str = "") -> Puzzle:
        """Parse a question.

        Raises:
            ValueError: Where it or its answer is of no known form.
        """
        return cls.of_reading(read_question(question), answer, id)

    @classmethod
    def of_reading(cls, reading: Reading, answer: str, id: str = "") -> Puzzle:
        """Look at a question that has been read.

        Raises:
            ValueError: Where the answer names neither candidate.
        """
        texts = [reading.answer(candidate) for candidate in reading.candidates]
        if answer not in texts:
            raise ValueError(f"answer must be one of {texts}, got {answer!r}")
        return cls(reading.edges, reading.root, reading.candidates, texts.index(answer), id)

    @classmethod
    def of(cls, example: Example) -> Puzzle:
        """Parse the text of an example; its graph fields are not looked at."""
        return cls.read(example.question, example.answer, example.id)

    def up(self, node: int) -> Mapping[int, int]:
        """Return the distance from every ancestor (itself too) to the node, nearest first."""
        return self._search(node, 0, (self.parents,))

    def down(self, node: int) -> Mapping[int, int]:
        """Return the distance from the node to everything that can be reached from it, itself too."""
        return self._search(node, 1, (self.children,))

    def around(self, node: int) -> Mapping[int, int]:
        """Return the distance to everything that is connected if direction is ignored."""
        return self._search(node, 2, (self.parents, self.children))

    def _search(self, node: int, kind: int, ways: Sequence[list[list[int]]]) -> Mapping[int, int]:
        """Breadth-first search, remembered: several rules ask for the same one."""
        found = self._reached.get((node, kind))
        if found is not None:
            return found
        distance = {node: 0}
        queue = deque([node])
        while queue:
            at = queue.popleft()
            for way in ways:
                for other in way[at]:
                    if other not in distance:
                        distance[other] = distance[at] + 1
                        queue.append(other)
        self._reached[node, kind] = distance
        return distance

    @cached_property
    def order(self) -> Sequence[int]:
        """The nodes sorted so that parents come before children; raises ValueError for a cycle."""
        missing = [len(above) for above in self.parents]
        ready = list(self.entities)
        for node in ready:  # grows while it is read
            for child in self.children[node]:
                missing[child] -= 1
                if not missing[child]:
                    ready.append(child)
        if len(ready) != len(self.names):
            raise ValueError("the premises must have no cycle")
        return ready

    @cached_property
    def depths(self) -> Sequence[int]:
        """The length of the longest path from an entity to each node."""
        depth = [0] * len(self.names)
        for node in self.order:
            for child in self.children[node]:
                depth[child] = max(depth[child], depth[node] + 1)
        return depth

    @cached_property
    def paths(self) -> Sequence[int]:
        """The number of paths from any entity to each node."""
        count = [int(not above) for above in self.parents]
        for node in self.order:
            for child in self.children[node]:
                count[child] += count[node]
        return count

    @cached_property
    def tellings(self) -> Sequence[Telling]:
        """Where each node is mentioned; a node that is not comes after all premises."""
        places: list[list[int]] = [[] for _ in self.names]
        for place, edge in enumerate(self.premises):
            for node in edge:
                places[node].append(place)
        end = len(self.premises)
        return [Telling(at[0], at[-1], sum(at) / len(at)) if at else Telling(end, end, end) for at in places]

    def mentions(self, node: int) -> int:
        """Count the premises that mention the node."""
        return len(self.parents[node]) + len(self.children[node])
