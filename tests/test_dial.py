"""The difficulty dial: other settings are other datasets, whose version says so, and are proved like any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from micro import write_recipe

from coconut_bench.cli import main
from coconut_bench.generators import DATASETS, content_hash, create_dataset, examples, seeding
from coconut_bench.generators.proof.contracts import contract_of
from coconut_bench.generators.proof.records import prove
from coconut_bench.leaderboard import read

SETTINGS = {
    "prosqa-fair": ["hops=4", "distractors=1"],
    "prontoqa-fair": ["hops=4-5", "edges=36"],
    "prosqa-tiny": ["hops=3", "branching=3", "forks=2"],
    "prosqa-tiny-3hop": ["hops=4", "ways_in=2", "joins=1", "bridges=2"],
}


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_generated_with_other_settings_is_proved(name: str, tmp_path: Path) -> None:
    given = [part for text in SETTINGS[name] for part in ("--set", text)]
    sizes = ["--train", "20", "--valid", "4", "--test", "4"]
    made = CliRunner().invoke(main, ["generate", name, "--out", str(tmp_path / "made"), *sizes, *given])
    assert made.exit_code == 0, made.output
    manifest = json.loads((tmp_path / "made" / "manifest.json").read_text())
    version = manifest["dataset"]["version"]
    assert manifest["dataset"]["name"] == name
    assert set(SETTINGS[name]) <= set(version.split("+")[1:])
    done = CliRunner().invoke(main, ["verify", str(tmp_path / "made")])
    assert done.exit_code == 0, done.output
    assert version in done.output


def test_a_promise_that_the_version_makes_is_held_to() -> None:
    [first, *_] = examples("prosqa-fair+hops=4", "test", count=2)
    contract_of("prosqa-fair", "1.0.0+hops=4").check(prove(first))
    contract_of("prosqa-fair", "1.0.0").check(prove(first))
    for version, said in (
        ("1.0.0+hops=5", r"hops must be in \(5,\), found 4"), ("1.0.0+nodes=25", "there must be 56 nodes"),
        ("1.0.0+edges=36", "there must be 80 premises"), ("1.0.0+distractors=1", "there must be 78 nodes"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            contract_of("prosqa-fair", version).check(prove(first))


def test_tasks_have_the_settings_and_their_own_streams() -> None:
    own, four = create_dataset("prosqa-fair", size=4), create_dataset("prosqa-fair", size=4, hops=4)
    assert {entry["metadata"]["difficulty"]["hops"] for entry in four} == {4}
    assert four[0]["metadata"]["id"] == "prosqa-fair/1.0.0+hops=4/natural/train/0/0"
    assert four[0]["question"] != own[0]["question"]
    name = "prosqa-fair+hops=4"
    assert [example.question for example in examples(name, "train", count=4)] == [
        entry["question"] for entry in four
    ]
    assert content_hash(name, "test", count=4) != content_hash("prosqa-fair", "test", count=4)
    assert (DATASETS[name].address, name in DATASETS, name in list(DATASETS)) == (name, True, False)


def test_settings_that_change_nothing_are_the_dataset_itself() -> None:
    assert DATASETS["prosqa-tiny+hops=2+pool=16"] is DATASETS["prosqa-tiny"]
    assert DATASETS["prosqa-fair+hops=3-6"] is DATASETS["prosqa-fair"]
    assert DATASETS["prosqa-fair+edges=36+hops=4"].version == DATASETS["prosqa-fair+hops=4+edges=36"].version


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("prosqa-fair", "hop=4", "unknown setting of prosqa-fair 'hop' (did you mean 'hops'?)"),
        ("prosqa-fair", "hops=99", "hops must be in 3..12, got (99,)"),
        ("prosqa-fair", "hops=4-3", "hops must be"),
        ("prosqa-fair", "nodes=many", "nodes must be a whole number, got 'many'"),
        ("prosqa-tiny", "hops=2-3", "hops must be a whole number, got '2-3'"),
        ("prosqa-tiny", "pool=3", "pool must be in"),
        ("prosqa", "hops=4", "prosqa has no settings to change, got hops=4"),
        ("prosqa-fair-hops", "hops=4", "prosqa-fair-hops has no settings to change"),
        ("prosqa-fare", "hops=4", "unknown dataset 'prosqa-fare"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(
    name: str, text: str, said: str, tmp_path: Path
) -> None:
    out = tmp_path / "made"
    done = CliRunner().invoke(main, ["generate", name, "--set", text, "--out", str(out)])
    assert (done.exit_code, done.output.count("\n")) == (2, 1), done.output
    assert said in done.output
    assert not out.exists()


def test_settings_that_leave_no_graph_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeding, "MAX_ATTEMPTS", 64)
    sizes = ["--train", "2", "--valid", "2", "--test", "2"]
    settings = ["--set", "hops=3", "--set", "nodes=12", "--set", "edges=12"]
    done = CliRunner().invoke(
        main, ["generate", "prosqa-fair", *settings, *sizes, "--out", str(tmp_path / "made")]
    )
    assert (done.exit_code, done.output.count("\n")) == (2, 1), done.output
    assert "prosqa-fair 1.0.0+hops=3+nodes=12+edges=12: a configuration must leave candidates" in done.output
    assert not (tmp_path / "made").exists()


@pytest.mark.usefixtures("in_an_empty_folder")
def test_a_run_takes_a_dataset_with_other_settings(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    arguments = [
        "run",
        "--method",
        "coconut",
        "--recipe",
        "micro.yaml",
        "--dataset",
        "prosqa-tiny+branching=3",
    ]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    [row] = read("leaderboard.json").measured
    assert (row.dataset.name, row.dataset.version) == ("prosqa-tiny", "1.0.0+branching=3+pool=18")
    assert Path("runs/micro-coconut-0-prosqa-tiny-branching-3/result.json").exists()
    for command in (["run", *arguments[1:]], ["controls", "runs/micro-coconut-0-prosqa-tiny-branching-3"]):
        assert CliRunner().invoke(main, command).exit_code == 0
    assert (
        CliRunner().invoke(main, ["leaderboard", "check", "--leaderboard", "leaderboard.json"]).exit_code == 0
    )
