"""Your own leaderboard beside the shipped one: both are read, your rows are marked, nothing vanishes."""

import csv
import json
from pathlib import Path

import pandas
import pytest
from click.testing import CliRunner
from leaderboard_examples import result

from coconut_bench.cli import main
from coconut_bench.leaderboard import Prediction, Result, add, read, read_predictions, write_predictions
from coconut_bench.leaderboard.own import OwnResult, own_rows, read_boards
from coconut_bench.leaderboard.predictions import summarize
from coconut_bench.leaderboard.query import find
from coconut_bench.leaderboard.store import DEFAULT, SHIPPED, side_files

COCONUT = next(row for row in read(SHIPPED).measured if row.method == "coconut" and row.thoughts is None)


def again(folder: Path, others: int = 1, row: Result = COCONUT) -> Result:
    """The first shipped run made on another machine: other answers to so many questions."""
    first = row.seeds[0]
    assert first.predictions
    answered = read_predictions(first.predictions, side_files(SHIPPED))
    for index in range(others):
        one = dict(answered[index])
        changed = "elsewhere" if one["correct"] else one["answer"]
        answered[index] = Prediction(**{**one, "prediction": changed, "correct": not one["correct"]})
    seed = {
        **summarize(answered)._asdict(),
        "predictions": write_predictions(answered, folder),
        "provenance": first.provenance.model_copy(update={"date": "2026-11-01T00:00:00Z"}),
    }
    return row.model_copy(update={"seeds": [first.model_copy(update=seed)], "controls": None})


def invoke(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["leaderboard", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a leaderboard of a quick row and a reproduction."""
    monkeypatch.chdir(tmp_path)
    for row in (result(method="coconut", quick=True, folder=tmp_path / "run"), again(tmp_path / "run")):
        add(DEFAULT, row, predictions=tmp_path / "run")
    return tmp_path


def test_the_shipped_rows_stay_beside_yours(here: Path) -> None:
    shipped = read(SHIPPED)
    boards = read_boards()
    assert [row for row in boards.rows if not isinstance(row, OwnResult)] == shipped.rows
    lines = list(csv.DictReader(invoke("show", "--format", "csv").splitlines()))
    notes = {line["row"]: line["note"] for line in lines}
    assert len(notes) == len(lines) == len(shipped.rows) + 2
    assert sum(note.startswith("yours") for note in notes.values()) == 2
    (again_key,) = [key for key in notes if key.endswith("-yours")]
    assert again_key == f"{COCONUT.key}-yours"
    old, new = COCONUT.seeds[0].test, find(boards.measured, again_key).seeds[0].test
    assert f"yours, reproduces {COCONUT.key}: seed 0 {old.n_correct} → {new.counts}" in notes[again_key]
    ranks = {line["row"]: line["rank"] for line in lines}
    assert ranks[again_key] == "" and ranks[COCONUT.key] != "", "a reproduction competes with nothing"
    kinds = ["quoted" if line["note"].startswith("quoted") else "measured" for line in lines]
    assert kinds == sorted(kinds), "measured above quoted"


def test_the_commands_of_the_readme_work_beside_a_file_of_yours(here: Path) -> None:
    assert invoke("compare", "coconut", "no-cot", "--dataset", "prosqa-tiny").count("yours") == 0
    text = invoke("compare", f"yours:{COCONUT.key}", "no-cot")
    assert text.startswith(f"coconut (tiny, {COCONUT.key}-yours) vs. no-cot")
    table = invoke("table", "--dataset", "prosqa-tiny")
    assert "No-CoT" in table and "Coconut (yours)" in table
    invoke("page", "--out", "site")
    html = (here / "site" / "index.html").read_text(encoding="utf-8")
    assert html.count(">yours</span>") == 2 and f'id="row-{COCONUT.key}"' in html
    assert (
        len(list((here / "site" / "predictions").iterdir())) == len(list(side_files(SHIPPED).iterdir())) + 2
    )
    assert len(read(here / "site" / "leaderboard.json").measured) == len(read(SHIPPED).measured) + 1


def test_only_a_file_that_is_named_is_read_alone(here: Path) -> None:
    assert "yours" not in invoke("show", "--leaderboard", "leaderboard.json")
    assert invoke("check").startswith("leaderboard.json: 2 measured")


def test_copied_rows_are_shown_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    invoke("add", str(SHIPPED))
    assert read_boards().rows == read(SHIPPED).rows
    # A run of a shipped seed takes the place of the copy, which is not lost: it is shipped.
    add(tmp_path / "run" / "b.json", again(tmp_path / "run" / "p"), predictions=tmp_path / "run" / "p")
    assert "reproduces the shipped row" in invoke("add", "run/b.json")
    (own,) = [row for row in read_boards().measured if isinstance(row, OwnResult)]
    assert [entry.seed for entry in own.seeds] == [0]
    assert invoke("add", "run/b.json").endswith("leaderboard.json: 0 rows added or changed\n")


def test_a_seed_of_yours_does_not_have_the_controls_of_the_shipped_seeds() -> None:
    assert COCONUT.controls is not None
    entry = COCONUT.seeds[0].model_copy(update={"seed": 99})
    mine = COCONUT.model_copy(update={"seeds": [*COCONUT.seeds, entry]})
    [own] = own_rows([mine], [COCONUT])
    assert ([one.seed for one in own.seeds], own.controls) == ([99], None)
    [own] = own_rows([mine], [])
    assert own.controls == COCONUT.controls


def test_a_run_that_repeats_a_shipped_one_is_filed_as_its_reproduction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = SHIPPED.read_bytes()
    theirs = tmp_path / "run" / "leaderboard.json"
    add(theirs, again(tmp_path / "run" / "p"), predictions=tmp_path / "run" / "p")
    said = invoke("add", str(theirs), "--to", str(SHIPPED))
    old, new = (row.seeds[0].test.n_correct for row in (COCONUT, read(theirs).measured[0]))
    assert f"coconut on prosqa-tiny (tiny), seed 0, reproduces the shipped row {COCONUT.key}: " in said
    assert f"{old} → {new} right, p = 1, right or wrong otherwise on 1 of 1000 questions\n" in said
    assert said.endswith("leaderboard.json: 1 row added or changed\n")
    assert SHIPPED.read_bytes() == before
    assert read(DEFAULT).measured == read(theirs).measured
    # A second one, of the same seed, is a conflict with the first, as it is of any row.
    other = tmp_path / "other" / "leaderboard.json"
    add(other, again(tmp_path / "other" / "p", 3), predictions=tmp_path / "other" / "p")
    done = CliRunner().invoke(main, ["leaderboard", "add", str(other)])
    assert done.exit_code == 2 and "seed 0 is already recorded" in done.stderr


def test_the_seeds_of_all_rows_unfold_into_a_table(here: Path) -> None:
    rows = json.loads(invoke("show", "--format", "json"))
    table = pandas.json_normalize(rows, "seeds")
    assert len(table) == sum(len(row.seeds) for row in read_boards().measured)
    assert set(table.columns) >= {"seed", "test.accuracy", "tokens.generated", "predictions.sha256"}
    measured = json.loads(invoke("show", "--format", "json", "--kind", "measured"))
    table = pandas.json_normalize(measured, "seeds", ["method", ["dataset", "name"], "quick"])
    own = {row.dataset.name for row in read_boards().measured if row.kind == "measured"}
    assert set(table["dataset.name"]) == own > {"synthetic"}
    assert [row["method"] for row in rows if row.get("yours")].count("coconut") == 2
