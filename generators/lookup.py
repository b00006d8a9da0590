"""Find a row of a table by its name, or raise an error that suggests the nearest name.

>>> pick({"natural": 1, "symbolic": 2}, "symbolc", "surface")
Traceback (most recent call last):
ValueError: unknown surface 'symbolc' (did you mean 'symbolic'?); known: natural, symbolic
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
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
    raise ValueError(f"unknown {kind} {shown(name)}{nearest(table, name)}; known: {', '.join(table)}")


def nearest(names: Iterable[str], name: str) -> str:
    """Return `` (did you mean 'NAME'?)`` for the nearest of some names, or nothing if none is near.

    Args:
        names: The known ones.
        name: The unknown one.
    """
    near = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""
