"""The picture of an audit: how often each guess without reasoning is right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..figures import new_figure, require_plot
from .report import Finding, Report

COLORS = {
    "zero-effort": "#4477aa", "root-blind": "#ee6677", "learned": "#aa3377",
    "walk": "#ccbb44", "search": "#bbbbbb", "graph-algorithm": "#228833",
}  # fmt: skip
_SHOWN = 6  # rules of each effort


def plot(reports: Sequence[Report], path: str | Path) -> None:
    """Draw one panel a report, the strongest rules of each effort, and save it.

    Args:
        reports: What to draw.
        path: Where to save it: .png, .svg or .pdf.

    Raises:
        ValueError: As ``require_plot`` does.
        OSError: Where ``path`` cannot be written.
    """
    require_plot(path)
    rows = max(len(_chosen(report)) for report in reports)
    figure = new_figure(1.5 + 4.2 * len(reports), 1.3 + 0.2 * rows)
    for axes, report in zip(figure.subplots(1, len(reports), squeeze=False)[0], reports, strict=True):
        _panel(axes, report)
    figure.legend(
        handles=_keys([row.effort for report in reports for row in _chosen(report)]),
        loc="outside lower center", ncols=len(COLORS), frameon=False, fontsize=8,
    )  # fmt: skip
    figure.savefig(path, dpi=150)


def _chosen(report: Report) -> list[Finding]:
    """Return the findings that are drawn, the strongest of each effort first."""
    return [
        row
        for effort in COLORS
        for row in sorted(
            (row for row in report.findings if row.effort == effort), key=lambda row: -row.strength
        )[:_SHOWN]
    ]


def _panel(axes: Any, report: Report) -> None:
    """Draw a dot and its interval for each finding; the opposite of a rule where that is right more often."""
    rows = _chosen(report)
    for place, row in enumerate(rows):
        low, high = (row.low, row.high) if row.accuracy >= 0.5 else (1 - row.high, 1 - row.low)
        axes.plot([100 * low, 100 * high], [place, place], color=COLORS[row.effort], linewidth=2)
        axes.plot(100 * row.strength, place, "o", color=COLORS[row.effort], markersize=5)
    names = [row.name if row.accuracy >= 0.5 else f"not {row.name}" for row in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(45, 101)
    axes.axvline(50, color="black", linewidth=0.8, linestyle=":")
    axes.grid(axis="x", linewidth=0.4, alpha=0.6)
    axes.set_title(f"{Path(report.source).name} (n = {report.examples:,})", fontsize=9)
    axes.set_xlabel("% right", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)


def _keys(efforts: Sequence[str]) -> list[Any]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=color, marker="o", linewidth=2, label=effort)
        for effort, color in COLORS.items()
        if effort in efforts
    ]
