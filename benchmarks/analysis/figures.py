"""What the figures share: colors, grids of panels, bars, files."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...generators.figures import new_figure
from ...generators.files import write_whole
from .graph import CLASSES
from .means import Mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLASS_COLORS = dict(zip(CLASSES, ("#228833", "#4477aa", "#ccbb44", "#bbbbbb"), strict=True))
RIGHT, WRONG = "#228833", "#ee6677"
SMALL = 8


def save(figure: Figure, folder: Path, name: str) -> Path:
    """Save a figure as SVG and PNG; the same figure gives the same SVG file.

    Args:
        figure: The figure.
        folder: Made if missing.
        name: File name without suffix.

    Returns:
        The SVG file.
    """
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": name}):
        for kind, metadata in (("svg", {"Date": None}), ("png", None)):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
            write_whole(folder / f"{name}.{kind}", buffer.getvalue())
    return folder / f"{name}.svg"


def thoughts_label(k: int) -> str:
    """Write a number of thoughts."""
    return f"{k} thought{'' if k == 1 else 's'}"


def panels(lines: int, models: int) -> tuple[Figure, Any]:
    """Make a figure with a row of panels for each of ``lines`` things, one column a model.

    Returns:
        The figure, and its axes as an array ``[lines, models]``.
    """
    figure = new_figure(max(4.5, 2.2 * models), 1.0 + 1.8 * lines)
    return figure, figure.subplots(lines, models, squeeze=False, sharey=True)


def finish(figure: Figure, grid: Any, across: str, up: str) -> None:
    """Label the axes of all `panels` once, ``across`` and ``up``, and put one legend above them."""
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


def class_bars(axes: Axes, groups: Sequence[Mapping[str, Mean | None]]) -> None:
    """Draw a group of bars for each of ``groups``, one bar a class; error bars are two standard errors."""
    for place, name in enumerate(CLASSES):
        means = [group[name] for group in groups]
        places = [at + (place - 1.5) * 0.2 for at in range(len(means))]
        heights = [0.0 if found is None else found.mean for found in means]
        errors = [0.0 if found is None else 2 * (found.error or 0.0) for found in means]
        thin = {"linewidth": 0.8}
        axes.bar(places, heights, 0.2, yerr=errors, color=CLASS_COLORS[name], label=name, error_kw=thin)


def stacked_bars(
    bars: Sequence[tuple[str, Mapping[str, float]]],
    colors: Mapping[str, str],
    label: str,
    spacing: float,
    **style: Any,
) -> tuple[Figure, Axes]:
    """Draw one horizontal bar each, stacked from shares that add up to 100 %.

    Args:
        bars: Labels, and shares in 0..1 by name.
        colors: The color of each name, in stacking order.
        label: Of the axis in percent.
        spacing: Inches from one bar to the next.
        style: Passed on to ``barh``.

    Returns:
        The figure and its axes.
    """
    figure = new_figure(7.5, 1.2 + spacing * len(bars))
    axes = figure.subplots()
    left = [0.0] * len(bars)
    for name, color in colors.items():
        widths = [100 * shares[name] for _, shares in bars]
        axes.barh(range(len(bars)), widths, left=left, color=color, label=name, **style)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.set_yticks(range(len(bars)), [name for name, _ in bars])
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.tick_params(labelsize=SMALL)
    axes.set_xlim(0, 100)
    axes.set_xlabel(label, fontsize=SMALL)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=SMALL)
    return figure, axes
