"""The pictures of a report, one function each; every model of the report is in every picture."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...generators.files import write_whole
from ...generators.proof.process import Category
from .graph import CLASSES, HEIGHTS
from .report import Analysis
from .summary import OTHER_TOKEN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CATEGORY_COLOURS = dict(
    zip(Category, ("#228833", "#ccbb44", "#ee6677", "#aa3377", "#66ccee", "#bbbbbb"), strict=True)
)
CLASS_COLOURS = {
    **dict(zip(CLASSES, ("#228833", "#4477aa", "#ccbb44", "#bbbbbb"), strict=True)),
    OTHER_TOKEN: "#eeeeee",
}
RIGHT, WRONG = "#228833", "#ee6677"
BEST_COLOURS = ("#225588", "#77aadd", "#cce0f0")
SMALL = 8
SUFFIXES = (".svg", ".png")


def figures(analysis: Analysis) -> Iterator[tuple[str, Figure]]:
    """The pictures by name; those that have nothing to show are left out."""
    rows: Sequence[tuple[str, Callable[[Analysis], Figure]]] = (
        ("interpolation", interpolation),
        ("parallelism", parallelism),
        ("value_by_height", value_by_height),
        ("superposition", superposition),
        ("attention", attention),
        ("lens", lens),
    )
    for name, draw in rows:
        if any(seen.tables[name] for seen in analysis.models):
            yield name, draw(analysis)


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write the picture as SVG and PNG; the same picture is the same SVG file."""
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}{suffix}" for suffix in SUFFIXES]
    with matplotlib.rc_context({"svg.hashsalt": name}):
        for path in paths:
            buffer = io.BytesIO()
            metadata = {"Date": None} if path.suffix == ".svg" else None
            figure.savefig(buffer, format=path.suffix[1:], dpi=150, metadata=metadata)
            write_whole(path, buffer.getvalue())
    return paths


def interpolation(analysis: Analysis) -> Figure:
    """A bar a model and number of thoughts, made of the process categories; the accuracy beside it."""
    rows = [(seen.name, row) for seen in analysis.models for row in seen.tables["interpolation"]]
    figure = new_figure(7.5, 1.2 + 0.28 * len(rows))
    axes = figure.subplots()
    left = [0.0] * len(rows)
    for category in Category:
        widths = [100 * row["categories"][category.value] / row["n"] for _, row in rows]
        axes.barh(range(len(rows)), widths, left=left, color=CATEGORY_COLOURS[category], label=category.value)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for place, (_, row) in enumerate(rows):
        axes.text(101, place, f"{100 * row['right'] / row['n']:.1f} right", va="center", fontsize=SMALL)
    axes.set_yticks(range(len(rows)), [f"{name}, {_thoughts(row['thoughts'])}" for name, row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(labelsize=SMALL)
    axes.set_xlim(0, 114)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel(f"% of {analysis.n} questions", fontsize=SMALL)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=SMALL)
    return figure


def parallelism(analysis: Analysis) -> Figure:
    """The value of the best 1, 2 and 3 frontier concepts together, over the questions' percentiles."""
    steps = [row["steps"] for row in analysis.models[0].tables["parallelism"]]
    figure, grid = _grid(len(steps), len(analysis.models))
    for seen, column in zip(analysis.models, grid.T, strict=True):
        for row, axes in zip(seen.tables["parallelism"], column, strict=True):
            below = [0.0] * len(row["percentiles"])
            for best, (curve, colour) in enumerate(zip(row["top"], BEST_COLOURS, strict=True), 1):
                label = "the best concept" if best == 1 else f"the best {best}"
                axes.fill_between(row["percentiles"], below, curve, color=colour, linewidth=0, label=label)
                below = curve
            axes.set_ylim(0, 1.02)
            axes.set_title(f"{seen.name}, thought {row['steps']}", fontsize=SMALL)
    _finish(figure, grid, "percentile of the questions", "value")
    return figure


def value_by_height(analysis: Analysis) -> Figure:
    """The mean value of right and wrong frontier concepts at each height, longest and shortest way."""
    thoughts = sorted({row["thoughts"] for row in analysis.models[0].tables["value_by_height"]})
    figure, grid = _grid(len(thoughts), len(analysis.models))
    for seen, column in zip(analysis.models, grid.T, strict=True):
        for k, axes in zip(thoughts, column, strict=True):
            rows = [row for row in seen.tables["value_by_height"] if row["thoughts"] == k]
            for which, style in zip(HEIGHTS, ("-", ":"), strict=True):
                for kind, colour in (("right", RIGHT), ("wrong", WRONG)):
                    _line(axes, [row for row in rows if row["height"] == which], kind, which, colour, style)
            heights = sorted({row["edges"] for row in rows})
            axes.set_xticks(heights)
            axes.set_xlim(heights[0] - 0.6, heights[-1] + 0.6)
            axes.set_ylim(-0.05, 1.05)
            axes.set_title(f"{seen.name}, {_thoughts(k)}", fontsize=SMALL)
    _finish(figure, grid, "height: edges to a leaf", "mean value")
    return figure


def _line(axes: Axes, rows: Sequence[Any], kind: str, which: str, colour: str, style: str) -> None:
    rows = [row for row in rows if row[kind] is not None]
    if rows:
        aside = (0.08 if kind == "right" else -0.08) * (1 if style == "-" else 2)
        axes.plot(
            [row["edges"] + aside for row in rows],
            [row[kind].mean for row in rows],
            style,
            marker="o" if style == "-" else "s",
            markersize=4,
            color=colour,
            markerfacecolor=colour if style == "-" else "none",
            label=f"{kind}, {which} way",
        )


def superposition(analysis: Analysis) -> Figure:
    """Bars of the mean inner products with concepts by class, for the state after each number of thoughts."""
    figure, grid = _grid(1, len(analysis.models))
    for seen, axes in zip(analysis.models, grid.flat, strict=True):
        rows = seen.tables["superposition"]
        for column, name in enumerate(CLASSES):
            _class_bars(axes, [row["classes"][name] for row in rows], column, name)
        axes.set_xticks([row["thoughts"] for row in rows])
        axes.axhline(0, color="black", linewidth=0.6)
        axes.set_title(seen.name, fontsize=SMALL)
    _finish(figure, grid, "thoughts", "inner product")
    return figure


def attention(analysis: Analysis) -> Figure:
    """Bars of the mean attention on a premise by class, for each layer of each thought."""
    thoughts = sorted({row["thoughts"] for row in analysis.models[0].tables["attention"]})
    figure, grid = _grid(len(thoughts), len(analysis.models))
    for seen, column in zip(analysis.models, grid.T, strict=True):
        for k, axes in zip(thoughts, column, strict=True):
            rows = [row for row in seen.tables["attention"] if row["thoughts"] == k]
            for place, name in enumerate(CLASSES):
                _class_bars(axes, [row["classes"][name] for row in rows], place, name)
            axes.set_xticks([row["layer"] for row in rows])
            axes.set_title(f"{seen.name}, thought {k}", fontsize=SMALL)
    _finish(figure, grid, "layer", "attention on a premise")
    return figure


def _class_bars(axes: Axes, means: Sequence[Any], place: int, name: str) -> None:
    """One class's bars; the lines are two standard errors long either way."""
    places = [group + (place - 1.5) * 0.2 for group in range(len(means))]
    heights = [0.0 if found is None else found.mean for found in means]
    errors = [0.0 if found is None else 2 * (found.error or 0.0) for found in means]
    thin = {"linewidth": 0.8}
    axes.bar(places, heights, 0.2, yerr=errors, color=CLASS_COLOURS[name], label=name, error_kw=thin)


def lens(analysis: Analysis) -> Figure:
    """A bar a model and number of thoughts: of what class the most probable next token is."""
    rows = [(seen.name, row) for seen in analysis.models for row in seen.tables["lens"]]
    figure = new_figure(7.5, 1.2 + 0.24 * len(rows))
    axes = figure.subplots()
    left = [0.0] * len(rows)
    for name, colour in CLASS_COLOURS.items():
        widths = [100 * row["shares"][name] for _, row in rows]
        axes.barh(
            range(len(rows)), widths, left=left, color=colour, edgecolor="#999999", linewidth=0.3, label=name
        )
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.set_yticks(range(len(rows)), [f"{name}, {_thoughts(row['thoughts'])}" for name, row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(labelsize=SMALL)
    axes.set_xlim(0, 100)
    axes.set_xlabel(f"most probable next token, % of {analysis.n} questions", fontsize=SMALL)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=SMALL)
    return figure


def new_figure(width: float, height: float) -> Figure:
    """An empty figure that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _grid(lines: int, models: int) -> tuple[Figure, Any]:
    """A figure with a line of panels for each of ``lines`` things, one panel a model."""
    figure = new_figure(max(4.5, 2.2 * models), 1.0 + 1.8 * lines)
    return figure, figure.subplots(lines, models, squeeze=False, sharey=True)


def _finish(figure: Figure, grid: Any, across: str, up: str) -> None:
    """Small letters, names of the axes at the edges only, one legend below."""
    keys: dict[str, Any] = {}
    for axes in grid.flat:
        axes.tick_params(labelsize=SMALL)
        axes.grid(axis="y", linewidth=0.3, alpha=0.6)
        axes.set_axisbelow(True)
        handles, labels = axes.get_legend_handles_labels()
        keys.update(zip(labels, handles, strict=True))
    figure.supxlabel(across, fontsize=SMALL)
    figure.supylabel(up, fontsize=SMALL)
    figure.legend(
        list(keys.values()), list(keys), loc="outside upper center", ncols=4, frameon=False, fontsize=SMALL
    )


def _thoughts(k: int) -> str:
    return f"{k} thought{'' if k == 1 else 's'}"
