"""Evaluation of a finished run on other questions or with other numbers of thoughts, without training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging as transformers_logging

from ...coconut.loading import load_model, load_tokenizer
from ...coconut.methods import get_method
from ...coconut.modeling import CoconutForCausalLM
from ...generators.example import Example
from ...leaderboard.measures import Cost
from ...leaderboard.predictions import summarize, write_predictions
from ...leaderboard.provenance import provenance
from ...leaderboard.result import Result
from .data import open_data, questions_of
from .evaluate import Evaluator, recipe_encoder
from .further import Further
from .lock import RUN_LOCK, locked
from .pipeline import peak_memory
from .pretrained import weights_hash
from .saved import check_model, load_result, read_result, write_result
from .spec import RunSpec


def load_evaluator(spec: RunSpec, out: Path) -> Evaluator:
    """Load the model of a finished run, ready to answer.

    Args:
        spec: The run.
        out: Its directory.

    Returns:
        The evaluator, on the GPU if there is one.

    Raises:
        ValueError: The model's files or weights are not those of the run.
        OSError: There is no finished run or no model in ``out``.
    """
    check_model(out / "model")
    transformers_logging.disable_progress_bar()  # loading a small model takes no time worth showing
    encoder = recipe_encoder(spec.recipe, load_tokenizer(out / "model"))
    model = load_model(out / "model")
    if not isinstance(model, CoconutForCausalLM):
        raise ValueError(f"{out / 'model'} must be a model of a run, got a {type(model).__name__}")
    recorded, found = read_result(out).seeds[0].weights, weights_hash(model)
    if recorded not in (None, found):
        raise ValueError(
            f"{out / 'model'} must have the weights of result.json (sha256 {recorded}), got {found}: restore "
            f"it from a copy, or train the run again in another --out"
        )
    if torch.cuda.is_available():
        model.to(torch.device("cuda"))  # type: ignore[arg-type]
    schedule = spec.recipe.schedule(get_method(spec.method))
    return Evaluator(model, encoder, schedule, spec.recipe)


def retested(
    out: Path,
    evaluator: Evaluator,
    asked: Sequence[Example],
    label: str,
    changes: dict[str, Any],
    path: Path,
    say: Callable[[str], None],
) -> Result:
    """Evaluate a finished run on given questions.

    Args:
        out: Directory of the run; predictions are written there.
        evaluator: Its model.
        asked: Questions with their true answers.
        label: What is evaluated, for the progress bar and the line of progress.
        changes: Fields of the result that differ from the run's own.
        path: File to write the result to; its directory, and those above it, are created.
        say: Called with a line of progress.

    Returns:
        The run's record with scores, costs and provenance of this evaluation.
    """
    trained = read_result(out)
    [entry] = trained.seeds
    stage = entry.stage
    evaluation = evaluator(asked, stage, label)
    found = {
        **entry.model_dump(),
        **summarize(evaluation.predictions)._asdict(),
        "inference": Cost(seconds=evaluation.seconds, peak_memory=peak_memory()),
        "answered": evaluator.answered(stage),
        "predictions": write_predictions(evaluation.predictions, out / "predictions"),
        "provenance": provenance(device=evaluator.model.device.type, threads=torch.get_num_threads()),
    }
    result = Result.model_validate({**dict(trained), **changes, "seeds": [type(entry)(**found)]})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_result(path, result)
    say(f"{label}: accuracy {result.seeds[0].test.accuracy:.1%}")
    return result


def evaluate_further(
    spec: RunSpec, out: Path, wanted: Sequence[Further], say: Callable[[str], None]
) -> list[Result]:
    """Evaluate a finished run on variants of its dataset and with other numbers of thoughts.

    Args:
        spec: The run.
        out: Its directory; the results that are there already are reused.
        wanted: The evaluations.
        say: Called with a line for each that is made.

    Returns:
        One result per evaluation.

    Raises:
        InUse: Another process works in ``out``, and a result is missing.
        ValueError: A number of thoughts is given for a method without thoughts or pauses, or questions do
            not fit into the model's positions.
        OSError: ``out`` does not contain a finished run.
    """
    if not all(one.path(out).exists() for one in wanted):
        with locked(out / RUN_LOCK):
            evaluator = load_evaluator(spec, out)
            asked = {variant: _asked(spec, out, variant) for variant in {one.variant for one in wanted}}
            for one in wanted:
                if not one.path(out).exists():
                    questions, setting = asked[one.variant]
                    setting = setting if one.thoughts is None else {**setting, "thoughts": one.thoughts}
                    answering = evaluator.with_thoughts(one.thoughts)
                    label = one.label(get_method(spec.method).unit)
                    retested(out, answering, questions, label, setting, one.path(out), say)
    return [load_result(one.path(out)) for one in wanted]


def _asked(spec: RunSpec, out: Path, variant: str | None) -> tuple[Sequence[Example], dict[str, Any]]:
    """The test questions of a variant, or of the run; and the fields of a result that say so."""
    part = spec.recipe.data
    if variant is None:
        return questions_of(part, out, "test", read_result(out).dataset), {}
    data = open_data(part.model_copy(update={"name": variant, "train": None}))
    return data.test, {"dataset": data.record}
