"""The controls report: the battery on finished runs, verdicts and probes.

Several runs of one method (its seeds) give one report: their answers are pooled. Twins (a contrast pair: same
premises, other query entity, other answer), in all runs, are one cluster of the tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...coconut.methods import METHODS
from ...generators.answers import is_right
from ...generators.example import Example
from ...generators.files import read_if_sealed
from ...generators.reading import read_json, read_shape
from ...generators.terminal import counted
from ...leaderboard.compare import ALPHA
from ..run.choice import check_thinks
from ..run.trained import TrainedRun, load_run
from .battery import AS_TRAINED, Answers, Control, battery, expected
from .conclusion import conclude
from .kept import clock, kept_answers
from .pairs import pair_of, paired
from .probes import Probe, probe_thoughts
from .verdict import Line, Outcome, guessing_p, verdicts

_GUESSES = (
    "a lower accuracy under a control then shows only that an answer is written there, not that it is "
    "computed there, so no line below is a verdict"
)
REPORT = Path("controls", "controls.json")
"""The report of a single run, relative to its directory."""


@dataclass(frozen=True)
class Report:
    """Controls of one or several runs of a method.

    Attributes:
        runs: Directories of the runs.
        method: Name of their method.
        n: Questions per run.
        thoughts: Mean number of thoughts or pauses per question, as trained.
        lines: One line per control.
        guessing: P-value of accuracy as trained against guessing between two candidates; None if questions do
            not have two candidates.
        probes: Probes of each run's thoughts.
        battery_seconds: Time of all controls, "as trained" included: processor time on a CPU, else wall-clock
            time; None if stored batches were reused.
        plain_seconds: Time of one evaluation of the same questions, measured in the same way.
        verdict: What the controls say, in one sentence.
    """

    runs: list[str]
    method: str
    n: int
    thoughts: float
    lines: list[Line]
    guessing: float | None
    probes: dict[str, list[Probe]]
    battery_seconds: float | None
    plain_seconds: float | None
    verdict: str

    @property
    def cost(self) -> float | None:
        """Time of the battery in units of a plain evaluation."""
        if self.battery_seconds is None or not self.plain_seconds:
            return None
        return self.battery_seconds / self.plain_seconds

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready data."""
        return {
            "runs": self.runs,
            "method": self.method,
            "questions": self.n,
            "thoughts": self.thoughts,
            "p of guessing": self.guessing,
            "controls": [line.to_json() for line in self.lines],
            "verdict": self.verdict,
            "probes": {run: [probe.to_json() for probe in found] for run, found in self.probes.items()},
            "cost": {
                "battery_seconds": self.battery_seconds,
                "plain_seconds": self.plain_seconds,
                "battery / plain": self.cost,
            },
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Report:
        """Build a report.

        Args:
            data: What `to_json` returned.

        Returns:
            The report.

        Raises:
            ValueError: A field is missing, as in reports of other versions, or of another type.
        """
        cost = data.get("cost")
        fields = {
            **data, **(cost if isinstance(cost, dict) else {}),
            "n": data.get("questions"), "lines": data.get("controls"),
            "guessing": data.get("p of guessing"),
        }  # fmt: skip
        report: Report = read_shape(cls, json.dumps(fields), str(REPORT))
        return report

    def __str__(self) -> str:
        known = METHODS.get(self.method)  # None for that of a plugin which is not loaded
        unit = known.unit if known else "thought"
        runs, thoughts = counted(len(self.runs), "run"), counted(self.thoughts, unit)
        head = f"{self.method}, {runs}, {self.n} questions each, {thoughts}"
        trained = f"as trained: {100 * self.lines[0].trained:.1f} % right" if self.lines else ""
        if _is_guessing(self.guessing):
            trained += f", not above guessing between two candidates (p = {self.guessing:.3f}): {_GUESSES}"
        probes = [f"{run}: {probe}" for run, found in self.probes.items() for probe in found]
        cost = [] if self.cost is None else [f"all controls took {self.cost:.2f} times a plain evaluation"]
        return "\n".join([head, trained, *map(str, self.lines), *probes, *cost, self.verdict])


def read_report(folder: Path) -> Report | None:
    """Read the report that `controls` left in a run's directory.

    Args:
        folder: Directory of the run.

    Returns:
        The report; None where there is none of this version.

    Raises:
        ValueError: It is damaged.
        OSError: It cannot be read.
    """
    path = folder / REPORT
    if not path.is_file():
        return None
    data = read_json(read_if_sealed(path), str(path))
    return Report.from_json(data) if isinstance(data, dict) and "verdict" in data else None


def controls(
    folders: Sequence[Path],
    *,
    n: int | None,
    seed: int,
    say: Callable[[str], None] = lambda line: None,
    load: Callable[[Path], TrainedRun] = load_run,
) -> Report:
    """Run the battery on finished runs.

    Args:
        folders: Directories of the runs.
        n: Test questions per run, the first ones; None for all.
        seed: Seed of noise and permutations.
        say: Called with a line of progress.
        load: Loads a run from its directory.

    Returns:
        The report of all runs together.

    Raises:
        ValueError: The runs differ in method or recipe, the method has no thoughts or pauses, or there are
            fewer than four questions.
        OSError: A directory does not contain a finished run.
    """
    runs = [load(folder) for folder in folders]
    _check(runs)
    rows = [row for row in battery(runs[0].thoughts) if row.pauses or runs[0].method.filler == "latent"]
    outcomes: dict[str, list[Outcome]] = {row.name: [] for row in rows}
    probes, seconds, two_candidates, used = {}, [0.0, 0.0], True, 0
    for run in runs:
        questions = paired(run.questions(n=n))
        if len(questions) < 4:
            raise ValueError(f"questions must be at least 4, got {len(questions)}")
        two_candidates &= all(example.graph is not None for example in questions)
        computed, found = kept_answers(run, rows, questions, seed)
        for outcome in _outcomes(run, rows, questions, found.answers):
            outcomes[outcome.name].append(outcome)
        used += sum(found.used)
        if run.method.filler == "latent":
            probes[str(run.folder)] = probe_thoughts(found.states_NKD, questions, seed)
        seconds = (
            [seconds[0] + computed, seconds[1] + _plain_seconds(run, questions)] if computed else [0.0, 0.0]
        )
        say(f"{run.folder}: {len(questions)} questions under {len(rows)} conditions")
    pooled = {name: _pooled(found) for name, found in outcomes.items()}
    for outcome in pooled.values():  # few may have a twin, a donor, two candidates, or thoughts enough
        if len(set(outcome.clusters)) < 2:
            say(f"{outcome.name}: left out, it applies to too few questions ({len(outcome.clusters)})")
    lines = verdicts([pooled[row.name] for row in rows[1:] if len(set(pooled[row.name].clusters)) >= 2])
    guessing = guessing_p(pooled[AS_TRAINED]) if two_candidates else None
    noun = f"{runs[0].method.unit}s"
    is_guess = _is_guessing(guessing if two_candidates else guessing_p(pooled[AS_TRAINED], chance=0.0))
    lines = [line._replace(verdict="no claim") if is_guess else line for line in lines]
    verdict = conclude(lines, pooled, is_guessing=is_guess, two_candidates=two_candidates, noun=noun)
    names = [str(run.folder) for run in runs]
    battery_seconds, plain = (value or None for value in seconds)
    mean = used / (len(runs) * len(questions))
    name, n = runs[0].method.name, len(questions)
    return Report(names, name, n, mean, lines, guessing, probes, battery_seconds, plain, verdict)


def _is_guessing(p: float | None) -> bool:
    """Whether the run as trained is not above guessing, of this p-value."""
    return p is not None and p >= ALPHA


def _check(runs: Sequence[TrainedRun]) -> None:
    first = runs[0]
    check_thinks(first.method.name, "controls need")
    folders = [str(run.folder.resolve()) for run in runs]
    if len(set(folders)) < len(folders):
        raise ValueError(f"runs of one report must be different ones, got {', '.join(folders)}")
    for run in runs[1:]:
        if (run.method, run.recipe.hash) != (first.method, first.recipe.hash):
            raise ValueError(
                f"runs of one report must have one method and recipe, got {first.method.name}, "
                f"{first.recipe.name} and {run.method.name}, {run.recipe.name}"
            )


def _outcomes(
    run: TrainedRun, rows: Sequence[Control], questions: Sequence[Example], answers: dict[str, Answers]
) -> Iterator[Outcome]:
    truth = expected(run, questions)
    clusters = [pair_of(example) for example in questions]
    trained = [
        text is not None and is_right(text, answer)
        for text, answer in zip(answers[AS_TRAINED].written, truth, strict=True)
    ]
    for row in rows:
        written, donor = answers[row.name]
        chosen = [index for index, text in enumerate(written) if text is not None]
        as_donor = [is_right(written[index] or "", donor[index] or "") for index in chosen]
        yield Outcome(
            row.name,
            row.subject,
            [trained[index] for index in chosen],
            [is_right(written[index] or "", truth[index]) for index in chosen],
            [clusters[index] for index in chosen],
            sum(as_donor) if row.donor else None,
        )


def _pooled(outcomes: Sequence[Outcome]) -> Outcome:
    """Pool the answers of all runs."""
    first = outcomes[0]
    donor = None if first.donor is None else sum(outcome.donor or 0 for outcome in outcomes)
    return Outcome(
        first.name,
        first.subject,
        [value for outcome in outcomes for value in outcome.trained],
        [value for outcome in outcomes for value in outcome.here],
        [value for outcome in outcomes for value in outcome.clusters],
        donor,
    )


def _plain_seconds(run: TrainedRun, questions: Sequence[Example]) -> float:
    started = clock(run)
    run.evaluator(questions, run.stage, "as trained")
    return clock(run) - started
