"""Rows of text cells as a table: aligned columns that fit a terminal, or Markdown."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from itertools import zip_longest

from .terminal import terminal_width

Rows = Sequence[Sequence[str]]
COLUMN = 12
"""Characters that a column is wrapped to before another is left out."""
_BREAK = re.compile(r"\s+|(?<=[a-zA-Z]-)(?=[a-zA-Z])")


def aligned(
    rows: Rows, *, numbers: bool = False, width: int | None = None, optional: Sequence[str] = ()
) -> list[str]:
    """Pad cells to the width of their column, two blanks apart.

    Args:
        rows: Rows of equal length, the header first.
        numbers: Align every column but the first to the right.
        width: The longest line allowed. Columns that may be left out are, which a last line says; then the
            cells of the widest columns are wrapped. None for no limit.
        optional: Headers of the columns that may be left out, the first one first.

    Returns:
        One line per row, or several where cells are wrapped, without trailing blanks.
    """
    table, below = [list(row) for row in rows], []
    if width is not None:
        table, dropped = _without(table, width, [name for name in optional if name in table[0]])
        if dropped:
            below = ["", *textwrap.wrap(f"Left out to fit {width} columns: {', '.join(dropped)}.", width)]
        table = _wrapped(table, width)
    widths = _widths(table)
    lines = [
        "  ".join(
            cell.rjust(size) if numbers and column else cell.ljust(size)
            for column, (cell, size) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
    return [*lines, *below]


def _widths(table: list[list[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*table, strict=True)]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def _without(table: list[list[str]], width: int, optional: list[str]) -> tuple[list[list[str]], list[str]]:
    """Leave out columns until the others would fit with their text wrapped to `COLUMN` characters."""
    dropped = []
    while optional and _total([min(size, COLUMN) for size in _widths(table)]) > width:
        at = table[0].index(optional[0])
        dropped.append(optional.pop(0))
        table = [row[:at] + row[at + 1 :] for row in table]
    return table, dropped


def _wrapped(table: list[list[str]], width: int) -> list[list[str]]:
    """Wrap the cells of the widest columns until the table fits, between words as long as possible."""
    widths = _widths(table)
    words = _widths([[max(_BREAK.split(cell), key=len)[:COLUMN] for cell in row] for row in table])
    while _total(widths) > width and max(widths) > 1:
        wide = [at for at, size in enumerate(widths) if size > words[at]] or range(len(widths))
        widths[max(wide, key=widths.__getitem__)] -= 1
    return [
        list(parts)
        for row in table
        for parts in zip_longest(
            *(
                [""] if not cell else textwrap.wrap(cell, size)
                for cell, size in zip(row, widths, strict=True)
            ),
            fillvalue="",
        )
    ]


def folded(text: str, width: int | None) -> str:
    """Wrap the lines that are longer than a terminal is wide, each below its last column.

    Args:
        text: Lines whose columns are two or more blanks apart.
        width: The longest line allowed; None for no limit.
    """
    return text if width is None else "\n".join(_folded(line, width) for line in text.split("\n"))


def _folded(line: str, width: int) -> str:
    if len(line) <= width:
        return line
    gaps = [gap.end() for gap in re.finditer(r" {2,}|^", line)]
    indent = next((gap for gap in reversed(gaps) if 3 * gap <= 2 * width), 0)
    start, more = line[:indent], " " * (indent or 2)
    return textwrap.fill(
        line[indent:], width, initial_indent=start, subsequent_indent=more, break_on_hyphens=False
    )


def markdown(rows: Rows) -> list[str]:
    """Format rows as a Markdown table; a ``|`` within a cell is escaped.

    Args:
        rows: Rows of equal length, the header first.

    Returns:
        One line per row, and the rule below the header.
    """
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]]


def with_note(rows: Rows, note: str, format: str = "text") -> str:
    """Format a table for the terminal or in Markdown, and a paragraph below it.

    Args:
        rows: Rows of equal length, the header first.
        note: The paragraph.
        format: ``text`` or ``markdown``.

    Returns:
        The text, without a newline at its end.
    """
    if format == "markdown":
        return "\n".join([*markdown(rows), "", note])
    width = terminal_width()
    return "\n".join([*aligned(rows, width=width), "", folded(note, width)])
