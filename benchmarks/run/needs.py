"""What a method and a recipe need of the data and the launcher, told before anything is trained; no torch."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING

from ...coconut import launch
from ...coconut.curriculum import Schedule
from ...coconut.methods import get_method
from ...coconut.tokens import split_words
from ...generators.datasets import DATASETS, examples
from ...generators.example import Example
from ..recipe import Recipe
from ..recipe_parts import FULL_STOP
from .data import RunData, open_data

if TYPE_CHECKING:
    from ...coconut.encoding import Encoder

SHOWN_EXAMPLES = 50
"""Generated examples whose words and concepts are looked at."""


def check_fit(recipe: Recipe, name: str, data: RunData) -> None:
    """Check that a method can be trained on data by a recipe.

    Args:
        recipe: Recipe of the run.
        name: Name of the method.
        data: Data of the run.

    Raises:
        ValueError: The data lack graphs or steps that are needed, or the recipe has too few stages for them.
    """
    check_base(recipe, data)
    check_graphs(name, data)
    check_chains(recipe.schedule(get_method(name)), data)
    if get_method(name).mixes and recipe.model.pretrained is None:
        check_words(name, data)


def check_chains(schedule: Schedule, data: RunData) -> None:
    """Check that the data have the steps the method needs, and the recipe enough stages for them.

    Args:
        schedule: Method and curriculum.
        data: Data of the run.

    Raises:
        ValueError: They do not.
    """
    method, longest, name = schedule.method, data.longest_chain, data.record.name
    needs_steps = method.writes_chain or method.curriculum != "none" or "teacher" in method.views
    if needs_steps and longest == 0:
        raise ValueError(f"method {method.name} needs examples with steps, got none in {name}")
    if method.curriculum == "steps" and not schedule.extra_stage and longest > schedule.latent_stages:
        raise ValueError(
            f"chains of {name} have up to {longest} steps: the curriculum must have that many stages after "
            f"stage 0, or end with an extra_stage; got {schedule.latent_stages}"
        )


def check_base(recipe: Recipe, data: RunData) -> None:
    """Check that a base model can be trained to recall premises of the data.

    Args:
        recipe: Recipe of the run.
        data: Data of the run.

    Raises:
        ValueError: The recipe has such a base model, and the data have no graphs whose nodes are single words
            of premises that end with a period.
    """
    if recipe.base is None:
        return
    words: set[str] = set()
    concepts: set[str] = set()
    for example in data.vocabulary_examples(SHOWN_EXAMPLES):
        words.update(split_words(example.question))
        concepts.update(example.graph.symbols if example.graph is not None else ())
    if not concepts or not {*concepts, FULL_STOP} <= words:
        raise ValueError(
            f"recipe {recipe.name} has a base model trained on premise recall, which needs graphs whose "
            f"nodes are single words; {data.record.name} has none: use --recipe scratch"
        )


def check_graphs(name: str, data: RunData) -> None:
    """Check that the data have the graphs that a method needs.

    Args:
        name: Name of the method.
        data: Data of the run.

    Raises:
        ValueError: An example has none.
    """
    if get_method(name).needs_graphs and not has_graphs(data):
        raise ValueError(
            f"method {name} needs examples with graphs (idx_to_symbol, edges, root, target, neg_target), "
            f"got none in {data.record.name}"
        )


def has_graphs(data: RunData) -> bool:
    """Return whether every stored example has a graph; those that are generated always have one.

    Args:
        data: Data of a run.
    """
    return all(example.graph is not None for example in chain(data.train or (), data.valid, data.test))


def check_words(name: str, data: RunData) -> None:
    """Check that concepts are single words, each of which is a token of a model from scratch.

    Args:
        name: Name of a method that mixes embeddings.
        data: Data of the run.

    Raises:
        ValueError: One has several words; names it.
    """
    for symbol in _symbols(data.vocabulary_examples(SHOWN_EXAMPLES)):
        if (count := len(split_words(symbol))) != 1:
            raise ValueError(
                f"method {name}: a mixture needs concepts of one token each, got {symbol!r} of {count}, in "
                f"{data.record.name}"
            )


def check_whole(name: str) -> None:
    """Check that a method can be trained as the launcher is configured.

    Args:
        name: Name of the method.

    Raises:
        ValueError: It needs the whole model in each process, and the model is to be divided.
    """
    if get_method(name).decodes_steps and launch.is_sharded():
        raise ValueError(
            f"method {name} needs the whole model in each process: its decoder is not divided (FSDP)"
        )


def check_concepts(name: str, encoder: Encoder, data: RunData) -> None:
    """Check that concepts are single tokens, if a method needs that.

    Args:
        name: Name of the method.
        encoder: Encoder of the run.
        data: Data of the run.

    Raises:
        ValueError: One has several tokens; names it.
    """
    if not get_method(name).mixes:
        return
    for symbol in _symbols(data.vocabulary_examples(SHOWN_EXAMPLES)):
        try:
            encoder.one_token(symbol)
        except ValueError as error:
            raise ValueError(f"method {name}: {error}, in {data.record.name}") from error


def _symbols(shown: Iterable[Example]) -> list[str]:
    """The names of the nodes of some examples' graphs."""
    return sorted({symbol for one in shown if one.graph is not None for symbol in one.graph.symbols})


def fitting(names: tuple[str, ...], recipe: Recipe) -> tuple[str, ...]:
    """Return those of all methods that the recipe's data fit: by their graphs, and by their concepts' tokens.

    Args:
        names: Names of methods.
        recipe: The recipe.

    Raises:
        ValueError: The data or a pretrained model's tokenizer cannot be read.
        OSError: A file is missing.
    """
    part = recipe.data
    if part.name in DATASETS:
        shown, graphs = list(examples(part.name, "train", count=SHOWN_EXAMPLES, surface=part.surface)), True
    else:
        data = open_data(part)
        shown, graphs = list(data.vocabulary_examples(SHOWN_EXAMPLES)), has_graphs(data)
    fit = [name for name in names if graphs or not get_method(name).needs_graphs]
    if any(get_method(name).mixes for name in fit) and not _are_single(_symbols(shown), recipe):
        fit = [name for name in fit if not get_method(name).mixes]
    return tuple(fit)


def _are_single(symbols: list[str], recipe: Recipe) -> bool:
    """Whether each concept is one token of the recipe's model."""
    if recipe.model.pretrained is None:
        return all(len(split_words(symbol)) == 1 for symbol in symbols)
    from .pretrained import load_tokenizer  # with torch

    tokens = load_tokenizer(recipe.model)(symbols, add_special_tokens=False)["input_ids"]
    return all(len(one) == 1 for one in tokens)
