"""Records of Every Eval Ever, schema 0.3.0: one per trained model, with samples where there are questions.

    data/DATASET/ORGANIZATION/MODEL/UUID.json
    data/DATASET/ORGANIZATION/MODEL/UUID_samples.jsonl

Equal results get equal UUIDs, so that a second export does not add a second record.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from ..measures import Compute, Score
from ..result import Result, SeedResult
from ..samples import Sample
from .target import Target, json_lines, json_text, model_name, slug, unix_time

SCHEMA = "0.3.0"
LIBRARY = "coconut-bench"


def files(row: Result, samples: dict[int, list[Sample]], target: Target) -> dict[str, str]:
    """Format the record of each seed, and its samples where there are questions.

    Args:
        row: The row.
        samples: Seed → its samples; empty without questions.
        target: What the records say of the reporter and the dataset.

    Returns:
        Path below the output directory → text.
    """
    texts = {}
    for entry in row.seeds:
        folder = f"data/{slug(row.dataset.name)}/{slug(target.organization)}/{_model(row, entry)}"
        name = f"{folder}/{_uuid(row, entry)}"
        record = _record(row, entry, target)
        if written := samples.get(entry.seed):
            lines = json_lines(_sample(record, sample) for sample in written)
            record["detailed_evaluation_results"] = {
                "format": "jsonl",
                "file_path": f"{name}_samples.jsonl",
                "hash_algorithm": "sha256",
                "checksum": hashlib.sha256(lines.encode()).hexdigest(),
                "total_rows": len(written),
            }
            texts[f"{name}_samples.jsonl"] = lines
        texts[f"{name}.json"] = json_text(record)
    return texts


def _model(row: Result, entry: SeedResult) -> str:
    return f"{model_name(row)}-seed{entry.seed}"


def _uuid(row: Result, entry: SeedResult) -> str:
    digest = hashlib.sha256(f"{row.key} {entry.model_dump_json()}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def _record(row: Result, entry: SeedResult, target: Target) -> dict[str, Any]:
    model = f"{slug(target.organization)}/{_model(row, entry)}"
    time = str(unix_time(entry))
    source, here = entry.provenance, entry.provenance.environment
    cost = entry.compute or Compute()
    return {
        "schema_version": SCHEMA,
        "evaluation_id": f"{row.dataset.name}/{model}/{time}",
        "evaluation_timestamp": source.date,
        "retrieved_timestamp": time,
        "source_metadata": {
            "source_name": LIBRARY,
            "source_type": "evaluation_run",
            "source_organization_name": target.organization,
            "evaluator_relationship": "first_party",
        },
        "eval_library": {
            "name": LIBRARY,
            "version": here.packages.get(LIBRARY, "unknown"),
            "additional_details": {
                "commit": source.commit or "unknown",
                "dirty": "unknown" if source.dirty is None else str(source.dirty),
            },
        },
        "model_info": {
            "name": _model(row, entry),
            "id": model,
            "developer": target.organization,
            "inference_engine": {
                "name": "transformers",
                "version": here.packages.get("transformers", "unknown"),
            },
            "additional_details": {
                "deployment_type": "self_deployed",
                "model_availability": "unknown",
                "method": row.method,
                "recipe": row.recipe.name,
                "recipe_hash": row.recipe.hash or "unknown",
                "numerics_version": str(row.recipe.numerics or "unknown"),
                "base_model": row.base_model.name,
                "base_model_revision": row.base_model.revision or "unknown",
                "base_model_weights_sha256": entry.base_weights or "unknown",
                "model_weights_sha256": entry.weights or "unknown",
                "num_parameters": str(cost.parameters or row.base_model.parameters or "unknown"),
                "training_flops": _known(cost.training_flops),
                "base_model_training_flops": _known(cost.base_flops),
                "training_seed": str(entry.seed),
                "quick": str(row.quick),
            },
        },
        "evaluation_results": _results(row, entry, target),
    }


def _known(count: int | None) -> str:
    return "unknown" if count is None else str(count)


def _results(row: Result, entry: SeedResult, target: Target) -> list[dict[str, Any]]:
    """Accuracy overall, by hops, by shortcut and for twins; then the counts per question."""
    scores = {"accuracy": entry.test}
    scores |= {f"accuracy, {hops} hops": score for hops, score in (entry.by_hops or {}).items()}
    scores |= {f"accuracy, shortcut {kind}": score for kind, score in (entry.by_shortcut or {}).items()}
    if entry.twins:
        scores["twin consistency"] = entry.twins
    counts = {
        "generated tokens": entry.tokens.generated,
        "language tokens": entry.tokens.language,
        "continuous thoughts": entry.tokens.thoughts,
        "forward passes": entry.tokens.forward_passes,
    }
    accuracies = [_result(row, entry, target, name, score.accuracy, score) for name, score in scores.items()]
    return [
        *accuracies,
        *(_result(row, entry, target, name, value) for name, value in counts.items() if value is not None),
    ]


def _result(
    row: Result, entry: SeedResult, target: Target, name: str, value: float, score: Score | None = None
) -> dict[str, Any]:
    """One metric; a proportion comes with its ``score``, a mean count without."""
    details: dict[str, Any] = {"score": value}
    if score is not None:
        low, high = score.interval
        interval = {"lower": low, "upper": high, "confidence_level": 0.95, "method": "Wilson"}
        details["uncertainty"] = {"confidence_interval": interval, "num_samples": score.n}
    return {
        "evaluation_result_id": slug(name.replace(",", "")),
        "evaluation_name": row.dataset.name,
        "evaluation_timestamp": entry.provenance.date,
        "source_data": _source(row, target),
        "metric_config": {
            "evaluation_description": f"{name}, {row.dataset.split} split",
            "metric_id": "accuracy" if name == "accuracy" else f"{LIBRARY}.{slug(name.replace(',', ''))}",
            "metric_name": name,
            "metric_unit": "proportion" if score else "tokens" if "tokens" in name else "count",
            "lower_is_better": score is None,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": 1.0 if score else "Infinity",
        },
        "score_details": details,
        "generation_config": {
            "generation_args": {"temperature": 0.0, "execution_command": entry.provenance.command}
        },
    }


def _source(row: Result, target: Target) -> dict[str, Any]:
    data = row.dataset
    details = {
        "version": data.version,
        "surface": data.surface,
        "content_hash": data.content_hash,
        "seed": str(data.seed),
        "split": data.split,
    }
    if target.dataset_repo is None:
        return {"dataset_name": data.name, "source_type": "other", "additional_details": details}
    return {
        "dataset_name": data.name,
        "source_type": "hf_dataset",
        "hf_repo": target.dataset_repo,
        "hf_split": data.split,
        "samples_number": data.n,
        "additional_details": details,
    }


def _sample(record: dict[str, Any], sample: Sample) -> dict[str, Any]:
    asked, given = sample.question, sample.prediction
    metadata = {
        "language_tokens": given.language_tokens,
        "continuous_thoughts": given.thoughts,
        "forward_passes": given.forward_passes,
        "hops": given.hops,
        "twin": given.twin,
        "shortcut": given.shortcut,
    }
    return {
        "schema_version": SCHEMA,
        "evaluation_id": record["evaluation_id"],
        "model_id": record["model_info"]["id"],
        "evaluation_name": record["evaluation_results"][0]["evaluation_name"],
        "evaluation_result_id": record["evaluation_results"][0]["evaluation_result_id"],
        "sample_id": given.id,
        "sample_hash": hashlib.sha256((asked + given.answer).encode()).hexdigest(),
        "interaction_type": "single_turn",
        "input": {"raw": asked, "reference": [given.answer]},
        "output": {"raw": [given.prediction]},
        "answer_attribution": [
            {
                "turn_idx": 0,
                "source": "output.raw",
                "extracted_value": given.prediction,
                "extraction_method": "exact_match",
                "is_terminal": True,
            }
        ],
        "evaluation": {"score": float(given.correct), "is_correct": given.correct},
        "metadata": {name: str(value) for name, value in metadata.items() if value is not None},
    }
