"""What a method needs of the data and the launcher, found out before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from ...coconut import launch
from ...coconut.encoding import Encoder
from ...coconut.methods import get_method
from ...coconut.tokens import split_words
from ...generators.datasets import DATASETS, examples
from ...generators.example import Example
from ..recipe import Recipe
from .data import RunData, open_data
from .pretrained import load_tokenizer

SHOWN_EXAMPLES = 50
"""Generated examples whose concepts are looked at."""


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


def has_graphs(data: RunData) -> bool:
    """Return whether every stored example has a graph; those that are generated always have one.

    Args:
        data: Data of a run.
    """
    return all(example.graph is not None for example in chain(data.train or (), data.valid, data.test))


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
    tokens = load_tokenizer(recipe.model)(symbols, add_special_tokens=False)["input_ids"]
    return all(len(one) == 1 for one in tokens)
