"""A finished run on data that differ from its training data in one thing at a time.

The datasets are the rows of the table whose ``base`` is the recipe's dataset, their ``axis`` what differs:
depth, density, branching, distractor components, names, the order of the premises. Each gives a leaderboard
row of its own, of the same recipe and method; none of them is trained or selected on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from ..coconut.curriculum import plan
from ..coconut.encoding import Encoder
from ..coconut.methods import get_method
from ..coconut.modeling import CoconutForCausalLM
from ..coconut.tokens import special_ids
from ..generators.datasets import DATASETS, content_hash, examples
from ..generators.datasets import Dataset as DatasetRow
from ..leaderboard.files import write_whole
from ..leaderboard.measures import Cost
from ..leaderboard.predictions import summarize, write_predictions
from ..leaderboard.provenance import provenance
from ..leaderboard.result import Dataset, Result
from .run import Evaluator, RunSpec, peak_memory


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
    rows = ood_datasets(spec.recipe.data.name)
    trained = Result.model_validate_json((out / "result.json").read_bytes())
    evaluator = _load(spec, out)
    results = []
    for row in rows:
        path = out / "ood" / f"{row.name}.json"
        if path.exists():
            results.append(Result.model_validate_json(path.read_bytes()))
            continue
        result = _test(row, spec, trained, evaluator, out)
        path.parent.mkdir(exist_ok=True)
        write_whole(path, result.model_dump_json(indent=2).encode() + b"\n")
        say(f"{row.name}: accuracy {result.seeds[0].test.accuracy:.1%}")
        results.append(result)
    return results


def _load(spec: RunSpec, out: Path) -> Evaluator:
    """The run's model, as it was saved."""
    model = AutoModelForCausalLM.from_pretrained(out / "model", dtype=torch.float32)
    assert isinstance(model, CoconutForCausalLM)
    tokenizer = AutoTokenizer.from_pretrained(out / "model")
    recipe = spec.recipe
    encoder = Encoder(tokenizer, special_ids(tokenizer), recipe.markers, recipe.answer_marker)
    return Evaluator(model, encoder, get_method(spec.method), recipe)


def _test(row: DatasetRow, spec: RunSpec, trained: Result, evaluator: Evaluator, out: Path) -> Result:
    """The trained run's record with another dataset and what was answered there."""
    recipe, data = spec.recipe, spec.recipe.data
    stage = plan(get_method(spec.method), recipe.curriculum.stage_steps, recipe.curriculum.lr_scales)[
        -1
    ].stage
    asked = list(examples(row.name, "test", seed=data.seed, count=data.test, surface=data.surface))
    evaluation = evaluator(asked, stage, row.name)
    [entry] = trained.seeds
    found = {
        **entry.model_dump(),
        **summarize(evaluation.predictions)._asdict(),
        "inference": Cost(seconds=evaluation.seconds, peak_memory=peak_memory()),
        "predictions": write_predictions(evaluation.predictions, out / "predictions"),
        "provenance": provenance(device=evaluator.model.device.type, threads=torch.get_num_threads()),
    }
    hashed = content_hash(row.name, "test", seed=data.seed, count=data.test, surface=data.surface)
    dataset = Dataset(
        name=row.name,
        version=row.version,
        surface=data.surface,
        split="test",
        n=data.test,
        content_hash=hashed,
        seed=data.seed,
    )
    return Result.model_validate({**dict(trained), "dataset": dataset, "seeds": [type(entry)(**found)]})
