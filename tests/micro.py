"""A recipe so small that a whole run takes seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from coconut_bench.cli import main

ADAMW = {"name": "adamw", "lr": 0.003, "final_lr": 0.1}
MICRO: dict[str, Any] = {
    "description": "for tests",
    "data": {"name": "prosqa-tiny", "surface": "symbolic", "valid": 8, "test": 12},
    "model": {
        "architecture": "llama",
        "config": {
            "num_hidden_layers": 2,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_attention_heads": 2,
            "tie_word_embeddings": True,
        },
    },
    "base": {
        "steps": 4,
        "growth_steps": 2,
        "first_premises": 3,
        "premises": 10,
        "batch_size": 4,
        "optimizer": ADAMW,
    },
    "curriculum": {"stage_steps": [4, 4, 6], "lr_scales": [1.0, 1.0, 0.5], "earlier_stages": 0.5},
    "optimizer": {"name": "muon", "lr": 0.003, "muon_lr": 0.01, "final_lr": 0.1, "warmup": 2},
    "markers": False,
    "answer_marker": True,
    "batch_size": 4,
    "eval_batch_size": 5,
    "max_new_tokens": 10,
    "checks_in_last_stage": 3,
}


def write_recipe(folder: Path, **changes: Any) -> Path:
    """The micro recipe with ``changes`` at its top level, as a YAML file."""
    path = folder / "micro.yaml"
    path.write_text(yaml.safe_dump({**MICRO, **changes}), encoding="utf-8")
    return path


def run_in(folder: Path, *arguments: str) -> Path:
    """Run ``run`` in a folder, with a cache of base models of its own; the folder of the runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COCONUT_BENCH_CACHE", str(folder / "cache"))
        done = CliRunner().invoke(main, ["run", *arguments])
    assert done.exit_code == 0, done.output
    return folder / "runs"
