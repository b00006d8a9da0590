"""Per-question predictions: one line a question in a compressed file beside the leaderboard.

    {"answer": "7", "correct": true, "forward_passes": 4, "hops": 2, "id": "test-17", "language_tokens": 2,
     "prediction": "7", "shortcut": null, "thoughts": 2, "twin": "test-8"}        (one line in the file)

The file is gzip without a time stamp, its name begins with its own sha256: the same predictions give the same
file, and two files never share a name. `summarize` is the only place where scores are computed from
predictions; what is filed and what is checked later cannot differ.
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
from ..generators.files import write_whole
from .measures import Name, Record, Score, Tokens, explain
from .result import Shortcut, SideFile

NAME_DIGITS = 16
LONGEST_LINE = 1 << 20

Key = TypeVar("Key", int, Shortcut)


class Prediction(Record):
    """What was answered to one question, and what it took.

    ``id`` names the question within its split; ``twin`` is shared by the two questions of a pair, and by no
    other. ``correct`` must be what `generators.answers.is_right` says of ``prediction`` and ``answer``.
    """

    id: Name
    prediction: str
    answer: str
    correct: bool
    language_tokens: NonNegativeInt
    thoughts: NonNegativeInt
    forward_passes: NonNegativeInt
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
    """Scores and mean counts of the predictions of one run.

    A split by hops or by shortcut is None unless every question says its own; ``twins`` is None without
    pairs. ValueError for no predictions, an id used twice, or a twin that is not shared by exactly two.
    """
    n = len(predictions)
    if n == 0:
        raise ValueError("predictions must be at least 1, got 0")
    ids = {prediction.id for prediction in predictions}
    if len(ids) < n:
        raise ValueError(f"predictions must have distinct ids, got {len(ids)} ids of {n}")
    # Integers are added before the division: the means do not depend on the order.
    language, thoughts, passes = (
        sum(getattr(prediction, name) for prediction in predictions) / n
        for name in ("language_tokens", "thoughts", "forward_passes")
    )
    return Summary(
        test=_score([prediction.correct for prediction in predictions]),
        by_hops=_split((prediction.hops, prediction.correct) for prediction in predictions),
        by_shortcut=_split((prediction.shortcut, prediction.correct) for prediction in predictions),
        twins=_twins(predictions),
        tokens=Tokens.of(language, thoughts, passes),
    )


def write_predictions(predictions: Sequence[Prediction], folder: Path | str) -> SideFile:
    """Writes the predictions, in their order, into ``folder`` (made if missing); returns their record."""
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


def read_predictions(record: SideFile, folder: Path | str) -> list[Prediction]:
    """The predictions that ``record`` names, from ``folder``.

    ValueError, with the file and the line, where the checksum or the count is another one or a line is not a
    prediction; FileNotFoundError where the file is missing.
    """
    path = Path(folder) / record.file
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != record.sha256:
        raise ValueError(f"{path}: sha256 must be {record.sha256}, got {digest}")
    predictions = []
    for number, line in enumerate(_lines(content, path), start=1):
        try:
            predictions.append(Prediction.model_validate_json(line))
        except ValidationError as error:
            raise ValueError(f"{path}, line {number}: {explain(error)}") from None
    if len(predictions) != record.n:
        raise ValueError(f"{path}: must hold {record.n} predictions, got {len(predictions)}")
    return predictions


def _lines(content: bytes, path: Path) -> Iterator[bytes]:
    """The lines of packed content; a file from elsewhere must not fill the memory with a single line."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
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
