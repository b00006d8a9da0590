"""One run: recipe + method + dataset + seed → a trained model, its predictions, and a Result.

    out/
      data/              the held-out splits that were generated, with their manifest
      checkpoint.pt      where training is; removed when the run is done
      log.jsonl          every validation as it happened
      model/             weights and tokenizer, for from_pretrained
      predictions/       what was answered to each question of the test split
      result.json        what goes into the leaderboard

Started again in the same folder, a run that was interrupted goes on where it was; one that is done is only
read.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tqdm import tqdm

from ..coconut.batches import TrainBatches
from ..coconut.curriculum import StagePlan, plan
from ..coconut.decoding import greedy
from ..coconut.encoding import ANSWER_MARKER, Encoder
from ..coconut.methods import Method, get_method
from ..coconut.modeling import CoconutForCausalLM
from ..coconut.tokens import special_ids
from ..coconut.training import Progress, Trainer, TrainSettings
from ..generators.datasets import content_hash, examples, get_dataset
from ..generators.example import Example
from ..generators.files import MANIFEST
from ..generators.write import Plan, generate
from ..generators.write import plan as generation_plan
from ..leaderboard.files import write_whole
from ..leaderboard.measures import Cost, Stage
from ..leaderboard.predictions import Prediction, summarize, write_predictions
from ..leaderboard.provenance import provenance
from ..leaderboard.result import Base, Dataset, Result, SeedResult
from ..leaderboard.result import Recipe as RecipeRecord
from .base_model import BaseModel, base_model, coconut_over, optimizer_settings
from .metrics import score
from .recipe import Recipe

FULL_STOP = "."
"""What ends a step of the symbolic wording, and so stands before the answer where nothing else does."""
CHECKPOINT_RULE = "best validation accuracy in the last stage, the first of equals"


@dataclass(frozen=True)
class RunSpec:
    """What a run is. ``quick`` recipes are already cut down (`Recipe.quick`)."""

    recipe: Recipe
    method: str
    seed: int
    quick: bool

    @property
    def identity(self) -> dict[str, Any]:
        """What a checkpoint must agree with to be this run's."""
        return {
            "recipe": self.recipe.name,
            "recipe_hash": self.recipe.hash,
            "method": self.method,
            "seed": self.seed,
        }


class Evaluation(NamedTuple):
    """Predictions in the order of the questions, and the wall-clock seconds they took."""

    predictions: list[Prediction]
    seconds: float


class Evaluator:
    """Greedy answers to questions, as a method answers them at a stage."""

    def __init__(self, model: CoconutForCausalLM, encoder: Encoder, method: Method, recipe: Recipe) -> None:
        self.model, self.encoder, self.method, self.recipe = model, encoder, method, recipe

    def __call__(self, asked: Sequence[Example], stage: int, label: str) -> Evaluation:
        """Answer ``asked``; ``label`` names the progress bar."""
        started = time.monotonic()
        self.model.eval()
        size = self.recipe.eval_batch_size
        predictions: list[Prediction] = []
        for start in tqdm(range(0, len(asked), size), desc=label, unit="batch", disable=None, leave=False):
            predictions += self._answer(asked[start : start + size], stage)
        return Evaluation(predictions, time.monotonic() - started)

    def _answer(self, asked: Sequence[Example], stage: int) -> list[Prediction]:
        encoder, ids = self.encoder, self.encoder.ids
        segments = encoder.segments(asked)
        thoughts_per_step = self.recipe.curriculum.thoughts_per_step
        prompts = [encoder.row(parts, self.method, stage, thoughts_per_step).prompt for parts in segments]
        limit = self.recipe.max_new_tokens
        marker = ANSWER_MARKER if self.recipe.answer_marker else FULL_STOP
        generations = greedy(self.model, prompts, pad=ids.pad, end=ids.end, max_new_tokens=limit)
        return [
            score(example, self._text(generation.tokens), self._text(parts.answer), generation, marker)
            for example, parts, generation in zip(asked, segments, generations, strict=True)
        ]

    def _text(self, tokens: list[int]) -> str:
        return str(self.encoder.tokenizer.decode(tokens, skip_special_tokens=True))


def run(spec: RunSpec, out: Path, say: Callable[[str], None] = lambda line: None) -> Result:
    """Train (or go on training), test the best checkpoint, and save model, predictions and result in ``out``.

    ``say`` is given a line for each thing that is done.
    """
    finished = out / "result.json"
    if finished.exists():
        say(f"{out} holds this run already")
        return _read_finished(finished, spec)
    recipe, method = spec.recipe, get_method(spec.method)
    if not (out / "data" / MANIFEST).exists():
        generate(_held_out_plan(recipe), out / "data")
        say(f"{out / 'data'} has {recipe.data.valid} validation and {recipe.data.test} test questions")
    base = base_model(recipe)
    say(f"base model: looks up {base.recall:.1%} of the premises ({base.seconds:.0f} s when it was trained)")
    model = coconut_over(base)
    encoder = Encoder(base.tokenizer, special_ids(base.tokenizer), recipe.markers, recipe.answer_marker)
    evaluator = Evaluator(model, encoder, method, recipe)
    valid, test = held_out(recipe, "valid"), held_out(recipe, "test")
    torch.manual_seed(spec.seed)
    plans = plan(method, recipe.curriculum.stage_steps, recipe.curriculum.lr_scales)

    def validate(stage: int) -> float:
        return summarize(evaluator(valid, stage, "validation").predictions).test.accuracy

    def log(entry: dict[str, Any]) -> None:
        _append(out / "log.jsonl", entry)
        say("stage {stage}, step {step}: loss {loss:.4f}, validation accuracy {valid:.1%}".format(**entry))

    progress = _train(spec, model, encoder, plans, validate, log, out)
    train_memory = peak_memory()
    evaluation = evaluator(test, plans[-1].stage, "test")
    model.save_pretrained(out / "model")
    base.tokenizer.save_pretrained(out / "model")
    training = Cost(seconds=progress.seconds, peak_memory=train_memory)
    result = _result(spec, base, evaluation, progress, training, out)
    write_whole(finished, result.model_dump_json(indent=2).encode() + b"\n")
    (out / "checkpoint.pt").unlink(missing_ok=True)
    return result


def _train(
    spec: RunSpec,
    model: CoconutForCausalLM,
    encoder: Encoder,
    plans: tuple[StagePlan, ...],
    validate: Callable[[int], float],
    log: Callable[[dict[str, Any]], None],
    out: Path,
) -> Progress:
    """Train ``model`` in place through the stages of ``plans``."""
    recipe, data = spec.recipe, spec.recipe.data
    batches = TrainBatches(
        source=lambda start, count: examples(
            data.name, "train", seed=spec.seed, start=start, count=count, surface=data.surface
        ),
        encoder=encoder,
        method=get_method(spec.method),
        thoughts_per_step=recipe.curriculum.thoughts_per_step,
        batch_size=recipe.batch_size,
        earlier_stages=recipe.curriculum.earlier_stages,
        seed=spec.seed,
    )
    part = recipe.optimizer
    settings = TrainSettings(
        optimizer=optimizer_settings(part),
        warmup=part.warmup,
        final_lr=part.final_lr,
        max_grad_norm=part.max_grad_norm,
        checks=recipe.checks_in_last_stage,
    )
    checkpoint = out / "checkpoint.pt"
    return Trainer(model, batches, plans, settings, validate, checkpoint, spec.identity, log).run()


def _result(
    spec: RunSpec, base: BaseModel, evaluation: Evaluation, progress: Progress, training: Cost, out: Path
) -> Result:
    """The leaderboard's record of the run; the predictions are written beside it."""
    recipe, data = spec.recipe, spec.recipe.data
    summary = summarize(evaluation.predictions)
    entry = SeedResult(
        seed=spec.seed,
        **summary._asdict(),
        training=training,
        inference=Cost(seconds=evaluation.seconds, peak_memory=peak_memory()),
        stages=[
            Stage(
                stage=stage["stage"],
                steps=stage["steps"],
                loss=stage["loss"],
                validation_accuracy=stage["valid_accuracy"],
            )
            for stage in progress.stages
        ],
        checkpoint_rule=CHECKPOINT_RULE,
        base_weights=base.weights,
        predictions=write_predictions(evaluation.predictions, out / "predictions"),
        provenance=provenance(device=str(base.model.device.type), threads=torch.get_num_threads()),
    )
    hashed = content_hash(data.name, "test", seed=data.seed, count=data.test, surface=data.surface)
    return Result(
        dataset=Dataset(
            name=data.name, version=get_dataset(data.name).version, surface=data.surface, split="test",
            n=data.test, content_hash=hashed, seed=data.seed,
        ),
        method=spec.method,
        recipe=RecipeRecord(name=recipe.name, hash=recipe.hash),
        base_model=Base(
            name=f"{recipe.model.architecture}, premise recall",
            parameters=base.model.num_parameters(),
            revision=base.hash,
        ),
        quick=spec.quick,
        seeds=[entry],
    )  # fmt: skip


def _held_out_plan(recipe: Recipe) -> Plan:
    """What is written of the dataset: the held-out splits. Training examples are a stream, made as they
    are used.
    """
    data = recipe.data
    sizes = {"train": 0, "valid": data.valid, "test": data.test}
    return generation_plan(data.name, seed=data.seed, sizes=sizes, surface=data.surface)


def held_out(recipe: Recipe, split: str) -> list[Example]:
    """The validation or test examples of a recipe; the same for every method and seed."""
    data = recipe.data
    count = data.valid if split == "valid" else data.test
    return list(examples(data.name, split, seed=data.seed, count=count, surface=data.surface))


def _read_finished(path: Path, spec: RunSpec) -> Result:
    """The result of a run that is done; ValueError where it is another run's."""
    try:
        result = Result.model_validate_json(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} must be a result of this program: {error}") from error
    found = (result.recipe.hash, result.method, result.seeds[0].seed)
    if found != (spec.recipe.hash, spec.method, spec.seed):
        raise ValueError(
            f"{path} is the result of another run (recipe {result.recipe.name}, method {found[1]}, "
            f"seed {found[2]}); choose another --out"
        )
    return result


def _append(path: Path, entry: dict[str, Any]) -> None:
    """Add one JSON line to ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def peak_memory() -> int:
    """The peak memory of this process so far in bytes: resident memory, or the GPU's allocation where
    there is one.
    """
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
