"""Per-question predictions: one line per question in a compressed file beside the leaderboard.

    {"answer": "7", "correct": true, "forward_passes": 4, "hops": 2, "id": "test-17", "language_tokens": 2,
     "prediction": "7", "shortcut": null, "thoughts": 2, "twin": "test-8"}        (one line in the file)

The file is gzip without a time stamp, and its name begins with its sha256: equal predictions give the same
file, and two files never share a name. `summarize` is the only place where scores are computed from
predictions, so what is recorded and what is checked later cannot differ.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import NonNegativeInt, ValidationError, model_validator

from ..generators.answers import is_right
from ..generators.files import file_digest, write_whole
from .measures import Name, Record, Score, SideFile, Tokens, explain
from .result import SeedResult, Shortcut

Folders = Path | str | tuple[Path, ...]
"""The folder of the predictions files, or those of several leaderboard files."""
NAME_DIGITS = 16
LONGEST_LINE = 1 << 16

Key = TypeVar("Key", int, Shortcut)


class Prediction(Record):
    """The answer to one question, and its cost.

    Attributes:
        id: Names the question within its split.
        prediction: The model's answer.
        answer: The right answer.
        correct: What `generators.answers.is_right` says of the two.
        language_tokens: Language tokens written; None where unknown, as the next two.
        thoughts: Continuous thoughts.
        forward_passes: Forward passes.
        hops: Hops of the question, where known.
        twin: Shared by the two questions of a contrast pair (same premises, other query entity, other
            answer), and by no other.
        shortcut: Whether the dataset's shortcut is right, silent or wrong on the question, where known.
    """

    id: Name
    prediction: str
    answer: str
    correct: bool
    language_tokens: NonNegativeInt | None
    thoughts: NonNegativeInt | None
    forward_passes: NonNegativeInt | None
    hops: NonNegativeInt | None = None
    twin: Name | None = None
    shortcut: Shortcut | None = None

    @model_validator(mode="after")
    def _is_scored_by_exact_match(self) -> Prediction:
        if self.correct != is_right(self.prediction, self.answer):
            answers = f"{self.prediction!r} and {self.answer!r}"
            raise ValueError(f"{self.id}: correct must be the match of {answers}, got {self.correct}")
        return self


class Summary(NamedTuple):
    """The fields of a `SeedResult` that follow from its predictions."""

    test: Score
    by_hops: dict[int, Score] | None
    by_shortcut: dict[Shortcut, Score] | None
    twins: Score | None
    tokens: Tokens


def summarize(predictions: Sequence[Prediction]) -> Summary:
    """Compute scores and mean counts of one run.

    Args:
        predictions: At least one prediction; ids are distinct.

    Returns:
        The summary. Scores by hops or shortcut are None unless every question has the value; ``twins`` is
        None without pairs.

    Raises:
        ValueError: For no predictions, an id used twice, or a twin that is not shared by exactly two.
    """
    n = len(predictions)
    if n == 0:
        raise ValueError("predictions must be at least 1, got 0")
    ids = {prediction.id for prediction in predictions}
    if len(ids) < n:
        raise ValueError(f"predictions must have distinct ids, got {len(ids)} ids of {n}")
    # Integers are added before the division: the means do not depend on the order.
    language, thoughts, passes = (
        None if None in counts else sum(counts) / n
        for counts in (
            [getattr(prediction, name) for prediction in predictions]
            for name in ("language_tokens", "thoughts", "forward_passes")
        )
    )
    return Summary(
        test=_score([prediction.correct for prediction in predictions]),
        by_hops=_split((prediction.hops, prediction.correct) for prediction in predictions),
        by_shortcut=_split((prediction.shortcut, prediction.correct) for prediction in predictions),
        twins=_twins(predictions),
        tokens=Tokens.of(language, thoughts, passes),
    )


def write_predictions(predictions: Sequence[Prediction], folder: Path | str) -> SideFile:
    """Write predictions, in their order, to a file named by its hash.

    Args:
        predictions: The predictions.
        folder: The folder to write to, created if missing.

    Returns:
        The record of the file.
    """
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as file:
        for prediction in predictions:
            line = json.dumps(prediction.model_dump(), sort_keys=True, ensure_ascii=False)
            file.write(line.encode() + b"\n")
    content = packed.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    record = SideFile(file=f"{digest[:NAME_DIGITS]}.jsonl.gz", sha256=digest, n=len(predictions))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / record.file, content)
    return record


def read_predictions(record: SideFile, folders: Folders) -> list[Prediction]:
    """Read and check a predictions file.

    Args:
        record: The record of the file.
        folders: The folder of the file, or several: the first one that has it counts.

    Returns:
        The predictions, in the order of the file.

    Raises:
        ValueError: For a wrong checksum or count, or a line that is not a prediction; with file and line.
        FileNotFoundError: Where the file is missing.
    """
    paths = [Path(one) / record.file for one in (folders if isinstance(folders, tuple) else (folders,))]
    path = next(filter(Path.is_file, paths), paths[0])
    digest = file_digest(path)
    if digest != record.sha256:
        raise ValueError(f"{path}: sha256 must be {record.sha256}, got {digest}")
    found: dict[str, Prediction] = {}
    for number, line in enumerate(_lines(path), start=1):
        # Told at the first line too many: a small foreign file can unpack to gigabytes.
        if number > record.n:
            raise ValueError(f"{path}: must hold {record.n} predictions, got more")
        try:
            one = Prediction.model_validate_json(line)
        except ValidationError as error:
            raise ValueError(f"{path}, line {number}: {explain(error)}") from None
        if found.setdefault(one.id, one) is not one:
            raise ValueError(f"{path}, line {number}: id must be distinct, got {one.id!r} again")
    if len(found) != record.n:
        raise ValueError(f"{path}: must hold {record.n} predictions, got {len(found)}")
    return list(found.values())


def mismatches(predictions: Sequence[Prediction], entry: SeedResult) -> Iterator[str]:
    """Compare the numbers of a seed with what its predictions give.

    Args:
        predictions: The predictions.
        entry: The seed's entry.

    Yields:
        One line per field that differs.

    Raises:
        ValueError: As `summarize` does.
    """
    for field, recomputed in summarize(predictions)._asdict().items():
        recorded = getattr(entry, field)
        if recorded != recomputed:
            yield f"{field} must be {_shown(recomputed)} by its predictions, got {_shown(recorded)}"


def _shown(value: object) -> str:
    return " ".join(str(value).split())


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a packed file; one endless line in a foreign file must not fill the memory."""
    try:
        with gzip.open(path) as file:
            while line := file.readline(LONGEST_LINE):
                if len(line) == LONGEST_LINE:
                    raise ValueError(f"{path}: a line must be shorter than {LONGEST_LINE} bytes")
                yield line
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: must be a whole gzip file, got {error}") from None


def _score(correct: Sequence[bool]) -> Score:
    return Score.of(sum(correct), len(correct))


def _split(answers: Iterable[tuple[Key | None, bool]]) -> dict[Key, Score] | None:
    groups: dict[Key, list[bool]] = defaultdict(list)
    for key, correct in answers:
        if key is None:
            return None
        groups[key].append(correct)
    return {key: _score(groups[key]) for key in sorted(groups)}


def _twins(predictions: Sequence[Prediction]) -> Score | None:
    pairs: dict[str, list[bool]] = defaultdict(list)
    for prediction in predictions:
        if prediction.twin is not None:
            pairs[prediction.twin].append(prediction.correct)
    for twin, answers in pairs.items():
        if len(answers) != 2:
            raise ValueError(f"twin {twin} must be shared by 2 questions, got {len(answers)}")
    return _score([all(answers) for answers in pairs.values()]) if pairs else None
