"""Plot of a speed report: one panel for each part that has ratios."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...generators.figures import new_figure, require_plot
from .findings import Finding, number


def plot(findings: Sequence[Finding], path: Path) -> None:
    """Draw the ratios with their ranges, one panel for each part.

    Args:
        findings: The findings of a report.
        path: Output file (.png, .svg or .pdf).

    Raises:
        ValueError: No finding is a ratio, unknown suffix, or matplotlib is missing.
    """
    require_plot(path)
    found: dict[str, list[Finding]] = {}
    for one in findings:
        if one.unit == "×":
            found.setdefault(one.part, []).append(one)
    if not found:
        raise ValueError("the plot needs a part that is measured as a ratio, got none")
    heights = [1 + len(rows) for rows in found.values()]
    figure = new_figure(7.5, 0.6 + 0.26 * sum(heights))
    panels = figure.subplots(len(found), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, (part, rows) in zip(panels, found.items(), strict=True):
        _panel(axes, part, rows)
    figure.savefig(path, dpi=150)


def _panel(axes: Any, part: str, rows: Sequence[Finding]) -> None:
    """Draw horizontal bars, on a logarithmic axis if the ratios are far apart."""
    labels = [", ".join([one.name, *(f"{name} {value}" for name, value in one.at.items())]) for one in rows]
    values = [one.value for one in rows]
    spread = [[one.value - one.low for one in rows], [one.high - one.value for one in rows]]
    axes.barh(range(len(rows)), values, xerr=spread, color="#4477aa", ecolor="#888888", height=0.6)
    for place, one in enumerate(rows):
        axes.text(one.high, place, f" {number(one.value)}", va="center", fontsize=7)
    axes.axvline(1, color="#ee6677", linewidth=1)
    if max(values) > 10 * min(values):
        axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), labels, fontsize=7)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.tick_params(axis="x", labelsize=7)
    axes.set_title(part, fontsize=8, loc="left")
