"""Rows of a leaderboard as text, Markdown, CSV or JSON.

    dataset               split  method   recipe  base model  seeds  accuracy %        written  thoughts …
    fair 1.0.0 symbolic   test   coconut  tiny    tiny-2x128  0      98.4 (96.9-99.2)  2.0      2.0      …

One seed's interval is Wilson's, that of several is the t interval of their mean. A quoted number keeps the ±
that is printed with it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Literal

from .result import QuotedResult, Result
from .statistics import Interval, Mean, mean_interval

Format = Literal["text", "markdown", "csv", "json"]
# Means per question: language tokens written, thoughts, their sum, forward passes.
COUNTS = ("written", "thoughts", "generated", "passes")
COLUMNS = ("dataset", "split", "method", "recipe", "base", "seeds", "accuracy %", *COUNTS, "train s", "note")


def render(rows: Sequence[Result | QuotedResult], format: Format = "text") -> str:
    """The rows, in the order given, as a table in ``format``, without a newline at the end."""
    if format == "json":
        return json.dumps([row.model_dump(mode="json") for row in rows], indent=2, ensure_ascii=False)
    cells = [COLUMNS, *(_cells(row) for row in rows)]
    if format == "csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(cells)
        return text.getvalue().rstrip("\n")
    if format == "markdown":
        lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in cells]
        return "\n".join([lines[0], "|" + " --- |" * len(COLUMNS), *lines[1:]])
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in cells]
    return "\n".join("  ".join(line).rstrip() for line in padded)


def accuracy(row: Result) -> Mean:
    """The mean accuracy over seeds and its 95 % interval, as fractions in 0..1."""
    if len(row.seeds) == 1:
        score = row.seeds[0].test
        return Mean(score.accuracy, Interval(*score.interval))
    return mean_interval([entry.test.accuracy for entry in row.seeds])


def _cells(row: Result | QuotedResult) -> tuple[str, ...]:
    return _quoted_cells(row) if isinstance(row, QuotedResult) else _measured_cells(row)


def _quoted_cells(row: QuotedResult) -> tuple[str, ...]:
    spread = "" if row.plus_minus is None else f" ±{100 * row.plus_minus:.1f}"
    score, tokens = f"{100 * row.accuracy:.1f}{spread}", f"{row.generated_tokens:.1f}"
    source = f"quoted: {row.source.url}, {row.source.table}"
    return (row.dataset, row.split, row.method, "", row.base_model, "", score, "", "", tokens, "", "", source)


def _measured_cells(row: Result) -> tuple[str, ...]:
    (mean, (low, high)), count = accuracy(row), len(row.seeds)
    counts = ("language", "thoughts", "generated", "forward_passes")
    return (
        f"{row.dataset.name} {row.dataset.version} {row.dataset.surface}",
        row.dataset.split,
        row.method,
        row.recipe.name,
        row.base_model.name,
        ",".join(str(entry.seed) for entry in row.seeds),
        f"{100 * mean:.1f} ({100 * low:.1f}-{100 * high:.1f})",
        *(f"{sum(getattr(entry.tokens, name) for entry in row.seeds) / count:.1f}" for name in counts),
        f"{sum(entry.training.seconds for entry in row.seeds) / count:.0f}",
        "quick" if row.quick else "",
    )
