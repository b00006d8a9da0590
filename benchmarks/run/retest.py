"""Evaluation of a finished run on other questions or with another number of thoughts, without training."""

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
from ...generators.terminal import counted
from ...leaderboard.measures import Cost
from ...leaderboard.predictions import summarize, write_predictions
from ...leaderboard.provenance import provenance
from ...leaderboard.result import Result
from .data import questions_of
from .evaluate import Evaluator, recipe_encoder
from .lock import RUN_LOCK, locked
from .pipeline import peak_memory
from .pretrained import weights_hash
from .saved import check_model, load_result, read_result, write_result
from .spec import RunSpec


def load_evaluator(spec: RunSpec, out: Path, thoughts: int | None = None) -> Evaluator:
    """Load the model of a finished run, ready to answer.

    Args:
        spec: The run.
        out: Its directory.
        thoughts: Constant number of thoughts or pauses; None for as trained.

    Returns:
        The evaluator, on the GPU if there is one.

    Raises:
        ValueError: ``thoughts`` is given for a method without thoughts or pauses, or the model's files or
            weights are not those of the run.
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
    return Evaluator(model, encoder, schedule, spec.recipe, thoughts)


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
        path: File to write the result to; its directory is created.
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
    path.parent.mkdir(exist_ok=True)
    write_result(path, result)
    say(f"{label}: accuracy {result.seeds[0].test.accuracy:.1%}")
    return result


def evaluate_thoughts(spec: RunSpec, out: Path, thoughts: int, say: Callable[[str], None]) -> Result:
    """Evaluate a finished run with another number of thoughts; an existing result is reused.

    Args:
        spec: The run.
        out: Its directory.
        thoughts: Thoughts or pauses per question.
        say: Called with a line of progress.

    Returns:
        The run's record with this number of thoughts.

    Raises:
        InUse: Another process works in ``out``, and the result is missing.
        ValueError: The method has no thoughts or pauses.
        OSError: ``out`` does not contain a finished run.
    """
    path = out / "thoughts" / f"{thoughts}.json"
    if path.exists():
        return load_result(path)
    with locked(out / RUN_LOCK):
        if path.exists():
            return load_result(path)
        evaluator = load_evaluator(spec, out, thoughts)
        asked = questions_of(spec.recipe.data, out, "test", read_result(out).dataset)
        what, setting = counted(thoughts, "thought"), {"thoughts": thoughts}
        return retested(out, evaluator, asked, what, setting, path, say)
