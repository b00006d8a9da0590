"""Find a row of a table by its name, or raise an error that suggests the nearest name.

>>> pick({"natural": 1, "symbolic": 2}, "symbolc", "surface")
Traceback (most recent call last):
ValueError: unknown surface 'symbolc' (did you mean 'symbolic'?); known: natural, symbolic
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

from .terminal import shown

Entry = TypeVar("Entry")


def pick(table: Mapping[str, Entry], name: str, kind: str) -> Entry:
    """Return ``table[name]``.

    Args:
        table: Rows by name.
        name: Name of the row.
        kind: What a row is, for the message ("dataset", "method").

    Raises:
        ValueError: Unknown name; the message lists the known ones and suggests the nearest.
    """
    if name in table:
        return table[name]
    near = difflib.get_close_matches(name, list(table), n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ValueError(f"unknown {kind} {shown(name)}{hint}; known: {', '.join(table)}")
