"""The progress of a training: where it is, what was validated, which stages are done. All of it is plain
data, so that a checkpoint keeps it as it is. And the bar that shows it:

    stage 1 (2/3), loss 0.6931:  41%|██████▌         | 02:31 elapsed, 03:35 left
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

BARS = (
    "{desc}{postfix}{speed}{more}: {percentage:3.0f}%|{bar}| {elapsed} elapsed, {remaining} left",
    "{desc}{postfix}{speed}: {percentage:3.0f}%|{bar}| {elapsed} elapsed, {remaining} left",
    "{desc}{postfix}: {percentage:3.0f}%|{bar}| {elapsed} elapsed, {remaining} left",
    "{desc}{postfix}: {percentage:3.0f}%, {elapsed} elapsed, {remaining} left",
    "{desc}{postfix}: {percentage:3.0f}%, {remaining} left",
    "{desc}: {percentage:3.0f}%, {remaining} left",
)
"""Forms of the bar, the widest first; the time left is the last thing to be given up."""
SHORTEST_BAR = 4
LOSS_EVERY = 20
"""Steps of one point of the loss curve."""


class Validation(NamedTuple):
    """One validation: the stage, the optimizer steps before it over all stages, and its accuracy.

    Attributes:
        loss: Mean training loss over the steps before, at most a tenth of the stage.
    """

    stage: int
    step: int
    loss: float
    accuracy: float


class StageLog(NamedTuple):
    """Log of a finished stage: its number, optimizer steps, and the accuracy of its last validation.

    Attributes:
        epochs: None where the training data are an endless stream.
        loss: Mean training loss over the last tenth of the stage.
        seconds: Wall-clock time, validations included.
        tokens: Tokens read: questions, thoughts and targets, without padding; None where unknown.
        flops: Floating-point operations; None where unknown.
    """

    stage: int
    steps: int
    epochs: float | None
    loss: float
    validation_accuracy: float
    seconds: float
    tokens: int | None = None
    flops: int | None = None


@dataclass
class Progress:
    """Progress of a run.

    Attributes:
        plan: Index of the current stage plan.
        step: Optimizer steps done in the current stage; ``global_step`` counts them over all stages.
        checked: The step of the current stage that was validated last, 0 for none.
        best_accuracy: The best validation accuracy in the last stage, -1 for none.
        seconds: Wall-clock time of training.
        recent_losses: Losses of the current stage's latest steps, at most a tenth of the stage.
        stages: Logs of finished stages.
        validations: All validations so far, the learning curve.
        flops: Floating-point operations of all steps, by all processes (see `flops`); None where unknown.
        unlogged: Losses of the steps since the last validation.
    """

    plan: int = 0
    step: int = 0
    global_step: int = 0
    checked: int = 0
    best_accuracy: float = -1.0
    seconds: float = 0.0
    recent_losses: list[float] = field(default_factory=list)
    stages: list[StageLog] = field(default_factory=list)
    validations: list[Validation] = field(default_factory=list)
    flops: int | None = 0
    tokens: int | None = 0
    unlogged: list[float] = field(default_factory=list)

    def state(self) -> dict[str, Any]:
        """Return the fields as plain dictionaries and lists, for a checkpoint."""
        parts = {name: [one._asdict() for one in getattr(self, name)] for name in ("stages", "validations")}
        return {**asdict(self), **parts}

    @classmethod
    def of(cls, state: dict[str, Any]) -> Progress:
        """Build the progress that `state` returned.

        Args:
            state: Fields by name; ``flops`` and ``tokens`` are unknown where the training began in an earlier
                version.

        Raises:
            TypeError: A field is missing or unknown, in the progress or in a part.
        """
        names = {one.name for one in fields(cls)}
        state = {"flops": None, "tokens": None, "unlogged": [], **state}
        if state.keys() != names:
            raise TypeError(f"progress must have the fields {sorted(names)}, got {sorted(state)}")
        stages = [StageLog(**one) for one in state["stages"]]
        validations = [Validation(**one) for one in state["validations"]]
        return cls(**{**state, "stages": stages, "validations": validations})

    def of_stage(self, name: str) -> Any:
        """Return what has been spent since the last finished stage.

        Args:
            name: ``seconds``, ``tokens`` or ``flops``.

        Returns:
            The difference; None where the sum or a stage's part is unknown.
        """
        parts = [getattr(self, name), *(getattr(stage, name) for stage in self.stages)]
        return None if None in parts else parts[0] - sum(parts[1:])

    @property
    def loss(self) -> float:
        """Mean of the recent losses; NaN before the first step of a stage."""
        losses = self.recent_losses
        return sum(losses) / len(losses) if losses else float("nan")

    @property
    def loss_curve(self) -> list[tuple[int, float]]:
        """Mean loss of each `LOSS_EVERY` steps since the last validation, and the last of these steps."""
        first = self.global_step - len(self.unlogged)
        parts = [self.unlogged[at : at + LOSS_EVERY] for at in range(0, len(self.unlogged), LOSS_EVERY)]
        return [(first + at * LOSS_EVERY + len(part), sum(part) / len(part)) for at, part in enumerate(parts)]


class RunBar(tqdm):
    """The bar of a whole run, in the widest form that fits the terminal.

    Attributes:
        speed: What is said of the speed.
        more: What else is, where there is room.
    """

    speed = more = ""

    @property
    def format_dict(self) -> dict[str, Any]:
        """What a line of the bar is made of."""
        said = {name: text and f", {text}" for name, text in (("speed", self.speed), ("more", self.more))}
        known = {**super().format_dict, **said}
        columns = known.get("ncols")
        fits = (form for form in BARS if columns is None or _width(form, known) <= columns)
        return {**known, "bar_format": next(fits, BARS[-1])}


def _width(form: str, known: dict[str, Any]) -> int:
    """Columns that a form needs."""
    least = SHORTEST_BAR if "{bar}" in form else 0
    line = {**known, "ncols": None, "bar_format": form.replace("{bar}", "")}
    return len(tqdm.format_meter(**line)) + least


def progress_bar(done: int, steps: int, hidden: bool | None) -> RunBar:
    """Open the bar of a whole run, whose time left is that of all its stages.

    Args:
        done: Optimizer steps done before.
        steps: Those of the run.
        hidden: Whether no bar is shown; None where the terminal decides.
    """
    return RunBar(total=steps, initial=done, disable=hidden, leave=False, dynamic_ncols=True)


def check_there(folder: Path) -> None:
    """Check that a folder in which a training works was not removed meanwhile.

    Args:
        folder: The folder.

    Raises:
        OSError: It was; it is not made again, with a part of the files.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} was removed while it was trained in: nothing is saved; start the command again"
        )
