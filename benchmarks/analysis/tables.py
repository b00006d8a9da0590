"""The tables of a report, as text and for the page: one row a model and number of thoughts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ...generators.proof.process import Category
from .graph import CLASSES
from .report import Analysis
from .summary import OTHER_TOKEN, Mean

NONE = "–"


class Table(NamedTuple):
    """A title, what its columns are, and rows of text."""

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


def tables(analysis: Analysis) -> dict[str, Table]:
    """All tables, by the name of the part of the analysis that they sum up."""
    return {
        "interpolation": _interpolation(analysis),
        "frontier_values": _values(analysis),
        "value_by_height": _heights(analysis),
        "superposition": _superposition(analysis),
        "attention": _attention(analysis),
        "lens": _lens(analysis),
    }


def _rows(analysis: Analysis, table: str) -> Iterable[tuple[str, dict[str, Any]]]:
    return ((seen.name, row) for seen in analysis.models for row in seen.tables[table])


def _interpolation(analysis: Analysis) -> Table:
    rows = [
        [name, str(row["thoughts"]), percent(row["right"] / row["n"])]
        + [percent(row["categories"][category.value] / row["n"]) for category in Category]
        for name, row in _rows(analysis, "interpolation")
    ]
    header = ["model", "thoughts", "right", *(category.value for category in Category)]
    return Table(f"Answers and process categories, % of {analysis.n} questions", header, rows)


def _values(analysis: Analysis) -> Table:
    rows = []
    for name, row in _rows(analysis, "frontier_values"):
        values = [number(row[column]) for column in ("mass", "right", "wrong", "other")]
        ranks = [share(row[column]) for column in ("top_right", "chance", "above_other")]
        rows.append([name, str(row["thoughts"]), *values, *ranks])
    header = ["model", "thoughts", "frontier", "right", "wrong", "other candidate"]
    title = "Value of frontier concepts: the sum, means, how often the highest is right"
    return Table(title, [*header, "top right %", "chance %", "target above other %"], rows)


def _heights(analysis: Analysis) -> Table:
    rows = [
        [name, str(row["thoughts"]), row["height"], str(row["edges"])]
        + [cell for kind in ("right", "wrong") for cell in (number(row[kind]), _count(row[kind]))]
        for name, row in _rows(analysis, "value_by_height")
    ]
    title = "Mean value of frontier concepts by their height, in edges to a leaf"
    return Table(title, ["model", "thoughts", "way", "height", "right", "of", "wrong", "of"], rows)


def _superposition(analysis: Analysis) -> Table:
    rows = []
    for seen in analysis.models:
        for row, norm in zip(seen.tables["superposition"], seen.tables["norms"], strict=True):
            cells = [interval(row["classes"][name]) for name in CLASSES]
            rows.append([seen.name, str(row["thoughts"]), *cells, number(norm)])
    title = "Inner product of the state after the thoughts with concepts (mean ± standard error), its length"
    return Table(title, ["model", "thoughts", *CLASSES, "length"], rows)


def _attention(analysis: Analysis) -> Table:
    rows = [
        [name, str(row["thoughts"]), str(row["layer"]), *(interval(row["classes"][c]) for c in CLASSES)]
        for name, row in _rows(analysis, "attention")
    ]
    title = "Attention of a thought on a premise, by the class of the concept it begins with"
    return Table(title, ["model", "thought", "layer", *CLASSES], rows)


def _lens(analysis: Analysis) -> Table:
    names = (*CLASSES, OTHER_TOKEN)
    rows = [
        [name, str(row["thoughts"]), *(percent(row["shares"][key]) for key in names)]
        for name, row in _rows(analysis, "lens")
    ]
    title = "Most probable next token at the state after the thoughts, % of questions"
    return Table(title, ["model", "thoughts", *names], rows)


def _count(found: Mean | None) -> str:
    return "0" if found is None else str(found.n)


def percent(value: float) -> str:
    return f"{100 * value:.1f}"


def share(found: Mean | None) -> str:
    return NONE if found is None else percent(found.mean)


def number(found: Mean | None) -> str:
    return NONE if found is None else f"{found.mean:.3f}"


def interval(found: Mean | None) -> str:
    if found is None:
        return NONE
    error = NONE if found.error is None else f"{found.error:.3f}"
    return f"{found.mean:.3f} ± {error}"
