"""The difficulty dial: a dataset of the table with other settings of its graphs.

    prosqa-fair+hops=4            version 1.0.0+hops=4
    prosqa-tiny+hops=4+forks=2    version 1.0.0+hops=4+forks=2

The settings are part of the version, from which every stream is drawn, so another setting is another dataset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from .families import fair
from .families.layered import LayeredConfig
from .families.prosqa_fair import FairSpec
from .lookup import pick

Row = TypeVar("Row")
SPARE = 3
"""Symbolic ids beyond the number of nodes, where the pool has to grow."""


class Varied(dict[str, Row]):
    """A table that also has its rows with other settings, by names such as ``prosqa-fair+hops=4``."""

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).partition("+")[0])

    def __missing__(self, name: str) -> Row:
        own, plus, settings = name.partition("+")
        if not plus or not super().__contains__(own):
            raise KeyError(name)
        return varied(self[own], settings.split("+"))

    def get(self, name: str, default: Any = None) -> Any:
        """Return a row, or the default for an unknown name."""
        return self[name] if name in self else default  # noqa: SIM401


def address(name: str, settings: Mapping[str, object]) -> str:
    """Return the name of a dataset with other settings.

    Args:
        name: A dataset of the table.
        settings: Setting → value.
    """
    return "+".join([name, *(f"{key}={value}" for key, value in settings.items())])


def address_at(name: str, version: str) -> str:
    """Return the name by which the table has a recorded dataset.

    Args:
        name: The dataset's.
        version: Its version, which has the settings.
    """
    _, plus, settings = version.partition("+")
    return name + plus + settings


def varied(row: Any, texts: Sequence[str]) -> Any:
    """Change settings of a dataset.

    Args:
        row: A row of the table of datasets.
        texts: ``name=value`` each; hops of the fair datasets may be a range, ``3-5``.

    Returns:
        The row with another version, or the same row if nothing differs.

    Raises:
        ValueError: The dataset has no settings, a name is unknown (the nearest one is named) or given twice,
            or a value is out of range.
    """
    config: Any = getattr(row.sampler, "args", (None,))[0]
    graph = config.graph if isinstance(config, FairSpec) else config
    if not isinstance(graph, LayeredConfig | fair.FairConfig) or row.axis:
        raise ValueError(f"{row.name} has no settings to change, got {', '.join(texts)}")
    known = {field.name: getattr(graph, field.name) for field in fields(graph)}
    values: dict[str, Any] = {}
    for text in texts:
        name, _, value = text.partition("=")
        own = pick(known, name, f"setting of {row.name}")
        if name in values:
            raise ValueError(f"{name} of {row.name} must be given once")
        values[name] = _value(name, value, isinstance(own, tuple))
    if isinstance(graph, fair.FairConfig) and "pool" not in values:
        nodes = len(fair.shape(replace(graph, **values, pool=10_000)).is_entity)
        values["pool"] = max(graph.pool, nodes + SPARE)
    changed = replace(graph, **values)
    differing = [name for name in known if getattr(changed, name) != known[name]]
    if not differing:
        return row
    said = "+".join(f"{name}={_text(getattr(changed, name))}" for name in differing)
    spec: Any = changed if graph is config else replace(config, graph=changed)
    return replace(
        row,
        version=f"{row.version}+{said}",
        description=f"{row.description}; here with {said.replace('+', ', ')}",
        sampler=type(row.sampler)(row.sampler.func, spec),
        capacity=fair.capacity(spec) if isinstance(spec, fair.FairConfig) else None,
        caveat="Its settings are not the audited ones: audit it",
    )


def _value(name: str, text: str, is_range: bool) -> Any:
    first, dash, last = text.partition("-")
    if not first.isdecimal() or (dash and not (is_range and last.isdecimal())) or len(text) > 20:
        wanted = "a whole number or a range such as 3-5" if is_range else "a whole number"
        raise ValueError(f"{name} must be {wanted}, got {text!r}")
    if not is_range:
        return int(first)
    return tuple(range(int(first), min(int(last or first), 99) + 1))


def _text(value: Any) -> str:
    if not isinstance(value, tuple):
        return str(value)
    return str(value[0]) if len(value) == 1 else f"{value[0]}-{value[-1]}"
