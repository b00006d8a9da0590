"""A run's folder that loses a part or all of its files: one line says what to do, nothing strange is left."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from micro import MICRO, write_recipe

from coconut_bench.benchmarks.run import pipeline
from coconut_bench.benchmarks.run.lock import locked
from coconut_bench.cli import main

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")
RUN = Path("runs/micro-cot-0")
WORDS = ("run", "--method", "cot", "--recipe", "micro.yaml")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_a_finished_run_without_its_weights_or_questions_says_what_to_do() -> None:
    write_recipe(Path.cwd(), base=None)
    assert "Note:" not in invoke(*WORDS).output
    (RUN / "model" / "model.safetensors").unlink()
    again = invoke(*WORDS)
    assert again.exit_code == 0
    [line] = [line for line in again.output.splitlines() if line.startswith("Note:")]
    assert line.startswith(
        f"Note: the weights in {RUN}/model are missing; for controls, restore it from a copy"
    )
    refused = invoke("samples", str(RUN))
    assert refused.exit_code == 2
    assert "restore it from a copy, or train the run again in another --out" in refused.stderr
    (RUN / "data" / "test.jsonl").unlink()
    for command in (WORDS, ("samples", str(RUN))):
        refused = invoke(*command)
        assert refused.exit_code == 2
        line = f"Error: no such file: {RUN}/data/test.jsonl; restore {RUN}/data from a copy, or remove it\n"
        assert refused.stderr == line
    shutil.rmtree(RUN / "data")
    assert invoke(*WORDS).exit_code == 0, "its questions are generated again"


@pytest.mark.parametrize("when", ["log", "save"])
def test_a_folder_that_is_removed_in_training_is_noticed_and_not_made_again(
    when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_recipe(Path.cwd(), base=None)
    log = pipeline.log_validation

    def remove(path: Path, entry: dict[str, Any]) -> None:
        if when == "save":
            log(path, entry)
        shutil.rmtree(path.parent)
        if when == "log":
            log(path, entry)

    monkeypatch.setattr(pipeline, "log_validation", remove)
    refused = invoke(*WORDS)
    assert refused.exit_code == 2
    line = f"Error: {RUN} was removed while it was trained in: nothing is saved; start the command again"
    assert refused.stderr.splitlines()[-1] == line
    assert not RUN.exists()


def test_a_start_that_fails_leaves_no_folder() -> None:
    model = {"pretrained": "missing-model"}
    write_recipe(Path.cwd(), base=None, model=model, data=MICRO["data"])
    Path("missing-model").mkdir()
    refused = invoke(*WORDS)
    assert refused.exit_code == 2, refused.output
    assert not Path("runs").exists()
    with locked(Path("a/b/.lock")):
        Path("a/kept").touch()
    assert [path.name for path in Path("a").iterdir()] == ["kept"]


@pytest.mark.parametrize("option", ["--method", "--model"])
@pytest.mark.parametrize("name", ["evil\x1b[31m", "a\nb", "", "x" * 201, "a\u202eb"])
def test_a_name_that_cannot_stand_in_a_row_is_one_line_before_anything_is_written(
    option: str, name: str
) -> None:
    Path("answers.jsonl").touch()
    names = {"--method": "mine", "--model": "m", option: name}
    words = [word for pair in names.items() for word in pair]
    refused = invoke("leaderboard", "import", "answers.jsonl", "--dataset", "prosqa-tiny", "--n", "4", *words)
    assert refused.exit_code == 2
    [line] = refused.stderr.splitlines()
    assert line.startswith(f"Error: {option} must have 1 to 200 characters, none of them a control")
    assert line.isprintable()
    assert sorted(path.name for path in Path().iterdir()) == ["answers.jsonl"]
