"""A finished run on data that differ from its training data in one thing at a time."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner
from leaderboard_examples import result
from micro import MICRO, write_recipe

from coconut_bench.benchmarks.recipe import load_recipe
from coconut_bench.benchmarks.run.cell import Cell
from coconut_bench.benchmarks.run.further import Further
from coconut_bench.benchmarks.run.reproduce import evaluated
from coconut_bench.benchmarks.run.spec import RunSpec
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


def test_every_variant_is_also_tested_with_every_number_of_thoughts_and_once() -> None:
    """On `prosqa-tiny`, whose variants have other hops: a row each, also after an interruption."""
    write_recipe(Path.cwd())
    arguments = ["run", "--method", "coconut,no-cot", "--recipe", "micro.yaml", "--ood"]
    for more in ([], ["--thoughts", "0", "--thoughts", "3"]):
        done = CliRunner().invoke(main, [*arguments, *more])
        assert done.exit_code == 0, done.output
    assert "prosqa-tiny-hops3, 3 thoughts: accuracy" in done.output
    assert "prosqa-tiny-hops3: accuracy" not in done.output  # the first command has it
    names = {"prosqa-tiny", *(row.name for row in DATASETS.values() if row.base == "prosqa-tiny")}
    measured = read("leaderboard.json").measured
    found = [(row.dataset.name, row.thoughts) for row in measured if row.method == "coconut"]
    assert sorted(found, key=str) == sorted(product(names, (None, 0, 3)), key=str)
    assert {(row.dataset.name, row.thoughts) for row in measured if row.method == "no-cot"} == set(
        product(names, (None,))
    )
    for row in measured:
        thinks = 2 if row.method == "coconut" else 0
        assert row.seeds[0].tokens.thoughts == (thinks if row.thoughts is None else row.thoughts)
    assert check(read(Path("leaderboard.json")), side_files(Path("leaderboard.json"))) == []
    Path("runs/micro-coconut-0/ood/prosqa-tiny-hops1/thoughts/3.json").unlink()
    again = CliRunner().invoke(main, [*arguments, *more])
    assert again.exit_code == 0, again.output
    assert [line for line in again.output.splitlines() if ": accuracy" in line] == [
        next(line for line in done.output.splitlines() if line.startswith("prosqa-tiny-hops1, 3 thoughts: "))
    ]


def test_a_job_measures_what_its_cell_says_and_not_less() -> None:
    """`is_measured` decides whether a job is started, and whether it has failed."""
    spec = RunSpec(load_recipe("tiny"), "coconut", 0, False)
    cell = Cell(spec, Path("run"), ood=True, thoughts=(0, 3))
    names = [row.name for row in DATASETS.values() if row.base == "prosqa-tiny"]
    wanted = ["result.json", "thoughts/0.json", "thoughts/3.json"]
    wanted += [f"ood/{name}{after}.json" for name in names for after in ("", "/thoughts/0", "/thoughts/3")]
    for name in wanted:
        assert not cell.is_measured
        (cell.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (cell.folder / name).touch()
    assert cell.is_measured
    assert Cell(replace(spec, method="no-cot"), Path("run"), ood=True, thoughts=(0, 3)).is_measured


def test_a_row_is_evaluated_again_as_it_was() -> None:
    """`reproduce` finds the questions and the number of thoughts in the row."""
    spec = RunSpec(load_recipe("tiny"), "coconut", 0, False)
    row = result(dataset="prosqa-tiny")
    shifted = result(dataset="prosqa-tiny-hops3")
    given = {"thoughts": 3}
    assert evaluated(row, spec) == Further()
    assert evaluated(row.model_copy(update=given), spec) == Further(None, 3)
    assert evaluated(shifted, spec) == Further("prosqa-tiny-hops3")
    assert evaluated(shifted.model_copy(update=given), spec) == Further("prosqa-tiny-hops3", 3)
    own = RunSpec(load_recipe("tiny").changed(dataset="prosqa-tiny-hops3"), "coconut", 0, False)
    assert evaluated(shifted, own) == Further()
    dialed = RunSpec(load_recipe("tiny").changed(dataset="prosqa-tiny+branching=3"), "coconut", 0, False)
    assert evaluated(row, dialed) == Further()


def test_a_dataset_without_such_rows_is_refused_before_the_training() -> None:
    write_recipe(Path.cwd(), data={**MICRO["data"], "name": "prosqa-tiny-leaky"})
    refused = CliRunner().invoke(main, ["run", "--method", "cot", "--recipe", "micro.yaml", "--ood"])
    assert refused.exit_code == 2
    known = "prosqa-tiny, prosqa-tiny-3hop, prosqa-fair, prontoqa-fair"
    assert f"variants ({known}), got prosqa-tiny-leaky" in refused.output
    assert not Path("runs").exists()


def test_pauses_are_not_called_thoughts() -> None:
    write_recipe(Path.cwd())
    done = CliRunner().invoke(
        main, ["run", "--method", "pause-cot", "--recipe", "micro.yaml", "--thoughts", "1"]
    )
    assert done.exit_code == 0, done.output
    assert "\n1 pause: accuracy" in done.output
    said = CliRunner().invoke(main, ["controls", "runs/micro-pause-cot-0"])
    assert said.exit_code == 0 and "questions each, 2 pauses" in said.output, said.output
