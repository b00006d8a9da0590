"""Training curves of runs, finished or not, from their directories.

    {"stage": 1, "step": 100, "global_step": 900, "loss": 0.41, "valid": 0.52, "losses": [[820, 0.46], …]}

is a line of log.jsonl, a validation; ``losses`` are the mean losses of every 20 steps since the one before.

Runs of one method and recipe that differ in their seed are one group.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...coconut.methods import METHODS
from ...generators.files import read_if_sealed
from ...generators.reading import read_json
from ...leaderboard.measures import Score
from ..run.saved import load_result


class Point(NamedTuple):
    """One validation.

    Attributes:
        stage: Stage of the curriculum.
        step: Optimizer steps before it, over all stages.
        loss: Training loss, if kept.
        accuracy: Validation accuracy.
        losses: Optimizer steps and training loss of single parts since the validation before, if kept.
    """

    stage: int
    step: int
    loss: float | None
    accuracy: float
    losses: tuple[tuple[int, float], ...] = ()


class Training(NamedTuple):
    """How one run learned.

    Attributes:
        group: Method and recipe, for people; the directory's name while the run is unfinished.
        points: Its validations in order.
        by_hops: Hops → score on the test split, empty while the run is unfinished.
    """

    group: str
    points: list[Point]
    by_hops: dict[int, Score]

    @property
    def losses(self) -> list[tuple[int, float]]:
        """Optimizer steps and training loss: of every few steps, or of each validation in older logs."""
        fine = [pair for point in self.points for pair in point.losses]
        return fine or [(point.step, point.loss) for point in self.points if point.loss is not None]


class Band(NamedTuple):
    """A group at the steps that all of its runs have: mean, lowest and highest value."""

    steps: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]


def read_training(folder: Path) -> Training:
    """Read how a run learned.

    Args:
        folder: Directory of the run.

    Returns:
        Its curve, from ``log.jsonl`` or else from ``result.json``.

    Raises:
        ValueError: A file is damaged.
        OSError: The directory has neither of the two.
    """
    path, log = folder / "result.json", folder / "log.jsonl"
    if not path.is_file() and not log.is_file():
        raise FileNotFoundError(f"{folder} must be a run's directory, with log.jsonl or result.json")
    group, by_hops, points = folder.name, {}, []
    if path.is_file():
        result = load_result(path)
        [entry] = result.seeds
        title = METHODS[result.method].title.removeprefix("– ") if result.method in METHODS else result.method
        group, by_hops = f"{title}, {result.recipe.name}", entry.by_hops or {}
        if entry.curve is not None:
            curve = entry.curve
            rows = zip(curve.stages, curve.steps, curve.accuracy, strict=True)
            points = [Point(stage, step, None, accuracy) for stage, step, accuracy in rows]
    return Training(group, _logged(log) if log.is_file() else points, by_hops)


def _logged(log: Path) -> list[Point]:
    """The validations of a log; of those that an interruption repeated (earlier versions), the last."""
    found = {}
    for number, line in enumerate(read_if_sealed(log).decode("utf-8", "replace").splitlines(), start=1):
        try:
            point = _point(read_json(line, "the line"))
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"{log}:{number} must be a validation of a run: {error!r:.200}") from None
        found[point.step] = point
    return [found[step] for step in sorted(found)]


def _point(entry: dict[str, Any]) -> Point:
    """Check the shape of a line; the loss of a training that diverged is none."""
    stage, step, loss, accuracy = (entry[name] for name in ("stage", "global_step", "loss", "valid"))
    for name, count in (("stage", stage), ("global_step", step)):
        if type(count) is not int or count < 0:
            raise ValueError(f"{name} must be a whole number of at least 0, got {count!r}")
    for name, number in (("loss", loss), ("valid", accuracy)):
        if type(number) not in (int, float):
            raise ValueError(f"{name} must be a number, got {number!r}")
    if not 0 <= accuracy <= 1:
        raise ValueError(f"valid must be in 0..1, got {accuracy}")
    losses = tuple((int(at), float(value)) for at, value in entry.get("losses", ()) if math.isfinite(value))
    return Point(stage, step, float(loss) if math.isfinite(loss) else None, float(accuracy), losses)


def band(curves: Sequence[Sequence[tuple[int, float]]]) -> Band:
    """Summarize the curves of a group.

    Args:
        curves: For each run its (step, value) pairs.

    Returns:
        The values at the steps that all curves have.
    """
    values = [dict(curve) for curve in curves]
    steps = sorted(set.intersection(*map(set, values)))
    columns = [[one[step] for one in values] for step in steps]
    mean = [sum(column) / len(column) for column in columns]
    return Band(steps, mean, list(map(min, columns)), list(map(max, columns)))


def stage_spans(points: Sequence[Point]) -> list[tuple[int, int, int]]:
    """Return the stages of a training.

    Args:
        points: Its validations in order; each stage ends with one.

    Returns:
        (stage, first step, last step) of each.
    """
    spans: list[tuple[int, int, int]] = []
    for point in points:
        if spans and spans[-1][0] == point.stage:
            spans[-1] = (point.stage, spans[-1][1], point.step)
        else:
            spans.append((point.stage, spans[-1][2] if spans else 0, point.step))
    return spans
