"""The file formats of a dataset: rows to bytes and back.

jsonl      canonical rows: sorted keys, no spaces, one a line; the file's sha256 is that of its rows
parquet    the same columns; row groups of a fixed size, so the number of workers does not change the bytes
published  one JSON list, a record a line, fields named and ordered as in the published files, which the
           paper's code reads; `original` has two more forms of JSON that are only read
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

from ..example import GRAPH_FIELDS, Example, canonical_row
from ..lookup import pick
from ..reading import read_json
from .manifest import check_listed, is_generated, read_manifest
from .original import records

Row = dict[str, Any]
HUB_SPLITS = {"train": "train", "valid": "validation", "test": "test"}
"""Our name of a split -> its name in datasets of the Hub."""


class Sink(Protocol):
    """An open file that takes encoded blocks of rows, in order."""

    def append(self, block: bytes) -> None:
        """Write the encoded ``block``."""

    def close(self) -> None:
        """Finish the file and close it."""


class Format(NamedTuple):
    """A row of `FORMATS`.

    Attributes:
        suffix: Suffix of its files.
        encode: Encodes a block of examples; runs in the workers.
        sink: Writes encoded blocks to an open file; runs in the main process.
        read: Yields (number from 1, record) of a file.
    """

    suffix: str
    encode: Callable[[Sequence[Example]], bytes]
    sink: Callable[[IO[bytes]], Sink]
    read: Callable[[Path], Iterator[tuple[int, Any]]]


class _Lines:
    """Append blocks as they are."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def append(self, block: bytes) -> None:
        self.file.write(block)

    def close(self) -> None:
        self.file.close()


class _List(_Lines):
    """Add the brackets and commas of a JSON list around blocks."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.before = b"["

    def append(self, block: bytes) -> None:
        self.file.write(self.before + block)
        self.before = b",\n"

    def close(self) -> None:
        self.file.write(b"]\n" if self.before != b"[" else b"[]\n")
        self.file.close()


def _arrow() -> Any:
    """Import pyarrow only where parquet is used; it has no types."""
    import pyarrow.ipc  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    return pyarrow


class _Parquet:
    """Write every block, an Arrow stream, as one row group."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.writer = _arrow().parquet.ParquetWriter(file, _schema(), compression="zstd")

    def append(self, block: bytes) -> None:
        with _arrow().ipc.open_stream(block) as stream:
            self.writer.write_table(stream.read_all())

    def close(self) -> None:
        self.writer.close()
        self.file.close()


def encode_jsonl(examples: Sequence[Example]) -> bytes:
    """Return canonical rows, concatenated.

    Args:
        examples: The examples.
    """
    return b"".join(map(canonical_row, examples))


def _encode_published(examples: Sequence[Example]) -> bytes:
    names = ("question", "answer", "steps", *GRAPH_FIELDS)
    rows = (example.to_json() for example in examples)
    return ",\n".join(json.dumps({name: row[name] for name in names if name in row}) for row in rows).encode()


def _encode_parquet(examples: Sequence[Example]) -> bytes:
    sink = io.BytesIO()
    schema = _schema()
    table = _arrow().Table.from_pylist([example.to_json() for example in examples], schema=schema)
    with _arrow().ipc.new_stream(sink, schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


def _schema() -> Any:
    """Return the Arrow schema of an example."""
    pa = _arrow()
    texts, pairs = pa.list_(pa.string()), pa.list_(pa.list_(pa.int32()))
    columns = {
        "id": pa.string(), "question": pa.string(), "steps": texts, "answer": pa.string(),
        "hops": pa.int32(), "twin": pa.string(), "idx_to_symbol": texts, "edges": pairs,
        "root": pa.int32(), "target": pa.int32(), "neg_target": pa.int32(),
    }  # fmt: skip
    return pa.schema(list(columns.items()))


def _read_jsonl(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            yield number, read_json(line, f"{path.name}:{number}")


def _read_published(path: Path) -> Iterator[tuple[int, Any]]:
    content = read_json(path.read_bytes(), path.name)
    try:
        rows = records(content)
    except ValueError as error:
        raise ValueError(f"{path.name}:{error}") from None
    if not isinstance(rows, list):
        raise ValueError(f"{path.name} must hold a JSON list, got {type(rows).__name__}")
    yield from enumerate(rows, start=1)


def _read_parquet(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        with _arrow().parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (_arrow().ArrowException, OSError, ValueError) as error:  # any of them for damaged bytes
        raise ValueError(f"{path.name} is not a complete parquet file: {error}") from None


FORMATS: Mapping[str, Format] = {
    "jsonl": Format(".jsonl", encode_jsonl, _Lines, _read_jsonl),
    "parquet": Format(".parquet", _encode_parquet, _Parquet, _read_parquet),
    "published": Format(".json", _encode_published, _List, _read_published),
}


def get_format(name: str) -> Format:
    """Return a row of `FORMATS`.

    Args:
        name: Its name.

    Raises:
        ValueError: Unknown name; the message suggests the nearest.
    """
    return pick(FORMATS, name, "format")


def read_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Read a data file of any format, recognized by its suffix.

    Args:
        path: The file.

    Yields:
        The number of each record, counted from 1, and the record.

    Raises:
        ValueError: Unknown suffix or invalid content (with file and line).
        OSError: The file is missing.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    by_suffix = {row.suffix: row for row in FORMATS.values()}
    for number, row in pick(by_suffix, path.suffix, "suffix of a data file").read(path):
        if not isinstance(row, dict):
            raise ValueError(f"{path.name}:{number} must be a JSON object, got {type(row).__name__}")
        yield number, row


def read_examples(path: str | Path, prefix: str | None = None) -> Iterator[Example]:
    """Read the examples of a data file of any format; one that `generate` wrote must be unchanged.

    Args:
        path: The file.
        prefix: Records without an id get ``<prefix>/<index from 0>``; None for the file's stem.

    Yields:
        The examples in order.

    Raises:
        ValueError: Unknown suffix, invalid content (with file and line), or a file that differs from the
            manifest beside it.
        OSError: The file is missing.
    """
    path = Path(path)
    if is_generated(path.parent):
        check_listed(path, read_manifest(path.parent))
    prefix = path.stem if prefix is None else prefix
    for number, row in read_rows(path):
        try:
            yield Example.from_json(row, default_id=f"{prefix}/{number - 1}")
        except ValueError as error:
            raise ValueError(f"{path.name}:{number} {error}") from None
