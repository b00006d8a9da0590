"""What a method needs of the data and the launcher, found out before anything is trained."""

from __future__ import annotations

from itertools import chain

from ...coconut import launch
from ...coconut.methods import get_method
from ...generators.datasets import DATASETS
from ..recipe import Recipe
from .data import RunData, open_data


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


def has_graphs(data: RunData) -> bool:
    """Return whether every stored example has a graph; those that are generated always have one.

    Args:
        data: Data of a run.
    """
    return all(example.graph is not None for example in chain(data.train or (), data.valid, data.test))


def fitting(names: tuple[str, ...], recipe: Recipe) -> tuple[str, ...]:
    """Return those of all methods that the recipe's data have graphs enough for.

    Args:
        names: Names of methods.
        recipe: The recipe.

    Raises:
        ValueError: The data cannot be read.
        OSError: A file is missing.
    """
    if recipe.data.name in DATASETS or has_graphs(open_data(recipe.data)):
        return names
    return tuple(name for name in names if not get_method(name).needs_graphs)
