"""Accuracy against the number of thoughts, a curve per number of hops: does a model think on where it must?

    hops  0          1          2           3
    1     31.0 (55)  48.2 (90)  12.3 (41)   9.0 (20)
    2     70.2 (71)  68.8 (70)  99.9 (100)  61.0 (99)

(a sample of the form; a column is a number of thoughts). In brackets is the share of answers that are one of
the two candidates: where it is far below 100, accuracy is below chance without a preference for the wrong
one. A run is tested on its own questions, and on the variants of its dataset that have other hops, with each
number of thoughts: ``run --ood --thoughts N``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..generators.datasets import DATASETS
from ..generators.figures import new_figure, require_plot
from ..generators.lookup import pick
from ..generators.tables import with_note
from ..generators.terminal import counted
from .measures import Score
from .own import read_boards
from .paper_table import ORDER
from .predictions import Folders, read_predictions
from .query import full_runs, is_of_variant
from .result import Result
from .statistics import Interval, Mean, mean_interval

CHANCE = 50
"""Per cent of guesses between the two candidates of a question that are right."""
MARKS = "os^Dv*P<>X"


class Point(NamedTuple):
    """One row's questions of one number of hops.

    Attributes:
        right: Mean accuracy over the seeds with its 95 % interval: Wilson's over the questions for one seed,
            the t interval over several.
        named: The share of answers that are one of the two candidates; None where it cannot be told.
    """

    right: Mean
    named: float | None

    def __str__(self) -> str:
        named = "" if self.named is None else f" ({100 * self.named:.0f})"
        return f"{100 * self.right.mean:.1f}{named}"


class Curves(NamedTuple):
    """How a method answers questions of different hops with different numbers of thoughts.

    Attributes:
        title: Method, dataset and recipe.
        points: Hops → number of thoughts → what was found.
        hops: Those that the run was trained on.
        thoughts: How many it was trained with at the end.
        seeds: The seeds that all its rows have.
    """

    title: str
    points: dict[int, dict[int, Point]]
    hops: tuple[int, ...]
    thoughts: int
    seeds: tuple[int, ...]

    @property
    def numbers(self) -> list[int]:
        """All numbers of thoughts, ascending."""
        return sorted({number for curve in self.points.values() for number in curve})

    def cells(self) -> list[tuple[str, ...]]:
        """The rows of the table, the header first."""
        lines = [("hops", *map(str, self.numbers))]
        for hops, curve in self.points.items():
            lines.append((str(hops), *(str(curve.get(number, "–")) for number in self.numbers)))
        return lines

    @property
    def note(self) -> str:
        """What the table shows."""
        trained = f"{_listed(self.hops)} hops with {counted(self.thoughts, 'thought')}"
        seeds = f"seed{'s' if len(self.seeds) > 1 else ''} {', '.join(map(str, self.seeds))}"
        return (
            f"{self.title}: accuracy in % by number of thoughts, {seeds}; trained on {trained}. In brackets, "
            f"the % of answers that are one of the two candidates, between which chance is {CHANCE} %."
        )


def curves(path: Path | None, name: str, method: str = "coconut") -> Curves:
    """Collect what a method's rows say of hops and thoughts.

    Args:
        path: The leaderboard file; None for the shipped one and yours.
        name: The dataset that was trained on, or ``DATASET:RECIPE``. Without a recipe, that with most seeds.
        method: The method.

    Returns:
        A curve per number of hops.

    Raises:
        ValueError: For a name that no row has (the nearest one is named), rows that share no seed, or a run
            that was tested with one number of thoughts only; or an invalid file.
    """
    boards = read_boards(path)
    rows = [row for row in boards.ranked if row.kind == "measured"]
    trained = _trained(rows, name, method)
    rows = full_runs(rows)
    same = [row for row in rows if _setting(row) == _setting(trained) and _is_of(row, trained.dataset.name)]
    shared = set[int].intersection(*({entry.seed for entry in row.seeds} for row in same))
    if not shared:
        raise ValueError(f"rows of {method} on {name} must share a seed, got none that all {len(same)} have")
    seeds = tuple(sorted(shared))
    found: dict[int, dict[int, Point]] = {}
    for row in sorted(same, key=lambda row: row.thoughts is None):  # the rows of one command come first
        named = _named(row, seeds, boards.folders)
        for hops, scores in _by_hops(row, seeds).items():
            point = Point(_mean(scores), named.get(hops))
            found.setdefault(hops, {}).setdefault(_number(row), point)
    title = f"{ORDER.get(method, method)} on {trained.dataset.name}, recipe {trained.recipe.name}"
    known = tuple(sorted(_by_hops(trained, seeds)))
    made = Curves(title, dict(sorted(found.items())), known, _number(trained), seeds)
    if len(made.numbers) < 2:
        raise ValueError(
            f"{method} on {name} must have rows with other numbers of thoughts, got none: add them with "
            f"coconut-bench run --ood --thoughts N"
        )
    return made


def _trained(rows: Sequence[Result], name: str, method: str) -> Result:
    """The row of a method on the dataset that it was trained on, answered as trained."""
    dataset, colon, recipe = name.partition(":")
    pick({row.dataset.name: row for row in rows}, dataset, "dataset")
    asked = full_runs([row for row in rows if row.dataset.name == dataset])
    fit = [row for row in asked if row.method == method and recipe in ("", row.recipe.name)]
    if fit and all(is_of_variant(row, rows) for row in fit):
        base = DATASETS[dataset].base
        raise ValueError(f"{dataset} tests models that were trained on {base}: name that one, for both")
    own = [row for row in asked if row.thoughts is None and not is_of_variant(row, rows)]
    pick({row.method: row for row in own}, method, f"method on {dataset}")
    own = [row for row in own if row.method == method]
    if colon:
        pick({row.recipe.name: row for row in own}, recipe, f"recipe of {method} on {dataset}")
    own = [row for row in own if recipe in ("", row.recipe.name)]
    if any(entry.by_hops is None or entry.answered is None for row in own for entry in row.seeds):
        raise ValueError(f"rows of {method} on {dataset} must record hops and thoughts, got one without")
    return max(own, key=lambda row: (len(row.seeds), row.recipe.name))


def _setting(row: Result) -> tuple[object, ...]:
    """What the rows of one run have in common."""
    return row.method, row.recipe, row.start, row.dataset.surface, row.dataset.split


def _is_of(row: Result, dataset: str) -> bool:
    """Whether a row's questions are of a dataset, or of a variant with other hops."""
    known = DATASETS.get(row.dataset.name)
    is_variant = known is not None and (known.base, known.axis) == (dataset, "hops")
    return row.dataset.name == dataset or is_variant


def _number(row: Result) -> int:
    """The thoughts of a row, as trained or as asked for."""
    answered = row.seeds[0].answered
    return answered.thoughts if row.thoughts is None and answered else row.thoughts or 0


def _by_hops(row: Result, seeds: Sequence[int]) -> Mapping[int, list[Score]]:
    """Hops → the score of each seed."""
    found: dict[int, list[Score]] = {}
    for entry in row.seeds:
        for hops, score in (entry.by_hops or {}).items() if entry.seed in seeds else ():
            found.setdefault(hops, []).append(score)
    return found


def _named(row: Result, seeds: Sequence[int], folders: Folders) -> dict[int | None, float]:
    """Hops → the share of answers that are one of the two candidates: the right answers of two twins."""
    asked, named = Counter[int | None](), Counter[int | None]()
    for entry in row.seeds:
        if entry.seed in seeds and entry.predictions is not None and entry.twins is not None:
            answered = read_predictions(entry.predictions, folders)
            candidates = {(one.twin, one.answer) for one in answered}
            asked.update(one.hops for one in answered)
            named.update(one.hops for one in answered if (one.twin, one.prediction) in candidates)
    return {hops: named[hops] / count for hops, count in asked.items()}


def _mean(scores: Sequence[Score]) -> Mean:
    if len(scores) == 1:
        return Mean(scores[0].accuracy, Interval(*scores[0].interval))
    return mean_interval([score.accuracy for score in scores])


def _listed(numbers: Sequence[int]) -> str:
    return f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else str(numbers[0])


def text(found: Curves, format: str = "text") -> str:
    """Format the table, and below it what it shows.

    Args:
        found: The curves.
        format: ``text`` or ``markdown``.

    Returns:
        The text, without a newline at its end.
    """
    return with_note(found.cells(), found.note, format)


def plot(found: Curves, path: Path) -> None:
    """Draw accuracy against the number of thoughts, a curve per number of hops.

    Args:
        found: The curves.
        path: File to write (.png, .svg, .pdf).

    Raises:
        ValueError: As for `require_plot`.
        OSError: The file cannot be written.
    """
    require_plot(path)
    from matplotlib import colormaps

    figure = new_figure(6.4, 4.2)
    axes = figure.subplots()
    for place, (hops, curve) in enumerate(found.points.items()):
        color = colormaps["viridis"](0.9 * place / max(1, len(found.points) - 1))
        numbers = sorted(curve)
        width, said = (2.4, ", trained on") if hops in found.hops else (1.3, "")
        label = f"{counted(hops, 'hop')}{said}"
        shares = [100 * curve[number].right.mean for number in numbers]
        mark = MARKS[place % len(MARKS)]
        axes.plot(numbers, shares, mark + "-", color=color, linewidth=width, label=label, clip_on=False)
        for number in numbers:
            axes.plot(
                [number] * 2, [100 * end for end in curve[number].right.interval], color=color, linewidth=1
            )
    axes.axhline(CHANCE, color="gray", linestyle="--", linewidth=1, label=f"chance, {CHANCE} %")
    axes.axvline(found.thoughts, color="gray", linestyle=":", linewidth=1.2, label="thoughts in training")
    axes.set_xticks(found.numbers)
    axes.set_ylim(0, 101)
    axes.set_xlabel("continuous thoughts", fontsize=9)
    axes.set_ylabel("% right, with the 95 % interval", fontsize=9)
    axes.set_title(found.title, fontsize=10)
    axes.grid(linewidth=0.4, alpha=0.6)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)
