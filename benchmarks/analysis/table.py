"""A table as text, and how its numbers are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .means import Mean

NONE = "–"


class Table(NamedTuple):
    """A title, column names, and rows of text; `str` aligns the columns."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.header, *self.rows, strict=True)]
        lines = [self._line(row, widths) for row in (self.header, *self.rows)]
        return "\n".join([self.title, *lines])

    @staticmethod
    def _line(row: Sequence[str], widths: Sequence[int]) -> str:
        first, *rest = (
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(["", first, *rest]).rstrip()


def percent(value: float) -> str:
    """Write a share in percent."""
    return f"{100 * value:.1f}"


def share(found: Mean | None) -> str:
    """Write a mean share in percent."""
    return NONE if found is None else percent(found.mean)


def number(found: Mean | None) -> str:
    """Write a mean alone."""
    return NONE if found is None else f"{found.mean:.3f}"


def interval(found: Mean | None) -> str:
    """Write a mean with its standard error."""
    if found is None:
        return NONE
    error = NONE if found.error is None else f"{found.error:.3f}"
    return f"{found.mean:.3f} ± {error}"
