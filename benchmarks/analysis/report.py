"""`analyze`: a finished run looked into, beside an untrained model and the runs given as baselines.

OUT/parts/coconut/batch-0.json …   what was observed, batch by batch; reused when asked again
OUT/analysis.json                  every table
OUT/report.html                    tables, pictures and a reading guide in one file
OUT/figures/*.svg, *.png           the pictures
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..run.trained import TrainedRun, load_run
from . import summary
from .observe import Observation, Subject, trained_subject, untrained_subject
from .parts import observations
from .summary import Asked

CASES = (0,)


@dataclass(frozen=True)
class Seen:
    """One model's tables, and what it wrote and thought in the questions that are shown as cases."""

    name: str
    native: int
    tables: dict[str, Any]
    cases: dict[int, Observation]


@dataclass(frozen=True)
class Analysis:
    """All models of one report; the first is the run that was asked about.

    ``per_step`` thoughts stand for a step; ``marker`` stands before the answer in what is written; ``cases``
    are indices into the test questions.
    """

    run: str
    method: str
    recipe: str
    dataset: str
    n: int
    thoughts: int
    per_step: int
    marker: str
    models: list[Seen]
    cases: dict[int, Asked]

    def to_json(self) -> dict[str, Any]:
        return {
            "run": self.run, "method": self.method, "recipe": self.recipe, "dataset": self.dataset,
            "questions": self.n, "thoughts": self.thoughts,
            "models": {
                seen.name: {"native_thoughts": seen.native, **_json(seen.tables)} for seen in self.models
            },
            "cases": {
                str(index): {"id": case.example.id, **{seen.name: seen.cases[index] for seen in self.models}}
                for index, case in self.cases.items()
            },
        }  # fmt: skip


def analyze(
    folder: Path,
    baselines: Sequence[Path],
    out: Path,
    *,
    n: int | None = None,
    cases: Sequence[int] = CASES,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> Analysis:
    """Look into the run in ``folder`` on its first ``n`` test questions.

    ``seed`` initialises the untrained model. Raises ValueError for a run without thoughts or pauses, for a
    baseline on other questions, and for questions that are no graphs.
    """
    run = load_run(folder)
    if run.method.filler == "none":
        raise ValueError(f"analyze needs a run with thoughts or pauses, got method {run.method.name}")
    others = [load_run(path) for path in baselines]
    examples = run.questions(n=n)
    questions = [summary.asked(example) for example in examples]
    outside = next((index for index in cases if not 0 <= index < len(questions)), None)
    if outside is not None:
        raise ValueError(f"case must be in 0..{len(questions) - 1}, got {outside}")
    models = []
    for subject in _subjects(run, others, seed):
        found = observations(subject, examples, out / "parts")
        say(f"{subject.name}: {len(found)} questions")
        models.append(_seen(subject, questions, found, cases))
    return _analysis(run, models, len(questions), {index: questions[index] for index in cases})


def _analysis(run: TrainedRun, models: list[Seen], n: int, cases: dict[int, Asked]) -> Analysis:
    data = run.recipe.data
    return Analysis(
        run=str(run.folder),
        method=run.method.name,
        recipe=run.recipe.name,
        dataset=f"{data.name}, {data.surface}",
        n=n,
        thoughts=run.thoughts,
        per_step=run.recipe.curriculum.thoughts_per_step,
        marker=run.evaluator.marker,
        models=models,
        cases=cases,
    )


def _subjects(run: TrainedRun, others: Sequence[TrainedRun], seed: int) -> list[Subject]:
    """The run, the same configuration untrained, the baselines; each under a name of its own."""
    for other in others:
        if other.recipe.data != run.recipe.data:
            raise ValueError(
                f"baseline must be on the same questions as {run.folder}, got {other.folder} "
                f"on {other.recipe.data.name}"
            )
    runs = [run, *others]
    titles = [one.method.title.removeprefix("– ") for one in runs]
    names = [
        title if titles.count(title) == 1 else f"{title}, seed {one.spec.seed}"
        for title, one in zip(titles, runs, strict=True)
    ]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated:
        raise ValueError(f"baselines must differ in method or seed, got {repeated} twice")
    trained = [
        trained_subject(one, run.thoughts, name, every_k=one is run)
        for one, name in zip(runs, names, strict=True)
    ]
    return [trained[0], untrained_subject(run, seed), *trained[1:]]


def _seen(
    subject: Subject, questions: Sequence[Asked], found: Sequence[Observation], cases: Sequence[int]
) -> Seen:
    per_step = subject.run.recipe.curriculum.thoughts_per_step
    tables: dict[str, Any] = {
        "interpolation": summary.interpolation(questions, found, subject.run.evaluator.marker),
        "norms": summary.norms(found),
    }
    for name in ("frontier_values", "parallelism", "value_by_height", "superposition", "attention"):
        tables[name] = getattr(summary, name)(questions, found, per_step)
    tables["lens"] = summary.lens_classes(questions, found, per_step)
    return Seen(subject.name, subject.native, tables, {index: found[index] for index in cases})


def _json(value: Any) -> Any:
    """Named tuples as objects, all the way down."""
    if hasattr(value, "_asdict"):
        return {name: _json(part) for name, part in value._asdict().items()}
    if isinstance(value, dict):
        return {str(name): _json(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(part) for part in value]
    return value
