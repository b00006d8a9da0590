"""How to read the page, and how a row gets onto it."""

from __future__ import annotations

from ..manual import YOUR_ROW, read_page, title
from .markup import Markup, tag

READING = (
    (
        "Accuracy",
        "Exact match, mean over seeds. Its 95 % interval is over the questions for one seed, over the seeds "
        "for several (docs/leaderboard.md, Statistics).",
    ),
    (
        "Rank, tied",
        "1 + the number of rows that are significantly better: exact McNemar test over questions and paired "
        "t test over seeds, Holm-adjusted. Tied rows do not differ significantly; open a row for its tests.",
    ),
    (
        "Leaks, fair",
        "How often the best guess without reasoning is right, from the audit of the dataset. Above 52 % the "
        "dataset leaks, and a lower accuracy than the guess's is no evidence of reasoning (docs/data.md, The "
        "audit).",
    ),
    (
        "Controls",
        "What ablations of a model's thoughts say about whether they are needed; accuracy does not show it "
        "(docs/controls.md).",
    ),
    (
        "Generated tokens",
        "Language tokens written plus continuous thoughts, per question; a pause token in the prompt counts "
        "0.",
    ),
    (
        "Steps to 99 %",
        "Optimizer steps until the last stage validates at 99 %: the median, and how many of the seeds do.",
    ),
    ("Quoted", "Printed in a paper, measured by other code: in no rank, no average and no test."),
)
"""Term → what it means on the page."""
ADDING = (
    (
        "Train and evaluate. The row is written to ./leaderboard.json, its answers beside it:",
        "coconut-bench run --method coconut --seeds 3",
    ),
    (
        "Test whether the thoughts are needed; the verdict is added to the row:",
        "coconut-bench controls runs/tiny-coconut-0 runs/tiny-coconut-1 runs/tiny-coconut-2",
    ),
    ("Recompute every number from the answers:", "coconut-bench leaderboard check"),
    (
        "Hand in leaderboard.json and predictions/ with a pull request, or merge them into another file:",
        "coconut-bench leaderboard add theirs/leaderboard.json --to leaderboard.json",
    ),
    ("Build this page:", "coconut-bench leaderboard page --out site"),
)
"""Steps and their commands."""


DOCS = "docs"
"""The folder of the documentation's pages, beside the page of the leaderboard."""
LINKED = ("tutorial", "data", "training", "controls", "analysis", "leaderboard", "results", "extending")
"""The pages that are linked."""


def _more() -> Markup:
    link = tag("a", "how your row gets into the shipped leaderboard", href=f"{DOCS}/{YOUR_ROW}")
    return tag("p", "More: ", link, "; ", tag("code", "coconut-bench docs leaderboard"), ".")


def guide() -> list[Markup]:
    """Build the parts.

    Returns:
        The asides with the ids ``reading``, ``add`` and ``docs``.
    """
    terms = (tag("div", tag("dt", term), tag("dd", meaning)) for term, meaning in READING)
    steps = (
        tag("li", text, *([tag("pre", tag("code", code), tabindex="0")] if code else []))
        for text, code in ADDING
    )
    links = (tag("li", tag("a", title(read_page(name)), href=f"{DOCS}/{name}.md")) for name in LINKED)
    return [
        tag("aside", tag("h2", "How to read this page"), tag("dl", *terms), id="reading", class_="guide"),
        tag("aside", tag("h2", "Add your row"), tag("ol", *steps), _more(), id="add", class_="guide"),
        tag("aside", tag("h2", "Documentation"), tag("ul", *links), id="docs", class_="guide"),
    ]
