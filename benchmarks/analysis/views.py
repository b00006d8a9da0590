"""The views, in the order of the report. A new one is a file like those beside it, and its line here."""

from __future__ import annotations

from typing import Any

from . import attention, frontier, heights, interpolation, lens, parallelism, superposition
from .view import View

VIEWS: tuple[View[Any], ...] = (
    interpolation.VIEW,
    frontier.VIEW,
    parallelism.VIEW,
    heights.VIEW,
    superposition.VIEW,
    attention.VIEW,
    lens.VIEW,
)
