"""Figure of training curves: validation accuracy, training loss, and test accuracy by hops, if they vary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...generators.figures import new_figure, require_plot
from ...leaderboard.aggregate import pooled
from .curves import Training, band, stage_spans

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")

Groups = dict[str, list[Training]]


def plot(trainings: Sequence[Training], path: Path) -> None:
    """Plot training curves into a file.

    Args:
        trainings: The runs.
        path: File to write (.png, .svg, .pdf).

    Raises:
        ValueError: As for `require_plot` and `draw`.
    """
    require_plot(path)
    draw(trainings).savefig(path, dpi=150)


def draw(trainings: Sequence[Training]) -> Figure:
    """Draw training curves; several seeds of one method and recipe are a mean and a min-max band.

    Args:
        trainings: The runs.

    Returns:
        The figure.

    Raises:
        ValueError: No run has been validated yet.
    """
    groups: Groups = {}
    for training in trainings:
        groups.setdefault(training.group, []).append(training)
    longest = max(trainings, key=lambda one: len(stage_spans(one.points)))
    if not longest.points:
        raise ValueError("runs must have been validated at least once to be plotted, got no validation")
    end = max(point.step for one in trainings for point in one.points)
    panels: list[Callable[[Axes, Groups], None]] = [_accuracy]
    if any(one.losses for one in trainings):
        panels.append(_loss)
    if len({hops for one in trainings for hops in one.by_hops}) > 1:
        panels.append(_hops)
    figure = new_figure(4.2 * len(panels), 3.6)
    found = figure.subplots(1, len(panels), squeeze=False)[0]
    for panel, axes in zip(panels, found, strict=True):
        panel(axes, groups)
        axes.spines[["top", "right"]].set_visible(False)
        if panel is not _hops:
            _shade(axes, longest, end)
    handles, labels = found[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def _accuracy(axes: Axes, groups: Groups) -> None:
    for color, (group, runs) in zip(_colors(groups), groups.items(), strict=True):
        curves = [[(point.step, 100 * point.accuracy) for point in run.points] for run in runs]
        seeds = f", {len(runs)} seeds" if len(runs) > 1 else ""
        _line(axes, curves, color, f"{group}{seeds}")
    axes.set_ylim(0, 101)
    axes.set_ylabel("validation accuracy, %")


def _loss(axes: Axes, groups: Groups) -> None:
    for color, (group, runs) in zip(_colors(groups), groups.items(), strict=True):
        _line(axes, [run.losses for run in runs], color, group)
    axes.set_yscale("log")
    axes.set_ylabel("training loss")


def _hops(axes: Axes, groups: Groups) -> None:
    """Bars with 95 % Wilson intervals."""
    found = {group: pooled([run.by_hops for run in runs]) for group, runs in groups.items()}
    hops = sorted({one for scores in found.values() for one in scores})
    width = 0.8 / len(groups)
    for at, (color, scores) in enumerate(zip(_colors(groups), found.values(), strict=True)):
        places = [hops.index(one) + (at + 0.5) * width - 0.4 for one in scores]
        heights = [100 * score.accuracy for score in scores.values()]
        low = [100 * (score.accuracy - score.interval[0]) for score in scores.values()]
        high = [100 * (score.interval[1] - score.accuracy) for score in scores.values()]
        axes.bar(places, heights, 0.9 * width, color=color)
        axes.errorbar(places, heights, [low, high], fmt="none", ecolor="black", elinewidth=0.8)
    axes.set_xticks(range(len(hops)), list(map(str, hops)))
    axes.set_xlim(-0.6, len(hops) - 0.4)
    axes.set_ylim(0, 101)
    axes.set_xlabel("hops")
    axes.set_ylabel("test accuracy, %")


def _line(axes: Axes, curves: list[list[tuple[int, float]]], color: str, label: str) -> None:
    """Draw the mean of the curves and, for several, the range between the lowest and the highest."""
    found = band(curves)
    marker = "o" if len(found.steps) < 2 else None
    axes.plot(found.steps, found.mean, color=color, label=label, linewidth=1.4, marker=marker, markersize=4)
    if len(curves) > 1:
        axes.fill_between(found.steps, found.low, found.high, color=color, alpha=0.2, linewidth=0)
    axes.set_xlabel("optimizer steps")


def _shade(axes: Axes, training: Training, end: int) -> None:
    """Shade every second stage and write the stages' numbers above the axes; ``end`` is the last step."""
    spans = stage_spans(training.points)
    for number, (stage, first, last) in enumerate(spans if len(spans) > 1 else []):
        if number % 2:
            axes.axvspan(first, last, color="0.5", alpha=0.12, linewidth=0, zorder=0)
        name, above = f"stage {stage}" if number == 0 else str(stage), axes.get_xaxis_transform()
        axes.text((first + last) / 2, 1.01, name, transform=above, ha="center", fontsize=7)
    axes.set_xlim(0, end)


def _colors(groups: Groups) -> list[str]:
    return [COLORS[number % len(COLORS)] for number in range(len(groups))]
