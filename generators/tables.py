"""Rows of text cells as a table: aligned columns for a terminal, or Markdown."""

from __future__ import annotations

from collections.abc import Sequence

Rows = Sequence[Sequence[str]]


def aligned(rows: Rows, *, numbers: bool = False) -> list[str]:
    """Pad cells to the width of their column, two blanks apart.

    Args:
        rows: Rows of equal length, the header first.
        numbers: Align every column but the first to the right.

    Returns:
        One line per row, without trailing blanks.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if numbers and column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def markdown(rows: Rows) -> list[str]:
    """Format rows as a Markdown table; a ``|`` within a cell is escaped.

    Args:
        rows: Rows of equal length, the header first.

    Returns:
        One line per row, and the rule below the header.
    """
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]]
