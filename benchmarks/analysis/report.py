"""`analyze`: readouts of a finished run, of an untrained model and of the baselines.

OUT/parts/coconut/batch-0.json …   observations, batch by batch; reused by later calls
OUT/analysis.json                  every table
OUT/report.html                    tables, figures and reading guides in one file
OUT/figures/*.svg, *.png           the figures
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..run.choice import check_thinks
from ..run.trained import TrainedRun, load_run
from .observation import Observation, Observed, Question, read_example
from .observe import Subject, trained_subject, untrained_subject
from .parts import observations
from .view import Found, Row, View
from .views import VIEWS

CASES = (0,)


@dataclass(frozen=True)
class Readouts:
    """One model's rows of every view, by the view's name, and its observations of the cases.

    ``native`` is the number of thoughts that it was trained to have, the mean where a classifier ends them.
    """

    name: str
    native: float
    rows: Mapping[str, Sequence[Any]]
    cases: dict[int, Observation]


@dataclass(frozen=True)
class Analysis:
    """The readouts of all models.

    Attributes:
        run: The analyzed run.
        per_step: Thoughts that replace one reasoning step.
        n: Number of questions.
        models: The run, the untrained model, the baselines.
        cases: The questions shown in detail, by their index among the test questions.
    """

    run: TrainedRun
    per_step: int
    n: int
    models: list[Readouts]
    cases: dict[int, Question]

    @property
    def dataset(self) -> str:
        return f"{self.run.recipe.data.name}, {self.run.recipe.data.surface}"

    def found(self, view: View[Row]) -> Found[Row]:
        """Return the rows of ``view`` for all models."""
        return Found(self.n, {model.name: model.rows[view.name] for model in self.models})

    def to_json(self) -> dict[str, Any]:
        """Return all views and cases as plain values ready for JSON."""
        models = {
            model.name: {
                "native_thoughts": model.native,
                **{k: v for view in VIEWS for k, v in view.entries(model.rows[view.name]).items()},
            }
            for model in self.models
        }
        cases = {
            index: {"id": case.example.id, **{m.name: m.cases[index].to_json() for m in self.models}}
            for index, case in self.cases.items()
        }
        head = {
            "run": str(self.run.folder), "method": self.run.method.name, "recipe": self.run.recipe.name,
            "dataset": self.dataset, "questions": self.n, "thoughts": self.run.thoughts,
        }  # fmt: skip
        return {**head, "models": _plain(models), "cases": _plain(cases)}


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
    """Analyze a finished run, beside an untrained model and baselines.

    Args:
        folder: The run, of a method with thoughts or pauses.
        baselines: Finished runs on the same questions.
        out: Where observations are kept, in ``parts``.
        n: Number of test questions, the first ones; None for all.
        cases: Indices of the test questions to show in detail.
        seed: Initializes the untrained model.
        say: Called with a line when a model is done.

    Raises:
        ValueError: The run has no thoughts or pauses, a baseline is on other questions, a case is out of
            range, or the questions have no graphs.
    """
    run = load_run(folder)
    check_thinks(run.method.name, "analyze needs")
    others = [load_run(path) for path in baselines]
    examples = run.questions(n=n)
    questions = [read_example(example) for example in examples]
    outside = next((index for index in cases if not 0 <= index < len(questions)), None)
    if outside is not None:
        raise ValueError(f"case must be in 0..{len(questions) - 1}, got {outside}")
    per_step = run.recipe.curriculum.thoughts_per_step
    models = []
    for subject in _subjects(run, others, seed):
        found = observations(subject, examples, out / "parts")
        say(f"{subject.name}: {len(found)} questions")
        observed = Observed(questions, found, per_step, subject.run.evaluator.marker)
        rows = {view.name: view.read(observed) for view in VIEWS}
        used = [one.used for one in found if one.used is not None]
        native = sum(used) / len(used) if used else subject.native
        models.append(Readouts(subject.name, native, rows, {index: found[index] for index in cases}))
    return Analysis(run, per_step, len(questions), models, {index: questions[index] for index in cases})


def _subjects(run: TrainedRun, others: Sequence[TrainedRun], seed: int) -> list[Subject]:
    """The run, the untrained model, the baselines; each under a unique name."""
    for other in others:
        if other.result.dataset.content_hash != run.result.dataset.content_hash:
            raise ValueError(
                f"baseline must be on the same questions as {run.folder}, got {other.folder} "
                f"on {other.result.dataset.name}"
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


def _plain(value: Any) -> Any:
    """Named tuples as objects and keys as text, all the way down."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value
