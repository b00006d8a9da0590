"""Measured rows in the form of the paper's Table 1 (arXiv 2412.06769), its own numbers beside them.

    prosqa-tiny 1.0.0 symbolic, 1000 test questions; recipe tiny, llama, premise recall
    method        seeds  accuracy %   tokens  steps to 99 %
    CoT           5      96.1 ± 2.4   8.0     2,400 (3/5)
    Coconut       5      99.2 ± 0.3   4.0     2,100 (5/5)

    Coconut and CoT: undecided, 99.2 % and 96.1 %, +3.1 points (95 % interval over 5 seeds …

(a sample of the form). Accuracy is the mean over seeds with their standard deviation, tokens are generated
tokens a question, steps those of the seeds whose last stage validates at 99 %. What a row costs stands beside
them where it is known: forward passes a question, operations of training, parameters. The paper's numbers
stand in a column of their own where the recipe is the paper's. Below the table, what may be said of pairs of
methods: `verdicts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import stdev
from typing import NamedTuple

from ..generators.datasets import DATASETS
from ..generators.wordings.row import Paper
from ..generators.wordings.table import PAPERS
from .aggregate import aggregate, mean_accuracy, shown, shown_count, shown_flops
from .compare import Answers
from .costs import Named, plot
from .lineage import recipe_name
from .own import Boards, OwnResult, Repeat, read_boards
from .paper_text import Table, render
from .predictions import Folders
from .query import select
from .result import QuotedResult, Result
from .verdicts import Judged, judge, judge_pairs, sentence

ORDER = {
    "cot": "CoT",
    "no-cot": "No-CoT",
    "icot": "iCoT",
    "pause": "Pause token",
    "coconut": "Coconut",
    "coconut-no-curriculum": "– w/o curriculum",
    "coconut-no-thought": "– w/o thought",
    "pause-as-thought": "– pause as thought",
    "pause-cot": "Pause, then CoT",
    "codi": "CODI",
    "pccot": "PCCoT",
    "coconut-mixed": "Coconut, stages mixed",
    "coconut-bfs": "Coconut-BFS",
    "bottleneck": "Bottleneck",
    "sim-coconut": "SIM-CoT, Coconut",
    "multimode": "Multimode",
    "cot2": "CoT2",
}
"""The lines of the paper's table, then those of later methods: method → its name. Unknown ones follow."""
COLUMNS = ("method", "seeds", "accuracy %", "tokens", "steps to 99 %")
COSTS = ("passes", "train FLOPs", "parameters")
"""Columns that a table has where one of its rows has a value there."""


PAPER_COLUMNS = ("paper %", "paper tokens")
"""Columns of a table whose recipe is the paper's."""


class Line(NamedTuple):
    """One method: its row, and what the paper prints for it on the dataset of the same family.

    Attributes:
        name: The method's name in Table 1.
        row: What was measured.
        quoted: What the paper prints, None where it has no such line.
    """

    name: str
    row: Result
    quoted: QuotedResult | None


def paper_table(path: Path | None, *, dataset: str | None, recipe: str | None, format: str = "text") -> str:
    """Draw the measured rows in Table 1's form, one table a dataset and recipe.

    Args:
        path: The leaderboard file; None for the shipped one and yours.
        dataset: Only rows of this dataset.
        recipe: Only rows of this recipe.
        format: A format of `paper_text.render`.

    Returns:
        The tables, without a newline at their end.

    Raises:
        ValueError: Where no row is left.
    """
    boards = read_boards(path)
    rules = [row for row in boards.measured if row.kind == "rule"]
    rows = _chosen(boards, dataset, recipe)
    return render_paper_table(rows, boards.quoted, boards.folders, format=format, rules=rules)


def plot_table(path: Path | None, file: Path, *, dataset: str | None, recipe: str | None) -> None:
    """Draw the rows of one table, accuracy against each cost in which they differ.

    Args:
        path: The leaderboard file; None for the shipped one and yours.
        file: File to write (.png, .svg, .pdf).
        dataset: Only rows of this dataset.
        recipe: Only rows of this recipe.

    Raises:
        ValueError: For rows of several tables, or as for `costs.plot`.
        OSError: The file cannot be written.
    """
    boards = read_boards(path)
    groups = _groups(_chosen(boards, dataset, recipe))
    if len(groups) > 1:
        names = sorted(
            {f"--dataset {rows[0].dataset.name} --recipe {recipe_name(rows[0])}" for rows in groups}
        )
        raise ValueError(f"plot needs the rows of one table, got those of {len(groups)}; try {names[0]}")
    rows = [row for row in _in_order(groups[0]) if not isinstance(row, Repeat)]
    asked = (rows[0].dataset.content_hash, rows[0].dataset.split)
    rules = [row for row in boards.measured if row.kind == "rule"]
    floors = [row for row in rules if (row.dataset.content_hash, row.dataset.split) == asked]
    plot([Named(_name(row).removeprefix("– "), row) for row in rows], file, next(iter(floors), None))


def _chosen(boards: Boards, dataset: str | None, recipe: str | None) -> list[Result]:
    chosen = select(boards.rows, dataset=dataset, method=None, recipe=recipe, kind="measured", quick=True)
    if not chosen:
        asked = {"dataset": dataset, "recipe": recipe}
        where = " and ".join(f"--{name} {value}" for name, value in asked.items() if value)
        raise ValueError(f"a table needs at least 1 measured row, got none{where and f' with {where}'}")
    return [row for row in chosen if isinstance(row, Result)]


def _groups(rows: Sequence[Result]) -> list[list[Result]]:
    """The rows of each table, those with another number of thoughts than trained left out."""
    groups: dict[tuple[object, ...], list[Result]] = {}
    for row in rows:
        if row.thoughts is None:
            data, recipe = row.dataset, row.recipe
            same = (data.content_hash, data.split, recipe.hash, recipe.numerics, *row.start)
            groups.setdefault((*same, row.quick), []).append(row)
    if not groups:
        raise ValueError("rows must be at least 1 measured one, got 0")
    return list(groups.values())


def _in_order(rows: Sequence[Result]) -> list[Result]:
    """As in the paper's table, then by name; a reproduction follows the shipped row."""
    places = {method: place for place, method in enumerate(ORDER)}
    return sorted(
        rows, key=lambda row: (places.get(row.method, len(places)), row.method, isinstance(row, Repeat))
    )


def render_paper_table(
    rows: Sequence[Result],
    quoted: Sequence[QuotedResult],
    folder: Folders,
    *,
    format: str = "text",
    rules: Sequence[Result] = (),
) -> str:
    """Draw rows in Table 1's form, without those that are answered with another number of thoughts.

    Args:
        rows: Measured rows.
        quoted: The paper's.
        folder: The folder of the predictions files, or several.
        format: A format of `paper_text.render`.
        rules: Rows of rules; a table on the same questions says how often they are right.

    Returns:
        The tables, without a newline at their end.

    Raises:
        ValueError: Where no row is left.
    """
    groups = _groups(rows)
    made = [_one_table(group, quoted, rules, Answers(folder)) for group in groups]
    # Another version of a recipe has the same name.
    titles = Counter(table.title for table in made)
    hashes = [str(group[0].recipe.hash)[:8] for group in groups]
    named = [
        table if titles[table.title] == 1 else table.distinguished(hash)
        for table, hash in zip(made, hashes, strict=True)
    ]
    return render(named, format)


def _one_table(
    rows: Sequence[Result], quoted: Sequence[QuotedResult], rules: Sequence[Result], answers: Answers
) -> Table:
    data, recipe, base = rows[0].dataset, rows[0].recipe, rows[0].base_model
    paper = _paper(data.name)
    printed = {row.method: row for row in quoted if paper is not None and row.dataset == paper.dataset}
    rows = _in_order(rows)
    lines = [Line(_name(row), row, printed.get(row.method)) for row in rows]
    is_paper_s = paper is not None and recipe.name == paper.recipe and any(line.quoted for line in lines)
    judged = [row for row in rows if not isinstance(row, Repeat)]  # a reproduction competes with nothing
    version = "" if recipe.numerics is None else f", numerics {recipe.numerics}"
    name = recipe_name(rows[0])
    costs = list(zip(*(_costs(line.row) for line in lines), strict=True))
    known = [place for place, column in enumerate(costs) if any(column)]
    more = [tuple(costs[place][at] for place in known) for at in range(len(lines))]
    return Table(
        title=f"{data.name} {data.version} {data.surface}, {data.n} {data.split} questions; "
        f"recipe {name}{', quick' if rows[0].quick else ''}, {base.name}{version}",
        about=(f"{data.name} {data.version}", name, base.name),
        header=(*COLUMNS, *(PAPER_COLUMNS if is_paper_s else ()), *(COSTS[place] for place in known)),
        lines=[
            (*_cells(line), *_printed(line, is_paper_s), *cost)
            for line, cost in zip(lines, more, strict=True)
        ],
        is_best=_best(rows, judged, answers),
        said=[*(_sentence(pair, printed) for pair in judge(judged, answers)), *_floor(rows[0], rules)],
    )


def _floor(row: Result, rules: Sequence[Result]) -> list[str]:
    """Say how often a rule is right that does not read the query entity, on the questions of a row."""
    return [
        f"The floor: {rule.method}, which does not read the query entity, is right on "
        f"{100 * mean_accuracy(rule):.1f} %."
        for rule in rules
        if (rule.dataset.content_hash, rule.dataset.split) == (row.dataset.content_hash, row.dataset.split)
    ]


def _name(row: Result) -> str:
    return ORDER.get(row.method, row.method) + (" (yours)" if isinstance(row, OwnResult) else "")


def _best(rows: Sequence[Result], judged: Sequence[Result], answers: Answers) -> list[bool]:
    """Per row, whether it is the best of several, or as good; from a best row of few seeds hardly anything
    differs, so that the best of those with most seeds counts too."""
    if len(judged) < 2:
        return [False for _ in rows]
    best = max(judged, key=mean_accuracy)
    firmest = max(judged, key=lambda row: (len(row.seeds), mean_accuracy(row)))
    pairs = [(best, row) for row in judged if row is not best]
    if firmest is not best:
        pairs += [(firmest, row) for row in judged if row is not best and row is not firmest]
    found = [pair for pair in judge_pairs(pairs, answers) if pair.found]
    worse = {pair.order[1].key for pair in found if pair.order}
    as_good = {best.key, *(pair.b.key for pair in found)} - worse
    return [row.key in as_good for row in rows]


def _paper(dataset: str) -> Paper | None:
    """Where the dataset's family was published; what is not generated is named after its family."""
    family = DATASETS[dataset].family if dataset in DATASETS else dataset.partition("-")[0]
    return PAPERS.get(family)


def _costs(row: Result) -> tuple[str, ...]:
    """The cells of `COSTS`, empty where unknown."""
    found = aggregate(row)
    return shown(found.passes), shown_flops(found.training_flops), shown_count(found.parameters)


def _cells(line: Line) -> tuple[str, ...]:
    row, found = line.row, aggregate(line.row)
    spread = f" ± {100 * stdev(entry.test.accuracy for entry in row.seeds):.1f}" if len(row.seeds) > 1 else ""
    accuracy = f"{100 * found.accuracy:.1f}{spread}"
    return (line.name, str(len(row.seeds)), accuracy, f"{found.generated:.1f}", str(found.reached or ""))


def _printed(line: Line, is_paper_s: bool) -> tuple[str, ...]:
    """The cells of `PAPER_COLUMNS`."""
    if not is_paper_s:
        return ()
    if line.quoted is None:
        return "", ""
    deviation = line.quoted.plus_minus
    plus_minus = "" if deviation is None else f" ± {100 * deviation:.1f}"
    return (f"{100 * line.quoted.accuracy:.1f}{plus_minus}", f"{line.quoted.generated_tokens:.1f}")


def _sentence(pair: Judged, printed: Mapping[str, QuotedResult]) -> str:
    """The verdict, and the paper's order where that is the other one by more than its ±."""
    # An ablation stands below Coconut in the table: "– w/o thought".
    names = {
        method: title.replace("– w/o", "Coconut w/o").replace("– p", "P") for method, title in ORDER.items()
    }
    said = sentence(pair, names)
    above, below = (printed.get(row.method) for row in pair.order or (pair.a, pair.b))
    if pair.order is None or above is None or below is None:
        return said
    margin = (above.plus_minus or 0.0) + (below.plus_minus or 0.0)
    if below.accuracy - above.accuracy <= margin:
        return said
    shares = f"{100 * above.accuracy:.1f} % and {100 * below.accuracy:.1f} %"
    return f"{said} In the paper, on {above.dataset}, it is below: {shares}."
