"""Out-of-distribution evaluation of a finished run: one property of the data is changed at a time.

The variants are the rows of the table of datasets whose ``base`` is the recipe's dataset. Their ``axis`` is
what differs: depth, density, branching, distractor components, names, order of the premises. Each gives its
own leaderboard row, under the same recipe and method; none is used in training or model selection.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from ...leaderboard.result import Result
from .choice import ood_datasets
from .data import open_data
from .lock import RUN_LOCK, locked
from .retest import load_evaluator, retested
from .saved import load_result
from .spec import RunSpec


def evaluate_ood(
    spec: RunSpec, out: Path, say: Callable[[str], None], names: Collection[str] | None = None
) -> list[Result]:
    """Evaluate a finished run on the variants of its dataset; existing results are reused.

    Args:
        spec: The run.
        out: Its directory.
        say: Called with a line for each variant.
        names: The variants to evaluate; None for all.

    Returns:
        One result per variant.

    Raises:
        InUse: Another process works in ``out``, and a result is missing.
        ValueError: The dataset has no variants.
        OSError: ``out`` does not contain a finished run.
    """
    part = spec.recipe.data
    rows = [row for row in ood_datasets(part.name) if names is None or row.name in names]
    paths = {row.name: out / "ood" / f"{row.name}.json" for row in rows}
    if not all(path.exists() for path in paths.values()):
        with locked(out / RUN_LOCK):
            evaluator = load_evaluator(spec, out)
            for name, path in paths.items():
                if not path.exists():
                    data = open_data(part.model_copy(update={"name": name, "train": None}))
                    retested(out, evaluator, data.test, name, {"dataset": data.record}, path, say)
    return [load_result(path) for path in paths.values()]
