"""Questions of a dataset with their chain, their answer, and what each method wrote.

Shown are the first questions of the split and the first wrong answers of each method, so the shares of right
and wrong answers here are not the methods' accuracies. The text around an answer is not recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from ...generators.example import Example
from ..predictions import Folders, Prediction, read_predictions
from ..samples import regenerate
from .marks import Series
from .markup import Markup, tag

METHODS, FIRST, WRONG = 20, 6, 2
"""Methods shown; questions from the start of the split; wrong answers of each method."""


class Written(NamedTuple):
    """The answers of a method's row with the most seeds: those of its first seed with predictions."""

    name: str
    seed: int
    answers: Mapping[str, Prediction]


def viewer(series: Sequence[Series], folders: Folders, title: str) -> Markup:
    """Build the sample viewer of a section.

    Args:
        series: The rows on one set of questions, the most accurate first.
        folders: The folders of their predictions files.
        title: The dataset, for screen readers.

    Returns:
        A folded panel; nothing where there are no predictions, or the questions cannot be generated here.
    """
    # Read first: they bear out the number of questions, which a foreign row may give as a billion.
    given, data = _written(series, folders), series[0].row.dataset
    questions = regenerate(data) if any(len(one.answers) == data.n for one in given) else {}
    written = [one for one in given if one.answers.keys() == questions.keys()]
    if not questions or not written:
        return Markup()
    options = (tag("option", f"wrong: {one.name}", value=one.name) for one in written)
    choice = tag("select", tag("option", "all questions", value=""), *options, class_="wrong-by")
    shown = _chosen(questions, written)
    return tag(
        "details",
        tag("summary", f"Samples: {len(shown)} questions, and what each method answered"),
        tag(
            "p",
            f"The first {FIRST} questions, and the first {WRONG} wrong answers of each method; the questions "
            "that most methods answer wrong stand first. These are no shares: the table has the accuracies.",
        ),
        tag("label", "Show ", choice, class_="choice", hidden=True),
        *(_sample(example, written) for example in shown),
        class_="samples",
        aria_label=f"Samples of {title}",
    )


def _written(series: Sequence[Series], folders: Folders) -> list[Written]:
    found: dict[str, Written] = {}
    most: dict[str, int] = {}
    for one in series:
        most[one.row.method] = max(most.get(one.row.method, 0), len(one.row.seeds))
    for one in series:
        if one.row.method in found or len(found) == METHODS or len(one.row.seeds) < most[one.row.method]:
            continue
        entry = next((entry for entry in one.row.seeds if entry.predictions), None)
        if entry and entry.predictions:
            with suppress(ValueError, OSError):  # missing or damaged; `check` reports it
                given = {
                    prediction.id: prediction for prediction in read_predictions(entry.predictions, folders)
                }
                found[one.row.method] = Written(one.name, entry.seed, given)
    return list(found.values())


def _chosen(questions: Mapping[str, Example], written: Sequence[Written]) -> list[Example]:
    names = list(questions)
    chosen = set(names[:FIRST])
    for one in written:
        chosen.update([name for name in names if not one.answers[name].correct][:WRONG])
    places = {name: place for place, name in enumerate(names)}
    wrong = {name: sum(not one.answers[name].correct for one in written) for name in chosen}
    return [questions[name] for name in sorted(chosen, key=lambda name: (-wrong[name], places[name]))]


def _sample(example: Example, written: Sequence[Written]) -> Markup:
    wrong = [one.name for one in written if not one.answers[example.id].correct]
    heads = (
        tag("th", name, scope="col") for name in ("Method", "Seed", "Wrote", "Verdict", "Tokens", "Thoughts")
    )
    lines = (_line(one, one.answers[example.id]) for one in written)
    table = tag(
        "table",
        tag("caption", f"Answers to {example.id}", class_="hidden"),
        tag("thead", tag("tr", *heads)),
        tag("tbody", *lines),
    )
    return tag(
        "article",
        tag("h3", example.id, tag("span", f"{len(wrong)} of {len(written)} wrong", class_="badge")),
        tag("p", tag("code", example.question)),
        tag("p", "Chain: ", tag("code", " ".join(example.steps)), class_="chain"),
        tag("p", "Answer: ", tag("b", example.answer), class_="chain"),
        tag(
            "div", table, class_="answers", role="region", aria_label=f"Answers to {example.id}", tabindex="0"
        ),
        data_wrong="\n".join(wrong),
    )


def _line(one: Written, given: Prediction) -> Markup:
    verdict = tag("td", "right") if given.correct else tag("td", tag("b", "wrong"), class_="wrong")
    return tag(
        "tr",
        tag("th", one.name, scope="row"),
        tag("td", str(one.seed)),
        tag("td", tag("code", given.prediction or "(nothing)")),
        verdict,
        tag("td", str(given.language_tokens)),
        tag("td", str(given.thoughts)),
    )
