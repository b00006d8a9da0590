"""Rows of a leaderboard as text, Markdown, CSV or JSON.

    rank  row       dataset                    split  method   recipe  base  seed   accuracy %        …
    1=    3f2a91c0  prosqa 1.0.0 natural, 500  test   coconut  tiny    gpt2  0,1,2  98.4 (96.9-99.2)  …

The interval of one seed is Wilson's, that of several the t interval of their mean. A quoted number keeps
the ± that is printed with it. ``steps to 99 %`` is ``2,100 (4/5)`` where four of five seeds validate at 99 %
in their last stage, after 2,100 optimizer steps in the median. JSON holds the rows as recorded, a
quoted row with no seeds, and one of yours with ``"yours": true``.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from ..generators.tables import aligned, markdown
from ..generators.terminal import counted, terminal_width
from .aggregate import aggregate, shown, shown_count, shown_flops
from .escape import csv_cell, markdown_cell
from .lineage import changes
from .own import OwnResult
from .result import QuotedResult, Result

Format = Literal["text", "markdown", "csv", "json"]
FORMATS: tuple[str, ...] = get_args(Format)
# Means per question: language tokens written, thoughts, their sum, forward passes.
COUNTS = ("written", "thoughts", "generated", "passes")
# Counted costs: operations of training without the base model's, parameters used when answering.
COSTS = ("train FLOPs", "parameters")
NAMES = ("row", "dataset", "split", "method", "recipe", "base", "seed")
COLUMNS = (*NAMES, "accuracy %", *COUNTS, "steps to 99 %", "train s", *COSTS, "note")

OPTIONAL = (
    *COSTS,
    "train s",
    "written",
    "passes",
    "thoughts",
    "split",
    "base",
    "steps to 99 %",
    "seed",
    "recipe",
    "generated",
)
"""Columns that are left out where the terminal is too narrow, the first one first."""


def render(
    rows: Sequence[Result | QuotedResult], format: Format = "text", ranks: Mapping[str, int] | None = None
) -> str:
    """Format rows, in the order given, as a table.

    Args:
        rows: Measured and quoted rows.
        format: ``text``, ``markdown``, ``csv`` or ``json``.
        ranks: Row key → rank, as `ranking.ranks` returns it; adds a first column.

    Returns:
        The table, without a newline at its end.
    """
    if format == "json":
        return json.dumps([_recorded(row) for row in rows], indent=2, ensure_ascii=False)
    cells: list[tuple[str, ...]] = [COLUMNS, *(_cells(row) for row in rows)]
    if ranks is not None:
        places = rank_labels(rows, ranks)
        cells = [(place, *line) for place, line in zip(("rank", *places), cells, strict=True)]
    if format == "csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([csv_cell(cell) for cell in line] for line in cells)
        return text.getvalue().rstrip("\n")
    if format == "markdown":
        return "\n".join(markdown([[markdown_cell(cell) for cell in line] for line in cells]))
    return "\n".join(aligned(cells, width=terminal_width(), optional=OPTIONAL))


def _recorded(row: Result | QuotedResult) -> dict[str, Any]:
    """The row as recorded. A quoted one has no seeds, so that tools can unfold the seeds of all rows."""
    found = row.model_dump(mode="json")
    if isinstance(row, QuotedResult):
        return {**found, "seeds": []}
    return {**found, "yours": True} if isinstance(row, OwnResult) else found


def rank_labels(rows: Sequence[Result | QuotedResult], ranks: Mapping[str, int]) -> list[str]:
    """Format the rank of each row, followed by ``=`` where rows on the same questions share it.

    Args:
        rows: Measured and quoted rows.
        ranks: Row key → rank; a row without one gets an empty label.

    Returns:
        One label per row.
    """
    places = [(_questions(row), ranks.get(row.key)) for row in rows]
    shared = Counter(places)
    tied = {place: "=" if count > 1 else "" for place, count in shared.items()}
    return ["" if place[1] is None else f"{place[1]}{tied[place]}" for place in places]


def _questions(row: Result | QuotedResult) -> tuple[str, str]:
    if isinstance(row, Result):
        return row.dataset.content_hash, row.dataset.split
    return row.dataset, row.split


def _cells(row: Result | QuotedResult) -> tuple[str, ...]:
    return _quoted_cells(row) if isinstance(row, QuotedResult) else _measured_cells(row)


def _quoted_cells(row: QuotedResult) -> tuple[str, ...]:
    spread = "" if row.plus_minus is None else f" ±{100 * row.plus_minus:.1f}"
    return (
        row.key,
        f"{row.dataset}, {row.n}",
        row.split,
        row.method,
        "",
        row.base_model,
        "",
        f"{100 * row.accuracy:.1f}{spread}",
        "",
        "",
        f"{row.generated_tokens:.1f}",
        "",
        "",
        "",
        "",
        "",
        f"quoted: {row.source.url}, {row.source.table}",
    )


def _measured_cells(row: Result) -> tuple[str, ...]:
    means, data = aggregate(row), row.dataset
    return (
        row.key,
        f"{data.name} {data.version} {data.surface}, {data.n}",
        data.split,
        row.method,
        row.recipe.name,
        row.base_model.name,
        ",".join(str(entry.seed) for entry in row.seeds),
        f"{100 * means.accuracy:.1f} ({100 * means.interval.low:.1f}-{100 * means.interval.high:.1f})",
        shown(means.language),
        shown(means.thoughts),
        shown(means.generated),
        shown(means.passes),
        str(means.reached or ""),
        shown(means.training_seconds, 0),
        shown_flops(means.training_flops),
        shown_count(means.parameters),
        ", ".join(_notes(row)),
    )


def _notes(row: Result) -> list[str]:
    """What sets the row apart from a plain run of its recipe."""
    forced = [] if row.thoughts is None else [f"answered with {counted(row.thoughts, 'thought')}"]
    answered = row.seeds[0].answered
    halts = ["thoughts ended by a classifier"] if answered and answered.halting == "classifier" else []
    own = [row.note] if isinstance(row, OwnResult) else []
    kind = [row.kind] if row.kind in ("external", "rule") else []
    changed = [found] if (found := changes(row)) else []
    return [*kind, *own, *changed, *forced, *halts, *(["quick"] if row.quick else [])]
