"""Record short trainings of every method: ``python tests/golden/record_fingerprints.py [all]``.

Without ``all``, only methods that are not recorded yet are trained, and the rest is kept. Whoever changes
them raises ``coconut.numerics.NUMERICS``, records them anew, and says in the commit why the numbers of
training change. Losses hold everywhere within a tolerance, the weights' digests bit for bit where torch and
the processor are those of an earlier recording. ``quick/`` holds rows of ``run --quick``, which a test
reproduces.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from micro import MICRO

from coconut_bench.benchmarks.recipe import Recipe, load_recipe
from coconut_bench.benchmarks.run.pipeline import run
from coconut_bench.benchmarks.run.spec import RunSpec
from coconut_bench.benchmarks.run.sweep import Grid, sweep
from coconut_bench.coconut.methods import METHODS
from coconut_bench.coconut.numerics import NUMERICS
from coconut_bench.leaderboard.provenance import processor

GOLDEN = Path(__file__).with_name("fingerprints.json")
QUICK = Path(__file__).with_name("quick") / "leaderboard.json"
GPT2: dict[str, Any] = {
    "markers": True,
    "base": None,
    "model": {"architecture": "gpt2", "config": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 96}},
    "data": {"name": "prosqa-tiny", "surface": "natural", "train": 32, "valid": 8, "test": 12},
    "curriculum": {
        "stage_epochs": [1, 1, 1],
        "mixing": {"probability": 0.4},
        "icot": {"tokens_per_epoch": 3.0},
        "optimizer_resets": "epoch",
        "thoughts_per_step": 2,
    },
    "optimizer": {"name": "adamw", "lr": 0.003},
    "max_new_tokens": 30,
    "micro_batch_size": 2,
}
KINDS: dict[str, dict[str, Any]] = {
    "llama": {},
    "gpt2": GPT2,
    "halting": {"markers": True, "halting": "classifier"},
}
CASES = [
    (kind, name)
    for kind in KINDS
    for name, method in METHODS.items()
    if kind != "halting" or (method.filler == "latent" and method.recurrence not in ("jacobi", "bottleneck"))
]


def recipe(kind: str) -> Recipe:
    """A recipe whose training takes a second."""
    fields = {**MICRO, "name": kind, **KINDS[kind]}
    return Recipe.model_validate({key: value for key, value in fields.items() if value is not None})


def environment() -> str:
    """What decides the last bits of a training on one thread."""
    capability = torch.backends.cpu.get_cpu_capability()
    name = processor().rpartition(",")[0].partition(" with ")[0]
    return f"torch {torch.__version__.partition('+')[0]}, {platform.machine()}, {name}, {capability}"


def fingerprint(kind: str, method: str, folder: Path) -> dict[str, Any]:
    """Train one run in ``folder`` on one thread: its validation losses, and the hashes of its weights."""
    torch.set_num_threads(1)
    [entry] = run(RunSpec(recipe(kind), method, 0, False), folder).seeds
    losses = [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]
    return {"losses": losses, "base": entry.base_weights, "weights": entry.weights}


def record(cases: list[tuple[str, str]]) -> dict[str, Any]:
    """Return what the golden file holds of some cases."""
    losses, digests = {}, {}
    for kind, method in cases:
        with tempfile.TemporaryDirectory() as folder:
            found = fingerprint(kind, method, Path(folder))
        losses[f"{kind} {method}"] = found["losses"]
        digests[f"{kind} {method}"] = found["weights"][:16]
        digests[f"{kind} base"] = found["base"][:16]
    return {"numerics": NUMERICS, "losses": losses, "digests": {environment(): digests}}


def record_quick() -> None:
    """Write a row of ``run --quick`` of every method."""
    QUICK.unlink(missing_ok=True)
    for path in QUICK.parent.glob("predictions/*"):
        path.unlink()
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.argv = ["coconut-bench", "run", "--method", "all", "--quick"]  # the command that the rows name
        sweep(Grid(load_recipe("tiny").quick(), tuple(METHODS), (0,), True), QUICK, replace=False, say=print)
        os.chdir(here)


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Keep the digests of other environments, unless the numerics have changed."""
    if old.get("numerics") == new["numerics"]:
        new["digests"] = {**old["digests"], **new["digests"]}
    return new


def completed(old: dict[str, Any]) -> dict[str, Any]:
    """Add missing cases, and their digests where the others were recorded in this environment."""
    names = [f"{kind} {method}" for kind, method in CASES]
    new = record([case for case, name in zip(CASES, names, strict=True) if name not in old["losses"]])
    losses, digests = {**old["losses"], **new["losses"]}, dict(old["digests"])
    for place, found in new["digests"].items():
        if place in digests:
            digests[place] = {**digests[place], **found}
    return {**old, "losses": {name: losses[name] for name in names}, "digests": digests}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as cache:
        os.environ["COCONUT_BENCH_CACHE"] = cache
        known = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {}
        is_all = "all" in sys.argv[1:] or known.get("numerics") != NUMERICS
        found = merged(known, record(CASES)) if is_all else completed(known)
        GOLDEN.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        if is_all:
            record_quick()
