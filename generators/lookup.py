"""Find a row of a table by its name, and say something useful when it is not there.

>>> pick({"natural": 1, "symbolic": 2}, "symbolc", "surface")
Traceback (most recent call last):
ValueError: unknown surface 'symbolc' (did you mean 'symbolic'?); known: natural, symbolic
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

Entry = TypeVar("Entry")


def pick(table: Mapping[str, Entry], name: str, kind: str) -> Entry:
    """Return ``table[name]``.

    ``kind`` is the word the message uses ("dataset", "method"). Raises ValueError that lists the known
    names, the nearest one first where one is near.
    """
    if name in table:
        return table[name]
    near = difflib.get_close_matches(name, list(table), n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ValueError(f"unknown {kind} {name!r}{hint}; known: {', '.join(table)}")
