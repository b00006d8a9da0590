"""The two kinds of figure that views have, what panels share, and how a figure is saved."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...generators.figures import new_figure
from ...generators.files import write_whole
from .graph import CLASSES
from .means import ClassMeans
from .view import Found, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLASS_COLORS = dict(zip(CLASSES, ("#228833", "#4477aa", "#ccbb44", "#bbbbbb"), strict=True))
RIGHT, WRONG = "#228833", "#ee6677"
SMALL = 8


def save(figure: Figure, folder: Path, name: str) -> Path:
    """Save a figure as SVG and PNG; the same figure gives the same SVG.

    Args:
        figure: The figure.
        folder: The directory, made if missing.
        name: The file name without suffix.

    Returns:
        The path of the SVG.
    """
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": name}):
        for kind, metadata in (("svg", {"Date": None}), ("png", None)):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
            write_whole(folder / f"{name}.{kind}", buffer.getvalue())
            figure.set_layout_engine(None)  # what was laid out stays; to do it again takes as long as to draw
    return folder / f"{name}.svg"


def thoughts_label(k: float) -> str:
    """Write a number of thoughts, or their mean."""
    return f"{k:.3g} thought{'' if k == 1 else 's'}"


def panels(
    panel: Callable[[Axes, Sequence[Row]], None], by: Callable[[Row], str], across: str, up: str
) -> Callable[[Found[Row]], Figure]:
    """Make a `View.draw` with a column of panels for each model.

    Args:
        panel: Draws the rows of one panel.
        by: What a row's panel is called, after the model; rows of one name share a panel.
        across: Label of all horizontal axes.
        up: Label of all vertical axes.
    """

    def draw(found: Found[Row]) -> Figure:
        names = list(dict.fromkeys(by(row) for row in next(iter(found.models.values()))))
        figure = new_figure(max(4.5, 2.2 * len(found.models)), 1.0 + 1.8 * len(names))
        grid = figure.subplots(len(names), len(found.models), squeeze=False, sharey=True)
        keys: dict[str, Any] = {}
        for (model, rows), column in zip(found.models.items(), grid.T, strict=True):
            for name, axes in zip(names, column, strict=True):
                panel(axes, [row for row in rows if by(row) == name])
                axes.set_title(", ".join(filter(None, (model, name))), fontsize=SMALL)
                axes.tick_params(labelsize=SMALL)
                axes.grid(axis="y", linewidth=0.3, alpha=0.6)
                axes.set_axisbelow(True)
                handles, labels = axes.get_legend_handles_labels()
                keys.update(zip(labels, handles, strict=True))
        figure.supxlabel(across, fontsize=SMALL)
        figure.supylabel(up, fontsize=SMALL)
        look = {"ncols": 4 if len(found.models) > 2 else 2, "frameon": False, "fontsize": SMALL}
        figure.legend(list(keys.values()), list(keys), loc="outside upper center", **look)
        return figure

    return draw


def class_bars(axes: Axes, groups: Sequence[ClassMeans]) -> None:
    """Draw a bar a class for each of ``groups``; error bars are two standard errors."""
    for place, name in enumerate(CLASSES):
        means = [group[name] for group in groups]
        places = [at + (place - 1.5) * 0.2 for at in range(len(means))]
        heights = [0.0 if found is None else found.mean for found in means]
        errors = [0.0 if found is None else 2 * (found.error or 0.0) for found in means]
        thin = {"linewidth": 0.8}
        axes.bar(places, heights, 0.2, yerr=errors, color=CLASS_COLORS[name], label=name, error_kw=thin)


def stacked_bars(
    shares: Callable[[Row], Mapping[str, float]],
    colors: Mapping[str, str],
    label: str,
    spacing: float,
    beside: Callable[[Row], str] | None = None,
    **style: Any,
) -> Callable[[Found[Row]], Figure]:
    """Make a `View.draw` with one horizontal bar for each model and row, stacked from shares.

    Args:
        shares: A row's shares by name, which add up to 1.
        colors: The color of each name, in stacking order.
        label: Of the axis, in percent; ``{n}`` is the number of questions.
        spacing: Inches from one bar to the next.
        beside: The text at the end of a row's bar.
        style: For ``barh``.
    """

    def draw(found: Found[Any]) -> Figure:
        names, rows = zip(*found, strict=True)
        figure = new_figure(7.5, 1.2 + spacing * len(rows))
        axes = figure.subplots()
        left = [0.0] * len(rows)
        for name, color in colors.items():
            widths = [100 * shares(row)[name] for row in rows]
            axes.barh(range(len(rows)), widths, left=left, color=color, label=name, **style)
            left = [a + b for a, b in zip(left, widths, strict=True)]
        if beside is not None:
            for place, row in enumerate(rows):
                axes.text(101, place, beside(row), va="center", fontsize=SMALL)
        labels = [f"{name}, {thoughts_label(row.thoughts)}" for name, row in zip(names, rows, strict=True)]
        axes.set_yticks(range(len(rows)), labels)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(labelsize=SMALL)
        axes.set_xlim(0, 114 if beside else 100)
        axes.set_xticks(range(0, 101, 20))
        axes.set_xlabel(label.format(n=found.n), fontsize=SMALL)
        figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=SMALL)
        return figure

    return draw
