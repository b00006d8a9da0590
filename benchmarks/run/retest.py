"""A finished run answers again: other questions, or with another number of thoughts. Nothing is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from ...coconut.methods import get_method
from ...coconut.modeling import CoconutForCausalLM
from ...generators.example import Example
from ...generators.files import write_whole
from ...leaderboard.measures import Cost
from ...leaderboard.predictions import summarize, write_predictions
from ...leaderboard.provenance import provenance
from ...leaderboard.result import Result
from .data import open_data
from .evaluate import Evaluator, recipe_encoder
from .pipeline import peak_memory
from .spec import RunSpec


def load_evaluator(spec: RunSpec, out: Path, thoughts: int | None = None) -> Evaluator:
    """The model that the run in ``out`` saved, ready to answer."""
    tokenizer = AutoTokenizer.from_pretrained(out / "model")
    encoder = recipe_encoder(spec.recipe, tokenizer)
    model = AutoModelForCausalLM.from_pretrained(out / "model", dtype=torch.float32)
    assert isinstance(model, CoconutForCausalLM)
    if torch.cuda.is_available():
        model.to(torch.device("cuda"))  # type: ignore[arg-type]
    schedule = spec.recipe.schedule(get_method(spec.method))
    return Evaluator(model, encoder, schedule, spec.recipe, thoughts)


def retested(
    out: Path, evaluator: Evaluator, asked: Sequence[Example], label: str, changes: dict[str, Any]
) -> Result:
    """The record of the run in ``out`` with what was answered to ``asked``, and ``changes`` of its fields."""
    trained = Result.model_validate_json((out / "result.json").read_bytes())
    [entry] = trained.seeds
    stage = entry.stages[-1].stage
    evaluation = evaluator(asked, stage, label)
    found = {
        **entry.model_dump(),
        **summarize(evaluation.predictions)._asdict(),
        "inference": Cost(seconds=evaluation.seconds, peak_memory=peak_memory()),
        "answered": evaluator.answered(stage),
        "predictions": write_predictions(evaluation.predictions, out / "predictions"),
        "provenance": provenance(device=evaluator.model.device.type, threads=torch.get_num_threads()),
    }
    return Result.model_validate({**dict(trained), **changes, "seeds": [type(entry)(**found)]})


def evaluate_thoughts(spec: RunSpec, out: Path, thoughts: int, say: Callable[[str], None]) -> Result:
    """Test the run in ``out`` with ``thoughts`` thoughts a question; what is there already is only read.

    Raises ValueError for a method without thoughts or pauses.
    """
    path = out / "thoughts" / f"{thoughts}.json"
    if path.exists():
        return Result.model_validate_json(path.read_bytes())
    evaluator = load_evaluator(spec, out, thoughts)
    result = retested(
        out, evaluator, open_data(spec.recipe.data).test, f"{thoughts} thoughts", {"thoughts": thoughts}
    )
    path.parent.mkdir(exist_ok=True)
    write_whole(path, result.model_dump_json(indent=2).encode() + b"\n")
    say(f"{thoughts} thoughts: accuracy {result.seeds[0].test.accuracy:.1%}")
    return result
