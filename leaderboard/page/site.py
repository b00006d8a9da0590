"""The leaderboard as a static page: one file that loads nothing from any server, predictions beside it.

    DIR/index.html          everything: tables, charts, style, script
    DIR/leaderboard.json    the file it was made from
    DIR/predictions/        the predictions files, to download
    DIR/docs/               the pages of the documentation that it links to

The page can be read without its script; with it, tables sort and filter, and rows open. Its content security
policy allows only its own style and script, by hash: no name in a record can make it load anything.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from ...generators.files import write_whole
from ..collector import collector_paused
from ..compare import Answers
from ..manual import copy_manual
from ..own import read_boards
from ..ranking import ranks
from ..result import Leaderboard, QuotedResult, Result
from ..store import PREDICTIONS, dump
from .guide import DOCS, guide
from .markup import Markup, tag
from .rows import MEASURED
from .sections import sections

STYLE = Path(__file__).with_name("page.css")
SCRIPT = Path(__file__).with_name("page.js")
TITLE = "Latent reasoning leaderboard"
_RESULTS = Markup("<!-- results -->")
"""Where the results are put at last: of ten thousand rows, each element around them would copy 40 MB."""


@collector_paused()
def write_page(path: Path | str | None, out: Path | str) -> Path:
    """Build the page of a leaderboard file.

    A missing predictions file is left out; `check` reports it. The others are hard links where the file
    system has them, so an edit of one reaches the original; else copies.

    Args:
        path: The leaderboard file; None for the shipped one and yours.
        out: The output directory, created if missing.

    Returns:
        The page's ``index.html``.

    Raises:
        ValueError: For an invalid leaderboard.
        OSError: For files that cannot be read or written.
    """
    boards, out = read_boards(None if path is None else Path(path)), Path(out)
    board = Leaderboard.model_construct(rows=boards.rows)
    out.mkdir(parents=True, exist_ok=True)  # fail before the work
    # A reproduction of a shipped row would be the same row twice.
    known: list[Result | QuotedResult] = [*boards.ranked, *boards.quoted]
    one = boards.files[0].read_bytes() if len(boards.files) == 1 else dump(Leaderboard(rows=known)).encode()
    digest = hashlib.sha256(one).hexdigest()
    answers = Answers(boards.folders)
    html = page(board, ranks(boards.ranked, answers), answers, digest)
    wanted = {one.predictions.file for row in board.measured for one in row.seeds if one.predictions}
    for folder in filter(Path.is_dir, boards.folders):
        with os.scandir(folder) as files:
            found = sorted((one for one in files if one.name in wanted), key=lambda one: one.name)
        for file in found:
            (out / PREDICTIONS).mkdir(exist_ok=True)
            _place(file, os.path.join(out, PREDICTIONS, file.name))
    copy_manual(out / DOCS)
    write_whole(out / "leaderboard.json", one)
    write_whole(out / "index.html", html.encode())
    return out / "index.html"


def _place(file: os.DirEntry[str], place: str) -> None:
    """Link a file to another place, or copy it; what is there is replaced, never written through."""
    try:
        _link(file, place)
    except FileExistsError:
        if not os.path.exists(place) or not os.path.samefile(file, place):
            os.remove(place)
            _link(file, place)


def _link(file: os.DirEntry[str], place: str) -> None:
    """Link a file to a place that is free, or copy it."""
    try:
        if file.is_symlink():  # a link to a relative link would lead nowhere
            raise OSError
        os.link(file, place)
    except FileExistsError:
        raise
    except OSError:  # on another device, or the file system has no hard links
        with open(file, "rb") as source, open(place, "xb") as target:
            shutil.copyfileobj(source, target)


def page(board: Leaderboard, places: dict[str, int], answers: Answers, digest: str) -> str:
    """Render the page's HTML.

    Args:
        board: The leaderboard.
        places: Row key → rank.
        answers: The predictions.
        digest: The sha256 of the leaderboard file.

    Returns:
        The HTML.
    """
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
        tag("main", _RESULTS, id="results"),
        *guide(),
        tag(
            "footer",
            tag(
                "p", "Generated by coconut-bench from ", tag("a", "leaderboard.json", href="leaderboard.json")
            ),
            tag("p", f"Schema {board.schema_version}, sha256 ", tag("code", digest)),
        ),
        tag("script", script),
    )
    before, after = tag("html", head, body, lang="en").split(_RESULTS)
    return "".join(["<!doctype html>\n", before, *sections(board, places, answers), after, "\n"])


def _hash_source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _header(board: Leaderboard) -> Markup:
    links = (
        ("#results", "Results"), ("#reading", "How to read this page"), ("#add", "Add your row"),
        ("#docs", "Documentation"),
    )  # fmt: skip
    return tag(
        "header",
        tag("h1", TITLE),
        tag("p", _counts(board)),
        tag("nav", *(tag("a", text, href=place) for place, text in links), aria_label="On this page"),
    )


def _counts(board: Leaderboard) -> str:
    """How many rows of each kind there are."""
    kinds = {
        kind: [row for row in board.measured if row.kind == kind] for kind in ("measured", "external", "rule")
    }
    runs = sum(len(row.seeds) for row in kinds["measured"])
    counts = [
        (len(kinds["measured"]), "measured row", f" ({runs} training run{'' if runs == 1 else 's'})"),
        (len(kinds["external"]), "row", " made elsewhere"),
        (len(kinds["rule"]), "rule", " without a model"),
        (len(board.quoted), "row", " quoted from papers"),
    ]
    parts = [f"{count} {noun}{'' if count == 1 else 's'}{more}" for count, noun, more in counts if count]
    return f"{', '.join(parts) or 'No rows'}."


def _filters(board: Leaderboard) -> Markup:
    datasets = sorted({row.dataset.name for row in board.measured} | {row.dataset for row in board.quoted})
    methods = sorted({row.method for row in board.rows})
    sortable = [column.key for column in MEASURED if column.key != "recipe"]
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
        tag("label", tag("input", type="checkbox", id="quoted", checked=True), " quoted rows", class_="tick"),
        tag("output", "", id="count", aria_live="polite"),
        class_="filters",
        role="search",
        aria_label="Filter rows",
        hidden=True,
    )


def _choice(name: str, label: str, values: Sequence[str]) -> Markup:
    options = (tag("option", value, value=value) for value in values)
    return tag("label", f"{label} ", tag("select", tag("option", "all", value=""), *options, id=name))
