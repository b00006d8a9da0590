"""The files that lm-evaluation-harness 0.4 writes: ``results_DATE.json`` and ``samples_TASK_DATE.jsonl``.

One folder per trained model, i.e. per row and seed. The fields are those of the harness' `EvalResults` and
`SampleResult`; hashes of samples are sha256, as there.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ..result import Result, SeedResult
from ..samples import Sample
from .target import Target, json_lines, json_text, model_name, slug, unix_time

METRIC = "exact_match"
FILTER = "none"


def files(row: Result, samples: dict[int, list[Sample]], target: Target) -> dict[str, str]:
    """Format the results of each seed, and its samples where there are questions.

    Args:
        row: The row.
        samples: Seed → its samples; empty without questions.
        target: What the records say of the reporter and the dataset.

    Returns:
        Path below the output directory → text.
    """
    texts = {}
    for entry in row.seeds:
        folder = f"{model_name(row)}-seed{entry.seed}-{row.key}"
        date = entry.provenance.date.replace(":", "-").removesuffix("Z")
        written = [_sample(index, sample) for index, sample in enumerate(samples.get(entry.seed, ()))]
        texts[f"{folder}/results_{date}.json"] = json_text(_results(row, entry, written, target))
        if written:
            texts[f"{folder}/samples_{_task(row)}_{date}.jsonl"] = json_lines(written)
    return texts


def _task(row: Result) -> str:
    return slug(f"{row.dataset.name}_{row.dataset.surface}")


def _results(row: Result, entry: SeedResult, written: list[dict[str, Any]], target: Target) -> dict[str, Any]:
    task, data, score = _task(row), row.dataset, entry.test
    # The harness' standard error: the sample standard deviation over the square root of n.
    spread = (score.accuracy * (1 - score.accuracy) / max(score.n - 1, 1)) ** 0.5
    metrics = {
        "name": task,
        "alias": task,
        "sample_len": score.n,
        f"{METRIC},{FILTER}": score.accuracy,
        f"{METRIC}_stderr,{FILTER}": spread,
    }
    better = {METRIC: True}
    for name, mean in _costs(entry).items():
        if mean is not None:
            metrics[f"{name},{FILTER}"], better[name] = mean, False
    packages = entry.provenance.environment.packages
    # Readers take the part before the slash as the developer.
    model = f"{slug(target.organization)}/{model_name(row)}-seed{entry.seed}"
    hashes = "".join(sample["doc_hash"] + sample["prompt_hash"] + sample["target_hash"] for sample in written)
    return {
        "results": {task: metrics},
        "group_subtasks": {task: []},
        "configs": {task: _config(row, target)},
        "versions": {task: data.version},
        "n-shot": {task: 0},
        "higher_is_better": {task: better},
        "n-samples": {task: {"original": data.n, "effective": score.n}},
        "config": {
            "model": "coconut-bench",
            "model_args": {"pretrained": model, "method": row.method, "recipe": row.recipe.hash},
            "model_num_parameters": row.base_model.parameters,
            "device": entry.provenance.environment.device,
            "limit": None,
            "random_seed": entry.seed,
        },
        "git_hash": entry.provenance.commit,
        "date": float(unix_time(entry)),
        "pretty_env_info": json.dumps(entry.provenance.environment.model_dump(), sort_keys=True),
        "transformers_version": packages.get("transformers", "N/A"),
        "model_source": "coconut-bench",
        "model_name": model,
        "model_name_sanitized": model.replace("/", "__"),
        "task_hashes": {task: _digest(hashes)} if written else {},
        "total_evaluation_time_seconds": str(entry.inference.seconds),
    }


def _costs(entry: SeedResult) -> dict[str, float | None]:
    """What was written, thought and computed per question; the training's operations; the parameters."""
    tokens, compute = entry.tokens, entry.compute
    return {
        "generated_tokens": tokens.generated,
        "thoughts": tokens.thoughts,
        "forward_passes": tokens.forward_passes,
        "training_flops": compute.training_flops if compute else None,
        "parameters": compute.parameters if compute else None,
    }


def _config(row: Result, target: Target) -> dict[str, Any]:
    data = row.dataset
    return {
        "task": _task(row),
        "dataset_path": target.dataset_repo or data.name,
        "dataset_name": data.name,
        "test_split": data.split,
        "output_type": "generate_until",
        "num_fewshot": 0,
        "metric_list": [{"metric": METRIC, "aggregation": "mean", "higher_is_better": True}],
        "generation_kwargs": {"do_sample": False, "temperature": 0.0},
        "metadata": {"version": data.version, "content_hash": data.content_hash, "surface": data.surface},
    }


def _sample(index: int, sample: Sample) -> dict[str, Any]:
    asked, given = sample.question, sample.prediction
    document = {"id": given.id, "question": asked, "answer": given.answer, "hops": given.hops}
    counts = {} if given.thoughts is None else {"thoughts": float(given.thoughts)}
    if given.thoughts is not None and given.language_tokens is not None:
        counts = {"generated_tokens": float(given.language_tokens + given.thoughts), **counts}
    return {
        "doc_id": index,
        "doc": document,
        "target": given.answer,
        "arguments": {"gen_args_0": {"arg_0": asked, "arg_1": {"do_sample": False}}},
        "resps": [[given.prediction]],
        "filtered_resps": [given.prediction],
        "filter": FILTER,
        "metrics": [METRIC, *counts],
        "doc_hash": _digest(json.dumps(document, indent=2, ensure_ascii=False)),
        "prompt_hash": _digest(asked),
        "target_hash": _digest(given.answer),
        METRIC: float(given.correct),
        **counts,
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
