"""Merge rows: seeds join the row of their identity, and what conflicts is refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .result import QuotedResult, Result, SeedResult

Row = Result | QuotedResult


class Replace(NamedTuple):
    """What may be replaced by another result, instead of refusing it.

    Attributes:
        everything: Any seed and quotation.
        copies: Seeds that are recorded elsewhere.
    """

    everything: bool = False
    copies: Sequence[SeedResult] = ()


REFUSE = Replace()


def merge_rows(rows: Iterable[Row], new: Iterable[Row], replace: Replace = REFUSE) -> tuple[list[Row], int]:
    """Merge rows into others.

    Args:
        rows: The rows so far, of distinct identities.
        new: The rows to add, or whose seeds to add to the row of their identity.
        replace: What may be replaced.

    Returns:
        The merged rows, sorted by `order`, and the number of rows that are new or have changed.

    Raises:
        ValueError: For a seed or quotation that is recorded with another result.
    """
    before = {(row.kind, row.identity): row for row in rows}
    after = dict(before)
    for row in new:
        name = row.kind, row.identity
        after[name] = merge_row(after[name], row, replace) if name in after else row
    changed = sum(before.get(name) != row for name, row in after.items() if before.get(name) is not row)
    return sorted(after.values(), key=order), changed


def merge_row(old: Row, new: Row, replace: Replace = REFUSE) -> Row:
    """Merge a row into the one of its identity.

    Args:
        old: The row so far.
        new: The row to add.
        replace: What may be replaced.

    Returns:
        The merged row; ``old`` itself where nothing changes.

    Raises:
        ValueError: For a seed or quotation that is recorded with another result.
    """
    if old == new:
        return old
    if isinstance(old, Result) and isinstance(new, Result):
        row = f"{new.method} on {new.dataset.name} ({new.recipe.name})"
        recorded, old, new = old, _named(old, new), _named(new, old)
        for field in ("dataset", "recipe", "base_model"):
            if getattr(old, field) != getattr(new, field):
                raise ValueError(
                    f"{row}: {field} must be that of the row with the same hashes, {getattr(old, field)}, "
                    f"got {getattr(new, field)}"
                )
        seeds = _merge_seeds(row, old.seeds, new.seeds, replace)
        # A verdict of controls outlives other seeds, but not the training that it was made from.
        controls = new.controls or (old.controls if all(entry in seeds for entry in old.seeds) else None)
        same = old == recorded and seeds == old.seeds and controls == old.controls
        return recorded if same else new.model_copy(update={"seeds": seeds, "controls": controls})
    if not replace.everything:
        raise ValueError(f"quoted {new.method}: must equal the recorded row (--replace replaces it)")
    return new


def _named(row: Result, other: Result) -> Result:
    """Give a row the first of both names of what may have any: own files, a local folder of a base model."""
    dataset, base = row.dataset, row.base_model
    if dataset.seed is None and dataset.revision is None:
        dataset = dataset.model_copy(update={"name": min(dataset.name, other.dataset.name)})
    if row.start[0] is None:
        base = base.model_copy(update={"name": min(base.name, other.base_model.name)})
    same = dataset == row.dataset and base == row.base_model
    return row if same else row.model_copy(update={"dataset": dataset, "base_model": base})


def _merge_seeds(
    row: str, old: list[SeedResult], new: list[SeedResult], replace: Replace
) -> list[SeedResult]:
    seeds = {entry.seed: entry for entry in old}
    for entry in new:
        known = seeds.setdefault(entry.seed, entry)
        if known == entry or (not replace.everything and _is_same(known, entry)):
            continue
        if not replace.everything and known not in replace.copies:
            raise ValueError(
                f"{row}: seed {entry.seed} is already recorded, {known.test.counts} right on "
                f"{known.provenance.date}; got {entry.test.counts} on {entry.provenance.date}; --replace "
                f"replaces it"
            )
        seeds[entry.seed] = entry
    return [seeds[number] for number in sorted(seeds)]


def _is_same(known: SeedResult, entry: SeedResult) -> bool:
    """Whether a training that was made again came out as the recorded one, whatever its seconds and date."""
    made = known.predictions, known.weights, known.base_weights
    return known.predictions is not None and made == (entry.predictions, entry.weights, entry.base_weights)


def order(row: Row) -> tuple[str, ...]:
    """Sort key: measured before quoted, then by names, so that the order of additions does not matter.

    Args:
        row: A row.

    Returns:
        The key; no two rows of a leaderboard share it.
    """
    identity = tuple(map(str, row.identity))
    if isinstance(row, Result):
        return (row.kind, row.dataset.name, row.dataset.version, row.recipe.name, row.method, *identity)
    return (row.kind, row.dataset, row.method, *identity)
