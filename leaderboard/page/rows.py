"""The page's tables: one line of numbers per row, and the details that it opens to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from ..aggregate import shown
from ..measures import Score
from ..own import OwnResult
from ..result import QuotedResult, Result, SeedResult
from ..store import PREDICTIONS
from ..table import rank_labels
from .axes import percent
from .charts import Series, curve_chart
from .markup import Markup, join, tag

CURVE = "Validation accuracy by optimizer steps; a dashed line starts a stage"


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
    Column("recipe", "Recipe", "ascending"),
    Column("base", "Base model", "ascending"),
)
QUOTED = (
    Column("method", "Method", "ascending"),
    Column("accuracy", "Accuracy"),
    Column("generated", "Generated tokens", "ascending"),
    Column("base", "Base model", "ascending"),
    Column("source", "Source", "ascending"),
)


def measured_table(
    series: Sequence[Series], places: Mapping[str, int], front: Collection[str], title: str
) -> Markup:
    """Build the table of the measured rows on one set of questions.

    Args:
        series: The rows.
        places: Row key → rank.
        front: Keys of the rows on the Pareto front.
        title: Caption.

    Returns:
        The table.
    """
    labels = rank_labels([one.row for one in series], places)
    bodies = (
        _measured_body(one, places.get(one.row.key), label, one.row.key in front)
        for one, label in zip(series, labels, strict=True)
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


def _measured_body(one: Series, place: int | None, label: str, on_front: bool) -> Markup:
    row, means = one.row, one.means
    tied = tag("span", "tied", class_="tied") if label.endswith("=") else Markup()
    badges = [tag("span", "quick", class_="badge quick")] if row.quick else []
    if isinstance(row, OwnResult):
        badges.append(tag("span", "yours", class_="badge", title=row.note))
    if row.kind == "external":
        title = "Answered or trained elsewhere, scored here."
        badges.append(tag("span", "external", class_="badge", title=title))
    if on_front:
        badges.append(
            tag(
                "span", "front", class_="badge", title="On the Pareto front of accuracy and generated tokens."
            )
        )
    opener = tag(
        "button",
        row.method,
        type="button",
        class_="open",
        aria_expanded="true",
        aria_controls=f"detail-{row.key}",
    )
    seeds = f"{len(row.seeds)} seed{'s' if len(row.seeds) > 1 else ''}"
    interval = f"{100 * means.interval.low:.1f} to {100 * means.interval.high:.1f}, {seeds}"
    cells = (
        join(label.rstrip("="), " ", tied) if tied else label,
        join(opener, *badges),
        join(tag("b", percent(means.accuracy)), " ", tag("span", interval, class_="interval")),
        shown(means.generated),
        shown(means.language),
        shown(means.thoughts),
        shown(means.passes),
        str(means.reached or ""),
        shown(means.training_seconds, 0),
        row.recipe.name,
        row.base_model.name,
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
        "recipe": row.recipe.name,
        "base": row.base_model.name,
    }
    detail = tag("tr", tag("td", _detail(row), colspan=len(cells)), class_="detail", id=f"detail-{row.key}")
    return _body(row, values, _cells(MEASURED, cells), detail, quick=row.quick)


def _sorted(mean: float) -> str:
    """A mean as its column is sorted by; one that is unknown after all others."""
    return shown(mean, 9) or str(10**9)


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
    return _body(row, values, _cells(QUOTED, cells))


def _body(
    row: Result | QuotedResult, values: Mapping[str, str | float], *lines: Markup, quick: bool = False
) -> Markup:
    """One table body per row, so that its details move with it."""
    data = {f"data_{key}": value for key, value in values.items()}
    return tag("tbody", *lines, id=f"row-{row.key}", data_row=row.key, data_quick=quick, **data)


def _cells(columns: Sequence[Column], cells: Sequence[str]) -> Markup:
    pairs = zip(columns, cells, strict=True)
    return tag(
        "tr",
        *(tag("td", tag("div", cell), data_label=column.title, class_=column.key) for column, cell in pairs),
    )


def _link(url: str) -> str | None:
    """The URL, if it is a web address; a record from elsewhere may hold anything."""
    return url if url.startswith(("https://", "http://")) else None


def _detail(row: Result) -> Markup:
    data, base = row.dataset, row.base_model
    parameters = "unknown" if base.parameters is None else f"{base.parameters:,}"
    facts = _facts(
        ("Row", row.key),
        ("Dataset", f"{data.name} {data.version}, {data.surface}, {data.split}, {data.n} questions"),
        ("Content hash", data.content_hash),
        ("Data seed", "none" if data.seed is None else str(data.seed)),
        ("Data revision", data.revision or "none"),
        ("Recipe", f"{row.recipe.name}, {row.recipe.hash or 'no hash'}"),
        ("Numerics version", str(row.recipe.numerics or "none")),
        ("Base model", f"{base.name}, {parameters} parameters, revision {base.revision or 'none'}"),
        ("Base weights", "one model per seed" if base.per_seed else "one model for all seeds"),
    )
    return join(facts, *(_seed(entry) for entry in row.seeds))


def _seed(entry: SeedResult) -> Markup:
    source, here = entry.provenance, entry.provenance.environment
    dirty = ", modified" if source.dirty else ""
    packages = ", ".join(f"{name} {version}" for name, version in sorted(here.packages.items()))
    side = entry.predictions
    link = tag("a", side.file, href=f"{PREDICTIONS}/{side.file}", download=True) if side else Markup("none")
    return tag(
        "section",
        tag("h3", f"Seed {entry.seed}: {entry.test.counts} right"),
        tag("pre", tag("code", source.command), tabindex="0"),
        _facts(
            ("Accuracy", _score(entry.test)),
            *((f"{hops} hops", _score(score)) for hops, score in (entry.by_hops or {}).items()),
            *((f"Shortcut {kind}", _score(score)) for kind, score in (entry.by_shortcut or {}).items()),
            *(
                [("Twin consistency (both questions of a pair right)", _score(entry.twins))]
                if entry.twins
                else []
            ),
            ("Training", _cost(entry.training.seconds, entry.training.peak_memory)),
            ("Inference", _cost(entry.inference.seconds, entry.inference.peak_memory)),
            ("Checkpoint", entry.checkpoint_rule),
            ("Base weights", entry.base_weights or "not recorded"),
            ("Trained weights", entry.weights or "not recorded"),
            ("Commit", f"{source.commit}{dirty}" if source.commit else "unknown"),
            ("Date", source.date),
            (
                "Machine",
                f"{here.hardware}, {here.device}, threads: {here.threads or 'unknown'}, {here.platform}",
            ),
            ("Processes", str(here.processes)),
            ("Versions", f"Python {here.python}, {packages}"),
            ("Predictions", link),
            ("Predictions sha256", side.sha256 if side else "none"),
        ),
        _stages(entry),
        *([tag("figure", curve, tag("figcaption", CURVE))] if (curve := curve_chart(entry)) else []),
        class_="seed",
    )


def _stages(entry: SeedResult) -> Markup:
    if not entry.stages:
        return Markup()
    titles = ("Stage", "Steps", "Epochs", "Seconds", "Last loss", "Validation accuracy")
    lines = (
        (
            str(stage.stage),
            str(stage.steps),
            "" if stage.epochs is None else f"{stage.epochs:g}",
            "" if stage.seconds is None else f"{stage.seconds:.0f}",
            "" if stage.loss is None else f"{stage.loss:.4g}",
            "" if stage.validation_accuracy is None else percent(stage.validation_accuracy),
        )
        for stage in entry.stages
    )
    head = tag("thead", tag("tr", *(tag("th", title, scope="col") for title in titles)))
    body = tag("tbody", *(tag("tr", *(tag("td", cell) for cell in line)) for line in lines))
    return tag("table", tag("caption", f"Training stages, seed {entry.seed}"), head, body, class_="stages")


def _facts(*pairs: tuple[str, str]) -> Markup:
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs))


def _score(score: Score) -> str:
    low, high = score.interval
    return f"{percent(score.accuracy)} ({score.counts}; {100 * low:.1f} to {100 * high:.1f})"


def _cost(seconds: float | None, memory: int | None) -> str:
    return ("unknown" if seconds is None else f"{seconds:.1f} s") + (
        "" if memory is None else f", {memory / 2**20:.0f} MiB peak"
    )
