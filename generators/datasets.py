"""The table of datasets, and the one way to get an example out of it.

    >>> first = next(examples("prosqa-tiny", "test"))
    >>> first.id, first.hops
    ('prosqa-tiny/1.0.0/symbolic/test/0/0', 2)

An example is a pure function of (dataset, version, surface, split, seed, index). Any change of what a row of
this table generates is a new version of the dataset, and the pinned hashes of ``tests/golden`` show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice

from .dial import Varied
from .example import SPLITS, Example, rows_hash
from .families import fair, prontoqa, prontoqa_fair, prosqa, prosqa_fair
from .families.layered import LayeredConfig
from .families.prosqa_fair import FairSpec
from .families.symmetric import SymmetricConfig
from .lookup import pick
from .plugins import table
from .row import Dataset
from .seeding import NoCandidateError, example_keys
from .wordings.table import surfaces

_FIRST_BATCH, _BATCH = 128, 8192  # examples sampled together; changes speed and memory, never an example


def _tiny(name: str, config: fair.FairConfig, far: str = "") -> Dataset:
    """A dataset of small graphs; one with ``far``, of ``_TINY_FAR``, tests ``name`` out of distribution."""
    return Dataset(
        name=f"{name}-{far}" if far else name,
        family="prosqa",
        version="1.0.0",
        description=_TINY_FAR[far].format(hops=config.hops),
        surfaces=surfaces("prosqa", first="symbolic"),
        sizes=_FAR_SIZES if far else {"train": 20_000, "valid": 500, "test": 500},
        sampler=partial(fair.sample, config),
        twins=True,
        split_by="labels",
        capacity=fair.capacity(config),
        caveat=_ONE_HOP if config.hops == 1 else _SMALL,
        base=name if far else "",
        axis=far.rstrip("0123456789"),
    )


def _tiny_and_far(name: str, config: fair.FairConfig, **far: Mapping[str, int]) -> list[Dataset]:
    """A dataset of small graphs, and those that differ from it in one thing: the same ids, other settings."""
    others = [_tiny(name, replace(config, **settings), axis) for axis, settings in far.items()]
    return [_tiny(name, config), *others]


def _graphs(name: str, family: str, spec: FairSpec, axis: str = "") -> Dataset:
    """A dataset of large graphs; one with an axis tests dataset ``name`` out of distribution."""
    return Dataset(
        name=f"{name}-{axis}" if axis else name,
        family=family,
        version="1.0.0",
        description=_AXES[axis] if axis else _GRAPHS[name],
        surfaces=surfaces(family),
        sizes=_FAR_SIZES if axis else _GRAPHS_SIZES,
        sampler=partial(_FAIR_FAMILIES[family].sample, spec),
        twins=True,
        split_by="shape",
        caveat="" if axis or name == "prosqa-symmetric" else _ROUTES,
        base=name if axis else "",
        axis=axis,
    )


def _out_of(family: str, graph: LayeredConfig, **far: LayeredConfig) -> list[Dataset]:
    """A fair dataset, and those that differ from it in one thing; ``far`` are those with other graphs."""
    specs = {"": FairSpec(graph), **{axis: FairSpec(other) for axis, other in far.items()}}
    specs |= {"names": FairSpec(graph, names="unseen"), "order": FairSpec(graph, order="backward")}
    return [_graphs(f"{family}-fair", family, spec, axis) for axis, spec in specs.items()]


_FAIR_FAMILIES = {"prosqa": prosqa_fair, "prontoqa": prontoqa_fair}
_ROUTES = "Effective resistance, an undirected graph algorithm, is right on 99 %"
_FAR_SIZES = {"train": 2_000, "valid": 300, "test": 1_000}
_GRAPHS_SIZES = {"train": 18_000, "valid": 500, "test": 1_000}
_GRAPHS = {
    "prosqa-fair": "ProsQA on mirrored graphs of 54 nodes, 3 to 6 hops mixed; with twins",
    "prosqa-symmetric": "ProsQA on 68 nodes, alike for the candidates if direction is ignored; with twins",
    "prontoqa-fair": "ProntoQA on mirrored graphs of 54 nodes, 3 to 6 hops mixed; with twins",
}
_AXES = {
    "hops": "the same with deeper graphs (ProsQA 7 to 12 hops, ProntoQA 7 to 11), nodes and premises as many",
    "density": "the same with 92 premises in place of 72 about as many nodes",
    "branching": "the same with twice as many entities and ends, 74 nodes and 98 premises",
    "distractors": "the same with a third component that has no candidate",
    "names": "the same with other names",
    "order": "the same with every premise told before those that lead to it",
}
_SMALL = "One random walk is right on 75 %, the candidate nearer when direction is ignored on 100 %"
_ONE_HOP = "The answer stands in a premise beside the query entity: finding that is right on 100 %"
_TINY_FAR = {
    "": "two alike components, {hops} hops, dead ends as long; with twins",
    "hops1": "the same with 1 hop, nodes and premises as many",
    "hops2": "the same with 2 hops, nodes and premises as many",
    "hops3": "the same with 3 hops, nodes and premises as many",
    "hops4": "the same with 4 hops, nodes and premises as many",
    "hops5": "the same with 5 hops, nodes and premises as many",
    "branching": "the same with one dead end more from each root, 14 premises",
    "forks": "the same with a second node of the path that branches, 18 premises",
    "joins": "the same with a false way into each candidate, 14 premises",
    "distractors": "the same with a third component that has no candidate, 15 premises",
}

_TINY_LEAKY = Dataset(
    name="prosqa-tiny-leaky", family="prosqa", version="1.0.0",
    description="ProsQA as published at the size of prosqa-tiny: 2 hops, 11 nodes or fewer",
    surfaces=surfaces("prosqa", first="symbolic"), sizes={"train": 20_000, "valid": 500, "test": 500},
    sampler=partial(prosqa.sample, prosqa.TINY), twins=False, split_by="shape",
    leak="a rule that never looks at the query entity is right on 87 %",
)  # fmt: skip
_ROWS = (
    Dataset(
        name="prosqa",
        family="prosqa",
        version="1.0.0",
        description="ProsQA as published: 3 to 6 hops among 14 to 28 nodes",
        surfaces=surfaces("prosqa"),
        sizes={"train": 17_886, "valid": 300, "test": 500},
        sampler=partial(prosqa.sample, prosqa.PUBLISHED),
        twins=False,
        split_by="shape",
        leak="a rule that never looks at the query entity is right on 91 % of the published test split",
    ),
    Dataset(
        name="prontoqa",
        family="prontoqa",
        version="1.0.0",
        description="ProntoQA as published: 5 hops among 14 fictional concepts, true or false",
        surfaces=surfaces("prontoqa"),
        sizes={"train": 9_000, "valid": 200, "test": 800},
        sampler=prontoqa.sample,
        twins=False,
        split_by="properties",
        leak="one look-up (which of two rules has a subject that occurs elsewhere) is right on 100 %",
    ),
    *_tiny_and_far(
        "prosqa-tiny",
        fair.FairConfig(hops=2, pool=16),
        hops1={"hops": 1, "branching": 4},
        hops3={"hops": 3, "fork_at": 2},
        branching={"branching": 3},
        joins={"ways_in": 2, "joins": 1},
        distractors={"distractors": 1},
    ),
    *_tiny_and_far(
        "prosqa-tiny-3hop",
        fair.FairConfig(hops=3, pool=20),
        hops2={"hops": 2, "branching": 3},
        hops4={"hops": 4, "fork_at": 2},
        hops5={"hops": 5, "fork_at": 4},
        forks={"forks": 2},
    ),
    _TINY_LEAKY,
    *_out_of(
        "prosqa",
        LayeredConfig(hops=(3, 4, 5, 6)),
        hops=LayeredConfig(hops=(7, 8, 9, 10, 11, 12)),
        density=LayeredConfig(hops=(3, 4, 5, 6), edges=42),
        branching=LayeredConfig(hops=(3, 4, 5, 6), nodes=34, edges=45, ends=10),
        distractors=LayeredConfig(hops=(3, 4, 5, 6), distractors=1),
    ),
    _graphs("prosqa-symmetric", "prosqa", FairSpec(SymmetricConfig(hops=(3, 4, 5, 6)))),
    *_out_of(
        "prontoqa",
        LayeredConfig(hops=(4, 5, 6, 7)),
        hops=LayeredConfig(hops=(8, 9, 10, 11, 12)),
        density=LayeredConfig(hops=(4, 5, 6, 7), edges=42),
        distractors=LayeredConfig(hops=(4, 5, 6, 7), distractors=1),
    ),
)

DATASETS: Mapping[str, Dataset] = table("DATASETS", Varied({row.name: row for row in _ROWS}), Dataset)
"""Name -> row, those of plugins included, also with other settings (`dial`): ``prosqa-fair+hops=4``."""


def get_dataset(name: str) -> Dataset:
    """Return a row of the table.

    Raises:
        ValueError: For an unknown name, with the nearest known one.
    """
    return pick(DATASETS, name, "dataset")


def resolve_surface(dataset: Dataset, surface: str | None) -> str:
    """Return the surface asked for, or the default one of the dataset for None.

    Raises:
        ValueError: For a surface that the dataset has not, with the nearest one.
    """
    known = {name: name for name in dataset.surfaces}
    return pick(known, surface, f"surface of {dataset.name}") if surface is not None else dataset.surfaces[0]


def examples(
    name: str,
    split: str,
    *,
    seed: int = 0,
    start: int = 0,
    count: int | None = None,
    surface: str | None = None,
) -> Iterator[Example]:
    """Yield the examples ``start``, ``start + 1``, ... of a split.

    Args:
        name: A dataset of the table.
        split: train, valid or test.
        seed: The seed of all draws.
        start: The first index. Starting at i gives what skipping i examples gives, at no cost.
        count: How many; None means up to the default size for valid and test, and without end for train.
        surface: The wording, None the dataset's first.

    Raises:
        ValueError: At the call, not at the first example: for an unknown name, split or surface, a size
            beyond the dataset's, or an odd count of twins outside train (half a pair could not be scored).
    """
    dataset = get_dataset(name)
    surface = resolve_surface(dataset, surface)
    _check_range(dataset, pick({known: known for known in SPLITS}, split, "split"), seed, start, count)
    whole = dataset.largest(split) if split == "train" else max(start, dataset.sizes[split])
    return _stream(dataset, split, seed, surface, start, whole if count is None else start + count)


def content_hash(
    name: str, split: str, seed: int = 0, count: int | None = None, surface: str | None = None
) -> str:
    """Return the sha256 (hex) of a split's canonical rows, one after the other; arguments as in `examples`.

    ``count`` None means the default size, for train too.
    """
    size = get_dataset(name).sizes.get(split) if count is None else count
    return rows_hash(examples(name, split, seed=seed, count=size, surface=surface))


def _check_range(dataset: Dataset, split: str, seed: int, start: int, count: int | None) -> None:
    """Raise ValueError for a seed, a start or a count that the split cannot have."""
    largest = dataset.largest(split)
    if not 0 <= seed < 1 << 63:
        raise ValueError(f"seed must be in 0..2^63-1, got {seed}")
    if not 0 <= start <= largest:
        raise ValueError(f"start must be in 0..{largest} for {dataset.name} {split}, got {start}")
    if count is not None and not 0 <= count <= largest - start:
        raise ValueError(f"count must be in 0..{largest - start} for {dataset.name} {split}, got {count}")
    if count and dataset.twins and split != "train" and count % 2:
        twins = "(examples come in twins)"
        raise ValueError(f"count must be even for {dataset.name} {split} {twins}, got {count}")


def _stream(
    dataset: Dataset, split: str, seed: int, surface: str, start: int, stop: int
) -> Iterator[Example]:
    """Sample batch after batch; a twin dataset has one key for a pair."""
    size = 2 if dataset.twins else 1
    prefix = f"{dataset.name}/{dataset.version}/{surface}/{split}/{seed}/"
    group, last = start // size, -(-stop // size)
    skip, left = start % size, stop - start
    # Large batches waste the fewest candidates; an endless stream begins with a small one, to begin soon.
    largest = _BATCH // size
    batch = largest if left <= _BATCH else _FIRST_BATCH
    while left > 0:
        groups = range(group, min(group + batch, last))
        batch = min(2 * batch, largest)
        keys = example_keys(dataset.name, dataset.version, split, seed, groups)
        ids = [f"{prefix}{index}" for index in range(groups.start * size, groups.stop * size)]
        try:
            for example in islice(dataset.sampler(keys, ids, split, surface), skip, skip + left):
                yield example
                left -= 1
        except NoCandidateError as error:
            raise ValueError(f"{dataset.name} {dataset.version}: {error}") from None
        group, skip = groups.stop, 0
