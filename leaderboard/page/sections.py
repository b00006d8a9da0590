"""The sections of the page: one for each set of questions, then the quoted rows of each dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from ...generators.datasets import DATASETS
from ...generators.terminal import counted
from ..aggregate import aggregate
from ..compare import Answers
from ..costs import COSTS, TOKENS, pareto_front
from ..lineage import recipe_name
from ..own import Repeat
from ..query import arrange
from ..result import Leaderboard, QuotedResult, Result
from .audited import AUDITED, Audited, audited, badge, guesses
from .charts import cost_chart, hops_chart
from .findings import find, headline
from .marks import Series, legend
from .markup import Markup, tag, unbroken
from .rows import measured_table, quoted_table
from .seeds import learning_chart, seeds_chart
from .viewer import viewer

CHARTED = 24
"""Rows that the charts of a section show, the most accurate ones."""


def sections(board: Leaderboard, places: dict[str, int], answers: Answers) -> list[Markup]:
    """Build all sections.

    Args:
        board: The leaderboard.
        places: Row key → rank.
        answers: The predictions.

    Returns:
        The sections of measured rows, then those of quoted rows.
    """
    measured = [row for row in arrange(board.measured) if isinstance(row, Result)]
    quoted = [row for row in arrange(board.quoted) if isinstance(row, QuotedResult)]
    # One section per set of questions: rows of different content hashes cannot be ranked together.
    same = sorted(measured, key=lambda row: (row.dataset.name, row.dataset.content_hash, row.dataset.split))
    groups = groupby(same, key=lambda row: (row.dataset.name, row.dataset.content_hash, row.dataset.split))
    found = [
        _measured_section(list(rows), [row for row in quoted if row.dataset == key[0]], places, answers)
        for key, rows in groups
    ]
    by_dataset = groupby(quoted, key=lambda row: row.dataset)
    return [*found, *(_quoted_section(name, list(rows)) for name, rows in by_dataset)]


def _measured_section(
    rows: list[Result], quoted: list[QuotedResult], places: dict[str, int], answers: Answers
) -> Markup:
    data = rows[0].dataset
    names = _names(rows)
    series = [Series(row, aggregate(row), number, names[row.key]) for number, row in enumerate(rows)]
    front = set(pareto_front((one.row.key, one.means.generated, one.means.accuracy) for one in series))
    title = f"{data.name} {data.version}, {data.surface}"
    found = find([one for one in series if not isinstance(one.row, Repeat)] or series, answers)
    where = f"{data.split} split, {data.n:,} questions, content hash "
    shown = series[:CHARTED]
    return tag(
        "section",
        tag("h2", title, " ", badge(audited(data))),
        headline(found),
        tag("p", where, tag("code", data.content_hash[:16]), _audit(audited(data))),
        measured_table(series, places, front, found, title),
        tag("div", *_charts(shown, quoted, title), class_="charts"),
        legend(shown, bool(quoted)),
        viewer(series, answers.folders, title),
        class_="measured",
        data_dataset=data.name,
    )


def _charts(series: Sequence[Series], quoted: Sequence[QuotedResult], title: str) -> Iterator[Markup]:
    lines = guesses(series[0].row.dataset)
    first = f" The {CHARTED} most accurate rows." if len(series) == CHARTED else ""
    yield _figure(
        seeds_chart(series, lines, title),
        f"Seeds (marks), mean (stroke) and 95 % interval (bar).{first}",
    )
    for axis in (TOKENS, *COSTS):
        if (chart := cost_chart(axis, series, quoted, lines, title)) is not None:
            said = f"Accuracy against {axis.label.removesuffix(' per question')}"
            front = "with the Pareto front of measured rows"
            yield _figure(chart, f"{said}, {front}. Marks that fall together are moved apart sideways.")
    if (hops := hops_chart(series, lines, title)) is not None:
        yield _figure(hops, "Accuracy by number of hops, seeds pooled.")
    if (curves := learning_chart(series, lines, title)) is not None:
        yield _figure(curves, "Learning curves: validation accuracy, one line per seed, a mark at its end.")


def _audit(found: Audited | None) -> str:
    if found is None:
        return ". This dataset was not audited here: how far a guess gets is unknown."
    right = f"{100 * found.share:.1f} % of the questions"
    said = f". Chance is 50 %; the audit's best guess without reasoning, {found.guess}, is right on {right}."
    return unbroken(said)


def _quoted_section(name: str, rows: list[QuotedResult]) -> Markup:
    data = DATASETS.get(name)
    found = data and AUDITED.get((name, data.version, data.surfaces[0]))
    audit = (
        f" The audit of this package's reconstruction of {name}: the best guess without reasoning, "
        f"{found.guess}, is right on {100 * found.share:.1f} %."
        if found
        else ""
    )
    return tag(
        "section",
        tag("h2", f"{name} ", tag("span", "quoted", class_="badge")),
        tag(
            "p",
            f"As printed, on {rows[0].n:,} questions of the published {rows[0].split} split, by other "
            f"code on other machines: these numbers enter no average and no rank.{audit}",
        ),
        quoted_table(rows, f"{name}, quoted"),
        class_="quoted",
        data_dataset=name,
    )


def _figure(chart: Markup, caption: str) -> Markup:
    return tag("figure", chart, tag("figcaption", caption))


def _names(rows: Sequence[Result]) -> dict[str, str]:
    """Row key → the method, and what distinguishes it from other rows of the same method."""
    count: dict[str, int] = {}
    for row in rows:
        count[row.method] = count.get(row.method, 0) + 1
    return {row.key: row.method if count[row.method] == 1 else _long_name(row) for row in rows}


def _long_name(row: Result) -> str:
    forced = "" if row.thoughts is None else f", {counted(row.thoughts, 'thought')}"
    quick = ", quick" if row.quick else ""
    return f"{row.method} ({recipe_name(row)}, {row.base_model.name}{forced}{quick})"
