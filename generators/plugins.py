"""Rows that other packages and files add to the tables: methods, datasets, controls and what these need.

A plugin is a module with lists of rows, named as the tables are:

    METHODS = [Method("icot-latent", "iCoT with thoughts", "…", "latent", "tokens")]

It is found by the entry point group ``coconut_bench.plugins`` of an installed distribution, or named by
``--plugin file.py``. A table (`table`) takes the rows of plugins that are loaded before it or after it, so
this file imports none of them.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

GROUP = "coconut_bench.plugins"
VARIABLE = "COCONUT_BENCH_PLUGINS"
"""Environment variable with the files of ``--plugin``, which processes that this one starts load too."""
KINDS = ("METHODS", "OBJECTIVES", "RECURRENCES", "DATASETS", "CONTRACTS", "CONTROLS")

Row = TypeVar("Row")


class Table(NamedTuple):
    """A table: its rows by name, and the type of a row."""

    rows: dict[str, Any]
    type: type


_tables: dict[str, Table] = {}
_loaded: dict[str, ModuleType] = {}  # where from → plugin


def table(kind: str, rows: dict[str, Row], type: type = object) -> dict[str, Row]:
    """Make a table to which plugins may add rows.

    Args:
        kind: Its name in plugins, one of `KINDS`.
        rows: Its own rows by name.
        type: What a row must be.

    Returns:
        The table, with the rows of plugins, also those that are loaded later.

    Raises:
        ValueError: A plugin has a row of another type, or of a name that is taken.
    """
    _tables[kind] = Table(rows, type)
    for origin, module in _loaded.items():
        _add(origin, kind, module)
    return rows


def load_plugins(files: Iterable[Path] = ()) -> None:
    """Load installed plugins, those that the environment names, and the given ones; each once.

    Args:
        files: Files with rows, in Python. Processes that this one starts load them too.

    Raises:
        ValueError: A plugin cannot be loaded, defines no row, or has a name that is taken.
    """
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP):
        _load(f"{point.name} ({point.value})", point.load)
    named = [Path(file) for file in os.environ.get(VARIABLE, "").split(os.pathsep) if file]
    paths = list(dict.fromkeys(file.resolve() for file in (*named, *files)))
    for path in paths:
        _load(str(path), partial(_module, path))
    if paths:
        os.environ[VARIABLE] = os.pathsep.join(map(str, paths))


def _load(origin: str, find: Any) -> None:
    if origin in _loaded:
        return
    try:
        module = find()
    except (Exception, SystemExit) as error:  # foreign code raises anything
        raise ValueError(f"plugin {origin} cannot be loaded: {type(error).__name__}: {error}") from error
    if not any(hasattr(module, kind) for kind in KINDS):
        raise ValueError(f"plugin {origin} must define at least one of {', '.join(KINDS)}")
    for kind in KINDS:
        _add(origin, kind, module)
    _loaded[origin] = module


def _module(path: Path) -> ModuleType:
    """Import a file; its functions can be sent to other processes that have loaded it."""
    name = f"coconut_bench_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if not path.is_file():
        raise FileNotFoundError("there is no such file")
    if spec is None or spec.loader is None:
        raise ImportError("it must be a Python file (.py)")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _add(origin: str, kind: str, module: ModuleType) -> None:
    """Add a plugin's rows of one kind to their table, if both are there."""
    rows, known = rows_of(module, kind), _tables.get(kind)
    if known is None:
        return
    for name, row in rows.items():
        if not isinstance(row, known.type) or not name:
            wanted = f"rows of type {known.type.__name__} with a name"
            raise ValueError(f"plugin {origin}: {kind} must hold {wanted}, got {row!r}")
        if name in known.rows:
            raise ValueError(f"plugin {origin}: {kind} already has {name!r}; choose another name")
    known.rows.update(rows)


def rows_of(module: ModuleType, kind: str) -> dict[str, Any]:
    """Return a plugin's rows by name.

    Args:
        module: The plugin.
        kind: One of `KINDS`.

    Raises:
        ValueError: They are neither a mapping nor a sequence.
    """
    given = getattr(module, kind, ())
    if isinstance(given, Mapping):
        return dict(given)
    if not isinstance(given, Sequence) or isinstance(given, str):
        where = getattr(module, "__file__", None) or module.__name__
        raise ValueError(f"plugin {where}: {kind} must be a list or a dictionary of rows, got {given!r:.200}")
    return {getattr(row, "name", ""): row for row in given}
