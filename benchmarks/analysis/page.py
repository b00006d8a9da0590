"""The report as one self-contained HTML file: reading guides, tables, figures, cases."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ...generators.files import write_whole
from ...generators.terminal import counted
from ...leaderboard.page.markup import Markup, tag
from ..controls.plot import plot
from ..controls.report import Report
from ..controls.verdict import p_text
from ..inspection import Transcript, draw, likely, read_training, read_transcripts
from .case import case_name, search_tree
from .figures import save
from .html import document, folded, picture, table_of
from .interpolation import category
from .observation import HALTED
from .report import Analysis
from .view import Found, Row, Table, View
from .views import VIEWS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
TRAINING = (
    "Validation accuracy and training loss over the optimizer steps, and test accuracy by hops where they "
    "vary; every second stage is shaded. Baselines that differ only in their seed are one band."
)
SAMPLES = (
    "The first test questions and the first that are answered wrong, answered again: the share of wrong ones "
    "says nothing. A thought's readout is the LM head applied to its hidden state; it shows which tokens are "
    "near, not that the model uses them."
)
LONG = 16
"""A table with more rows is collapsed."""
SHOWN, WRONG = 2, 4
"""Samples from the start of the test split, and wrong ones."""


def write_report(
    analysis: Analysis, controls: Report | None, out: Path, baselines: Sequence[Path] = ()
) -> Path:
    """Write analysis.json, the figures and report.html.

    Args:
        analysis: What was found.
        controls: The run's report of `controls`, if there is one of this version.
        out: The output directory, made if missing.
        baselines: Directories of the runs whose training is drawn beside the run's.

    Returns:
        The path of report.html.

    Raises:
        ValueError: The log of a training is damaged.
        OSError: A file cannot be written.
    """
    trainings = [read_training(folder) for folder in (analysis.run.folder, *baselines)]
    figures = {name: save(figure, out / "figures", name) for name, figure in _figures(analysis)}
    if controls:
        figures["controls"] = out / "figures" / "controls.svg"
        for kind in (".svg", ".png"):
            plot(controls, figures["controls"].with_suffix(kind))
    with suppress(ValueError):  # no run was validated
        figures["training"] = save(draw(trainings), out / "figures", "training")
    asked = [
        *read_transcripts(analysis.run, SHOWN),
        *read_transcripts(analysis.run, WRONG, wrong=True),
    ]
    samples = list({one.sample.example.id: one for one in asked}.values())
    write_whole(out / "analysis.json", json.dumps(analysis.to_json(), indent=1).encode() + b"\n")
    write_whole(out / "report.html", _page(analysis, figures, controls, samples).encode())
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


MORE = (
    ("What each part shows, and what it does not", "analysis"),
    ("The controls", "controls"),
    ("Add your row to the leaderboard", "leaderboard"),
)
"""What the documentation says more of → its page."""


def _page(
    analysis: Analysis, figures: Mapping[str, Path], controls: Report | None, samples: Sequence[Transcript]
) -> str:
    """The whole page; ``figures`` are SVG files by name: of a view or case, ``controls``, ``training``."""
    sections = [part for view in VIEWS for part in _section(view, analysis.found(view), figures)]
    cases = [part for index in analysis.cases for part in _case(analysis, index, figures)]
    title = f"Analysis of {analysis.run.folder.name} ({analysis.run.method.name})"
    data = f"{analysis.dataset}, {analysis.n} test questions, {counted(analysis.run.thoughts, 'thought')}"
    names = ", ".join(model.name for model in analysis.models)
    return document(
        title,
        tag("h1", title),
        tag("p", f"Recipe {analysis.run.recipe.name}, {data}. Models: {names}."),
        tag("p", tag("b", "How to read this. "), EVIDENCE, class_="note"),
        *_controls(analysis, controls, figures),
        *_training(analysis, figures),
        *_samples(samples),
        *sections,
        *cases,
        tag("h2", "More", id="more"),
        *(tag("p", text, ": ", tag("code", f"coconut-bench docs {page}")) for text, page in MORE),
    )


def _training(analysis: Analysis, figures: Mapping[str, Path]) -> Iterator[Markup]:
    if "training" not in figures:
        return
    yield tag("h2", "Training", id="training")
    yield tag("p", TRAINING)
    yield picture(figures["training"], "Validation accuracy and training loss by optimizer steps")
    by_hops = analysis.run.result.seeds[0].by_hops or {}
    rows = [[str(hops), score.counts, f"{100 * score.accuracy:.1f}"] for hops, score in by_hops.items()]
    if rows:
        yield table_of(Table("Test accuracy by hops", ("hops", "right", "%"), rows))


def _samples(samples: Sequence[Transcript]) -> Iterator[Markup]:
    yield tag("h2", "Samples", id="samples")
    yield tag("p", SAMPLES)
    for one in sorted(samples, key=lambda one: one.sample.prediction.correct):
        example, prediction = one.sample
        head = tag("b", "right") if prediction.correct else tag("b", "wrong", class_="wrong")
        thoughts = (
            tag("p", f"Thought {k}: ", tag("code", likely(found))) for k, found in enumerate(one.thoughts, 1)
        )
        yield tag(
            "article",
            tag("p", head, f", {example.id}"),
            tag("p", example.question, class_="question"),
            tag(
                "p",
                "Chain: ",
                tag("code", " ".join(example.steps)),
                "; answer: ",
                tag("code", example.answer),
            ),
            tag("p", "Written: ", tag("code", one.written or "(nothing)")),
            *thoughts,
        )


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
    yield picture(figures["controls"], "Share of right answers under each control")
    rows = [
        [line.name, line.verdict, f"{100 * line.here:.1f}", str(line.only_trained), str(line.only_here),
         p_text(line.p), line.subject]
        for line in report.lines
    ]  # fmt: skip
    header = ("control", "verdict", "right, %", "right only as trained", "right only here", "p", "tests")
    yield table_of(Table(f"{report.n} questions", header, rows), texts=(1, 6))
    probes = [str(probe) for found in report.probes.values() for probe in found]
    if probes:
        yield folded("Linear probes on the thoughts", *(tag("p", line) for line in probes))


def _section(view: View[Row], found: Found[Row], figures: Mapping[str, Path]) -> Iterator[Markup]:
    table = view.table(found)
    if view.name not in figures and table is None:
        return
    yield tag("h2", view.title, id=view.name)
    yield tag("p", view.guide)
    if view.name in figures:
        yield picture(figures[view.name], view.title)
    if table is not None:
        yield folded("Table", table_of(table)) if len(table.rows) > LONG else table_of(table)


def _case(analysis: Analysis, index: int, figures: Mapping[str, Path]) -> Iterator[Markup]:
    """One question: its text, its search tree, what was written, the logit lens."""
    case, marker = analysis.cases[index], analysis.run.evaluator.marker
    chain = " ".join(case.example.steps)
    yield tag("h2", f"Case: test question {index}", id=f"case-{index}")
    yield tag("p", case.example.question, class_="question")
    yield tag("p", "Chain: ", tag("code", chain), "; answer: ", tag("code", case.example.answer))
    alt = f"The graph of question {index} and the values of its frontier"
    own, *others = (
        picture(figures[case_name(index, number)], f"{alt}, {model.name}")
        for number, model in enumerate(analysis.models)
    )
    yield own
    yield tag("p", TREE)
    yield folded("Other models", *others)
    written = [
        [model.name, shown, text, category(case, found, k, marker), "right" if found.right[k] else "wrong"]
        for model in analysis.models
        for found in [model.cases[index]]
        for k, text in found.written.items()
        for shown in [f"{found.used}, halted" if k == HALTED else str(k)]
    ]
    header = ("model", "thoughts", "text", "category", "answer")
    yield table_of(Table("Text written after the thoughts", header, written), texts=(2,))
    lens = [
        [model.name, str(k), _likely(tokens)]
        for model in analysis.models
        for k, tokens in enumerate(model.cases[index].lens)
    ]
    yield table_of(Table("Logit lens", ("model", "thoughts", "most probable next tokens"), lens), texts=(2,))


def _likely(tokens: Sequence[tuple[str, float]]) -> str:
    """The tokens with a probability of at least 1 %."""
    return ", ".join(f"{token} ({100 * value:.0f} %)" for token, value in tokens if value >= 0.01)
