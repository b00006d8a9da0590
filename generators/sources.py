"""Questions from elsewhere: three files of a known form, a generated folder, or GSM8k-Aug from the Hub.

train.json,valid.json,test.json      the published JSON list; jsonl and parquet as well
train.txt,valid.txt,test.txt         GSM8k-Aug's own lines, see `gsm8k`
data/prosqa                          a folder made by ``coconut-bench generate``
gsm8k-aug                            from the Hub
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import gsm8k
from .datasets import DATASETS
from .example import Example, canonical_row
from .files import FORMATS, MANIFEST, read_examples
from .seeding import SPLITS

SUFFIXES = (".txt", *(row.suffix for row in FORMATS.values()))


@dataclass(frozen=True)
class Source:
    """The three splits of a dataset that was not made for this run.

    ``version`` begins the SHA-256 of all rows, so that other content is another version. ``shared`` counts
    the held-out questions that are training questions as well, which augmented data may have. ``revision`` is
    the commit or tag asked for on the Hub.
    """

    name: str
    version: str
    surface: str
    train: Sequence[Example]
    valid: Sequence[Example]
    test: Sequence[Example]
    shared: int = 0
    revision: str | None = None


def is_source(text: str) -> bool:
    """Whether ``text`` names a source rather than a row of the table of datasets."""
    if text in DATASETS:
        return False
    return text == gsm8k.NAME or "," in text or Path(text).suffix in SUFFIXES or Path(text).exists()


def load_source(text: str, *, revision: str | None = None) -> Source:
    """The source that ``text`` names.

    Raises ValueError for a number of files other than three, an unknown form, a bad record or an empty split,
    OSError for what is not there; each in one line.
    """
    if text == gsm8k.NAME:
        splits = [list(gsm8k.read_hub(split, revision)) for split in SPLITS]
        return _checked(gsm8k.NAME, "natural", splits, SPLITS, revision)
    paths = [Path(part.strip()) for part in text.split(",")]
    if len(paths) == 1 and (paths[0].is_dir() or not paths[0].suffix):
        paths = _folder_files(paths[0])
    if len(paths) != 3:
        raise ValueError(
            f"a dataset of files must be train,valid,test: 3 of them, got {len(paths)} in {text!r}"
        )
    if len(set(paths)) < 3:
        raise ValueError(f"train, valid and test must be different files, got {text!r}")
    splits = [list(_read(path)) for path in paths]
    name = paths[0].resolve().parent.name if len({path.parent for path in paths}) == 1 else paths[0].stem
    surface = "symbolic" if _is_symbolic(splits[2]) else "natural"
    return _checked(name, surface, splits, [path.name for path in paths], None)


def _folder_files(folder: Path) -> list[Path]:
    """The files of a generated folder, in the order of the splits."""
    if not (folder / MANIFEST).is_file():
        raise FileNotFoundError(f"{folder} has no {MANIFEST}: it must be made by `coconut-bench generate`")
    found = [path for split in SPLITS for path in sorted(folder.glob(f"{split}.*"))]
    if len(found) != len(SPLITS):
        raise ValueError(f"{folder} must hold one file for each of {', '.join(SPLITS)}, got {len(found)}")
    return found


def _read(path: Path) -> Iterable[Example]:
    if path.suffix != ".txt":
        return read_examples(path)
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    return gsm8k.read_text(path)


def _checked(
    name: str, surface: str, splits: Sequence[list[Example]], names: Sequence[str], revision: str | None
) -> Source:
    """The source, once each split has a question."""
    for split, label in zip(splits, names, strict=True):
        if not split:
            raise ValueError(f"{label} must hold at least 1 example, got an empty split")
    train, valid, test = splits
    known = {example.question for example in train}
    shared = sum(example.question in known for example in (*valid, *test))
    digest = hashlib.sha256()
    for split in splits:
        digest.update(b"".join(map(canonical_row, split)))
    return Source(name, digest.hexdigest()[:12], surface, train, valid, test, shared, revision)


def _is_symbolic(split: Sequence[Example]) -> bool:
    """Whether the wording is that of `surfaces.symbolic`: ids, full stops and direction marks."""
    words = {word for example in split[:20] for word in example.question.split()}
    return all(word.isdigit() or word in {".", ">", "<"} for word in words)
