"""The leaderboard as a static page: one file that asks nothing of any server, predictions beside it.

    DIR/index.html          everything: tables, charts, style, script
    DIR/leaderboard.json    the file it was made from
    DIR/predictions/        the side files, for reading on

The page reads without its script; with it, tables sort and filter and rows open. Its content security policy
allows nothing but its own style and script, by their hashes: no name in a record can make it load anything.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from ...generators.files import write_whole
from ..aggregate import aggregate
from ..compare import ranks
from ..query import arrange
from ..result import Leaderboard, QuotedResult, Result
from ..store import PREDICTIONS, read, side_files
from .charts import Series, hops_chart, legend, pareto_front, seeds_chart, tokens_chart
from .markup import Markup, tag
from .rows import measured_table, quoted_table

STYLE = Path(__file__).with_name("page.css")
SCRIPT = Path(__file__).with_name("page.js")
TITLE = "Latent reasoning leaderboard"


def write_page(path: Path | str, out: Path | str) -> Path:
    """Makes the page of the leaderboard file ``path`` in the folder ``out`` and returns its ``index.html``.

    Raises as `read` does for the leaderboard, and OSError where ``out`` cannot be written. A side file that
    is missing is left out; `check` is what complains about it.
    """
    path, out = Path(path), Path(out)
    content = path.read_bytes()
    board = read(path)
    folder = side_files(path)
    html = page(board, ranks(board.measured, folder), hashlib.sha256(content).hexdigest())
    records = [entry.predictions for row in board.measured for entry in row.seeds if entry.predictions]
    out.mkdir(parents=True, exist_ok=True)
    for record in records:
        source = folder / record.file
        if source.is_file():
            (out / PREDICTIONS).mkdir(exist_ok=True)
            write_whole(out / PREDICTIONS / record.file, source.read_bytes())
    write_whole(out / "leaderboard.json", content)
    write_whole(out / "index.html", html.encode())
    return out / "index.html"


def page(board: Leaderboard, places: dict[str, int], digest: str) -> str:
    """The page's HTML. ``places`` are the ranks by row key, ``digest`` the sha256 of the leaderboard file."""
    style, script = (Markup(file.read_text(encoding="utf-8")) for file in (STYLE, SCRIPT))
    own = f"style-src {_hash_source(style)}; script-src {_hash_source(script)}"
    policy = f"default-src 'none'; img-src data:; {own}; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", TITLE),
        tag("link", rel="icon", href="data:,"),
        tag("style", style),
    )
    body = tag(
        "body",
        tag("a", "Skip to the results", class_="skip", href="#results"),
        _header(board),
        _filters(board),
        tag("main", *_sections(board, places), id="results"),
        tag(
            "footer",
            tag("p", "Made by coconut-bench from ", tag("a", "leaderboard.json", href="leaderboard.json")),
            tag("p", f"Schema {board.schema_version}, sha256 ", tag("code", digest)),
        ),
        tag("script", script),
    )
    return "<!doctype html>\n" + tag("html", head, body, lang="en") + "\n"


def _hash_source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _header(board: Leaderboard) -> Markup:
    seeds = sum(len(row.seeds) for row in board.measured)
    return tag(
        "header",
        tag("h1", TITLE),
        tag(
            "p",
            f"Measured: {len(board.measured)} rows, {seeds} training runs. Quoted from papers: "
            f"{len(board.quoted)} rows. Generated tokens are language tokens written plus continuous "
            "thoughts. A measured row opens to its command, hashes and environment. Rows of one rank are "
            "tied: they cannot be told apart (exact McNemar over questions, paired t over seeds, Holm over "
            "all pairs).",
        ),
    )


def _filters(board: Leaderboard) -> Markup:
    datasets = sorted({row.dataset.name for row in board.measured} | {row.dataset for row in board.quoted})
    methods = sorted({row.method for row in board.rows})
    sortable = ("rank", "method", "accuracy", "generated", "written", "thoughts", "passes", "seconds")
    return tag(
        "form",
        tag(
            "label", "Search ", tag("input", type="search", id="search", placeholder="method, recipe, base …")
        ),
        _choice("dataset", "Dataset", datasets),
        _choice("method", "Method", methods),
        tag(
            "label",
            "Sort by ",
            tag("select", *(tag("option", name) for name in sortable), id="sort"),
            id="sorting",
        ),
        tag("label", tag("input", type="checkbox", id="quick", checked=True), " quick runs", class_="tick"),
        tag("label", tag("input", type="checkbox", id="quoted", checked=True), " quoted", class_="tick"),
        tag("output", "", id="count", aria_live="polite"),
        class_="filters",
        role="search",
        aria_label="Filter the rows",
        hidden=True,
    )


def _choice(name: str, label: str, values: Sequence[str]) -> Markup:
    options = (tag("option", value, value=value) for value in values)
    return tag("label", f"{label} ", tag("select", tag("option", "all", value=""), *options, id=name))


def _sections(board: Leaderboard, places: dict[str, int]) -> list[Markup]:
    measured = [row for row in arrange(board.measured) if isinstance(row, Result)]
    quoted = [row for row in arrange(board.quoted) if isinstance(row, QuotedResult)]
    # The same questions make a section: rows of another content hash cannot be ranked with them.
    same = sorted(measured, key=lambda row: (row.dataset.name, row.dataset.content_hash, row.dataset.split))
    groups = groupby(same, key=lambda row: (row.dataset.name, row.dataset.content_hash, row.dataset.split))
    sections = [
        _measured_section(list(rows), [row for row in quoted if row.dataset == key[0]], places)
        for key, rows in groups
    ]
    by_dataset = groupby(quoted, key=lambda row: row.dataset)
    return [*sections, *(_quoted_section(name, list(rows)) for name, rows in by_dataset)]


def _measured_section(rows: list[Result], quoted: list[QuotedResult], places: dict[str, int]) -> Markup:
    data = rows[0].dataset
    series = [Series(row, aggregate(row), number, _name(row, rows)) for number, row in enumerate(rows)]
    front = set(pareto_front((one.row.key, one.means.generated, one.means.accuracy) for one in series))
    title = f"{data.name} {data.version}, {data.surface}"
    charts = [
        _figure(seeds_chart(series, title), "Seeds as marks, mean as a stroke, 95 % interval as a bar"),
        _figure(tokens_chart(series, quoted, title), "The line is the Pareto front of the measured rows"),
    ]
    if (hops := hops_chart(series, title)) is not None:
        charts.append(_figure(hops, "Accuracy by the number of hops, seeds together"))
    return tag(
        "section",
        tag("h2", title),
        tag(
            "p", f"{data.split} split, {data.n} questions, content hash ", tag("code", data.content_hash[:16])
        ),
        measured_table(series, places, front, title),
        tag("div", *charts, class_="charts"),
        legend(series, bool(quoted)),
        class_="measured",
        data_dataset=data.name,
    )


def _quoted_section(name: str, rows: list[QuotedResult]) -> Markup:
    return tag(
        "section",
        tag("h2", f"{name} ", tag("span", "quoted", class_="badge")),
        tag(
            "p",
            f"As printed, on {rows[0].n} questions of the published {rows[0].split} split. Other code and "
            "other machines: these numbers are in no average and no rank.",
        ),
        quoted_table(rows, f"{name}, quoted"),
        class_="quoted",
        data_dataset=name,
    )


def _figure(chart: Markup, caption: str) -> Markup:
    return tag("figure", chart, tag("figcaption", caption))


def _name(row: Result, rows: Sequence[Result]) -> str:
    """The method, and with it what tells it from other rows of the same method."""
    name = row.method
    if sum(other.method == row.method for other in rows) > 1:
        name += f" ({row.recipe.name}, {row.base_model.name}{', quick' if row.quick else ''})"
    return name
