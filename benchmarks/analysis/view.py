"""What a view is: one table or figure of the report, or one of each over the same rows.

Each view is one file: the reading guide, the typed row, `read` (observations → rows), `table` and `draw` (rows of
all models → table, figure), and the `VIEW` that joins them. Only views.py lists them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .observation import Observation, Question
from .table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = TypeVar("Row")


@dataclass(frozen=True)
class Observed:
    """One model's observations of the questions, in their order; iterates over the pairs.

    Attributes:
        per_step: Thoughts that replace one reasoning step.
        marker: What stands before the answer in a written text.
    """

    questions: Sequence[Question]
    found: Sequence[Observation]
    per_step: int
    marker: str

    def __iter__(self) -> Iterator[tuple[Question, Observation]]:
        return zip(self.questions, self.found, strict=True)

    def steps(self, thoughts: int) -> int:
        """Steps of the search that so many thoughts stand for."""
        return math.ceil(thoughts / self.per_step)


@dataclass(frozen=True)
class Found(Generic[Row]):
    """A view's rows by the name of the model, the analyzed run first; ``n`` is the number of questions."""

    n: int
    models: Mapping[str, Sequence[Row]]

    def __iter__(self) -> Iterator[tuple[str, Row]]:
        return ((name, row) for name, rows in self.models.items() for row in rows)

    @property
    def first(self) -> Sequence[Row]:
        """The rows of the analyzed run."""
        return next(iter(self.models.values()))


@dataclass(frozen=True)
class View(Generic[Row]):
    """One table or figure of the report, or one of each.

    Attributes:
        name: Its key in analysis.json, its figure's file name and its anchor in report.html.
        title: Its heading.
        guide: How to read it, a paragraph.
        read: What it takes from one model's observations; rows are NamedTuples.
        table: Its table, from the rows of all models.
        draw: Its figure, likewise; only called where there are rows.
        printed: Whether the command prints the table.
        parts: Its entries in analysis.json, where they are not just the rows under its name.
    """

    name: str
    title: str
    guide: str
    read: Callable[[Observed], list[Row]]
    table: Callable[[Found[Row]], Table] | None = None
    draw: Callable[[Found[Row]], Figure] | None = None
    printed: bool = False
    parts: Callable[[Sequence[Row]], dict[str, Any]] | None = None

    def entries(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return the entries in analysis.json for one model's ``rows``."""
        return {self.name: rows} if self.parts is None else self.parts(rows)
