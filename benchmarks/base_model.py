"""Tokenizer and base model of a recipe: built from a configuration, trained on premise recall once, and kept.

Every method of a recipe starts from the same base model, as every method of the paper starts from GPT-2. It
is kept in the user's cache folder under the hash of all that it depends on; ``COCONUT_BENCH_CACHE`` names
another folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from ..coconut.curriculum import lr_factor
from ..coconut.modeling import CoconutForCausalLM
from ..coconut.optim import Optimizers, OptimizerSettings
from ..coconut.premise_recall import RecallTokens, premises_at, recall_batch
from ..coconut.tokens import BACKWARD, FORWARD, special_ids, split_words, word_tokenizer
from ..generators.datasets import DATASETS, examples
from ..leaderboard.files import write_whole
from .recipe import OptimizerPart, Recipe

FORMAT = 1
"""Goes into the hash of a kept base model; raised when the code that trains it changes what comes out."""
VOCABULARY_EXAMPLES = 2_000
"""The vocabulary is that of so many training examples; a word that none of them holds is refused later."""
RECORD = "premise-recall.json"


class Words(NamedTuple):
    """The words of a dataset: all of them, and those that name concepts, each sorted."""

    all: list[str]
    concepts: list[str]


@dataclass(frozen=True)
class BaseModel:
    """A base model with its tokenizer.

    ``hash`` is that of everything it was made from, ``weights`` the SHA-256 of its weights' file, ``recall``
    the share of premises that it looked up right over the last tenth of its training, ``seconds`` how long
    that took.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    hash: str
    weights: str
    recall: float
    seconds: float


def cache_folder() -> Path:
    """Where base models are kept."""
    named = os.environ.get("COCONUT_BENCH_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coconut-bench"


def optimizer_settings(part: OptimizerPart) -> OptimizerSettings:
    """The recipe's optimizer in the trainer's terms."""
    return OptimizerSettings(part.name, part.lr, part.muon_lr, part.weight_decay, part.betas)


def base_model(recipe: Recipe) -> BaseModel:
    """The recipe's base model: from the cache, or trained now and put there."""
    transformers_logging.disable_progress_bar()  # loading a small model takes no time worth showing
    words = dataset_words(recipe)
    tokenizer = word_tokenizer(words.all)
    fields = {
        "format": FORMAT,
        "model": recipe.model.model_dump(mode="json"),
        "base": recipe.base.model_dump(mode="json"),
        "words": words,
    }
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
    folder = cache_folder() / f"base-{digest[:16]}"
    if not (folder / RECORD).exists():
        _train_into(folder, recipe, tokenizer, words.concepts)
    try:
        record = json.loads((folder / RECORD).read_text())
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        weights = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
        return BaseModel(model, tokenizer, digest, weights, record["recall"], record["seconds"])
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(
            f"the base model kept in {folder} cannot be read ({error}); remove that folder"
        ) from error


def dataset_words(recipe: Recipe) -> Words:
    """The vocabulary of the recipe's dataset, and which of its words are names of concepts.

    Words that only its out-of-distribution rows hold are there too, untrained but for premise recall.
    """
    data = recipe.data
    everything: set[str] = set()
    concepts: set[str] = set()
    names = [data.name, *(row.name for row in DATASETS.values() if row.base == data.name)]
    streams = [examples(name, "train", count=VOCABULARY_EXAMPLES, surface=data.surface) for name in names]
    for example in chain.from_iterable(streams):
        for text in (example.question, *example.steps, example.answer):
            everything.update(split_words(text))
        if example.graph is not None:
            concepts.update(example.graph.symbols)
    return Words(sorted(everything), sorted(concepts))


def coconut_over(base: BaseModel) -> CoconutForCausalLM:
    """Coconut over the base model's weights."""
    return CoconutForCausalLM.wrap(base.model, special_ids(base.tokenizer).latent)


def _train_into(
    folder: Path, recipe: Recipe, tokenizer: PreTrainedTokenizerFast, concepts: list[str]
) -> None:
    """Train the base model and move it into place whole; another process may do the same at the same time."""
    started = time.monotonic()
    model = from_scratch(recipe, tokenizer)
    recall = _pretrain(model, recipe, tokenizer, concepts)
    partial = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
    try:
        model.save_pretrained(partial)
        record = {"recall": recall, "seconds": time.monotonic() - started}
        write_whole(partial / RECORD, json.dumps(record).encode())
        if not folder.exists():
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def from_scratch(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """The recipe's untrained model, initialised from the base seed."""
    ids = special_ids(tokenizer)
    torch.manual_seed(recipe.base.seed)
    try:
        config = AutoConfig.for_model(
            recipe.model.architecture, vocab_size=len(tokenizer), pad_token_id=ids.pad, eos_token_id=ids.end,
            bos_token_id=None, **recipe.model.config,
        )  # fmt: skip
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"model of recipe {recipe.name}: {error}") from error


def _pretrain(
    model: PreTrainedModel, recipe: Recipe, tokenizer: PreTrainedTokenizerFast, concepts: list[str]
) -> float:
    """Train on premise recall; returns the share looked up right over the last tenth of the steps."""
    part, tokens = recipe.base, recall_tokens(tokenizer, concepts)
    wrapped = CoconutForCausalLM.wrap(model, special_ids(tokenizer).latent)
    optimizers = Optimizers(wrapped, optimizer_settings(part.optimizer))
    rates: list[float] = []
    model.train()
    for step in tqdm(range(part.steps), desc="base model", unit="step", disable=None, leave=False):
        premises = premises_at(step, part.growth_steps, part.first_premises, part.premises)
        batch = recall_batch(tokens, premises, part.batch_size, part.seed, step)
        output = wrapped(batch.input_ids, labels=batch.labels)
        output.loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), part.optimizer.max_grad_norm)
        optimizers.step(lr_factor(step, part.steps, part.optimizer.warmup, part.optimizer.final_lr))
        if step >= part.steps - max(1, part.steps // 10):
            wanted = batch.labels[batch.labels >= 0]
            rates.append(float((output.logits.argmax(-1) == wanted).float().mean()))
    return sum(rates) / len(rates)


def recall_tokens(tokenizer: PreTrainedTokenizerFast, concepts: list[str]) -> RecallTokens:
    """The ids of the concepts, and of the separator and the markers."""
    ids = tokenizer.get_vocab()
    concept_ids = np.array([ids[concept] for concept in concepts], dtype=np.int64)
    return RecallTokens(concept_ids, ids["."], ids[FORWARD], ids[BACKWARD])
