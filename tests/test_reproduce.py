"""`leaderboard reproduce`: what it refuses, and that one different answer is noticed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from click.testing import Result as Done

from coconut_bench.benchmarks.recipe import load_recipe
from coconut_bench.benchmarks.run.recorded import recorded_recipe
from coconut_bench.cli import main
from coconut_bench.leaderboard import read, read_predictions
from coconut_bench.leaderboard.predictions import summarize, write_predictions
from coconut_bench.leaderboard.result import Result
from coconut_bench.leaderboard.store import add

QUICK = Path(__file__).parent / "golden" / "quick"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reproduced")


@pytest.fixture(autouse=True)
def a_copy_of_the_board(in_an_empty_folder: None, threads_as_before: None, tmp_path: Path) -> None:
    shutil.copytree(QUICK, tmp_path, dirs_exist_ok=True)


def reproduce(*arguments: str) -> Done:
    return CliRunner().invoke(
        main, ["leaderboard", "reproduce", "--leaderboard", "leaderboard.json", *arguments]
    )


def no_cot() -> Result:
    return next(row for row in read("leaderboard.json").measured if row.method == "no-cot")


def test_a_different_answer_is_named_and_the_exit_code_is_1(folder: Path) -> None:
    """The run is made once; then one of the recorded answers is replaced."""
    done = reproduce("no-cot", "--out", str(folder / "run"))
    assert done.exit_code in (0, 1), done.output
    row = no_cot()
    [entry] = row.seeds
    assert entry.predictions is not None
    made = json.loads((folder / "run" / "result.json").read_text(encoding="utf-8"))["seeds"][0]
    mine = read_predictions(type(entry.predictions)(**made["predictions"]), folder / "run" / "predictions")
    changed = [mine[0].model_copy(update={"prediction": "none", "correct": False}), *mine[1:]]
    scores = summarize(changed)._asdict()
    side_file = write_predictions(changed, "predictions")
    replaced = entry.model_copy(update={**scores, "predictions": side_file})
    add("leaderboard.json", row.model_copy(update={"seeds": [replaced]}), replace=True)
    done = reproduce("no-cot", "--out", str(folder / "run"))
    assert done.exit_code == 1
    assert "1 of 64 answers differ" in done.output
    assert f"first: {mine[0].id}" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-cott"], "no-cot"),
        ([""], "unknown row"),
        (["no-cot", "--seed", "7"], "--seed must be one of 0 for "),
    ],
)
def test_what_is_not_recorded_is_refused(arguments: list[str], message: str) -> None:
    done = reproduce(*arguments)
    assert done.exit_code == 2
    assert message in done.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hash": "0" * 64}, "recipe tiny must have the hash 000000000000 of "),
        ({"numerics": 1}, "must be of training numerics 2, which this version has, got 1"),
        ({"numerics": None}, "got none (recorded before they had a version)"),
    ],
)
def test_a_row_of_another_version_names_its_commit(change: dict[str, Any], message: str) -> None:
    row = no_cot()
    other = row.model_copy(update={"recipe": row.recipe.model_copy(update=change), "method": "cot"})
    Path("leaderboard.json").unlink()
    add("leaderboard.json", other)
    done = reproduce("cot")
    assert done.exit_code == 2
    assert message in done.output
    assert f"its commit is {row.seeds[0].provenance.commit}" in done.output


@pytest.mark.parametrize(
    ("changes", "tested_on"),
    [({}, "prosqa-fair"), ({}, "prosqa-fair-hops"), ({"dataset": "prontoqa-fair"}, "prontoqa-fair-names"),
     ({"halting": "classifier"}, "prosqa-fair"), ({"dataset": "prosqa-symmetric"}, "prosqa-symmetric")],
)  # fmt: skip
def test_a_row_s_recipe_is_found_with_what_its_command_had_overridden(
    changes: dict[str, str], tested_on: str
) -> None:
    recipe, row = load_recipe("fair").changed(**changes), no_cot()
    found = row.model_copy(
        update={
            "recipe": row.recipe.model_copy(update={"name": "fair", "hash": recipe.hash}),
            "dataset": row.dataset.model_copy(update={"name": tested_on}),
            "quick": False,
        }
    )
    assert recorded_recipe(found) == recipe
