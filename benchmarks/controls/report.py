"""`controls`: the battery on finished runs, batch by batch, and what comes of it.

    RUN/controls/batch-0.json, batch-0.npy, …     answers and thoughts of each batch; reused when asked again
    RUN/controls/controls.json                    the report, where there is one run and no other --json

Several runs of one method (its seeds) are one report: their questions are added up, and the two questions of
a pair of twins stay together.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from ...generators.answers import is_right
from ...generators.example import Example
from ...generators.figures import require_plot
from ...generators.files import write_whole
from ...leaderboard.compare import ALPHA
from ..run.trained import TrainedRun, load_run
from .battery import AS_TRAINED, Answers, Control, batches, battery, expected, run_battery
from .probes import Array, Probe, probe_thoughts
from .verdict import Line, Outcome, guessing_p, verdicts

OPTIONS = "options.json"
_GUESSES = 'then "needed" tells that an answer is only written there, not that it is found there'
REPORT = Path("controls", "controls.json")
"""Where the report of one run is, in its folder."""
COLOURS = {"needed": "#4477aa", "not needed": "#ee6677", "undecided": "#bbbbbb"}


@dataclass(frozen=True)
class Report:
    """The lines of all controls, the probes of each run, and what the battery cost.

    ``guessing`` is the p-value of doing no better than guessing between two candidates, None where questions
    have no two. ``plain_seconds`` is one evaluation of the same questions, ``battery_seconds`` all controls
    with the answers as trained: of the processor's time on a CPU, else of the clock. None where nothing was
    computed.
    """

    runs: list[str]
    method: str
    n: int
    lines: list[Line]
    guessing: float | None
    probes: dict[str, list[Probe]]
    battery_seconds: float | None
    plain_seconds: float | None

    @property
    def cost(self) -> float | None:
        """The battery in plain evaluations."""
        if self.battery_seconds is None or not self.plain_seconds:
            return None
        return self.battery_seconds / self.plain_seconds

    def to_json(self) -> dict[str, Any]:
        return {
            "runs": self.runs,
            "method": self.method,
            "questions": self.n,
            "p of guessing": self.guessing,
            "controls": [line.to_json() for line in self.lines],
            "probes": {run: [probe.to_json() for probe in found] for run, found in self.probes.items()},
            "cost": {
                "battery_seconds": self.battery_seconds,
                "plain_seconds": self.plain_seconds,
                "battery / plain": self.cost,
            },
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Report:
        """What `to_json` gave."""
        lines = [Line(**row) for row in data["controls"]]
        probes = {run: [Probe(**row) for row in found] for run, found in data["probes"].items()}
        cost = data["cost"]
        return cls(
            data["runs"], data["method"], data["questions"], lines, data["p of guessing"], probes,
            cost["battery_seconds"], cost["plain_seconds"],
        )  # fmt: skip

    def __str__(self) -> str:
        head = f"{self.method}, {len(self.runs)} run(s), {self.n} questions each"
        trained = f"as trained: {100 * self.lines[0].trained:.1f} % right" if self.lines else ""
        if self.guessing is not None and self.guessing >= ALPHA:
            trained += f", not above guessing between two candidates (p = {self.guessing:.3f}): {_GUESSES}"
        probes = [f"{run}: {probe}" for run, found in self.probes.items() for probe in found]
        cost = [] if self.cost is None else [f"all controls together cost {self.cost:.2f} plain evaluations"]
        return "\n".join([head, trained, *map(str, self.lines), *probes, *cost])


def controls(
    folders: Sequence[Path], *, n: int | None, seed: int, say: Callable[[str], None] = lambda line: None
) -> Report:
    """The battery on the runs in ``folders``, each on its first ``n`` test questions.

    Raises ValueError for runs of several methods or recipes, for a method without thoughts or pauses, and for
    fewer than four questions.
    """
    runs = [load_run(folder) for folder in folders]
    _check(runs)
    rows = [row for row in battery(runs[0].thoughts) if row.pauses or runs[0].method.filler == "latent"]
    outcomes: dict[str, list[Outcome]] = {row.name: [] for row in rows}
    probes, seconds, two_candidates = {}, [0.0, 0.0], True
    for run in runs:
        questions = run.questions(n=n)
        if len(questions) < 4:
            raise ValueError(f"questions must be at least 4, got {len(questions)}")
        two_candidates &= all(example.graph is not None for example in questions)
        computed, answers, thoughts = _answers(run, rows, questions, seed)
        for outcome in _outcomes(run, rows, questions, answers):
            outcomes[outcome.name].append(outcome)
        if run.method.filler == "latent":
            probes[str(run.folder)] = probe_thoughts(thoughts, questions, seed)
        seconds = (
            [seconds[0] + computed, seconds[1] + _plain_seconds(run, questions)] if computed else [0.0, 0.0]
        )
        say(f"{run.folder}: {len(questions)} questions under {len(rows)} conditions")
    pooled = [_pooled(found) for name, found in outcomes.items() if name != AS_TRAINED]
    for outcome in pooled:
        if len(set(outcome.clusters)) < 2:  # of a few questions no two may have the same answer
            say(f"{outcome.name}: left out, {len(outcome.clusters)} questions have a donor")
    lines = verdicts([outcome for outcome in pooled if len(set(outcome.clusters)) >= 2])
    guessing = guessing_p(_pooled(outcomes[AS_TRAINED])) if two_candidates else None
    names = [str(run.folder) for run in runs]
    battery_seconds, plain = (value or None for value in seconds)
    return Report(names, runs[0].method.name, len(questions), lines, guessing, probes, battery_seconds, plain)


def plot(report: Report, path: Path) -> None:
    """Draw the share of right answers under each control (PNG, SVG or PDF); see `require_plot`."""
    require_plot(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 1.2 + 0.28 * len(report.lines)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    places = range(len(report.lines))
    colours = [COLOURS[line.verdict] for line in report.lines]
    axes.barh(places, [100 * line.here for line in report.lines], color=colours)
    for verdict in dict.fromkeys(line.verdict for line in report.lines):
        axes.fill_between([], [], color=COLOURS[verdict], label=verdict)
    trained = 100 * report.lines[0].trained
    axes.axvline(trained, color="black", linewidth=0.8, linestyle=":", label=f"as trained, {trained:.1f} %")
    axes.set_yticks(places, [line.name for line in report.lines], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel(
        f"% right of {report.n} questions, {len(report.runs)} run(s) of {report.method}", fontsize=8
    )
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)


def _check(runs: Sequence[TrainedRun]) -> None:
    first = runs[0]
    if first.method.filler == "none":
        raise ValueError(f"controls need a run with thoughts or pauses, got method {first.method.name}")
    for run in runs[1:]:
        if (run.method, run.recipe.hash) != (first.method, first.recipe.hash):
            raise ValueError(
                f"runs of one report must have one method and recipe, got {first.method.name}, "
                f"{first.recipe.name} and {run.method.name}, {run.recipe.name}"
            )


def _answers(
    run: TrainedRun, rows: Sequence[Control], questions: Sequence[Example], seed: int
) -> tuple[float, dict[str, Answers], Array]:
    """Seconds spent, the answers under each control, and the states at the thoughts [N, K, D]; batches that
    are there already are read (and the seconds are then 0).
    """
    folder = run.folder / "controls"
    size = run.recipe.eval_batch_size
    weights = run.result.seeds[0].predictions
    options = {
        "seed": seed, "size": size, "questions": len(questions), "controls": [row.name for row in rows],
        "predictions": weights and weights.sha256,
    }  # fmt: skip
    _begin(folder, options)
    answers = {row.name: Answers([], []) for row in rows}
    thoughts, spent, reused = [], 0.0, False
    parts = list(batches(questions, size))
    for first, part in tqdm(parts, desc=run.folder.name, unit="batch", disable=None, leave=False):
        path = folder / f"batch-{first}.json"
        if path.exists():
            found = {name: Answers(*lists) for name, lists in json.loads(path.read_bytes()).items()}
            reused = True
        else:
            started = _clock(run)
            found, states_BKD = run_battery(run, rows, part, first, seed)
            spent += _clock(run) - started
            buffer = io.BytesIO()
            np.save(buffer, states_BKD.float().cpu().numpy())
            write_whole(path.with_suffix(".npy"), buffer.getvalue())
            write_whole(path, json.dumps(found).encode())
        thoughts.append(np.load(path.with_suffix(".npy")))
        for name, one in found.items():
            answers[name].written.extend(one.written)
            answers[name].donor.extend(one.donor)
    return 0.0 if reused else spent, answers, np.concatenate(thoughts).astype(np.float64)


def _begin(folder: Path, options: dict[str, Any]) -> None:
    """Make the folder; batches of other options in it are removed."""
    path, content = folder / OPTIONS, json.dumps(options, sort_keys=True).encode()
    if path.exists() and path.read_bytes() == content:
        return
    for old in folder.glob("batch-*"):
        old.unlink()
    folder.mkdir(exist_ok=True)
    write_whole(path, content)


def _outcomes(
    run: TrainedRun, rows: Sequence[Control], questions: Sequence[Example], answers: dict[str, Answers]
) -> Iterator[Outcome]:
    truth = expected(run, questions)
    clusters = [(str(run.folder), min(e.id, e.twin or e.id)) for e in questions]
    trained = [
        text is not None and is_right(text, answer)
        for text, answer in zip(answers[AS_TRAINED].written, truth, strict=True)
    ]
    for row in rows:
        written, donor = answers[row.name]
        chosen = [index for index, text in enumerate(written) if text is not None]
        transplanted = sum(written[index] == donor[index] for index in chosen) if row.has else None
        yield Outcome(
            row.name,
            row.subject,
            [trained[index] for index in chosen],
            [is_right(written[index] or "", truth[index]) for index in chosen],
            [clusters[index] for index in chosen],
            transplanted,
        )


def _pooled(outcomes: Sequence[Outcome]) -> Outcome:
    """The questions of all runs as one; runs are kept apart by their clusters."""
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
    started = _clock(run)
    run.evaluator(questions, run.stage, "as trained")
    return _clock(run) - started


def _clock(run: TrainedRun) -> float:
    """Seconds: the processor's on a CPU, where other processes must not count, else the clock's."""
    if run.model.device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()
