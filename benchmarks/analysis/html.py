"""The HTML of the report: its style (light and dark, desktop and phone), tables, figures, folded parts."""

from __future__ import annotations

import base64
from pathlib import Path

from ...leaderboard.page.markup import Markup, tag
from .view import Table

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --panel: #f5f6f8; --ink: #1b1f24; --quiet: #57606a;
  --rule: #d5dae0; --accent: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171b; --panel: #1d2228; --ink: #e7eaee; --quiet: #a3adb8; --rule: #384049;
    --accent: #7cb8f5; }
  img { filter: invert(0.91) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 0.5rem; line-height: 1.3; }
p { max-width: 54rem; }
a, summary { color: var(--accent); }
summary { cursor: pointer; margin: 0.5rem 0; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
nav { display: flex; flex-wrap: wrap; gap: 0.25rem 1.2rem; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 0.3rem 0; }
th, td { padding: 0.2rem 0.7rem; text-align: right; vertical-align: top; }
tr { border-bottom: 1px solid var(--rule); }
td:not(.text):not(:first-child) { white-space: nowrap; }
th:first-child, td:first-child { padding-left: 0; min-width: 9rem; }
th:first-child, td:first-child, th.text, td.text { text-align: left; }
td.text:last-child { min-width: 16rem; }
tr.first td { border-top: 2px solid var(--quiet); }
.scroll { overflow-x: auto; margin: 0.5rem 0 1.5rem; }
img { max-width: 100%; height: auto; display: block; }
.note, article { background: var(--panel); padding: 0.6rem 1rem; border-radius: 8px; margin: 0.75rem 0; }
.note { max-width: none; border-left: 4px solid var(--accent); }
code, .question { font-family: ui-monospace, monospace; font-size: 0.85rem; overflow-wrap: anywhere; }
article p { margin: 0.25rem 0; max-width: none; }
.wrong { font-weight: 600; }
@media (max-width: 44rem) { .scroll > img { max-width: none; width: 40rem; } }
"""


def document(title: str, *content: Markup) -> str:
    """Build a page that needs no other file.

    Args:
        title: Its title.
        *content: Its body.

    Returns:
        The HTML.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(STYLE)),
    )
    return "<!doctype html>\n" + tag("html", head, tag("body", *content), lang="en") + "\n"


def folded(summary: str, *content: Markup) -> Markup:
    """Fold content under a summary."""
    return tag("details", tag("summary", summary), *content)


def picture(path: Path, alt: str) -> Markup:
    """Embed a figure.

    Args:
        path: The SVG.
        alt: What it shows, for screen readers.

    Returns:
        The figure, which scrolls by itself where the screen is too narrow to read it.
    """
    data = base64.b64encode(path.read_bytes()).decode()
    image = tag("img", src=f"data:image/svg+xml;base64,{data}", alt=alt)
    return tag("div", image, class_="scroll", role="region", aria_label=f"Figure: {alt}", tabindex="0")


def table_of(table: Table, texts: tuple[int, ...] = ()) -> Markup:
    """Build a table.

    Args:
        table: Its text. Rows with the same first cell are a block; blocks are parted by a rule.
        texts: Columns to align at the left, besides the first.

    Returns:
        The table, which scrolls by itself where the screen is too narrow.
    """
    kinds = ["text" if at in texts else None for at in range(len(table.header))]
    has_blocks = len({row[0] for row in table.rows}) < len(table.rows)
    rows, before = [], None
    for row in table.rows:
        cells = [tag("td", cell, class_=kind) for cell, kind in zip(row, kinds, strict=True)]
        rows.append(tag("tr", *cells, class_="first" if has_blocks and row[0] != before else None))
        before = row[0]
    names = zip(table.header, kinds, strict=True)
    header = tag("tr", *(tag("th", name, scope="col", class_=kind) for name, kind in names))
    body = tag("table", tag("caption", table.title), tag("thead", header), tag("tbody", *rows))
    return tag("div", body, class_="scroll", role="region", aria_label=f"Table: {table.title}", tabindex="0")
