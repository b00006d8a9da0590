"""What a view is: a table or a figure of the report, or one of each over the same rows.

Each view is one file: the reading guide, the typed row, `read` (observations → rows), and the `VIEW` that
joins these with the columns of its table and how it is drawn. Only views.py lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from ...generators.tables import aligned
from ...generators.terminal import terminal_width
from .observation import Observed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = TypeVar("Row")


class Table(NamedTuple):
    """A title, column names, and rows of text; `str` aligns the columns."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        lines = aligned([self.header, *self.rows], numbers=True, width=terminal_width())
        return "\n".join([self.title, *("  " + line for line in lines)])


@dataclass(frozen=True)
class Found(Generic[Row]):
    """A view's rows by the name of the model, the analyzed run first; ``n`` is the number of questions."""

    n: int
    models: Mapping[str, Sequence[Row]]

    def __iter__(self) -> Iterator[tuple[str, Row]]:
        return ((name, row) for name, rows in self.models.items() for row in rows)


@dataclass(frozen=True)
class View(Generic[Row]):
    """A table or a figure of the report, or one of each.

    Attributes:
        name: Its key in analysis.json, its figure's file name and its anchor in report.html.
        title: Its heading.
        guide: How to read it, a paragraph.
        read: What it takes from one model's observations; rows are NamedTuples.
        caption: Of its table; ``{n}`` is the number of questions. Without cells there is no table.
        header: The table's columns after the model.
        cells: A row's line in the table.
        draw: Its figure; only called where there are rows.
        printed: Whether the command prints the table.
        parts: Its entries in analysis.json, where they are not just the rows under its name.
    """

    name: str
    title: str
    guide: str
    read: Callable[[Observed], list[Row]]
    caption: str = ""
    header: Sequence[str] = ()
    cells: Callable[[Row], list[str]] | None = None
    draw: Callable[[Found[Row]], Figure] | None = None
    printed: bool = False
    parts: Callable[[Sequence[Row]], dict[str, Any]] | None = None

    def table(self, found: Found[Row]) -> Table | None:
        """Return the table of all models' rows, if the view has one."""
        if self.cells is None:
            return None
        rows = [[name, *self.cells(row)] for name, row in found]
        return Table(self.caption.format(n=found.n), ["model", *self.header], rows)

    def entries(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return the entries in analysis.json for one model's ``rows``."""
        return {self.name: rows} if self.parts is None else self.parts(rows)
