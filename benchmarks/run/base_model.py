"""Tokenizer and base model of a recipe: pretrained, untrained, or trained on premise recall.

Every method of a recipe starts from the same base model, as every method of the paper starts from GPT-2. A
model trained on premise recall is cached under the hash of everything it depends on, in the user's cache
directory or in ``COCONUT_BENCH_CACHE``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import (
    AutoModelForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging as transformers_logging

from ...coconut.curriculum import Schedule
from ...coconut.loading import check_sizes, check_stated, load_model, reason
from ...coconut.looping import looped_config, share_layers
from ...coconut.modeling import CoconutForCausalLM
from ...coconut.numerics import NUMERICS
from ...coconut.recurrence import RECURRENCES
from ...coconut.step_decoder import StepDecoder
from ...coconut.tokens import special_ids, split_words, word_tokenizer
from ...generators.files import SUMS, check_sums, file_digest, leftovers, owner, sweep_temporary, write_whole
from ...generators.reading import read_shape
from ...generators.terminal import say
from ..content import model_label
from ..recipe import Recipe
from .data import RunData
from .lock import locked
from .pretrained import load_pretrained, weights_hash
from .recall import RecallTrainer
from .saved import save_model

VOCABULARY_EXAMPLES = 2_000
"""Training examples that define the vocabulary; a word in none of them is an error later."""
RECORD = "premise-recall.json"


@dataclass
class _Record:
    """Outcome of the training of a cached model."""

    recall: float
    seconds: float


class Words(NamedTuple):
    """The words of a dataset, sorted: all of them, and those that name concepts."""

    all: list[str]
    concepts: list[str]


@dataclass(frozen=True)
class BaseModel:
    """A base model with its tokenizer.

    Attributes:
        model: The model in fp32.
        tokenizer: Its tokenizer, with Coconut's special tokens.
        name: Name for people: the pretrained model's, or the architecture and how it was trained.
        hash: Hash of everything it was made from, the training seed aside; for a pretrained model its
            commit, if known.
        weights: SHA-256 of its weights.
        recall: Share of premises recalled correctly in the last tenth of training; None if not trained.
        seconds: Duration of that training.
        per_seed: Whether each training seed has a base model of its own.
        is_reused: Whether it was trained before this run.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    hash: str
    weights: str
    recall: float | None = None
    seconds: float = 0.0
    per_seed: bool = False
    is_reused: bool = False

    @property
    def record(self) -> dict[str, Any]:
        """All that it is, as plain values, but the model and its tokenizer."""
        left_out = ("model", "tokenizer", "is_reused")
        return {name: value for name, value in vars(self).items() if name not in left_out}

    def __str__(self) -> str:
        if self.recall is None:
            return f"{self.name}, {self.model.num_parameters():,} parameters"
        how = f"reused, its training took {self.seconds:.0f} s"
        how = how if self.is_reused else f"trained in {self.seconds:.0f} s"
        return f"recalls {self.recall:.1%} of the premises ({how})"


def cache_folder() -> Path:
    """Return the directory of cached base models."""
    named = os.environ.get("COCONUT_BENCH_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coconut-bench"


def base_model(
    recipe: Recipe, data: RunData, seed: int = 0, record: dict[str, Any] | None = None
) -> BaseModel:
    """Load or train the model that the recipe's methods start from.

    Args:
        recipe: Recipe of the run.
        data: Data of the recipe; its words are the vocabulary of a model from scratch.
        seed: Training seed of the run; used if the recipe's ``base.seed`` is ``run``.
        record: `BaseModel.record` of a model trained on premise recall whose weights are not needed, as the
            run's checkpoint has its own; None to load or train it.

    Returns:
        The base model; one trained on premise recall comes from the cache if it is there, and has its initial
        weights if ``record`` is given.

    Raises:
        ValueError: The model cannot be loaded or built, or its cached files are damaged.
        Stopped: A signal stopped its training, whose state is saved.
    """
    transformers_logging.disable_progress_bar()  # loading a small model is not worth a progress bar
    part = recipe.model
    if part.pretrained is not None:
        model, tokenizer = load_pretrained(part)
        weights = weights_hash(model)
        commit = getattr(model.config, "_commit_hash", None)
        return BaseModel(model, tokenizer, model_label(part.pretrained), commit or weights, weights)
    words = dataset_words(data)
    word_level = word_tokenizer(words.all)
    if recipe.base is None:
        model = from_scratch(recipe, word_level)
        weights = weights_hash(model)
        return BaseModel(model, word_level, f"{part.architecture}, untrained", weights, weights)
    bound = recipe.model_copy(update={"base": recipe.base.bound(seed)})
    if record is not None:
        model = from_scratch(bound, word_level)
        model.config.architectures = [type(model).__name__]  # as in the cached one
        return BaseModel(model, word_level, **record, is_reused=True)
    return _trained_on_recall(bound, word_level, words, revision=_origin(recipe, words))


def _origin(recipe: Recipe, words: Words) -> str:
    """Hash everything that a model trained on premise recall is made from."""
    fields = {
        "numerics": NUMERICS,
        "model": recipe.model.model_dump(mode="json", exclude_none=True),
        "base": recipe.base and recipe.base.model_dump(mode="json", exclude_none=True),
        "words": words,
    }
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _trained_on_recall(
    recipe: Recipe, tokenizer: PreTrainedTokenizerFast, words: Words, revision: str
) -> BaseModel:
    """Load the base model of a recipe whose seed is a number from the cache, or train it."""
    digest = _origin(recipe, words)
    folder = cache_folder() / f"base-{digest[:16]}"
    sweep_temporary(folder.parent)
    for left in leftovers(folder.parent, r"base-[0-9a-f]{16}\.([^.]+)\.partial"):
        shutil.rmtree(left, ignore_errors=True)
    is_reused = _is_made(folder)
    if not is_reused:
        with locked(folder.with_name(f".{folder.name}.lock"), _tell):  # who comes second waits for the model
            if not _is_made(folder):
                if folder.exists():
                    _tell(f"{folder} has no digests, as of an earlier version: the base model is made again")
                    shutil.rmtree(folder)
                _train_into(folder, recipe, tokenizer, words.concepts, digest)
    _checkpoint(folder).unlink(missing_ok=True)
    check_sums(folder, f"delete {folder} to train the base model again")
    try:
        record = read_shape(_Record, (folder / RECORD).read_bytes(), RECORD)
        model = share_layers(load_model(folder))
        weights = file_digest(folder / "model.safetensors")
        name = f"{recipe.model.architecture}, premise recall"
        return BaseModel(
            model, tokenizer, name, revision, weights, record.recall, record.seconds, digest != revision,
            is_reused,
        )  # fmt: skip
    except (ValueError, OSError) as error:
        raise ValueError(
            f"cached base model in {folder} cannot be read ({error}); delete that directory"
        ) from error


def _is_made(folder: Path) -> bool:
    """Whether a cached base model is there, with the digests that it is checked against."""
    return (folder / RECORD).exists() and (folder / SUMS).exists()


def dataset_words(data: RunData) -> Words:
    """Collect the vocabulary of the dataset and its concept names.

    Words that occur only in out-of-distribution variants are included; only premise recall trains them.
    """
    everything: set[str] = set()
    concepts: set[str] = set()
    for example in data.vocabulary_examples(VOCABULARY_EXAMPLES):
        for text in (example.question, *example.steps, example.answer):
            everything.update(split_words(text))
        if example.graph is not None:
            concepts.update(example.graph.symbols)
    return Words(sorted(everything), sorted(concepts))


def coconut_over(base: BaseModel, recipe: Recipe, schedule: Schedule, seed: int) -> CoconutForCausalLM:
    """Wrap a base model as a Coconut model.

    Args:
        base: Base model; its weights are shared, not copied.
        recipe: Recipe of the run.
        schedule: Method and curriculum.
        seed: Seed of the parts that are added (halting head, projection, initial thoughts).

    Returns:
        The model, ready to train.
    """
    recurrence, slots = schedule.method.recurrence, 0
    if RECURRENCES[recurrence].has_slots:
        slots = schedule.thoughts(schedule.final_stage)
    model = CoconutForCausalLM.wrap(
        base.model, special_ids(base.tokenizer).latent, seed, halting=schedule.halting,
        recurrence=recurrence, slots=slots, sweeps=recipe.curriculum.sweeps_of(slots),
    )  # fmt: skip
    if schedule.method.decodes_steps:
        model.step_decoder = StepDecoder(base.model)
    if recipe.gradient_checkpointing:
        model.gradient_checkpointing_enable()
    return model


def _train_into(
    folder: Path, recipe: Recipe, tokenizer: PreTrainedTokenizerFast, concepts: list[str], origin: str
) -> None:
    """Train the base model and move it into place atomically."""
    assert recipe.base is not None
    model = from_scratch(recipe, tokenizer)
    trainer = RecallTrainer(model, recipe.base, tokenizer, concepts, _checkpoint(folder), origin)
    recall = trainer.run()
    partial = folder.with_name(f"{folder.name}.{owner()}.partial")
    try:
        partial.mkdir(parents=True)
        record = {"recall": recall.rate, "seconds": recall.seconds}
        write_whole(partial / RECORD, json.dumps(record).encode())
        save_model(partial, model, None)
        if not folder.exists():
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _tell(line: str) -> None:
    say(line, error=True)


def _checkpoint(folder: Path) -> Path:
    """Where the state of an unfinished training of the cached model is kept."""
    return folder.with_name(f"{folder.name}.checkpoint.pt")


def from_scratch(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """Build the recipe's untrained model, initialized with the base part's seed."""
    ids = special_ids(tokenizer)
    torch.manual_seed(int(recipe.base.seed) if recipe.base else 0)
    try:
        check_sizes(recipe.model.config or {})
        config = looped_config(
            str(recipe.model.architecture), recipe.model.loops, vocab_size=len(tokenizer),
            pad_token_id=ids.pad, eos_token_id=ids.end, bos_token_id=None, **(recipe.model.config or {}),
        )  # fmt: skip
        check_stated(config, recipe.model.config or {})
        return share_layers(AutoModelForCausalLM.from_config(config, dtype=torch.float32))
    except Exception as error:  # transformers and torch raise anything for a field of another type
        raise ValueError(f"model of recipe {recipe.name}: {reason(error)}") from error
