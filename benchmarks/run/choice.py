"""What a dataset's name decides before anything is loaded: whether it is one, its recipe, its variants."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from ...coconut.methods import get_method
from ...generators.datasets import DATASETS, examples, get_dataset
from ...generators.example import Example
from ...generators.row import Dataset as DatasetRow
from ...generators.stored.formats import read_rows
from ...generators.stored.manifest import MANIFEST, read_manifest
from ...generators.stored.sources import check_source, is_source
from ...generators.wordings.table import SYMBOLIC
from ..recipe import load_recipe, recipe_names

SHOWN = 50
"""Examples of a dataset whose chains are looked at."""


def check_dataset(name: str) -> None:
    """Check that a dataset is a source or in the table.

    Args:
        name: The dataset.

    Raises:
        ValueError: It is neither, and the message says so if it is the name of a recipe; or files do not fit.
        OSError: A file is missing.
    """
    if is_source(name):
        check_source(name)
        return
    if name in recipe_names():
        raise ValueError(f"--dataset must name a dataset, and {name} is a recipe: use --recipe {name}")
    get_dataset(name)


def check_thinks(method: str, command: str) -> None:
    """Check that a run has thoughts or pauses, before torch is imported.

    Args:
        method: Its method.
        command: What needs them, for the message.

    Raises:
        ValueError: It has none, or the method is unknown.
    """
    if not get_method(method).thinks:
        raise ValueError(f"{command} a run with thoughts or pauses, got method {method}")


def default_recipe(dataset: str | None) -> tuple[str, str]:
    """Choose the recipe of a run that names none.

    Args:
        dataset: Dataset of the run, if it names one.

    Returns:
        ``tiny`` for graphs in the symbolic wording, which its base model can look up premises in, whose
        chains are no longer than it can leave out, or the recipe that is made for the dataset
        (``tiny-3hop``); else ``scratch``. And why, if it is not ``tiny``.
    """
    if dataset is None or (dataset not in DATASETS and not is_source(dataset)):
        return "tiny", ""  # an unknown name is an error later
    made_for = dataset.removeprefix("prosqa-")
    if made_for.startswith("tiny-") and made_for in recipe_names():
        return made_for, f"it is made for {dataset}"
    folder = Path(dataset)
    if dataset in DATASETS:
        found = DATASETS[dataset].surfaces
    else:
        found = (str(read_manifest(folder)["config"]["surface"]),) if (folder / MANIFEST).is_file() else ()
    if SYMBOLIC not in found:
        which = f"{dataset} does not" if dataset in DATASETS else "these questions do not"
        return "scratch", f"tiny needs the {SYMBOLIC} wording of a graph, which {which} have"
    longest, most = _longest_chain(dataset), len(load_recipe("tiny").curriculum.lengths) - 1
    if longest > most:
        return "scratch", f"tiny leaves out chains of up to {most} steps, and {dataset} has some of {longest}"
    return "tiny", ""


def _longest_chain(dataset: str) -> int:
    """Number of steps of the longest chain among the first examples."""
    if dataset in DATASETS:
        return max(len(example.steps) for example in examples(dataset, "train", count=SHOWN))
    splits = read_manifest(Path(dataset))["splits"].values()
    files = [Path(dataset) / entry["file"] for entry in splits if entry["examples"]]
    rows = islice(read_rows(files[0]), SHOWN) if files else ()
    return max((len(Example.from_json(row, default_id="").steps) for _, row in rows), default=0)


def ood_datasets(name: str) -> list[DatasetRow]:
    """Return the out-of-distribution variants of a dataset.

    Args:
        name: Name of the dataset.

    Returns:
        Their rows in the table of datasets.

    Raises:
        ValueError: There are none.
    """
    rows = [row for row in DATASETS.values() if row.base == name]
    if not rows:
        known = ", ".join(dict.fromkeys(row.base for row in DATASETS.values() if row.base))
        raise ValueError(
            f"--ood needs a recipe on a dataset with out-of-distribution variants ({known}), got {name}"
        )
    return rows
