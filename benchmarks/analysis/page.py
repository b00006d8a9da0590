"""The report as one HTML file that needs nothing else: reading guide, tables, pictures, cases."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...leaderboard.page.markup import Markup, join, tag
from ..controls.report import Report
from ..controls.verdict import p_text
from .case import case_name, search_tree, written_lines
from .plots import figures
from .report import Analysis
from .tables import Table, tables

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

GUIDE = {
    "interpolation": (
        "Fewer thoughts, more language",
        "The same weights with fewer thoughts than trained, the rest of the chain in language. The six "
        "categories judge the written path, not the answer (Correct: a shortest one; Longer: to the target "
        "as well; Hallucination: with an edge that no premise tells, or in pieces; Wrong Target: ends "
        "elsewhere; Label: no path is written); after thoughts a path may begin late and is completed by "
        "search. A low accuracy with few thoughts may only say that the model never learned the earlier "
        "stages, or forgot them: see the accuracy that each stage reached in training.",
    ),
    "frontier_values": (
        "The search tree: what the frontier is worth",
        "After k thoughts a step is forced to begin, and the probability of each concept is read. Breadth "
        "is two concepts of like value; pruning is a right one above a wrong one. The target is named in "
        "the question, and a dead end is not: a model that only knows the names of the two candidates gives "
        "the target half of the probability, and “top right” is 100 %. What it cannot do is to put the "
        "target above the other candidate, the last column.",
    ),
    "parallelism": (
        "Parallelism",
        "The value of the best 1, 2 and 3 frontier concepts together; each curve is sorted by itself. Far "
        "apart: several concepts at once. One that falls on the next: one concept has it all, or there "
        "are no more.",
    ),
    "value_by_height": (
        "Value against height",
        "Height is the number of edges to a leaf, by the longest or the shortest way. The paper reports "
        "that right and wrong concepts are told apart better when they are low. Where all dead ends are "
        "as long as the right path there is one height a step, and nothing to compare.",
    ),
    "superposition": (
        "Superposition",
        "Inner products of the state after k thoughts with the input embeddings of the concepts, by their "
        "class after k steps. With tied embeddings this is the logit of the concept, so it says again "
        "what the values say. The state after 0 thoughts is fed as thought 1.",
    ),
    "attention": (
        "Attention",
        "How much of a thought's attention (mean of the heads) falls on one premise, by the class of the "
        "concept that the premise begins with, one step back. Lines are two standard errors. Attention "
        "says where a model looks, not what it does with it.",
    ),
    "lens": (
        "Logit lens",
        "Of what class the most probable next token is, if the model had to write there and then.",
    ),
}  # fmt: skip

EVIDENCE = (
    "A readout is evidence only if it differs from the same readout of models that cannot have learned "
    "it. So every readout here is also taken from the same configuration untrained, and from the "
    "baselines. A model without thoughts is given the run's number of them all the same: its own hidden "
    "states are fed back. What it shows as well is no sign of latent search. And a readout never shows "
    "that the model uses what is there: that is what the controls are for."
)

CONTROLS = (
    "The thoughts left out, replaced and exchanged, question by question against the answers as trained. "
    "Needed: fewer answers are right (exact McNemar, Holm over all lines); not needed: within 2 points "
    "(TOST); undecided: neither. Removed, zeroed and noise show whether the place is needed; mean and the "
    "transplants, whether it matters what is in it."
)

CIRCLES = (
    "Thick circles: the frontier and its values. Grey: who is asked about; green: the target; red: the other "
    "candidate, with its value. Black edges are on a shortest path; what is not reached is left out."
)
LONG = 16
"""A table with more rows is folded away."""


def drawn(analysis: Analysis) -> Iterator[tuple[str, Figure]]:
    """Every picture of the page, by name."""
    yield from figures(analysis)
    for index in analysis.cases:
        for number in range(len(analysis.models)):
            yield case_name(index, number), search_tree(analysis, index, number)


def page(analysis: Analysis, pictures: Mapping[str, Path], controls: Report | None = None) -> str:
    """The whole file. ``pictures``: SVG files by the name of what they show (see `case_name`); ``controls``:
    the run's report, drawn as the picture of that name, if there is one.
    """
    all_tables = tables(analysis)
    parts = [part for name in GUIDE for part in _section(name, all_tables.get(name), pictures)]
    cases = [part for index in analysis.cases for part in _case(analysis, index, pictures)]
    title = f"{analysis.method} looked into: {Path(analysis.run).name}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(STYLE)),
    )
    data = f"{analysis.dataset}, {analysis.n} test questions, {analysis.thoughts} thoughts"
    names = ", ".join(seen.name for seen in analysis.models)
    body = tag(
        "body",
        tag("h1", title),
        tag("p", f"Recipe {analysis.recipe}, {data}. Models: {names}."),
        tag("p", tag("b", "How to read this. "), EVIDENCE, class_="note"),
        *_controls(analysis, controls, pictures),
        *parts,
        *cases,
    )
    return "<!doctype html>\n" + tag("html", head, body, lang="en") + "\n"


def _controls(analysis: Analysis, report: Report | None, pictures: Mapping[str, Path]) -> Iterator[Markup]:
    yield tag("h2", "Controls: are the thoughts used?", id="controls")
    if report is None:
        command = f"coconut-bench controls {analysis.run}"
        yield tag("p", "Not run yet. ", tag("code", command), " and the same analysis again bring them here.")
        return
    yield tag("p", CONTROLS)
    yield tag("p", str(report).splitlines()[1])
    yield _picture(pictures["controls"], "Share of right answers under each control")
    rows = [
        [line.name, line.subject, f"{100 * line.here:.1f}", str(line.only_trained), str(line.only_here),
         p_text(line.p), line.verdict]
        for line in report.lines
    ]  # fmt: skip
    header = ("control", "asks for", "right, %", "only as trained", "only here", "p", "verdict")
    yield _table(Table(f"{report.n} questions", header, rows), texts=(1, 6))
    probes = [str(probe) for found in report.probes.values() for probe in found]
    if probes:
        yield _folded("Linear probes on the thoughts", *(tag("p", line) for line in probes))


def _section(name: str, table: Table | None, pictures: Mapping[str, Path]) -> Iterator[Markup]:
    title, text = GUIDE[name]
    if name not in pictures and table is None:
        return
    yield tag("h2", title, id=name)
    yield tag("p", text)
    if name in pictures:
        yield _picture(pictures[name], title)
    if table is not None:
        yield _folded("The table", _table(table)) if len(table.rows) > LONG else _table(table)


def _case(analysis: Analysis, index: int, pictures: Mapping[str, Path]) -> Iterator[Markup]:
    """One question: what is asked, its graph, what was written, what the thoughts read out as."""
    case = analysis.cases[index]
    chain = " ".join(case.example.steps)
    yield tag("h2", f"Case: test question {index}", id=f"case-{index}")
    yield tag("p", case.example.question, class_="question")
    yield tag("p", "Chain: ", tag("code", chain), "; answer: ", tag("code", case.example.answer))
    alt = f"The graph of question {index} and the values of its frontier"
    own, *others = (
        _picture(pictures[case_name(index, number)], f"{alt}, {seen.name}")
        for number, seen in enumerate(analysis.models)
    )
    yield own
    yield tag("p", CIRCLES)
    yield _folded("The same of the other models", *others)
    written = [
        [line.model, str(line.thoughts), line.text, line.category, "right" if line.is_right else "wrong"]
        for line in written_lines(analysis, index)
    ]
    yield _table(Table("Written", ("model", "thoughts", "text", "category", "answer"), written), texts=(2,))
    lens = [
        [seen.name, str(k), _likely(tokens)]
        for seen in analysis.models
        for k, tokens in enumerate(seen.cases[index]["lens"])
    ]
    yield _table(Table("Logit lens", ("model", "thoughts", "most probable next tokens"), lens), texts=(2,))


def _likely(tokens: Sequence[tuple[str, float]]) -> str:
    """The tokens that have at least a hundredth."""
    return ", ".join(f"{token} ({100 * value:.0f} %)" for token, value in tokens if value >= 0.01)


def _folded(summary: str, *content: Markup) -> Markup:
    return tag("details", tag("summary", summary), *content)


def _picture(path: Path, alt: str) -> Markup:
    data = base64.b64encode(path.read_bytes()).decode()
    return tag("img", src=f"data:image/svg+xml;base64,{data}", alt=alt)


def _table(table: Table, texts: tuple[int, ...] = ()) -> Markup:
    """Columns ``texts`` are set left; a line is drawn where the first column changes."""
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
