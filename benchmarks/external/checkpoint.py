"""A checkpoint of the published code (github.com/facebookresearch/coconut) as a finished run.

That code saves ``state_dict()`` alone. Its class ``Coconut`` holds the language model as ``base_causallm``
and that model's embedding once more as ``embedding``; a plain model (CoT, No-CoT) has no prefix:

    base_causallm.transformer.wte.weight   [50260, 768]     three rows more than GPT-2's tokenizer has tokens
    embedding.weight                       [50260, 768]     the same tensor

The rows belong to ``<|start-latent|>``, ``<|end-latent|>`` and ``<|latent|>``, in this order; here they are
called ``<bot>``, ``<eot>`` and ``<latent>``.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from ...coconut.methods import get_method
from ...coconut.modeling import CoconutForCausalLM
from ...coconut.tokens import BEGIN_THOUGHT, END_THOUGHT, LATENT, special_ids
from ...leaderboard.measures import Cost, SideFile
from ...leaderboard.predictions import summarize, write_predictions
from ...leaderboard.provenance import provenance
from ...leaderboard.result import Base, Dataset, Result, SeedResult
from ...leaderboard.result import Recipe as RecipeRecord
from ..content import model_label
from ..recipe import Recipe
from ..run.data import open_data
from ..run.evaluate import Evaluation, Evaluator, recipe_encoder
from ..run.lock import RUN_LOCK, locked
from ..run.pipeline import peak_memory
from ..run.pretrained import add_tokens, weights_hash
from ..run.saved import save_model, save_recipe, write_result
from .answers import UNKNOWN

PREFIX = "base_causallm."
ADDED = (BEGIN_THOUGHT, END_THOUGHT, LATENT)
"""The published code's three tokens under the names that they have here, in the order of their rows."""
BUFFERS = (".attn.bias", ".attn.masked_bias")
"""Masks that older versions of transformers saved with GPT-2."""


class Checkpoint(dict[str, Tensor]):
    """The language model's weights by name; ``is_coconut`` if it was saved by the class ``Coconut``."""

    is_coconut: bool = False


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a state dict of the published code; only tensors are loaded, never code.

    Args:
        path: File that the published code saved.

    Returns:
        The language model's weights.

    Raises:
        ValueError: The file is no state dict.
        OSError: The file cannot be read.
    """
    problem = f"{path} must be a state dict of the published code (torch.save(model.state_dict()))"
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises anything from KeyError to UnpicklingError on another file
        raise ValueError(f"{problem}, it cannot be read as one") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{problem}, got other objects than tensors")
    named = {str(name).removeprefix("module."): value for name, value in state.items()}
    weights = Checkpoint(
        (name.removeprefix(PREFIX), value)
        for name, value in named.items()
        if not name.endswith(BUFFERS) and name != "embedding.weight"
    )
    weights.is_coconut = any(name.startswith(PREFIX) for name in named)
    return weights


class Published(NamedTuple):
    """A model of the published code.

    Attributes:
        model: The model, whose thoughts are marked by ``<latent>``.
        tokenizer: Its tokenizer, with this package's special tokens.
        is_coconut: Whether it was saved by the class ``Coconut``.
    """

    model: CoconutForCausalLM
    tokenizer: PreTrainedTokenizerBase
    is_coconut: bool


def load_published(path: Path, base: str) -> Published:
    """Load a checkpoint of the published code.

    Args:
        path: File that the published code saved.
        base: The model that was trained, for its configuration and tokenizer: a directory, or a name on the
            Hub.

    Returns:
        The model in fp32, its tokenizer and its origin.

    Raises:
        ValueError: The file is no such checkpoint, or not of this base model.
        OSError: The file cannot be read.
    """
    weights = read_checkpoint(path)
    try:
        tokenizer = AutoTokenizer.from_pretrained(base)
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base), dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise ValueError(f"--base {base} cannot be loaded: {str(error).strip().splitlines()[0]}") from error
    embedding = model.get_input_embeddings()
    table = next(f"{name}.weight" for name, module in model.named_modules() if module is embedding)
    rows, words = len(weights.get(table, ())), len(tokenizer)
    allowed = {words + len(ADDED)} if weights.is_coconut else {words, model.config.vocab_size}
    if rows not in allowed:
        raise ValueError(
            f"{path}: {table} must have {' or '.join(map(str, sorted(allowed)))} rows for --base {base}, "
            f"got {rows or 'none'}"
        )
    model.resize_token_embeddings(rows, mean_resizing=False)
    if weights.is_coconut:
        tokenizer.add_tokens(list(ADDED), special_tokens=True)
    _fill(model, weights, path)
    add_tokens(model, tokenizer, None)
    return Published(
        CoconutForCausalLM.wrap(model, special_ids(tokenizer).latent), tokenizer, weights.is_coconut
    )


def _fill(model: PreTrainedModel, weights: Checkpoint, path: Path) -> None:
    """Load weights of which none is missing and none left over; tied ones may be."""
    try:
        odd = model.load_state_dict(weights, strict=False)
    except RuntimeError as error:  # a shape
        raise ValueError(f"{path} does not fit --base: {str(error).splitlines()[-1].strip()}") from error
    tied = set(model.all_tied_weights_keys)
    problems = [*odd.unexpected_keys, *(name for name in odd.missing_keys if name not in tied)]
    if problems:
        raise ValueError(f"{path} does not fit --base: {len(problems)} weights differ, such as {problems[0]}")
    model.tie_weights()


def import_checkpoint(
    path: Path, recipe: Recipe, out: Path, *, method: str | None = None, stage: int | None = None
) -> Result:
    """Evaluate a checkpoint of the published code and save it as a finished run.

    Args:
        path: File that the published code saved.
        recipe: Recipe that it was trained by; its pretrained model is the base.
        out: Directory of the run; must not have one.
        method: Its method; None for coconut, or cot if there are no thoughts.
        stage: Stage of the curriculum to answer at; None for the last.

    Returns:
        The row, of the kind ``external``.

    Raises:
        ValueError: The checkpoint, its base, the method and the recipe do not fit together, ``out`` has a
            run, or another process works there.
        OSError: A file cannot be read, or ``out`` cannot be written.
    """
    with locked(out / RUN_LOCK):
        return _import(path, recipe, out, method, stage)


def _import(path: Path, recipe: Recipe, out: Path, method: str | None, stage: int | None) -> Result:
    """Do what `import_checkpoint` says, in a folder that no other process works in."""
    if (out / "result.json").exists() or (out / "run.json").exists():
        raise ValueError(f"{out} must not hold a run yet, got one; choose another --out, or remove it")
    published = load_published(path, str(recipe.model.pretrained))
    name = method or ("coconut" if published.is_coconut else "cot")
    schedule = recipe.schedule(get_method(name))
    last = schedule.final_stage if stage is None else stage
    if last not in schedule.method.stages(schedule.last):
        raise ValueError(f"--stage must be in 0..{schedule.last} for {recipe.name}, got {stage}")
    data = open_data(recipe.data)
    evaluator = Evaluator(published.model, recipe_encoder(recipe, published.tokenizer), schedule, recipe)
    if torch.cuda.is_available():
        published.model.to(torch.device("cuda"))  # type: ignore[arg-type]
    evaluation = evaluator(data.test, last, "test")
    predictions = write_predictions(evaluation.predictions, out / "predictions")
    result = _result(data.record, evaluator, last, evaluation, predictions)
    data.write_held_out(out / "data")
    save_recipe(recipe, out / "recipe.yaml")
    published.model.config.after_question = evaluator.after_question(last)
    published.model.config.without_thoughts = evaluator.after_question(last, 0)
    save_model(out / "model", published.model, published.tokenizer)
    write_result(out / "result.json", result)
    return result


def _result(
    questions: Dataset, evaluator: Evaluator, stage: int, evaluation: Evaluation, predictions: SideFile
) -> Result:
    """The row: evaluated here, trained elsewhere."""
    model, recipe = evaluator.model, evaluator.recipe
    entry = SeedResult(
        seed=0,
        **summarize(evaluation.predictions)._asdict(),
        training=Cost(seconds=None),
        inference=Cost(seconds=evaluation.seconds, peak_memory=peak_memory()),
        stages=[],
        answered=evaluator.answered(stage),
        checkpoint_rule=UNKNOWN,
        weights=weights_hash(model),
        predictions=predictions,
        provenance=provenance(device=model.device.type, threads=torch.get_num_threads()),
    )
    return Result(
        kind="external",
        dataset=questions,
        method=evaluator.schedule.method.name,
        recipe=RecipeRecord(name=recipe.name, hash=recipe.hash),
        base_model=Base(
            name=model_label(str(recipe.model.pretrained)), parameters=model.base.num_parameters()
        ),
        quick=False,
        seeds=[entry],
    )
