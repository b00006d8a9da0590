"""Filter and sort rows, and find a row by its name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

from ..generators.datasets import DATASETS
from ..generators.lookup import pick
from ..generators.terminal import shown
from .aggregate import aggregate, mean_accuracy
from .lineage import changes, recipe_name
from .own import OwnResult
from .result import QuotedResult, Result

Kind = Literal["measured", "external", "rule", "quoted", "all"]
Row = Result | QuotedResult
MOST_KEYS = 20
"""How many keys a message lists."""
YOURS = "yours:"
"""Before the name of a row: one of your own file."""


def _accuracy(row: Row) -> float:
    return mean_accuracy(row) if isinstance(row, Result) else row.accuracy


def _generated(row: Row) -> float:
    return aggregate(row).generated if isinstance(row, Result) else row.generated_tokens


# Column → its value in a row. A value that a quoted row lacks sorts last in ascending order.
SORT_KEYS: dict[str, Callable[[Row], float]] = {
    "accuracy": _accuracy,
    "generated": _generated,
    "passes": lambda row: aggregate(row).passes if isinstance(row, Result) else math.inf,
    "seconds": lambda row: aggregate(row).training_seconds if isinstance(row, Result) else math.inf,
    "flops": lambda row: aggregate(row).training_flops if isinstance(row, Result) else math.inf,
    "parameters": lambda row: aggregate(row).parameters if isinstance(row, Result) else math.inf,
}


def select(
    rows: Sequence[Row],
    *,
    kind: Kind = "all",
    dataset: str | None = None,
    method: str | None = None,
    recipe: str | None = None,
    quick: bool = True,
) -> list[Row]:
    """Filter rows, keeping their order.

    Args:
        rows: Measured and quoted rows.
        kind: Keep ``measured``, ``external``, ``rule``, ``quoted`` or ``all`` rows.
        dataset: Keep rows of this dataset.
        method: Keep rows of this method.
        recipe: Keep rows of this recipe.
        quick: Keep rows of quick runs as well.

    Returns:
        The rows that pass every filter.

    Raises:
        ValueError: For a name that no row has; the message gives the nearest known one.
    """
    for name, noun, values in (
        (dataset, "dataset", map(_dataset, rows)),
        (method, "method", (row.method for row in rows)),
        (recipe, "recipe", map(_recipe, rows)),
    ):
        if name is not None:
            pick({value: value for value in values if value is not None}, name, noun)
    return [
        row
        for row in rows
        if kind in ("all", row.kind)
        and dataset in (None, _dataset(row))
        and method in (None, row.method)
        and recipe in (None, _recipe(row))
        and (quick or not (isinstance(row, Result) and row.quick))
    ]


def arrange(rows: Sequence[Row], by: str = "accuracy", *, ascending: bool = False) -> list[Row]:
    """Sort rows: measured before quoted, by dataset, and within that by a column.

    Args:
        rows: Measured and quoted rows.
        by: A column of `SORT_KEYS`.
        ascending: Sort the column in ascending order.

    Returns:
        The sorted rows.

    Raises:
        ValueError: For an unknown column.
    """
    value = pick(SORT_KEYS, by, "column")
    sign = 1 if ascending else -1
    return sorted(
        rows, key=lambda row: (row.kind == "quoted", _dataset(row), sign * _known(value(row)), row.method)
    )


def find(rows: Sequence[Result], name: str) -> Result:
    """Find a row by its method or by the first digits of its key.

    Args:
        rows: Measured rows.
        name: A method or the start of a key, as `find_all` takes it.

    Returns:
        The row.

    Raises:
        ValueError: For no such row, with the nearest known name, and for several, with their keys.
    """
    return find_all(rows, [name])[0]


def find_all(rows: Sequence[Result], names: Sequence[str]) -> list[Result]:
    """Find rows that are named together.

    Args:
        rows: Measured rows.
        names: Starts of keys, and methods. A method means a row evaluated as trained; of several, a shipped
            one rather than yours, then one of the same recipe as another row that is named without doubt,
            then one whose recipe no ``-o`` has changed, then a full run rather than a quick one, then one on
            the dataset that it was trained on rather than on a variant, then the one with the most seeds.
            ``yours:NAME`` means one of yours.

    Returns:
        A row per name.

    Raises:
        ValueError: For no such row, with the nearest known name, and for several, with their keys.
    """
    fits = [_fitting(rows, name) for name in names]
    shared = {_setting(found[0]) for found in fits if len(found) == 1}
    chosen = []
    for name, fit in zip(names, fits, strict=True):
        found = [row for row in fit if _setting(row) in shared] or fit
        found = [row for row in found if not changes(row)] or found
        found = [row for row in found if not row.quick] or found
        found = [row for row in found if not is_of_variant(row, found)] or found
        most = max(len(row.seeds) for row in found)
        found = [row for row in found if len(row.seeds) == most]
        if len(found) > 1:
            more = f" and {len(found) - MOST_KEYS} more" if len(found) > MOST_KEYS else ""
            listed = ", ".join(map(_listed, found[:MOST_KEYS]))
            raise ValueError(f"{name}: must name one row, got {listed}{more}")
        chosen += found
    return chosen


def _fitting(rows: Sequence[Result], name: str) -> list[Result]:
    """The rows that a name may mean, at least one."""
    if name.startswith(YOURS):
        rows, name = [row for row in rows if isinstance(row, OwnResult)], name.removeprefix(YOURS)
    plain = [row for row in rows if row.method == name and row.thoughts is None]
    found = plain or [row for row in rows if name and row.key.startswith(name)]
    found = [row for row in found if not isinstance(row, OwnResult)] or found
    if not found and not rows:
        raise ValueError(f"unknown row {shown(name)}: there are no measured rows to name")
    if not found:
        names = {row.method: row for row in rows}
        keys = {row.key: row for row in rows} if len(rows) <= MOST_KEYS else {}
        pick({**names, **keys}, name, "row")
    return found


def full_runs(rows: Sequence[Result]) -> list[Result]:
    """Choose the rows of full runs by recipes that no ``-o`` has changed.

    Args:
        rows: Rows of one dataset, or of several.

    Returns:
        Those measured here, neither quick nor changed.

    Raises:
        ValueError: There are measured rows, and none is left.
    """
    measured = [row for row in rows if row.kind == "measured"]
    found = [row for row in measured if not row.quick and not changes(row)]
    if measured and not found:
        names = ", ".join(sorted({row.dataset.name for row in measured}))
        raise ValueError(f"rows of {names} must not all be quick or changed by -o, got no other")
    return found


def is_of_variant(row: Result, others: Sequence[Result]) -> bool:
    """Whether a row tests out of distribution what another one tests on the data of training.

    Args:
        row: The row.
        others: Rows that may be on the data of its training.
    """
    known = DATASETS.get(row.dataset.name)
    return (
        known is not None
        and known.base != ""
        and any((known.base, row.recipe) == (other.dataset.name, other.recipe) for other in others)
    )


def _setting(row: Result) -> tuple[object, ...]:
    """What rows have in common whose methods are compared."""
    return row.dataset.content_hash, row.dataset.split, row.recipe.hash, row.recipe.numerics


def _listed(row: Result) -> str:
    """The key of a row, and what tells it from others of its method."""
    digest, quick = (row.recipe.hash or "unknown")[:8], ", quick" if row.quick else ""
    return f"{row.key} ({row.dataset.name}, {recipe_name(row)}, recipe hash {digest}{quick})"


def _known(value: float) -> float:
    """An unknown mean is NaN, which does not sort."""
    return math.inf if math.isnan(value) else value


def _dataset(row: Row) -> str:
    return row.dataset.name if isinstance(row, Result) else row.dataset


def _recipe(row: Row) -> str | None:
    return row.recipe.name if isinstance(row, Result) else None
