"""Evaluation results for a model repository of the Hugging Face Hub.

``NAME.model-index.yaml`` belongs in the header of the model's ``README.md``;
``NAME/.eval_results/DATASET.yaml`` in the model's repository, and refers to the dataset by its repository.
Accuracies are fractions, means over the seeds.
"""

from __future__ import annotations

import math
from typing import Any

import yaml

from ..aggregate import aggregate, mean_accuracy
from ..result import Result
from ..samples import Sample
from .target import Target, model_name, slug


def files(row: Result, samples: dict[int, list[Sample]], target: Target) -> dict[str, str]:
    """Format a row; ``.eval_results`` needs the dataset's repository in ``target``.

    Args:
        row: The row.
        samples: Seed → its samples; empty without questions.
        target: What the records say of the reporter and the dataset.

    Returns:
        Path below the output directory → text.
    """
    name = f"{model_name(row)}-{row.key}"
    texts = {f"{name}.model-index.yaml": _yaml({"model-index": [_model_index(row, target)]})}
    if target.dataset_repo is not None:
        texts[f"{name}/.eval_results/{slug(row.dataset.name)}.yaml"] = _yaml(
            [_entry(row, target.dataset_repo)]
        )
    return texts


def _model_index(row: Result, target: Target) -> dict[str, Any]:
    data, means = row.dataset, aggregate(row)
    seeds = [entry.seed for entry in row.seeds]
    interval = [means.interval.low, means.interval.high]
    metrics: list[dict[str, Any]] = [
        {
            "type": "accuracy",
            "value": means.accuracy,
            "name": "exact match" if len(seeds) == 1 else f"exact match, mean of {len(seeds)} seeds",
            "args": {"seeds": seeds, "interval_95": interval},
        }
    ]
    twins = [entry.twins.accuracy for entry in row.seeds if entry.twins]
    if twins:
        metrics.append(
            {"type": "twin_consistency", "value": sum(twins) / len(twins), "name": "both twins right"}
        )
    for kind, value in (("generated_tokens", means.generated), ("thoughts", means.thoughts)):
        if math.isnan(value):
            continue
        metrics.append({"type": kind, "value": value, "name": f"{kind.replace('_', ' ')} per question"})
    dataset: dict[str, Any] = {
        "type": target.dataset_repo or data.name,
        "name": f"{data.name} {data.version}",
        "config": data.name,
        "split": data.split,
        "args": {"surface": data.surface, "n": data.n, "content_hash": data.content_hash, "seed": data.seed},
    }
    if data.revision is not None:
        dataset["revision"] = data.revision
    task = {"type": "text-generation", "name": "latent reasoning"}
    return {"name": model_name(row), "results": [{"task": task, "dataset": dataset, "metrics": metrics}]}


def _entry(row: Result, repo: str) -> dict[str, Any]:
    data = row.dataset
    dataset = {"id": repo, "task_id": data.name}
    if data.revision is not None:
        dataset["revision"] = data.revision
    seeds = ", ".join(str(entry.seed) for entry in row.seeds)
    digest = (row.recipe.hash or "")[:12]
    return {
        "dataset": dataset,
        "value": mean_accuracy(row),
        "date": max(entry.provenance.date for entry in row.seeds),
        "notes": f"{row.method}, recipe {row.recipe.name} {digest}, mean of seeds {seeds}",
    }


def _yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
    return text
