"""The counted costs of runs and of the shipped rows: counted without training, they are the training's.

Rows recorded before costs were counted get them by ``python tests/test_counted_rows.py``, from recipe, method
and seed alone: nine seconds a seed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from micro import write_recipe

from coconut_bench.benchmarks.recipe import load_recipe
from coconut_bench.benchmarks.run.compute import count_run
from coconut_bench.benchmarks.run.pipeline import run
from coconut_bench.benchmarks.run.spec import RunSpec
from coconut_bench.leaderboard.measures import Compute
from coconut_bench.leaderboard.result import Leaderboard, Result, SeedResult
from coconut_bench.leaderboard.store import SHIPPED, dump, read


def counted(row: Result, entry: SeedResult) -> Compute:
    """Count the training of a shipped seed."""
    recipe = load_recipe(row.recipe.name)
    recipe = recipe.quick() if row.quick else recipe
    assert recipe.hash == row.recipe.hash, f"{row.key}: the recipe has changed"
    return count_run(
        RunSpec(recipe, row.method, entry.seed, row.quick), entry.provenance.environment.processes
    )


def filled(path: Path) -> str:
    """The leaderboard file with the costs of measured rows that have none."""
    rows = []
    for row in read(path).rows:
        if isinstance(row, Result) and row.kind == "measured":
            seeds = []
            for entry in row.seeds:
                if entry.compute is None:
                    entry = entry.model_copy(update={"compute": counted(row, entry)})
                    print(row.key, row.method, entry.seed, entry.compute, file=sys.stderr, flush=True)
                seeds.append(entry)
            row = row.model_copy(update={"seeds": seeds})
        rows.append(row)
    return dump(Leaderboard(rows=rows))


def test_every_shipped_row_says_what_it_costs() -> None:
    for row in (row for row in read(SHIPPED).measured if row.kind == "measured"):
        for entry in row.seeds:
            assert entry.compute and None not in entry.compute.model_dump().values(), (row.key, entry.seed)
            has_projection = row.method in ("codi", "pccot")
            assert (entry.compute.parameters > row.base_model.parameters) is has_projection, row.key


def test_a_longer_chain_costs_more() -> None:
    cost = {
        row.method: row.seeds[0].compute.training_flops
        for row in read(SHIPPED).measured
        if row.recipe.name == "tiny"
    }
    assert cost["no-cot"] < cost["coconut"] < cost["cot"]


@pytest.mark.slow
def test_a_shipped_row_is_counted_again() -> None:
    for row in read(SHIPPED).measured[:3]:
        assert counted(row, row.seeds[0]) == row.seeds[0].compute


@pytest.mark.parametrize("method", ["coconut", "icot", "codi", "pccot", "sim-coconut", "multimode", "cot2"])
def test_a_run_records_what_is_counted_without_training(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCONUT_BENCH_CACHE", str(tmp_path / "cache"))
    spec = RunSpec(load_recipe(str(write_recipe(tmp_path, micro_batch_size=3))), method, 0, False)
    result = run(spec, tmp_path / "run")
    found = result.seeds[0].compute
    assert found == count_run(spec) and found.training_flops and found.base_flops


if __name__ == "__main__":
    SHIPPED.write_text(filled(SHIPPED), encoding="utf-8")
