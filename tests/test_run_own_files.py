"""A run on files of one's own, or from a folder of weights: what it is follows from their content alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from matplotlib.figure import Figure
from micro import write_recipe
from pictures import empty_picture
from pretrained_models import save_pretrained
from test_run_damage import stopping_at

from coconut_bench.benchmarks.recipe import Recipe, load_recipe
from coconut_bench.benchmarks.run.data import open_data
from coconut_bench.cli import main
from coconut_bench.coconut.training import Trainer
from coconut_bench.generators import examples
from coconut_bench.leaderboard import read

SIZES = {"train": 8, "valid": 4, "test": 6}
COMMON = ("run", "--method", "coconut", "--recipe", "micro.yaml")


def invoke(*arguments: str) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["coconut-bench", *arguments])  # what a result records
        return CliRunner().invoke(main, arguments)


def own_files(folder: Path, *, graphs: bool) -> str:
    """Three files of ProsQA-like questions, as ``--dataset`` names them."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for split, size in SIZES.items():
        rows = [example.to_json() for example in examples("prosqa-tiny", split, count=size)]
        if not graphs:
            rows = [{name: row[name] for name in ("question", "steps", "answer")} for row in rows]
        path = folder / f"{split}.json"
        path.write_text(json.dumps(rows))
        names.append(str(path))
    return ",".join(names)


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    write_recipe(tmp_path, base=None)
    yield tmp_path


@pytest.mark.parametrize("graphs", [True, False])
def test_a_finished_run_needs_none_of_the_files_that_it_was_trained_on(
    graphs: bool, at_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = invoke(*COMMON, "--dataset", own_files(at_home / "mine", graphs=graphs), "--out", "run")
    assert done.exit_code == 0, done.output
    assert {path.name for path in Path("run/data").iterdir()} == {
        "manifest.json",
        "test.jsonl",
        "valid.jsonl",
    }
    shutil.rmtree("mine")
    elsewhere = at_home / "elsewhere"
    shutil.move("run", elsewhere / "moved")
    monkeypatch.chdir(elsewhere)
    commands = [
        ("verify", "moved/data"),
        ("samples", "moved", "--n", "2"),
        ("controls", "moved"),
        ("plot", "moved"),
        ("publish", "moved", "--repo", "org/name", "--dry-run"),
        ("leaderboard", "add", "moved", "--to", "board.json"),
        ("leaderboard", "check", "--leaderboard", "board.json"),
        *([("analyze", "moved", "--n", "2")] if graphs else []),
    ]
    monkeypatch.setattr(Figure, "savefig", empty_picture)
    for command in commands:
        found = invoke(*command)
        assert found.exit_code == 0, found.output
    kept = json.loads(Path("moved/data/test.jsonl").read_text().splitlines()[0])
    kept["question"] += " "
    Path("moved/data/test.jsonl").write_text(json.dumps(kept))
    refused = invoke("samples", "moved")
    assert refused.exit_code == 2 and "was changed after manifest.json was written" in refused.stderr
    refused = invoke("verify", "moved")
    assert refused.exit_code == 2 and "(that of the run is moved/data)" in refused.stderr
    refused = invoke("verify", "moved/data")
    assert refused.exit_code == 2 and "Error: test.jsonl was changed: rows_sha256 is" in refused.stderr


def test_verify_says_what_of_the_kept_questions_it_has_proved_and_what_not(at_home: Path) -> None:
    names = own_files(at_home, graphs=False)
    test = json.loads(Path("test.json").read_text())
    test[0]["question"] = "How much is 1 + 1?"
    test[1]["answer"] = test[0]["answer"]
    test[1]["steps"] = test[0]["steps"]
    Path("test.json").write_text(json.dumps(test))
    recipe = load_recipe("micro.yaml").changed(dataset=names)
    assert open_data(recipe.data).write_held_out(Path("data"))
    found = invoke("verify", "data")
    assert found.exit_code == 0, found.output
    version, answers, origin = found.stdout.splitlines()
    assert version.endswith(": 10 examples as when they were kept (valid 4, test 6)")
    assert answers == (
        "Answers: 8 proved, 1 in no wording that can be read, 1 in a known wording and not proved (`verify "
        "FILE` says why)."
    )
    assert origin == (
        "Not compared with a generator: there is none of files train.json, valid.json, test.json."
    )


def test_questions_without_candidates_have_no_forced_answers_and_a_run_that_fails_makes_no_claim(
    at_home: Path,
) -> None:
    assert invoke(*COMMON, "--dataset", own_files(at_home, graphs=False), "--out", "run").exit_code == 0
    for line in json.loads(Path("run/result.json").read_text())["seeds"]:
        assert line["test"]["n_correct"] == 0, "the model of the tests answers nothing right"
    found = invoke("controls", "run")
    assert found.exit_code == 0, found.output
    assert "removed, forced answer: left out, it applies to too few questions (0)" in found.stderr
    assert "not needed" not in found.stdout
    assert found.stdout.splitlines()[-1].startswith(
        "As trained the model hardly answers a question right (0.0 %)"
    )


def test_a_run_goes_on_from_another_folder(at_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = own_files(Path("mine"), graphs=True)
    with stopping_at(Trainer, 3):
        assert invoke(*COMMON, "--dataset", names, "--out", "run").exit_code == 130
    absolute = ",".join(str(at_home / name) for name in names.split(","))
    (at_home / "deep").mkdir()
    monkeypatch.chdir(at_home / "deep")
    write_recipe(Path.cwd(), base=None)
    done = invoke(*COMMON, "--dataset", absolute, "--out", str(at_home / "run"))
    assert done.exit_code == 0, done.output
    content = (at_home / "run/result.json").read_text()
    assert str(at_home) not in content and "--dataset train.json,valid.json,test.json --out run" in content


def of(recipe: Recipe, home: Path) -> Recipe:
    """The recipe on the data and weights that somebody has at home."""
    files = ",".join(str(home / f"{split}.json") for split in SIZES)
    return recipe.changed(dataset=files, model=str(home / "gpt2"))


def test_the_same_files_and_weights_are_the_same_recipe_wherever_they_lie(tmp_path: Path) -> None:
    mine, yours = tmp_path / "me", tmp_path / "you" / "deep"
    own_files(mine, graphs=True)
    save_pretrained(mine / "gpt2", "gpt2")
    shutil.copytree(mine, yours)
    recipe = load_recipe("gpt2-prosqa")
    assert of(recipe, mine).hash == of(recipe, yours).hash != recipe.hash
    kept = of(recipe, mine).identified
    weights = next((yours / "gpt2").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes() + b" ")
    assert of(recipe, yours).hash != kept.hash
    shutil.rmtree(mine)
    assert kept.hash == Recipe.model_validate(kept.model_dump()).hash, "the digests stand for the files"


def test_results_and_uploads_name_a_folder_of_weights_and_not_where_it_lies(at_home: Path) -> None:
    save_pretrained(at_home / "somebody" / "gpt2", "gpt2")
    changes = {
        "extends": "gpt2-prosqa", "data": {"name": "prosqa", "train": 4, "valid": 2, "test": 4},
        "curriculum": {"stage_epochs": [1, 1], "extra_stage": True}, "batch_size": 4, "max_new_tokens": 4,
        "checks_in_last_stage": 1,
    }  # fmt: skip
    Path("mine.yaml").write_text(json.dumps(changes))
    weights = str(at_home / "somebody" / "gpt2")
    arguments = ["run", "--method", "coconut", "--recipe", str(at_home / "mine.yaml"), "--model", weights]
    done = invoke(*arguments, "--out", "run")
    assert done.exit_code == 0, done.output
    [row] = read("leaderboard.json").measured
    assert row.base_model.name == "gpt2"
    assert row.seeds[0].provenance.command.endswith("--recipe mine.yaml --model somebody/gpt2 --out run")
    uploaded = invoke("publish", "run", "--repo", "org/name", "--dry-run")
    assert uploaded.exit_code == 0, uploaded.output
    assert str(at_home) not in uploaded.output
    shutil.move("somebody", "other")
    again = invoke(
        "run", "--method", "coconut", "--recipe", "mine.yaml", "--model", "other/gpt2", "--out", "run"
    )
    assert again.exit_code == 0 and "run already contains this run" in again.output
    Path("other/gpt2").rename("other/renamed")
    more = invoke(
        "run", "--method", "coconut", "--recipe", "mine.yaml", "--model", "other/renamed", "--seed", "1"
    )
    assert more.exit_code == 0, more.output
    [both] = read("leaderboard.json").measured
    assert ([entry.seed for entry in both.seeds], both.key) == ([0, 1], row.key)
    file = next(Path("other", "renamed").glob("*.safetensors"))
    file.write_bytes(file.read_bytes() + b" ")
    for left in (["result.json"], ["checkpoint.pt"]):  # finished, and interrupted
        changed = invoke(
            "run", "--method", "coconut", "--recipe", "mine.yaml", "--model", "other/renamed", "--out", "run"
        )
        assert changed.exit_code == 2
        assert "run holds another run: its content of the pretrained model's folder is" in changed.stderr
        Path("run", "checkpoint.pt").touch()
        Path("run", *left).unlink()


def test_a_kept_recipe_is_not_trained_on_other_files(at_home: Path) -> None:
    names = own_files(at_home, graphs=True)
    assert invoke(*COMMON, "--dataset", names, "--out", "run").exit_code == 0
    train = Path("train.json")
    train.write_text(json.dumps(json.loads(train.read_text())[1:]))
    refused = invoke("run", "--method", "coconut", "--recipe", "run/recipe.yaml", "--out", "other")
    assert refused.exit_code == 2
    assert "data.content must be that of the files that are here" in refused.stderr
    assert not Path("other").exists()


def test_only_methods_with_thoughts_say_how_many_were_used(at_home: Path) -> None:
    said = {
        method: invoke("run", "--method", method, "--recipe", "micro.yaml").stdout
        for method in ("coconut", "no-cot", "pause")
    }
    assert {method: "thoughts used" in text for method, text in said.items()} == {
        "coconut": True, "no-cot": False, "pause": False,
    }  # fmt: skip
