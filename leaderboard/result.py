"""The record of a result: what was measured, on which data, by which code, and how to reproduce it.

A leaderboard file is ``{"schema_version": 2, "rows": [...]}``. A row is ``measured`` (`Result`: one method
on one dataset, one entry per seed), ``external`` or ``rule`` (`Result` too: trained or answered elsewhere, or
a guess without a model) or ``quoted`` (`QuotedResult`: printed in a paper). Shortened, a measured row is

    {"kind": "measured", "method": "coconut", "quick": false,
     "dataset": {"name": "prosqa", "version": "1.0.0", "split": "test", "n": 500, "content_hash": "9f86…", …},
     "recipe": {"name": "tiny", "hash": "2c26…"}, "base_model": {"name": "tiny-2x128", …},
     "seeds": [{"seed": 0, "test": {"n_correct": 492, "n": 500, "accuracy": 0.984, …}, …}]}

Fractions are in 0..1, times in seconds, memory in bytes; the parts of a seed's entry are in `measures`. The
docstrings of the classes are the descriptions in ``schema.json``.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic import StringConstraints as Text

from .measures import (
    Answered,
    Compute,
    Controls,
    Cost,
    Curve,
    Fraction,
    Lines,
    Name,
    Record,
    Score,
    Sha256,
    SideFile,
    Source,
    Stage,
    Tokens,
    without_missing,
)

SCHEMA_VERSION = 2
Shortcut = Literal["right", "silent", "wrong"]


class Dataset(Record):
    """The questions answered: one split of one dataset.

    ``content_hash`` is that of the split's canonical rows, ``seed`` the one they were generated from (None
    for published files), ``revision`` the commit or tag they were fetched at (None where they were
    generated).
    """

    name: Name
    version: Name
    surface: Name
    split: Name
    n: PositiveInt
    content_hash: Sha256
    seed: int | None = None
    revision: Name | None = None


class Recipe(Record):
    """The recipe's name, the hash of its checked content, and the version of the training numerics.

    Rows recorded before the numerics had a version have none, answers made elsewhere no hash.
    """

    name: Name
    hash: Sha256 | None
    numerics: PositiveInt | None = None


class Base(Record):
    """The model that training started from.

    ``revision`` names its origin and is part of a row's identity: the commit of a downloaded model, or the
    hash of the recipe of one that was trained here. The weights themselves may differ by seed:
    `SeedResult.base_weights`. ``per_seed`` says that each training seed has a base model of its own;
    otherwise all seeds have the same weights. ``parameters`` is None where their number is unknown.
    """

    name: Name
    parameters: PositiveInt | None
    revision: Name | None = None
    per_seed: bool = False


class Environment(Record):
    """What it ran on; ``packages`` maps a distribution's name to its version."""

    python: Name
    packages: dict[Name, Name]
    platform: Name
    hardware: Name
    device: Name
    threads: PositiveInt | None
    processes: PositiveInt = 1


class Provenance(Record):
    """How to get the result again; ``commit`` and ``dirty`` are None where the source is unknown."""

    command: Lines
    commit: Annotated[str, Text(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")] | None
    dirty: bool | None
    date: Annotated[str, Text(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    environment: Environment

    @model_validator(mode="after")
    def _dirty_is_said_of_a_commit(self) -> Provenance:
        if (self.commit is None) != (self.dirty is None):
            raise ValueError(
                f"dirty must be given with a commit, and only then, got {self.dirty} with {self.commit}"
            )
        return self


class SeedResult(Record):
    """One training run, evaluated once.

    ``weights`` is the hash of the trained weights, ``curve`` the validations of the training. ``compute`` is
    not written where it is None. ``twins`` counts pairs: ``n_correct`` of ``n`` with both questions right.
    The parts of ``by_hops`` and ``by_shortcut`` add up to ``test``.
    """

    seed: NonNegativeInt
    test: Score
    by_hops: dict[NonNegativeInt, Score] | None = None
    by_shortcut: dict[Shortcut, Score] | None = None
    twins: Score | None = None
    tokens: Tokens
    training: Cost
    inference: Cost
    compute: Compute | None = None
    stages: list[Stage]
    curve: Curve | None = None
    answered: Answered | None = None
    checkpoint_rule: Name
    base_weights: Sha256 | None = None
    weights: Sha256 | None = None
    predictions: SideFile | None = None
    provenance: Provenance

    @property
    def stage(self) -> int:
        """The stage at which the questions were answered."""
        return self.answered.stage if self.answered else self.stages[-1].stage

    @model_serializer(mode="wrap")
    def _leave_out_missing_compute(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_missing(write(self), "compute", self.compute)

    @model_validator(mode="after")
    def _parts_add_up(self) -> SeedResult:
        for name, parts in (("by_hops", self.by_hops), ("by_shortcut", self.by_shortcut)):
            if parts is not None:
                right = sum(part.n_correct for part in parts.values())
                n = sum(part.n for part in parts.values())
                if (right, n) != (self.test.n_correct, self.test.n):
                    raise ValueError(f"{name} must add up to {self.test.counts}, got {right} of {n}")
        twins = self.twins
        if twins and (2 * twins.n > self.test.n or 2 * twins.n_correct > self.test.n_correct):
            raise ValueError(f"twins must be pairs among the {self.test.counts} right, got {twins.counts}")
        if self.predictions and self.predictions.n != self.test.n:
            raise ValueError(f"predictions must be of {self.test.n} questions, got {self.predictions.n}")
        return self


class Result(Record):
    """A measured row: one method on one dataset, an entry a seed in ascending order.

    ``thoughts`` is None where questions are answered with as many thoughts as in training, else their number.
    A row of the kind ``external`` was trained or answered elsewhere and scored here: what is unknown of it is
    None, and its provenance is that of the scoring. A ``rule`` is a guess of the audit that does not read the
    query entity. ``controls`` is None, and not written, where the thoughts were not tested.
    """

    kind: Literal["measured", "external", "rule"] = "measured"
    dataset: Dataset
    method: Name
    recipe: Recipe
    base_model: Base
    quick: bool
    thoughts: NonNegativeInt | None = None
    seeds: Annotated[list[SeedResult], Field(min_length=1)]
    controls: Controls | None = None

    @property
    def identity(self) -> tuple[object, ...]:
        """What two results must share to be the same row, to which seeds are added."""
        data, recipe = self.dataset, self.recipe
        same = (data.content_hash, data.split, self.method, recipe.hash, *self.start, self.quick)
        numerics = () if recipe.numerics is None else (f"numerics {recipe.numerics}",)
        return (*same, *numerics) if self.thoughts is None else (*same, *numerics, self.thoughts)

    @property
    def start(self) -> tuple[str | None, str | None]:
        """Name and revision of the base model; no name where the revision is its weights' hash."""
        base = self.base_model
        is_hash = base.revision is not None and base.revision == self.seeds[0].base_weights
        return None if is_hash else base.name, base.revision

    @property
    def key(self) -> str:
        """Eight hexadecimal digits of the hash of the identity; commands name a row by them."""
        return _key(self.kind, self.identity)

    @model_serializer(mode="wrap")
    def _leave_out_missing_controls(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_missing(write(self), "controls", self.controls)

    @model_validator(mode="after")
    def _seeds_fit(self) -> Result:
        numbers = [entry.seed for entry in self.seeds]
        if self.controls and not set(self.controls.seeds) <= set(numbers):
            raise ValueError(f"controls must be of the row's seeds {numbers}, got {self.controls.seeds}")
        if numbers != sorted(set(numbers)):
            raise ValueError(f"seeds must be distinct and ascending, got {numbers}")
        for entry in self.seeds:
            if entry.test.n != self.dataset.n:
                raise ValueError(f"seed {entry.seed}: test.n must be {self.dataset.n}, got {entry.test.n}")
        return self


class QuotedResult(Record):
    """A row quoted from a paper; ``plus_minus`` is what is printed after the ±, None where nothing is."""

    kind: Literal["quoted"] = "quoted"
    dataset: Name
    split: Name
    n: PositiveInt
    method: Name
    base_model: Name
    accuracy: Fraction
    plus_minus: Fraction | None
    generated_tokens: NonNegativeFloat
    source: Source

    @property
    def identity(self) -> tuple[object, ...]:
        """What two quotations must share to be the same row."""
        return (self.source.url, self.source.table, self.dataset, self.split, self.method)

    @property
    def key(self) -> str:
        """Eight hexadecimal digits of the hash of the identity; commands name a row by them."""
        return _key(self.kind, self.identity)


Row = Annotated[Result | QuotedResult, Field(discriminator="kind")]


class Leaderboard(Record):
    """The content of a leaderboard file."""

    schema_version: Literal[2] = 2
    rows: list[Row] = Field(default_factory=list)

    @property
    def measured(self) -> list[Result]:
        """The measured rows."""
        return [row for row in self.rows if isinstance(row, Result)]

    @property
    def quoted(self) -> list[QuotedResult]:
        """The quoted rows."""
        return [row for row in self.rows if isinstance(row, QuotedResult)]

    @model_validator(mode="after")
    def _no_row_twice(self) -> Leaderboard:
        seen: dict[tuple[object, ...], int] = {}
        for index, row in enumerate(self.rows):
            first = seen.setdefault((row.kind, *row.identity), index)
            if first != index:
                raise ValueError(f"rows must be distinct, {first} and {index} are the same {row.method} run")
        return self


@lru_cache(maxsize=1 << 16)
def _key(kind: str, identity: tuple[object, ...]) -> str:
    return hashlib.sha256(json.dumps([kind, *identity]).encode()).hexdigest()[:8]
