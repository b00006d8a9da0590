"""A finished run on data that differ from its training data in one thing at a time.

The datasets are the rows of the table whose ``base`` is the recipe's dataset, their ``axis`` what differs:
depth, density, branching, distractor components, names, the order of the premises. Each gives a leaderboard
row of its own, of the same recipe and method; none of them is trained or selected on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...generators.datasets import DATASETS
from ...generators.datasets import Dataset as DatasetRow
from ...generators.files import write_whole
from ...leaderboard.result import Result
from .data import open_data
from .retest import load_evaluator, retested
from .spec import RunSpec


def ood_datasets(name: str) -> list[DatasetRow]:
    """The rows that differ from the dataset ``name`` in one thing; ValueError where there are none."""
    rows = [row for row in DATASETS.values() if row.base == name]
    if not rows:
        known = ", ".join(dict.fromkeys(row.base for row in DATASETS.values() if row.base))
        raise ValueError(
            f"--ood needs a recipe on a dataset with out-of-distribution rows ({known}), got {name}"
        )
    return rows


def evaluate_ood(spec: RunSpec, out: Path, say: Callable[[str], None]) -> list[Result]:
    """Test the run in the folder ``out`` on every row; what is there already is only read.

    Raises ValueError for a dataset without such rows, OSError where ``out`` holds no finished run.
    """
    rows, part = ood_datasets(spec.recipe.data.name), spec.recipe.data
    evaluator = load_evaluator(spec, out)
    results = []
    for row in rows:
        path = out / "ood" / f"{row.name}.json"
        if path.exists():
            results.append(Result.model_validate_json(path.read_bytes()))
            continue
        data = open_data(part.model_copy(update={"name": row.name, "train": None}))
        result = retested(out, evaluator, data.test, row.name, {"dataset": data.record})
        path.parent.mkdir(exist_ok=True)
        write_whole(path, result.model_dump_json(indent=2).encode() + b"\n")
        say(f"{row.name}: accuracy {result.seeds[0].test.accuracy:.1%}")
        results.append(result)
    return results
