"""Figure of methods side by side: two columns as pairs of marks, more as a curve per method."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..generators.figures import new_figure, require_plot
from .beside import RULE, Beside, Line
from .costs import COLORS, MARKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAIR = ("#ee6677", "#4477aa")


def plot(found: Beside, path: Path) -> None:
    """Draw the accuracies of all methods, and the rule of each dataset.

    Args:
        found: The table.
        path: File to write (.png, .svg, .pdf).

    Raises:
        ValueError: As for `require_plot`.
        OSError: The file cannot be written.
    """
    require_plot(path)
    lines = [line for line in found.lines if line.name.lower() != RULE]
    floor = next((line for line in found.lines if line.name.lower() == RULE), None)
    two = len(found.names) == 2
    height = 1.4 + 0.36 * max(1, len(lines)) if two else 3.8 + 0.09 * len(lines)  # with room for the legend
    figure = new_figure(7.5, height)
    (_pairs if two else _curves)(figure.subplots(), found.names, lines, floor)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)


def _pairs(axes: Axes, names: tuple[str, ...], lines: list[Line], floor: Line | None) -> None:
    """A line a method with its accuracy in both columns, and the rule of each across."""
    for side, (name, color) in enumerate(zip(names, PAIR, strict=True)):
        offset = 0.13 * (2 * side - 1)
        for place, line in enumerate(lines):
            share = line.shares[side]
            if share is None:
                continue
            low, high = share.interval
            axes.plot([100 * low, 100 * high], [place + offset] * 2, color=color, linewidth=2)
            axes.plot(100 * share.value, place + offset, "o", color=color, markersize=6, clip_on=False)
        axes.plot([], [], "o-", color=color, linewidth=2, label=name)
        rule = floor.shares[side] if floor else None
        if rule is not None:
            label = f"rule that does not read the query entity, {100 * rule.value:.1f} %"
            axes.axvline(100 * rule.value, color=color, linestyle="--", linewidth=1.2, label=label)
    axes.set_yticks(range(len(lines)), [line.name for line in lines], fontsize=9)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    lowest = min((100 * one.interval.low for line in lines for one in line.shares if one), default=40)
    axes.set_xlim(min(40, lowest - 2), 101)
    axes.grid(axis="x", linewidth=0.4, alpha=0.6)
    axes.set_xlabel("% of the test questions right, with the 95 % interval", fontsize=9)


def _curves(axes: Axes, names: tuple[str, ...], lines: list[Line], floor: Line | None) -> None:
    """The columns from left to right, a curve a method; forced answers dashed, the rule dotted."""
    method = -1
    for place, line in enumerate(lines):
        method += not line.is_removed  # forced answers stand below their method, in its color
        color, mark = COLORS[method % len(COLORS)], MARKS[method % len(MARKS)]
        shift = min(0.05, 0.7 / len(lines)) * (place - (len(lines) - 1) / 2)
        known = [(at + shift, share) for at, share in enumerate(line.shares) if share is not None]
        for at, share in known:
            axes.plot([at, at], [100 * end for end in share.interval], color=color, linewidth=1.5, alpha=0.6)
        style, fill = ("--", "none") if line.is_removed else ("-", "full")
        axes.plot(
            [at for at, _ in known], [100 * share.value for _, share in known], mark + style, fillstyle=fill,
            color=color, markersize=6, linewidth=1.2, label=line.name.removeprefix("– "),
        )  # fmt: skip
    rules = [(at, share) for at, share in enumerate(floor.shares) if share is not None] if floor else []
    for at, share in rules:
        axes.plot([at - 0.4, at + 0.4], [100 * share.value] * 2, color="gray", linestyle=":")
    if rules:
        axes.plot([], [], color="gray", linestyle=":", label="rule that does not read the query entity")
    axes.set_xticks(range(len(names)), _short(names), fontsize=9)
    axes.set_ylim(0, 103)
    axes.grid(axis="y", linewidth=0.4, alpha=0.6)
    axes.set_ylabel("% of the test questions right", fontsize=9)


def _short(names: tuple[str, ...]) -> list[str]:
    """The names of columns without the dataset that all of them share."""
    datasets = {name.partition(":")[0] for name in names}
    return [name.partition(":")[2] or name for name in names] if len(datasets) == 1 else list(names)
