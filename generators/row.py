"""What a row of the table of datasets says: whose wordings it has, its sizes, its sampler, what leaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .dial import address_at
from .example import SPLITS, Example
from .seeding import U64

Sampler = Callable[[U64, Sequence[str], str, str], list[Example]]
"""(keys [B], ids, split, surface) -> one example for each id."""

MAX_INDEX = 1 << 48


@dataclass(frozen=True, slots=True)
class Dataset:
    """One row of the table.

    Attributes:
        name: Its name.
        family: Whose wordings it has: a family of ``wordings.table.WORDINGS``.
        version: Another one whenever the bytes change.
        description: One line for lists.
        surfaces: Its wordings, the default first.
        sizes: The default sizes of the splits.
        sampler: What makes its examples.
        twins: Whether every question has a twin: same premises, other query entity, other answer.
        split_by: Which form of a graph is never in two splits: "shape" (without names and premise order),
            "properties" (what ProntoQA's one shape has at its nodes) or "labels" (without premise order).
        capacity: The number of graphs of that form, None where it is beyond counting.
        leak: What solves it without reasoning, empty where nothing is known to.
        caveat: What a little search already does.
        base: The dataset to train on, of one that tests out of distribution.
        axis: The one thing in which it differs from its base.
    """

    name: str
    family: str
    version: str
    description: str
    surfaces: tuple[str, ...]
    sizes: Mapping[str, int]
    sampler: Sampler
    twins: bool
    split_by: str
    capacity: int | None = None
    leak: str = ""
    caveat: str = ""
    base: str = ""
    axis: str = ""

    @property
    def address(self) -> str:
        """The name by which `DATASETS` has it, settings included."""
        return address_at(self.name, self.version)

    def summary(self) -> str:
        """Return one paragraph for a list of datasets: what it is, its sizes, its leaks."""
        sizes = "/".join(str(self.sizes[split]) for split in SPLITS)
        known = f" LEAKS: {self.leak}." if self.leak else f" {self.caveat}." if self.caveat else ""
        return f"{self.description}. {'/'.join(SPLITS)} {sizes}; {', '.join(self.surfaces)}.{known}"

    def largest(self, split: str) -> int:
        """Return the largest size of a split: its share (train 1/2, others 1/4) of all questions."""
        if self.capacity is None:
            return MAX_INDEX
        return min(MAX_INDEX, self.capacity * (2 if self.twins else 1) // (2 if split == "train" else 4))
