"""One run: recipe + method + dataset + seed → a trained model, its predictions, and a Result.

    out/
      run.json           what the run is; another run is refused in this directory
      recipe.yaml        the recipe
      data/              the generated held-out splits, with their manifest
      checkpoint.pt      state of the training; removed when the run is finished
      .lock              while a process works on the run
      log.jsonl          one line per validation
      model/             weights and tokenizer, for from_pretrained, and their digests
      predictions/       the answer to each question of the test split
      result.json        the leaderboard's record

Started again in the same directory, an interrupted run resumes and a finished one is only read. Of several
processes that a launcher starts, each trains and answers its share, and process 0 writes.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...coconut.curriculum import Schedule
from ...coconut.methods import get_method
from ...coconut.numerics import NUMERICS
from ...coconut.processes import Processes, join
from ...coconut.progress import Progress
from ...coconut.sharding import check_divisible, replica
from ...generators.files import sweep_temporary
from ...leaderboard.measures import Cost, Curve, Stage
from ...leaderboard.predictions import Prediction, summarize, write_predictions
from ...leaderboard.provenance import provenance
from ...leaderboard.result import Base, Result, SeedResult
from ...leaderboard.result import Recipe as RecipeRecord
from ..content import check_contents
from .base_model import BaseModel, base_model, coconut_over
from .compute import compute_record
from .data import RunData, open_data
from .evaluate import Evaluator, recipe_encoder
from .lock import RUN_LOCK, locked
from .needs import check_concepts, check_fit, check_whole
from .pretrained import weights_hash
from .saved import (
    RESTORE,
    check_data,
    log_validation,
    read_finished,
    read_record,
    save_model,
    save_recipe,
    settings,
    write_record,
    write_result,
)
from .spec import RunSpec
from .tracking import Tracker, open_tracker
from .training import train

CHECKPOINT = "checkpoint.pt"
CHECKPOINT_RULE = "best validation accuracy in the last stage, the first of equals"
RECALLED = 0.5
"""The share of premises that a base model must recall to be of use."""
UNRECALLED = (
    "from a base model that does not look up its premises every method stays at chance; it may want more "
    "steps (base.steps), or more of them with few premises (base.growth_from)"
)


def run(
    spec: RunSpec, out: Path, say: Callable[[str], None] = lambda line: None, track: str | None = None
) -> Result:
    """Train or resume a run, test its best checkpoint, and save model, predictions and result.

    Args:
        spec: What to run.
        out: Output directory.
        say: Called with a line of progress.
        track: Name of an experiment tracker, if any.

    Returns:
        The leaderboard's record; that of a finished run is read.

    Raises:
        InUse: Another process works in ``out``.
        ValueError: Data, base model, method and recipe do not fit together, or ``out`` has another run.
        OSError: Data or model cannot be read, or ``out`` cannot be written, or another process has ended.
    """
    here = join()
    done = here.of_first(lambda: read_finished(spec, out))
    if here.is_main:
        for folder in (out, *out.glob("*/")):
            sweep_temporary(folder)
    if done is not None:
        if here.is_main:
            (out / CHECKPOINT).unlink(missing_ok=True)  # of a process that was killed before it removed it
            check_data(out)
        say(f"{out} already contains this run")
        if not list((out / "model").glob("*.safetensors")):
            say(f"Note: the weights in {out / 'model'} are missing; for controls, {RESTORE}")
        return done
    schedule = spec.recipe.schedule(get_method(spec.method))
    check_contents(spec.recipe.data, spec.recipe.model)
    data = open_data(spec.recipe.data)
    check_fit(spec.recipe, spec.method, data)
    check_whole(spec.method)
    check_divisible(spec.recipe.optimizer.name, spec.recipe.model.loops)
    if not here.is_main:
        say, track = (lambda line: None), None
    with ExitStack() as stack:
        here.of_first(lambda: bool(stack.enter_context(locked(out / RUN_LOCK))))
        done = here.of_first(lambda: read_finished(spec, out))
        done = done or here.shared(_run(spec, data, schedule, out, here, say, track))
    assert done is not None
    return done


def _run(
    spec: RunSpec,
    data: RunData,
    schedule: Schedule,
    out: Path,
    here: Processes,
    say: Callable[[str], None],
    track: str | None,
) -> Result | None:
    """Train or resume and test; process 0, which holds the lock, writes and returns the result."""
    recipe, checkpoint = spec.recipe, out / CHECKPOINT
    if data.note:
        say(f"Note: {data.note}")
    base = _base_model(spec, data, out, here)
    encoder = recipe_encoder(recipe, base.tokenizer)
    check_concepts(spec.method, encoder, data)
    if here.is_main and data.write_held_out(out / "data"):
        say(f"{out / 'data'}: {len(data.valid)} validation and {len(data.test)} test questions written")
    if here.is_main:
        write_record(out, {"identity": spec.identity, "settings": settings(spec), "base": base.record})
        save_recipe(recipe, out / "recipe.yaml")
    say(f"base model: {base}")
    if base.recall is not None and base.recall < RECALLED and not spec.quick:
        say(f"Note: {UNRECALLED}")
    placed = replica(coconut_over(base, recipe, schedule, spec.seed), here)
    evaluator = Evaluator(placed.model, encoder, schedule, recipe, replica=placed)
    with _tracker(track, spec, out) as tracker:
        progress, stage = train(spec, data, evaluator, partial(_log, out, say, tracker), checkpoint)
        (train_memory,) = here.largest([peak_memory()])
        evaluation = evaluator(data.test, stage, "test")
        (test_memory,) = here.largest([peak_memory()])
        model = evaluator.model = placed.whole_model()
        if not here.is_main:
            return None
        model.step_decoder = None  # it has taught what it could, and is not saved
        if schedule.method.filler == "latent":
            say(thoughts_by_depth(evaluation.predictions))
        training = Cost(seconds=progress.seconds, peak_memory=int(train_memory))
        inference = Cost(seconds=evaluation.seconds, peak_memory=int(test_memory))
        predictions = evaluation.predictions
        result = _result(spec, data, base, evaluator, predictions, progress, training, inference, out)
        if tracker is not None:
            tracker.log({"test": result.seeds[0].test.accuracy}, progress.global_step)
    model.config.after_question = evaluator.after_question(stage)
    model.config.without_thoughts = evaluator.after_question(stage, 0)
    save_model(out / "model", model, base.tokenizer)
    write_result(out / "result.json", result)
    checkpoint.unlink(missing_ok=True)
    return result


def _log(out: Path, say: Callable[[str], None], tracker: Tracker | None, entry: dict[str, Any]) -> None:
    """Log a validation: in the run's directory, on the screen and in the experiment tracker."""
    log_validation(out / "log.jsonl", entry)
    # A method of one stage starts the steps anew with each stage of the others: their sum tells them apart.
    steps = "stage {stage}, step {step} ({global_step} in all)"
    say((steps + ": loss {loss:.4f}, validation accuracy {valid:.1%}").format(**entry))
    if tracker is not None:
        metrics = {name: float(entry[name]) for name in ("stage", "loss", "valid")}
        parts = {f"loss/{name}": value for name, value in entry.get("parts", {}).items()}
        tracker.log(metrics | parts, entry["global_step"])


def _base_model(spec: RunSpec, data: RunData, out: Path, here: Processes) -> BaseModel:
    """Load or train the base model; one that was trained is not needed where a checkpoint has its weights.

    Process 0 makes what the others load.
    """
    kept = read_record(out) if (out / CHECKPOINT).exists() else None
    with here.first():
        base = base_model(spec.recipe, data, spec.seed, kept["base"] if kept and spec.recipe.base else None)
    found = here.gathered(base.weights)
    if len(set(found)) > 1:
        raise ValueError(f"every process must start from the same weights, got {', '.join(found)}")
    if kept is not None and base.weights != kept["base"]["weights"]:
        raise ValueError(
            f"{out} holds another run: its base model has the weights {kept['base']['weights']}, not "
            f"{base.weights}; choose another --out, or remove it"
        )
    return base


def _tracker(name: str | None, spec: RunSpec, out: Path) -> AbstractContextManager[Tracker | None]:
    """Open the experiment tracker ``name`` with the run's settings; without a name, yield None."""
    if name is None:
        return nullcontext()
    config = {**spec.identity, **settings(spec)}
    return open_tracker(name, project="coconut-bench", run_name=out.name, config=config, folder=out)


def _result(
    spec: RunSpec,
    data: RunData,
    base: BaseModel,
    evaluator: Evaluator,
    predictions: Sequence[Prediction],
    progress: Progress,
    training: Cost,
    inference: Cost,
    out: Path,
) -> Result:
    """Write the predictions and return the leaderboard's record of the run."""
    recipe = spec.recipe
    stages = [Stage(**{name: getattr(log, name) for name in Stage.model_fields}) for log in progress.stages]
    entry = SeedResult(
        seed=spec.seed,
        **summarize(predictions)._asdict(),
        training=training,
        inference=inference,
        compute=compute_record(evaluator.model, recipe, progress.flops),
        stages=stages,
        curve=Curve(
            stages=[one.stage for one in progress.validations],
            steps=[one.step for one in progress.validations],
            accuracy=[one.accuracy for one in progress.validations],
        ),
        answered=evaluator.answered(stages[-1].stage),
        checkpoint_rule=CHECKPOINT_RULE,
        base_weights=base.weights,
        weights=weights_hash(evaluator.model),
        predictions=write_predictions(predictions, out / "predictions"),
        provenance=provenance(
            device=base.model.device.type,
            threads=torch.get_num_threads(),
            processes=evaluator.processes.count,
        ),
    )
    return Result(
        dataset=data.record,
        method=spec.method,
        recipe=RecipeRecord(name=recipe.name, hash=recipe.hash, numerics=NUMERICS),
        base_model=Base(
            name=base.name,
            parameters=base.model.num_parameters(),
            revision=base.hash,
            per_seed=base.per_seed,
        ),
        quick=spec.quick,
        seeds=[entry],
    )


def thoughts_by_depth(predictions: Sequence[Prediction]) -> str:
    """Summarize the mean number of thoughts used per number of hops in one line."""
    used: dict[int | None, list[int]] = {}
    for prediction in predictions:
        used.setdefault(prediction.hops, []).append(prediction.thoughts or 0)
    means = [f"{hops} hops {sum(found) / len(found):.2f}" for hops, found in sorted(used.items())]
    return f"thoughts used: {', '.join(means)}"


def peak_memory() -> int:
    """Return the process's peak memory in bytes: allocated on the GPU if there is one, else resident."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
