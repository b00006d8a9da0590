"""Measured rows in the form of the paper's Table 1 (arXiv 2412.06769), its own numbers beside them.

The form, with two rows as a sample (docs/results.md has the current numbers):

    prosqa-tiny 1.0.0 symbolic, 1000 test questions; recipe tiny, llama, premise recall
    method   seeds  accuracy %   tokens
    CoT      3      73.9 ± 25.3  8.0
    Coconut  8      99.9 ± 0.1   4.0

Accuracy is the mean over seeds with their standard deviation, tokens are generated tokens a question. The
paper's numbers stand in a column of their own where the recipe is the paper's.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from statistics import stdev
from typing import NamedTuple

from ..generators import tables
from ..generators.datasets import DATASETS
from ..generators.wordings.row import Paper
from ..generators.wordings.table import PAPERS
from .aggregate import aggregate
from .query import select
from .result import QuotedResult, Result
from .store import read

ORDER = {
    "cot": "CoT",
    "no-cot": "No-CoT",
    "icot": "iCoT",
    "pause": "Pause token",
    "coconut": "Coconut",
    "coconut-no-curriculum": "– w/o curriculum",
    "coconut-no-thought": "– w/o thought",
    "pause-as-thought": "– pause as thought",
    "codi": "CODI",
    "pccot": "PCCoT",
}
"""The lines of the paper's table, then those of later methods: method → its name. Unknown ones follow."""


class Line(NamedTuple):
    """One method: its row, and what the paper prints for it on the dataset of the same family.

    Attributes:
        name: The method's name in Table 1.
        row: What was measured.
        quoted: What the paper prints, None where it has no such line.
    """

    name: str
    row: Result
    quoted: QuotedResult | None


def paper_table(path: Path, *, dataset: str | None, recipe: str | None, markdown: bool = False) -> str:
    """Draw the measured rows of a leaderboard file in Table 1's form, one table a dataset and recipe.

    Args:
        path: The leaderboard file.
        dataset: Only rows of this dataset.
        recipe: Only rows of this recipe.
        markdown: Whether to draw in Markdown, else in plain text.

    Raises:
        ValueError: Where no row is left.
    """
    board = read(path)
    chosen = select(board.rows, dataset=dataset, method=None, recipe=recipe, kind="measured", quick=True)
    return render_paper_table(
        [row for row in chosen if isinstance(row, Result)], board.quoted, markdown=markdown
    )


def render_paper_table(
    rows: Sequence[Result], quoted: Sequence[QuotedResult], *, markdown: bool = False
) -> str:
    """Draw rows in Table 1's form, without those that are answered with another number of thoughts.

    Args:
        rows: Measured rows.
        quoted: The paper's.
        markdown: Whether to draw in Markdown, else in plain text.

    Raises:
        ValueError: Where no row is left.
    """
    groups: dict[tuple[object, ...], list[Result]] = {}
    for row in rows:
        if row.thoughts is None:
            data, base = row.dataset, row.base_model
            groups.setdefault((data.content_hash, row.recipe.hash, base.name, row.quick), []).append(row)
    if not groups:
        raise ValueError("rows must be at least 1 measured one, got 0")
    return "\n\n".join(_one_table(group, quoted, markdown) for group in groups.values())


def _one_table(rows: Sequence[Result], quoted: Sequence[QuotedResult], markdown: bool) -> str:
    data, recipe = rows[0].dataset, rows[0].recipe.name
    paper = _paper(data.name)
    printed = {row.method: row for row in quoted if paper is not None and row.dataset == paper.dataset}
    known = [method for method in ORDER if any(row.method == method for row in rows)]
    others = sorted({row.method for row in rows} - set(known))
    by_method = {row.method: row for row in rows}
    lines = [Line(ORDER.get(name, name), by_method[name], printed.get(name)) for name in [*known, *others]]
    is_paper_s = paper is not None and recipe == paper.recipe
    cells = [
        ("method", "seeds", "accuracy %", "tokens", *(("paper %", "paper tokens") if is_paper_s else ()))
    ]
    cells += [_cells(line, is_paper_s) for line in lines]
    quick = ", quick" if rows[0].quick else ""
    title = (
        f"{data.name} {data.version} {data.surface}, {data.n} {data.split} questions; "
        f"recipe {recipe}{quick}, {rows[0].base_model.name}"
    )
    return "\n".join(
        [
            title,
            *([""] if markdown else []),
            *(tables.markdown(cells) if markdown else tables.aligned(cells)),
            *_differences(lines, markdown),
        ]
    )


def _paper(dataset: str) -> Paper | None:
    """Where the dataset's family was published; what is not generated is named after its family."""
    family = DATASETS[dataset].family if dataset in DATASETS else dataset.partition("-")[0]
    return PAPERS.get(family)


def _cells(line: Line, is_paper_s: bool) -> tuple[str, ...]:
    row, found = line.row, aggregate(line.row)
    spread = f" ± {100 * stdev(entry.test.accuracy for entry in row.seeds):.1f}" if len(row.seeds) > 1 else ""
    cells = (line.name, str(len(row.seeds)), f"{100 * found.accuracy:.1f}{spread}", f"{found.generated:.1f}")
    if not is_paper_s:
        return cells
    if line.quoted is None:
        return (*cells, "", "")
    deviation = line.quoted.plus_minus
    plus_minus = "" if deviation is None else f" ± {100 * deviation:.1f}"
    return (*cells, f"{100 * line.quoted.accuracy:.1f}{plus_minus}", f"{line.quoted.generated_tokens:.1f}")


def _differences(lines: Sequence[Line], markdown: bool) -> list[str]:
    """The pairs of methods whose order differs from the paper's, beyond the noise of both."""
    found = []
    for pair in combinations([line for line in lines if line.quoted and len(line.row.seeds) > 1], 2):
        above, below = sorted(pair, key=lambda line: -aggregate(line.row).accuracy)
        here = [aggregate(line.row) for line in (above, below)]
        there = [line.quoted for line in (above, below) if line.quoted is not None]
        is_apart = here[0].interval.low > here[1].interval.high
        margin = sum(quoted.plus_minus or 0.0 for quoted in there)
        if is_apart and there[1].accuracy - there[0].accuracy > margin:
            measured = " and ".join(f"{100 * one.accuracy:.1f} %" for one in here)
            printed = " and ".join(f"{100 * one.accuracy:.1f} %" for one in there)
            found.append(
                f"{above.name} is above {below.name}, {measured}; in the paper, on {there[0].dataset}, below "
                f"it, {printed}."
            )
    bullet = "- " if markdown else ""
    return ["", *(bullet + line for line in found)] if found else []
