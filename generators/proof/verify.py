"""Prove a dataset from its text: every answer, every step, every promise, every checksum.

    $ coconut-bench verify data/prosqa-tiny
    prosqa-tiny 1.0.0: 21000 examples proved (train 20000, valid 500, test 500)

The text is parsed and searched by code that shares nothing with the samplers; the manifest only says which
promises to check. The first thing that is wrong is reported with its file, line and id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx as nx

from ..example import Example, canonical_row
from ..files import file_digest
from ..stored.folder import id_prefix
from ..stored.formats import FORMATS, get_format, read_rows
from ..stored.manifest import MANIFEST, read_manifest
from ..wordings.reading import read_question
from .contracts import Contract, contract_of
from .proved import Proved, require


class VerificationError(ValueError):
    """A dataset is not what it claims to be."""


@dataclass(frozen=True)
class Report:
    """What was proved: the dataset, its version and the number of examples of each split."""

    dataset: str
    version: str
    examples: Mapping[str, int]

    def __str__(self) -> str:
        splits = ", ".join(f"{split} {count}" for split, count in self.examples.items())
        return f"{self.dataset} {self.version}: {sum(self.examples.values())} examples proved ({splits})"


def prove(example: Example) -> Proved:
    """Read one example's text, search its graph, and check answer, steps, hops and graph fields.

    Args:
        example: The example.

    Returns:
        The question with the answer that the search found.

    Raises:
        ValueError: That says what is wrong.
    """
    reading = read_question(example.question)
    graph, root = reading.graph, reading.root
    repeated = len(reading.edges) - len(set(reading.edges))
    require(not repeated, f"{repeated} premises are told twice")
    require(nx.is_directed_acyclic_graph(graph), "the premises must have no cycle")
    require(root in graph and graph.in_degree(root) == 0, f"query entity {root!r} must have no parents")
    distance = nx.single_source_shortest_path_length(graph, root)
    reached = [candidate for candidate in reading.candidates if candidate in distance]
    require(len(reached) == 1, f"one candidate must follow, found {len(reached)} of {reading.candidates}")
    target = reached[0]
    other = next(candidate for candidate in reading.candidates if candidate != target)
    require(other in graph, f"candidate {other!r} does not occur in the premises")
    answer = reading.answer(target)
    require(example.answer == answer, f"answer must be {answer!r}, got {example.answer!r}")
    chain = reading.chain(example.steps)
    require(chain[-1] == target, f"steps end at {chain[-1]!r} and must end at {target!r}")
    shortest = distance[target]
    require(len(chain) - 1 == shortest, f"steps take {len(chain) - 1} edges, the shortest way {shortest}")
    hops = shortest - reading.wording.concludes
    require(example.hops == hops, f"hops must be {hops}, got {example.hops}")
    _check_graph(example, set(reading.edges), (root, target, other))
    return Proved(reading, tuple(chain), target, other)


def _check_graph(example: Example, edges: set[tuple[str, str]], asked: tuple[str, str, str]) -> None:
    """Compare the machine-readable fields with what the text says."""
    known = example.graph
    if known is None:
        return
    symbols = known.symbols
    require(len(set(symbols)) == len(symbols), "idx_to_symbol must not repeat a symbol")
    stated = [(symbols[u], symbols[v]) for u, v in known.edges]
    difference = sorted(set(stated) ^ edges)
    require(not difference, f"edges and question differ: {difference[:2]}")
    require(len(stated) == len(edges), "edges must not repeat an edge")
    require(
        set(symbols) == {node for edge in edges for node in edge}, "idx_to_symbol must name every node once"
    )
    names = tuple(symbols[node] for node in (known.root, known.target, known.neg_target))
    require(names == asked, f"root, target and neg_target must be {asked}, got {names}")


def verify_file(path: str | Path) -> int:
    """Prove every record of one data file, ours or published.

    Checks what holds for any question (``prove``), not what one dataset promises and no checksum.

    Args:
        path: The file.

    Returns:
        The number of records.

    Raises:
        VerificationError: At the first record that is wrong.
    """
    path = Path(path)
    count = 0
    for number, row in read_rows(path):
        with _located(path.name, number, row):
            prove(Example.from_json(row))
        count = number
    return count


def verify_dir(path: str | Path) -> Report:
    """Prove everything in a folder that ``generate`` wrote.

    Args:
        path: The folder.

    Returns:
        What was proved.

    Raises:
        VerificationError: At the first thing that is wrong.
        OSError: For a file that is missing.
    """
    folder = Path(path)
    manifest = _read_manifest(folder)
    dataset, splits = manifest["dataset"], manifest["splits"]
    contract = contract_of(dataset["name"], dataset["version"])
    stated = (dataset["split_by"], dataset["twins"])
    if stated != (contract.form.__name__, contract.twins):
        raise VerificationError(
            f"{MANIFEST}: split_by and twins are not those of {dataset['name']}: {stated}"
        )
    owner: dict[object, str] = {}
    for split in splits:
        _verify_split(folder, split, manifest, contract, owner)
    known = {MANIFEST, *(entry["file"] for entry in splits.values())}
    suffixes = {row.suffix for row in FORMATS.values()}
    extra = sorted({file.name for file in folder.iterdir() if file.suffix in suffixes} - known)
    if extra:
        raise VerificationError(f"{extra[0]} is not listed in {MANIFEST}")
    counts = {split: entry["examples"] for split, entry in splits.items()}
    return Report(dataset["name"], dataset["version"], counts)


def _read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest and check that it is complete and unchanged."""
    try:
        return read_manifest(folder)
    except ValueError as error:
        raise VerificationError(str(error)) from None


def _verify_split(
    folder: Path, split: str, manifest: Mapping[str, Any], contract: Contract, owner: dict[object, str]
) -> None:
    """Prove one file; ``owner`` maps the form of every graph seen so far to its split and is added to."""
    entry, config = manifest["splits"][split], manifest["config"]
    path = folder / (split + get_format(config["format"]).suffix)
    prefix, told_in = id_prefix(manifest, split), (contract.family, config["surface"])
    digest, count, twin = hashlib.sha256(), 0, None
    for number, row in read_rows(path):
        index = entry.get("start", 0) + number - 1  # a shard begins in the middle
        expected = {"id": f"{prefix}{index}", "twin": f"{prefix}{index ^ 1}" if contract.twins else None}
        with _located(path.name, number, row):
            example = Example.from_json({**expected, **row})
            for field, value in expected.items():
                require(getattr(example, field) == value, f"{field} must be {value!r}")
            proved = prove(example)
            wording = proved.reading.wording
            stated = (wording.family, wording.surface)
            if stated != told_in:
                raise ValueError(f"wording must be {' '.join(told_in)}, found {' '.join(stated)}")
            contract.check(proved)
            form = contract.form(proved)
            holder = owner.setdefault(form, split)
            require(holder == split, f"the same graph is in {holder}")
            if contract.twins and index % 2:
                _check_twins(twin, proved)
        twin = proved
        digest.update(canonical_row(example))
        count = number
    if count != entry["examples"]:
        raise VerificationError(f"{path.name} holds {count} examples, {MANIFEST} says {entry['examples']}")
    for what, found in (("rows_sha256", digest.hexdigest()), ("sha256", file_digest(path))):
        if found != entry[what]:
            raise VerificationError(
                f"{path.name} was changed: {what} is {found}, {MANIFEST} says {entry[what]}"
            )


def _check_twins(first: Proved | None, second: Proved) -> None:
    """The same premises and candidates in the same order, the other query entity, the other answer."""
    assert first is not None
    one, two = first.reading, second.reading
    require(one.premises == two.premises, "twins must have the same premises in the same order")
    require(one.candidates == two.candidates, "twins must have the same candidates in the same order")
    require(one.root != two.root, "twins must have different query entities")
    require(first.target == second.other, "twins must have different answers")
    require(len(first.chain) == len(second.chain), "twins must be equally deep")


@contextmanager
def _located(file: str, number: int, row: Mapping[str, Any]) -> Iterator[None]:
    """Turn a ValueError inside the block into a VerificationError that says where."""
    try:
        yield
    except ValueError as error:
        raise VerificationError(f"{file}:{number} {row.get('id', '')}: {error}".replace(" :", ":")) from None
