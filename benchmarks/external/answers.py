"""Answers that were written elsewhere, scored as the leaderboard scores.

    {"id": "prosqa-tiny/1.0.0/symbolic/test/0/0", "text": "10 5 . 5 3 . ### 3"}       (one line in the file)
    {"id": "prosqa-tiny/1.0.0/symbolic/test/0/1", "text": "### 8", "tokens": 2, "thoughts": 4}

Nothing is invented: a count that any answer lacks is None in the row, as are recipe, costs and machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pydantic import NonNegativeInt, ValidationError

from ...generators.answers import is_right, read_answer
from ...generators.audit.report import shortcut_status
from ...generators.example import Example
from ...leaderboard.measures import Cost, Name, Record, explain
from ...leaderboard.predictions import LONGEST_LINE, Prediction, summarize, write_predictions
from ...leaderboard.provenance import DISTRIBUTION, provenance
from ...leaderboard.result import Base, Environment, Provenance, Recipe, Result, SeedResult
from ..run.data import RunData

EXTERNAL = "external"
UNKNOWN = "unknown"


class Answer(Record):
    """One line of a file of answers.

    Attributes:
        id: Id of the question.
        text: What was written; the answer is the text after the last ``###``, or all of it.
        thoughts: Continuous thoughts; None if unknown.
        tokens: Language tokens written; None if unknown.
    """

    id: Name
    text: str
    thoughts: NonNegativeInt | None = None
    tokens: NonNegativeInt | None = None


def read_answers(path: Path) -> list[Answer]:
    """Read a file of answers.

    Args:
        path: JSON lines.

    Returns:
        The answers, in the order of the file.

    Raises:
        ValueError: A line is no answer; names the line.
        OSError: The file cannot be read.
    """
    answers = []
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), start=1):
            if len(line) == LONGEST_LINE:
                raise ValueError(f"{path}, line {number}: must be shorter than {LONGEST_LINE} bytes")
            if not line.strip():
                continue
            try:
                answers.append(Answer.model_validate_json(line))
            except ValidationError as error:
                if error.errors()[0]["type"] == "json_invalid":
                    raise ValueError(f"{path}, line {number}: must be one JSON object a line") from None
                raise ValueError(f"{path}, line {number}: {explain(error)}") from None
    return answers


def score_answers(path: Path, data: RunData, *, method: str, model: str, seed: int, folder: Path) -> Result:
    """Score a file of answers to the test questions of a dataset.

    Args:
        path: JSON lines, one `Answer` a line.
        data: Data with the test questions.
        method: How the answers were made, for the leaderboard.
        model: What made them.
        seed: Number of this file among those of the same method and model.
        folder: Folder to write the predictions to.

    Returns:
        A row of the kind ``external``.

    Raises:
        ValueError: A line is no answer, or the ids are not those of the questions, each once.
        OSError: The file cannot be read, or ``folder`` cannot be written.
    """
    answers = read_answers(path)
    _check_ids(path, [answer.id for answer in answers], {example.id for example in data.test})
    by_id = {answer.id: answer for answer in answers}
    predictions = [_prediction(example, by_id[example.id]) for example in data.test]
    entry = SeedResult(
        seed=seed,
        **summarize(predictions)._asdict(),
        training=Cost(seconds=None),
        inference=Cost(seconds=None),
        stages=[],
        checkpoint_rule=UNKNOWN,
        predictions=write_predictions(predictions, folder),
        provenance=_provenance(),
    )
    return Result(
        kind="external",
        dataset=data.record,
        method=method,
        recipe=Recipe(name=EXTERNAL, hash=None),
        base_model=Base(name=model, parameters=None),
        quick=False,
        seeds=[entry],
    )


def _check_ids(path: Path, given: Sequence[str], asked: Collection[str]) -> None:
    """Raise ValueError unless each question has one answer."""
    counts = Counter(given)
    problems: Mapping[str, list[str]] = {
        "given more than once": [name for name, count in counts.items() if count > 1],
        "no question of the test split": [name for name in counts if name not in asked],
        "missing": sorted(asked - counts.keys()),
    }
    lines = [f"{len(found)} ids are {what}, such as {found[0]}" for what, found in problems.items() if found]
    if lines:
        raise ValueError(f"{path}: must answer each of the {len(asked)} questions once: {'; '.join(lines)}")


def _prediction(example: Example, answer: Answer) -> Prediction:
    written, expected = read_answer(answer.text), read_answer(example.answer)
    return Prediction(
        id=example.id,
        prediction=written,
        answer=expected,
        correct=is_right(written, expected),
        language_tokens=answer.tokens,
        thoughts=answer.thoughts,
        forward_passes=None,
        hops=example.hops,
        twin=None if example.twin is None else min(example.id, example.twin),
        shortcut=None if example.graph is None else shortcut_status(example),
    )


def _provenance() -> Provenance:
    """Where the score comes from; the machine that answered is unknown."""
    scored = provenance(device=UNKNOWN, hardware=UNKNOWN)
    here = scored.environment
    unknown = Environment(
        python=UNKNOWN,
        packages={DISTRIBUTION: here.packages[DISTRIBUTION]} if DISTRIBUTION in here.packages else {},
        platform=UNKNOWN,
        hardware=UNKNOWN,
        device=UNKNOWN,
        threads=None,
    )
    return scored.model_copy(update={"environment": unknown})
