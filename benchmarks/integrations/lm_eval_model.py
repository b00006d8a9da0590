"""A finished run as a model of lm-evaluation-harness: any method, thoughts and pauses included.

    model = RunModel("runs/tiny-coconut-0")
    lm_eval.simple_evaluate(model, tasks=["coconut_bench_prosqa_tiny"], task_manager=task_manager())

lm-eval asks and scores; the run answers as in this package, so both report the same accuracy on the same
questions. Needs lm-evaluation-harness (the extra ``tools``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...generators.answers import ANSWER_MARKER
from ...generators.example import Example
from ...generators.extras import missing
from ..run.trained import load_run
from .lm_eval import FOLDER, doc_to_text

try:
    from lm_eval.api.model import LM
    from lm_eval.tasks import TaskManager
except ImportError as error:
    raise missing("lm_eval", __name__) from error


def task_manager(**metadata: Any) -> Any:
    """Return a ``TaskManager`` of lm-eval with the tasks of this package only.

    Args:
        **metadata: ``size``, ``seed`` and ``surface`` of the questions, see `lm_eval.load`.
    """
    return TaskManager(include_path=str(FOLDER), include_defaults=False, metadata=metadata)


class RunModel(LM):
    """The model of a finished run."""

    def __init__(self, folder: str | Path) -> None:
        """Load the model from the run's folder; errors are those of `load_run`."""
        super().__init__()
        self.trained = load_run(Path(folder))

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Answer as at the run's last stage.

        Args:
            requests: Requests of lm-eval.
            disable_tqdm: Ignored.

        Returns:
            The answers, each after the marker that the tasks look for.

        Raises:
            ValueError: A request has few-shot examples, which no run was trained on, or words that are not in
                the run's vocabulary.
        """
        asked = [_question(request.args[0], request.doc) for request in requests]
        evaluation = self.trained.evaluator(asked, self.trained.stage, self.trained.folder.name)
        return [f"{ANSWER_MARKER} {prediction.prediction}" for prediction in evaluation.predictions]

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[Any]:
        """Raise NotImplementedError; no task of this package needs it."""
        raise NotImplementedError("a run answers questions, it does not score given texts")

    loglikelihood_rolling = loglikelihood


def _question(text: str, doc: Mapping[str, Any]) -> Example:
    if text != doc_to_text(doc):
        raise ValueError(f"num_fewshot must be 0 for a run of this package, got {text!r} before the answer")
    about = doc["metadata"]
    return Example(
        about["id"], doc["question"], tuple(doc["steps"]), doc["answer"], about["difficulty"]["hops"]
    )
