"""What every figure starts from: a canvas without a display, and a check that it can be saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .extras import check_installed
from .outputs import require_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")


def require_plot(path: str | Path, option: str = "plot") -> None:
    """Check that a plot can be saved, before the work that leads to it.

    Args:
        path: The file that the plot will be saved to.
        option: What names it, for the message.

    Raises:
        ValueError: It is a folder, its folder is not there, the suffix is not one of ``SUFFIXES``, or
            matplotlib is not installed.
    """
    require_file(option, path)
    if Path(path).suffix not in SUFFIXES:
        raise ValueError(f"{option} must be a .png, .svg or .pdf file, got {path}")
    check_installed("matplotlib", "a plot")


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure that needs no display.

    Args:
        width: In inches.
        height: In inches.

    Returns:
        The figure, with constrained layout.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
