"""A finished run on data that differ from its training data in one thing at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from micro import MICRO, write_recipe

from coconut_bench.cli import main
from coconut_bench.generators import DATASETS
from coconut_bench.leaderboard import read
from coconut_bench.leaderboard.check import check
from coconut_bench.leaderboard.store import side_files

FAIR = {
    "data": {"name": "prosqa-fair", "surface": "symbolic", "valid": 4, "test": 6},
    "curriculum": {"stage_steps": [1] * 7},
    "max_new_tokens": 4,
}


pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def test_every_out_of_distribution_row_gets_a_row_of_its_own_and_is_tested_once() -> None:
    write_recipe(Path.cwd(), **FAIR)
    arguments = ["run", "--method", "coconut", "--recipe", "micro.yaml"]
    plain = CliRunner().invoke(main, arguments)
    assert plain.exit_code == 0, plain.output
    assert [row.dataset.name for row in read("leaderboard.json").measured] == ["prosqa-fair"]
    first, second = (CliRunner().invoke(main, [*arguments, "--ood"]) for _ in range(2))
    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    assert "prosqa-fair-hops: accuracy" in first.output
    assert "prosqa-fair-hops: accuracy" not in second.output
    rows = {row.dataset.name: row for row in read("leaderboard.json").measured}
    shifted = {row.name for row in DATASETS.values() if row.base == "prosqa-fair"}
    assert set(rows) == {"prosqa-fair", *shifted}
    trained = rows["prosqa-fair"]
    for row in rows.values():
        assert (row.recipe, row.method) == (trained.recipe, trained.method)
        assert row.base_model == trained.base_model
        assert row.seeds[0].stages == trained.seeds[0].stages
    assert len({row.dataset.content_hash for row in rows.values()}) == len(rows)
    hops = rows["prosqa-fair-hops"].seeds[0].by_hops
    assert hops is not None
    assert min(hops) > max(trained.seeds[0].by_hops or {0: None})
    assert check(read(Path("leaderboard.json")), side_files(Path("leaderboard.json"))) == []


def test_a_dataset_without_such_rows_is_refused_before_the_training() -> None:
    write_recipe(Path.cwd(), data={**MICRO["data"], "name": "prosqa-tiny-leaky"})
    refused = CliRunner().invoke(main, ["run", "--method", "cot", "--recipe", "micro.yaml", "--ood"])
    assert refused.exit_code == 2
    known = "prosqa-tiny, prosqa-tiny-3hop, prosqa-fair, prontoqa-fair"
    assert f"variants ({known}), got prosqa-tiny-leaky" in refused.output
    assert not Path("runs").exists()
