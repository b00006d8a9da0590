"""Datasets from elsewhere: three files of a known format, a generated folder, or GSM8k-Aug from the Hub.

train.json,valid.json,test.json      the published JSON list; also jsonl, parquet and the forms of `original`
train.txt,valid.txt,test.txt         GSM8k-Aug's text lines, see `gsm8k`
data/prosqa                          a folder written by ``coconut-bench generate``
gsm8k-aug                            from the Hub
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..datasets import DATASETS
from ..example import SPLITS, Example, rows_hash
from ..wordings.table import PLAIN, surface_like
from . import gsm8k
from .folder import read_split
from .formats import FORMATS, read_examples
from .manifest import MANIFEST, read_manifest

SUFFIXES = (".txt", *(row.suffix for row in FORMATS.values()))


@dataclass(frozen=True)
class Source:
    """The three splits of a dataset that is loaded, not sampled.

    Attributes:
        name: Name of the dataset.
        version: That of the dataset for a generated folder; else the first 12 digits of the SHA-256 of all
            rows, so other content is another version.
        surface: natural or symbolic.
        description: Where the data come from.
        train: Training examples.
        valid: Validation examples.
        test: Test examples.
        content_hashes: Split -> SHA-256 of its canonical rows.
        shared: Number of held-out questions that are also training questions (augmented data may have some).
        revision: Requested commit or tag on the Hub.
    """

    name: str
    version: str
    surface: str
    description: str
    train: Sequence[Example]
    valid: Sequence[Example]
    test: Sequence[Example]
    content_hashes: Mapping[str, str]
    shared: int = 0
    revision: str | None = None


def is_source(text: str) -> bool:
    """Return whether a text names a source rather than a row of the table of datasets.

    Args:
        text: Name, path or three paths.
    """
    if text in DATASETS:
        return False
    return text == gsm8k.NAME or "," in text or Path(text).suffix in SUFFIXES or Path(text).exists()


def load_source(text: str, *, revision: str | None = None) -> Source:
    """Load a source.

    Args:
        text: Three files (train,valid,test), a generated folder, or gsm8k-aug.
        revision: Commit or tag on the Hub; for gsm8k-aug only.

    Returns:
        The source with all examples in memory.

    Raises:
        ValueError: Not three files of one known format, an invalid or repeated record, or an empty split.
        OSError: A file or folder is missing, or the Hub cannot be reached.
    """
    if text == gsm8k.NAME:
        splits = [list(gsm8k.read_hub(split, revision)) for split in SPLITS]
        described = f"GSM8k-Aug, {gsm8k.HUB_REPOSITORY} on the Hub"
        return _source(gsm8k.NAME, None, PLAIN, described, splits, SPLITS, revision)
    if revision is not None:
        raise ValueError(f"revision must be left out for files, which have none, got {revision!r}")
    paths = [Path(part.strip()) for part in text.split(",")]
    if len(paths) == 1 and (paths[0].is_dir() or not paths[0].suffix):
        return _from_folder(paths[0])
    return _from_files(paths, text)


def _from_folder(folder: Path) -> Source:
    """Load a generated folder under the name and version of its dataset."""
    if not (folder / MANIFEST).is_file():
        raise FileNotFoundError(f"{folder} has no {MANIFEST}: it must be made by `coconut-bench generate`")
    manifest = read_manifest(folder)
    missing = [split for split in SPLITS if split not in manifest["splits"]]
    if missing:
        raise ValueError(f"{folder} must hold {', '.join(SPLITS)}, it lacks {', '.join(missing)}")
    splits = [read_split(folder, manifest, split) for split in SPLITS]
    dataset, surface = manifest["dataset"], manifest["config"]["surface"]
    return _source(dataset["name"], dataset["version"], surface, dataset["description"], splits, SPLITS)


def check_source(text: str) -> None:
    """Check that the files of a source are there, without reading them.

    Args:
        text: See `load_source`.

    Raises:
        ValueError: Not three different files of one form.
        OSError: One is missing.
    """
    paths = [Path(part.strip()) for part in text.split(",")]
    if text == gsm8k.NAME or (len(paths) == 1 and (paths[0].is_dir() or not paths[0].suffix)):
        return
    _check_files(paths, text)
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"no such file: {path}")


def _check_files(paths: Sequence[Path], text: str) -> None:
    if len(paths) != len(SPLITS):
        raise ValueError(
            f"a dataset of files must be train,valid,test: 3 of them, got {len(paths)} in {text!r}"
        )
    if len({path.resolve() for path in paths}) < len(paths):
        raise ValueError(f"train, valid and test must be different files, got {text!r}")
    suffixes = list(dict.fromkeys(path.suffix or "none" for path in paths))
    if len(suffixes) > 1:
        raise ValueError(f"train, valid and test must be of one form, got {' and '.join(suffixes)}")


def _from_files(paths: Sequence[Path], text: str) -> Source:
    """Load three files, named after the first one (``gsm_train``) or its folder (``gsm/train``)."""
    _check_files(paths, text)
    splits = [list(_read(path, split)) for path, split in zip(paths, SPLITS, strict=True)]
    name = paths[0].stem.replace("train", "").strip("_-. ") or paths[0].resolve().parent.name
    described = "files " + ", ".join(path.name for path in paths)
    surface = surface_like(example.question for example in splits[2][:20])
    return _source(name or "files", None, surface, described, splits, [path.name for path in paths])


def _read(path: Path, split: str) -> Iterable[Example]:
    """Read a file; ids that are missing are made from the split, so a renamed file has the same content."""
    if path.suffix != ".txt":
        return read_examples(path, prefix=split)
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    return gsm8k.read_text(path, split)


def _source(
    name: str,
    version: str | None,
    surface: str,
    description: str,
    splits: Sequence[list[Example]],
    labels: Sequence[str],
    revision: str | None = None,
) -> Source:
    """Make the source, once no split is empty and ids are unique; ``labels`` are for messages."""
    for split, label in zip(splits, labels, strict=True):
        if not split:
            raise ValueError(f"{label} must hold at least 1 example, got an empty split")
        [(most_frequent, times)] = Counter(example.id for example in split).most_common(1)
        if times > 1:
            raise ValueError(f"{label} must give every record an id of its own, got {most_frequent!r} twice")
    train, valid, test = splits
    asked = {_canonical(example) for example in train}
    shared = sum(_canonical(example) in asked for example in (*valid, *test))
    hashes, whole = {}, hashlib.sha256()
    for split_name, split in zip(SPLITS, splits, strict=True):
        hashes[split_name] = rows_hash(split)
        whole.update(bytes.fromhex(hashes[split_name]))
    version = version or whole.hexdigest()[:12]
    return Source(name, version, surface, description, train, valid, test, hashes, shared, revision)


def _canonical(example: Example) -> str:
    """Return the question with white space normalized."""
    return " ".join(example.question.split())
