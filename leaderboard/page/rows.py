"""The page's tables: one line of numbers per row; what it opens to is in `details`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from ..aggregate import shown, shown_count, shown_flops
from ..lineage import changes
from ..own import OwnResult
from ..result import QuotedResult, Result
from ..table import rank_labels
from .axes import percent
from .details import details
from .findings import Findings, comparisons, tied_with
from .marks import Series
from .markup import Markup, join, table_row, tag


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        key: Its name for sorting.
        title: Its heading.
        first: The direction of the first sort.
    """

    key: str
    title: str
    first: str = "descending"


MEASURED = (
    Column("rank", "Rank", "ascending"),
    Column("method", "Method", "ascending"),
    Column("accuracy", "Accuracy, 95 % interval"),
    Column("generated", "Generated tokens", "ascending"),
    Column("written", "Written", "ascending"),
    Column("thoughts", "Thoughts", "ascending"),
    Column("passes", "Forward passes", "ascending"),
    Column("steps", "Steps to 99 %", "ascending"),
    Column("seconds", "Training, s", "ascending"),
    Column("recipe", "Recipe, base model", "ascending"),
    Column("flops", "Training, FLOPs", "ascending"),
    Column("parameters", "Parameters", "ascending"),
)
QUOTED = (
    Column("method", "Method", "ascending"),
    Column("accuracy", "Accuracy"),
    Column("generated", "Generated tokens", "ascending"),
    Column("base", "Base model", "ascending"),
    Column("source", "Source", "ascending"),
)


def measured_table(
    series: Sequence[Series],
    places: Mapping[str, int],
    front: Collection[str],
    found: Findings,
    title: str,
) -> Markup:
    """Build the table of the measured rows on one set of questions.

    Args:
        series: The rows.
        places: Row key → rank.
        front: Keys of the rows on the Pareto front.
        found: The comparisons of the rows.
        title: Caption.

    Returns:
        The table.
    """
    labels = rank_labels([one.row for one in series], places)
    bodies = (
        _measured_body(one, key, places.get(key), label, key in front, found)
        for one, label in zip(series, labels, strict=True)
        if (key := one.row.key)  # found once: there may be ten thousand rows
    )
    return _table(MEASURED, title, *bodies)


def quoted_table(rows: Sequence[QuotedResult], title: str) -> Markup:
    """Build the table of quoted rows, as printed.

    Args:
        rows: The rows.
        title: Caption.

    Returns:
        The table.
    """
    return _table(QUOTED, title, *map(_quoted_body, rows))


def _table(columns: Sequence[Column], title: str, *bodies: Markup) -> Markup:
    heads = (
        tag(
            "th",
            tag("button", column.title, type="button", data_first=column.first),
            scope="col",
            data_key=column.key,
        )
        for column in columns
    )
    table = tag("table", tag("caption", title, class_="hidden"), tag("thead", tag("tr", *heads)), *bodies)
    return tag("div", table, class_="scroll", role="region", aria_label=f"Table of {title}", tabindex="0")


def _measured_body(
    one: Series, key: str, place: int | None, label: str, on_front: bool, found: Findings
) -> Markup:
    row, means = one.row, one.means
    seeds = f"{len(row.seeds)} seed{'s' if len(row.seeds) > 1 else ''}"
    interval = f"{100 * means.interval.low:.1f} to {100 * means.interval.high:.1f}, {seeds}"
    cells = (
        _rank(label, tied_with(found, key)),
        join(_opener(row, key), *_badges(row, on_front), _tested(row, means.thoughts)),
        join(tag("b", percent(means.accuracy)), " ", tag("span", interval, class_="interval")),
        shown(means.generated),
        shown(means.language),
        shown(means.thoughts),
        shown(means.passes),
        str(means.reached or ""),
        shown(means.training_seconds, 0),
        join(row.recipe.name, " ", tag("span", row.base_model.name, class_="base")),
        shown_flops(means.training_flops),
        shown_count(means.parameters),
    )
    values: dict[str, str | float] = {
        "rank": place if place is not None else 10**6,
        "method": row.method,
        "accuracy": f"{means.accuracy:.9f}",
        "generated": _sorted(means.generated),
        "written": _sorted(means.language),
        "thoughts": _sorted(means.thoughts),
        "passes": _sorted(means.passes),
        "steps": 10**9 if means.reached is None or means.reached.steps is None else means.reached.steps,
        "seconds": _sorted(means.training_seconds),
        "flops": _sorted(means.training_flops, 0),
        "parameters": _sorted(means.parameters, 0),
        "recipe": row.recipe.name,
        "base": row.base_model.name,
    }
    detail = tag(
        "tr",
        tag("td", details(row, key, comparisons(found, key)), colspan=len(cells)),
        class_="detail",
        id=f"detail-{key}",
    )
    return _body(key, values, _cells(MEASURED, cells), detail, quick=row.quick)


def _sorted(mean: float, digits: int = 9) -> str:
    """A mean as its column is sorted by; one that is unknown after all others."""
    return shown(mean, digits) or str(10**30)


def _rank(label: str, ties: str) -> Markup:
    if not label.endswith("="):
        return join(label)
    return join(
        label.rstrip("="), " ", tag("span", "tied", class_="tied", title=ties and f"Tied with {ties}")
    )


def _opener(row: Result, key: str) -> Markup:
    place = f"detail-{key}"
    attributes = {"type": "button", "class_": "open", "aria_expanded": "true", "aria_controls": place}
    return tag("button", row.method, **attributes)


def _badges(row: Result, on_front: bool) -> list[Markup]:
    said = "On the Pareto front of accuracy and generated tokens."
    front = [tag("span", "front", class_="badge", title=said)] if on_front else []
    quick = [tag("span", "quick", class_="badge quick")] if row.quick else []
    yours = [tag("span", "yours", class_="badge", title=row.note)] if isinstance(row, OwnResult) else []
    said = "Answered or trained elsewhere, scored here."
    external = [tag("span", "external", class_="badge", title=said)] if row.kind == "external" else []
    said = "A guess without a model that does not read the query entity: the floor of this table."
    rule = [tag("span", "rule", class_="badge", title=said)] if row.kind == "rule" else []
    said = f"The recipe was changed by -o; its hash is {(row.recipe.hash or 'unknown')[:8]}."
    changed = [tag("span", found, class_="badge", title=said)] if (found := changes(row)) else []
    return [*quick, *yours, *external, *rule, *changed, *front]


def _tested(row: Result, thoughts: float) -> Markup:
    """What the controls say of the row's thoughts, up to the figures."""
    if row.controls is None:
        return tag("span", "controls: not run", class_="tested") if thoughts > 0 else Markup()
    start = re.split(r":| \(", row.controls.verdict, maxsplit=1)[0]
    return tag("span", f"controls: {start}", class_="tested", title=row.controls.verdict)


def _quoted_body(row: QuotedResult) -> Markup:
    spread = "" if row.plus_minus is None else f" ± {100 * row.plus_minus:.1f}"
    source = join(
        tag("a", row.source.url, href=_link(row.source.url), rel="noreferrer"), f", {row.source.table}"
    )
    cells = (
        join(row.method),
        join(tag("b", percent(row.accuracy)), tag("span", spread, class_="interval")),
        join(f"{row.generated_tokens:.1f}"),
        join(row.base_model),
        source,
    )
    values = {
        "method": row.method,
        "accuracy": f"{row.accuracy:.9f}",
        "generated": f"{row.generated_tokens:.9f}",
        "base": row.base_model,
        "source": row.source.url,
    }
    return _body(row.key, values, _cells(QUOTED, cells))


def _body(key: str, values: Mapping[str, str | float], *lines: Markup, quick: bool = False) -> Markup:
    """One table body per row, so that its details move with it."""
    data = {f"data_{name}": value for name, value in values.items()}
    return tag("tbody", *lines, id=f"row-{key}", data_row=key, data_quick=quick, **data)


def _cells(columns: Sequence[Column], cells: Sequence[str]) -> Markup:
    return table_row(((column.title, column.key) for column in columns), cells)


def _link(url: str) -> str | None:
    """The URL, if it is a web address; a record from elsewhere may hold anything."""
    return url if url.startswith(("https://", "http://")) else None
