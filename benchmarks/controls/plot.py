"""Figure of a controls report."""

from __future__ import annotations

from pathlib import Path

from ...generators.figures import new_figure, require_plot
from ...generators.terminal import counted
from .report import Report

COLORS = {"needed": "#4477aa", "not needed": "#ee6677", "undecided": "#bbbbbb",
          "harmful": "#aa3377", "no claim": "#dddddd"}  # fmt: skip


def plot(report: Report, path: Path) -> None:
    """Plot the accuracy under each control.

    Args:
        report: Report to plot.
        path: File to write (.png, .svg, .pdf).

    Raises:
        ValueError: As for `require_plot`.
    """
    require_plot(path)
    figure = new_figure(8, 1.2 + 0.28 * len(report.lines))
    axes = figure.subplots()
    places = range(len(report.lines))
    colors = [COLORS[line.verdict] for line in report.lines]
    axes.barh(places, [100 * line.here for line in report.lines], color=colors)
    for verdict in dict.fromkeys(line.verdict for line in report.lines):
        axes.fill_between([], [], color=COLORS[verdict], label=verdict)
    swapped = [
        (100 * line.donor / line.n, at) for at, line in enumerate(report.lines) if line.donor is not None
    ]
    if swapped:
        axes.plot(
            *zip(*swapped, strict=True),
            "D",
            color="black",
            markersize=4,
            clip_on=False,
            label="answers of the donor",
        )
    trained = 100 * report.lines[0].trained
    axes.axvline(trained, color="black", linewidth=0.8, linestyle=":", label=f"as trained, {trained:.1f} %")
    axes.set_yticks(places, [line.name for line in report.lines], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel(
        f"% right of {report.n} questions, {counted(len(report.runs), 'run')} of {report.method}", fontsize=8
    )
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)
