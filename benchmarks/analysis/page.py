"""The report as one self-contained HTML file: reading guides, tables, figures, cases."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ...generators.files import write_whole
from ...generators.reading import read_json
from ...leaderboard.page.markup import Markup, join, tag
from ..controls.plot import plot
from ..controls.report import REPORT, Report
from ..controls.verdict import p_text
from .case import case_name, search_tree
from .figures import save
from .interpolation import category
from .observation import HALTED
from .report import Analysis
from .view import Found, Row, Table, View
from .views import VIEWS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; }
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { padding: .15rem .6rem; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child, th.text, td.text { text-align: left; }
tr.first td { border-top: 2px solid #888; }
.scroll { overflow-x: auto; margin: .5rem 0 1.5rem; }
img { max-width: 100%; height: auto; display: block; }
.note { background: #f4f4ee; padding: .6rem 1rem; border-left: 4px solid #ccbb44; }
code, .question { font-family: ui-monospace, monospace; font-size: .85rem; overflow-wrap: anywhere; }
"""

EVIDENCE = (
    "A readout is evidence only if it differs from the same readout of models that cannot have learned it. "
    "Every readout is therefore also taken from an untrained model of the same configuration, and from the "
    "baselines. A baseline without thoughts is given as many as the run has: its own hidden states are fed "
    "back. What these models show too is no sign of latent search. And a readout never shows that the model "
    "uses what can be read: the controls test that."
)
CONTROLS = (
    "The thoughts are ablated, and the answers compared question by question with those as trained. Needed: "
    "fewer answers are right (exact McNemar test, clustered by twins, Holm-corrected over all lines). Not "
    "needed: equivalent within 2 points (TOST). Undecided: neither. Removing, zeroing and noise test whether "
    "the position is needed; mean and the thoughts of other questions test whether its content matters. The "
    "thoughts of the twin (same premises, other query entity, other answer) are the best evidence."
)
TREE = (
    "Thick circles: the frontier, with its values. Gray: query entity; green: target; red: other candidate, "
    "with its value. Black edges are on a shortest path to the target. Concepts that the query entity does "
    "not reach are omitted."
)
LONG = 16
"""A table with more rows is collapsed."""


def write_report(analysis: Analysis, out: Path) -> Path:
    """Write analysis.json, the figures and report.html.

    Args:
        analysis: What was found. The run's report of `controls` is included if there is one of this version.
        out: The output directory, made if missing.

    Returns:
        The path of report.html.
    """
    figures = {name: save(figure, out / "figures", name) for name, figure in _figures(analysis)}
    path, controls = analysis.run.folder / REPORT, None
    with suppress(FileNotFoundError, ValueError):  # not run, by an older version, or damaged
        controls = Report.from_json(read_json(path.read_bytes(), str(path)))
    if controls:
        figures["controls"] = out / "figures" / "controls.svg"
        for kind in (".svg", ".png"):
            plot(controls, figures["controls"].with_suffix(kind))
    write_whole(out / "analysis.json", json.dumps(analysis.to_json(), indent=1).encode() + b"\n")
    write_whole(out / "report.html", _page(analysis, figures, controls).encode())
    return out / "report.html"


def _figures(analysis: Analysis) -> Iterator[tuple[str, Figure]]:
    """Every figure of the page by name; views without rows have none."""
    for view in VIEWS:
        found = analysis.found(view)
        if view.draw and any(found.models.values()):
            yield view.name, view.draw(found)
    for index in analysis.cases:
        for number in range(len(analysis.models)):
            yield case_name(index, number), search_tree(analysis, index, number)


def _page(analysis: Analysis, figures: Mapping[str, Path], controls: Report | None) -> str:
    """The whole page; ``figures`` are SVG files by the name of the view or case, or ``controls``."""
    sections = [part for view in VIEWS for part in _section(view, analysis.found(view), figures)]
    cases = [part for index in analysis.cases for part in _case(analysis, index, figures)]
    title = f"Analysis of {analysis.run.folder.name} ({analysis.run.method.name})"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(STYLE)),
    )
    data = f"{analysis.dataset}, {analysis.n} test questions, {analysis.run.thoughts} thoughts"
    names = ", ".join(model.name for model in analysis.models)
    body = tag(
        "body",
        tag("h1", title),
        tag("p", f"Recipe {analysis.run.recipe.name}, {data}. Models: {names}."),
        tag("p", tag("b", "How to read this. "), EVIDENCE, class_="note"),
        *_controls(analysis, controls, figures),
        *sections,
        *cases,
    )
    return "<!doctype html>\n" + tag("html", head, body, lang="en") + "\n"


def _controls(analysis: Analysis, report: Report | None, figures: Mapping[str, Path]) -> Iterator[Markup]:
    yield tag("h2", "Controls: are the thoughts used?", id="controls")
    if report is None:
        command = f"coconut-bench controls {analysis.run.folder}"
        yield tag(
            "p",
            "Not run yet, or by an older version. Run ",
            tag("code", command),
            ", then this analysis again.",
        )
        return
    yield tag("p", tag("b", report.verdict))
    yield tag("p", CONTROLS)
    yield tag("p", str(report).splitlines()[1])
    yield _picture(figures["controls"], "Share of right answers under each control")
    rows = [
        [line.name, line.subject, f"{100 * line.here:.1f}", str(line.only_trained), str(line.only_here),
         p_text(line.p), line.verdict]
        for line in report.lines
    ]  # fmt: skip
    header = ("control", "tests", "right, %", "right only as trained", "right only here", "p", "verdict")
    yield _table(Table(f"{report.n} questions", header, rows), texts=(1, 6))
    probes = [str(probe) for found in report.probes.values() for probe in found]
    if probes:
        yield _folded("Linear probes on the thoughts", *(tag("p", line) for line in probes))


def _section(view: View[Row], found: Found[Row], figures: Mapping[str, Path]) -> Iterator[Markup]:
    table = view.table(found)
    if view.name not in figures and table is None:
        return
    yield tag("h2", view.title, id=view.name)
    yield tag("p", view.guide)
    if view.name in figures:
        yield _picture(figures[view.name], view.title)
    if table is not None:
        yield _folded("Table", _table(table)) if len(table.rows) > LONG else _table(table)


def _case(analysis: Analysis, index: int, figures: Mapping[str, Path]) -> Iterator[Markup]:
    """One question: its text, its search tree, what was written, the logit lens."""
    case, marker = analysis.cases[index], analysis.run.evaluator.marker
    chain = " ".join(case.example.steps)
    yield tag("h2", f"Case: test question {index}", id=f"case-{index}")
    yield tag("p", case.example.question, class_="question")
    yield tag("p", "Chain: ", tag("code", chain), "; answer: ", tag("code", case.example.answer))
    alt = f"The graph of question {index} and the values of its frontier"
    own, *others = (
        _picture(figures[case_name(index, number)], f"{alt}, {model.name}")
        for number, model in enumerate(analysis.models)
    )
    yield own
    yield tag("p", TREE)
    yield _folded("Other models", *others)
    written = [
        [model.name, shown, text, category(case, found, k, marker), "right" if found.right[k] else "wrong"]
        for model in analysis.models
        for found in [model.cases[index]]
        for k, text in found.written.items()
        for shown in [f"{found.used}, halted" if k == HALTED else str(k)]
    ]
    header = ("model", "thoughts", "text", "category", "answer")
    yield _table(Table("Text written after the thoughts", header, written), texts=(2,))
    lens = [
        [model.name, str(k), _likely(tokens)]
        for model in analysis.models
        for k, tokens in enumerate(model.cases[index].lens)
    ]
    yield _table(Table("Logit lens", ("model", "thoughts", "most probable next tokens"), lens), texts=(2,))


def _likely(tokens: Sequence[tuple[str, float]]) -> str:
    """The tokens with a probability of at least 1 %."""
    return ", ".join(f"{token} ({100 * value:.0f} %)" for token, value in tokens if value >= 0.01)


def _folded(summary: str, *content: Markup) -> Markup:
    return tag("details", tag("summary", summary), *content)


def _picture(path: Path, alt: str) -> Markup:
    data = base64.b64encode(path.read_bytes()).decode()
    return tag("img", src=f"data:image/svg+xml;base64,{data}", alt=alt)


def _table(table: Table, texts: tuple[int, ...] = ()) -> Markup:
    """Columns ``texts`` are left-aligned; a rule is drawn where the first column changes."""
    kinds = ["text" if at in texts else None for at in range(len(table.header))]
    rows, before = [], None
    for row in table.rows:
        cells = [tag("td", cell, class_=kind) for cell, kind in zip(row, kinds, strict=True)]
        rows.append(tag("tr", *cells, class_="first" if row[0] != before else None))
        before = row[0]
    names = zip(table.header, kinds, strict=True)
    header = tag("tr", *(tag("th", name, scope="col", class_=kind) for name, kind in names))
    body = join(tag("caption", table.title), tag("thead", header), tag("tbody", *rows))
    return tag("div", tag("table", body), class_="scroll")
