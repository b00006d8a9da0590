"""What is measured of one run: score, tokens, cost, stages. Each part is checked for consistency.

    {"n_correct": 492, "n": 500, "accuracy": 0.984, "interval": [0.969, 0.992]}
    {"language": 2.0, "thoughts": 2.0, "generated": 4.0, "forward_passes": 4.0}

Redundant values (an accuracy, its interval, a sum) are stored for readers of the file, and checked whenever a
part is built or read.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    SerializerFunctionWrapHandler,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_serializer,
    model_validator,
)

from .statistics import wilson

ROUNDING = 1e-9
MOST_PROBLEMS = 20
"""Of the problems of one record, how many a message names."""
UNKNOWN_KEY = "unknown key, which a newer version may know"

# Control characters, and marks that change the direction of what follows, reach a terminal as they are.
_UNSEEN = r"\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=rf"^[^\x00-\x1f{_UNSEEN}]+$")]
NAME_RULE = "1 to 200 characters, none of them a control character or a mark of writing direction"
Sentence = Annotated[
    str, StringConstraints(min_length=1, max_length=500, pattern=rf"^[^\x00-\x1f{_UNSEEN}]+$")
]
Lines = Annotated[str, StringConstraints(min_length=1, pattern=rf"^[^\x00-\x08\x0b-\x1f{_UNSEEN}]+$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Record(BaseModel):
    """Base of every part: no unknown keys, no type conversion, no NaN or infinity, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class Score(Record):
    """``n_correct`` of ``n``, as a fraction with its 95 % Wilson interval. Build one with `Score.of`."""

    n_correct: NonNegativeInt
    n: PositiveInt
    accuracy: Fraction
    interval: tuple[Fraction, Fraction]

    @classmethod
    def of(cls, n_correct: int, n: int) -> Score:
        """Build a score from counts.

        Args:
            n_correct: Number of right answers, in 0..n.
            n: Number of questions, at least 1.

        Returns:
            The score with its accuracy and interval.

        Raises:
            ValueError: For counts out of range.
        """
        low, high = wilson(n_correct, n)
        return cls(n_correct=n_correct, n=n, accuracy=n_correct / n, interval=(low, high))

    @property
    def counts(self) -> str:
        """The counts as text, ``492 of 500``."""
        return f"{self.n_correct} of {self.n}"

    @model_validator(mode="after")
    def _agrees_with_its_counts(self) -> Score:
        share, (low, high) = self.n_correct / self.n, wilson(self.n_correct, self.n)
        errors = self.accuracy - share, self.interval[0] - low, self.interval[1] - high
        if max(errors) > ROUNDING or min(errors) < -ROUNDING:
            expected, found = _digits((share, low, high)), _digits((self.accuracy, *self.interval))
            raise ValueError(f"accuracy and interval of {self.counts} must be {expected}, got {found}")
        return self


class Tokens(Record):
    """Means per question: language tokens written, continuous thoughts, their sum, and forward passes.

    The sum is the paper's count of generated tokens; a pause token in the prompt counts 0. Unknown counts (of
    answers made elsewhere) are None. Build with `Tokens.of`.
    """

    language: NonNegativeFloat | None
    thoughts: NonNegativeFloat | None
    generated: NonNegativeFloat | None
    forward_passes: NonNegativeFloat | None

    @classmethod
    def of(cls, language: float | None, thoughts: float | None, forward_passes: float | None) -> Tokens:
        """Build the counts and their sum; all are means per question, None where unknown.

        Args:
            language: Language tokens written.
            thoughts: Continuous thoughts.
            forward_passes: Forward passes.

        Returns:
            The counts.
        """
        total = None if language is None or thoughts is None else language + thoughts
        return cls(language=language, thoughts=thoughts, generated=total, forward_passes=forward_passes)

    @model_validator(mode="after")
    def _adds_up(self) -> Tokens:
        if self.language is None or self.thoughts is None:
            if self.generated is not None:
                raise ValueError(f"generated must be unknown without both its parts, got {self.generated}")
            return self
        total = self.language + self.thoughts
        if self.generated is None or abs(self.generated - total) > ROUNDING:
            raise ValueError(f"generated must be language + thoughts = {total}, got {self.generated}")
        return self


class Cost(Record):
    """Wall-clock seconds and peak memory in bytes (None where they were not measured)."""

    seconds: NonNegativeFloat | None
    peak_memory: NonNegativeInt | None = None


class Compute(Record):
    """Floating-point operations of training (counted from shapes), and parameters used when answering.

    ``training_flops`` is of the method's own training, ``base_flops`` of its base model's on premise recall,
    which all methods of a recipe share: 0 for an untrained one. What is unknown is None.
    """

    training_flops: NonNegativeInt | None = None
    base_flops: NonNegativeInt | None = None
    parameters: PositiveInt | None = None


class Stage(Record):
    """One stage of training: steps, epochs and seconds, its last loss, the validation accuracy at its end.

    ``tokens`` (questions, thoughts and targets, without padding) and ``flops`` are what it has read and
    computed, so that with its seconds a stage has its speed; not written where unknown.
    """

    stage: NonNegativeInt
    steps: NonNegativeInt
    epochs: NonNegativeFloat | None = None
    loss: float | None = None
    validation_accuracy: Fraction | None = None
    seconds: NonNegativeFloat | None = None
    tokens: NonNegativeInt | None = None
    flops: NonNegativeInt | None = None

    @model_serializer(mode="wrap")
    def _leave_out_unknown_work(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_missing(without_missing(write(self), "tokens", self.tokens), "flops", self.flops)


class Curve(Record):
    """The learning curve: each validation's stage, the optimizer steps before it, and its accuracy."""

    stages: list[NonNegativeInt]
    steps: list[NonNegativeInt]
    accuracy: list[Fraction]

    @model_validator(mode="after")
    def _is_one_point_a_validation(self) -> Curve:
        lengths = len(self.stages), len(self.steps), len(self.accuracy)
        if len(set(lengths)) > 1 or self.steps != sorted(self.steps):
            raise ValueError(f"stages, steps and accuracy must be equally long, in order, got {lengths}")
        return self

    def steps_to(self, accuracy: float) -> int | None:
        """Return the optimizer steps after which the last stage first validates at an accuracy.

        Args:
            accuracy: A fraction.

        Returns:
            Steps over all stages; None if it never does.
        """
        last = self.stages[-1] if self.stages else 0
        points = zip(self.stages, self.steps, self.accuracy, strict=True)
        return next((step for stage, step, found in points if stage == last and found >= accuracy), None)


class SideFile(Record):
    """The per-question predictions, in the folder ``predictions`` beside the leaderboard file."""

    file: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,150}\.jsonl\.gz$")]
    sha256: Sha256
    n: PositiveInt


class Answered(Record):
    """How the questions were answered: the last trained stage, and the thoughts or pauses before the answer.

    With ``classifier`` each question ends its own thoughts, and ``thoughts`` is the most it may have.
    """

    stage: NonNegativeInt
    thoughts: NonNegativeInt
    halting: Literal["constant", "classifier"]


def explain(error: ValidationError) -> str:
    """Describe a validation error in one line: every place, what is wrong, and the value found.

    Args:
        error: What pydantic raised.

    Returns:
        The problems, separated by semicolons.
    """
    problems, found = [], error.errors(include_url=False, include_context=False)
    for problem in found[:MOST_PROBLEMS]:
        # pydantic adds the kind of row to the path; it is not a key of the file.
        where = ".".join(str(part) for part in problem["loc"] if part not in ("measured", "quoted"))
        value = problem["input"]
        shown = f", got {_short(repr(value))}" if isinstance(value, (str, int, float, type(None))) else ""
        is_known = problem["type"] != "extra_forbidden"
        message = problem["msg"].removeprefix("Value error, ") if is_known else UNKNOWN_KEY
        problems.append(f"{where or 'the whole record'}: {message}{shown}")
    more = len(found) - len(problems)
    return "; ".join([*problems, *([f"and {more} more"] if more else [])])


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"


def _digits(numbers: tuple[float, ...]) -> str:
    return " ".join(f"{number:.6f}" for number in numbers)


class Controls(Record):
    """What the command ``controls`` says of the thoughts of some seeds, on ``n`` questions each.

    ``removed`` counts the questions of all these seeds, those with two candidates, that are right when the
    answer must be given at once, without thoughts. None, and not written, where there is no such control.
    """

    verdict: Sentence
    seeds: Annotated[list[NonNegativeInt], Field(min_length=1)]
    n: PositiveInt
    removed: Score | None = None

    @model_serializer(mode="wrap")
    def _leave_out_missing_removed(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_missing(write(self), "removed", self.removed)


def without_missing(data: dict[str, Any], name: str, value: object) -> dict[str, Any]:
    """Leave out of what is written of a record a field that later versions have added, where it is None.

    Args:
        data: What would be written.
        name: The field.
        value: Its value.
    """
    return {key: found for key, found in data.items() if value is not None or key != name}


def check_name(what: str, value: str) -> None:
    """Check a name before anything is written under it.

    Args:
        what: What it is the name of, for the message.
        value: The name.

    Raises:
        ValueError: It cannot stand in a row.
    """
    try:
        TypeAdapter(Name).validate_python(value)
    except ValueError:
        raise ValueError(f"{what} must have {NAME_RULE}, got {value!r}") from None


class Source(Record):
    """Where a quoted number is printed, and what the paper says about it."""

    citation: Name
    url: Name
    table: Name
    note: Name | None = None
