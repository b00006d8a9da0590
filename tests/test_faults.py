"""A sample of the harnesses of `make faults`: flipped bits, bad inputs, kills, concurrent writers."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.damage import bad_inputs, counts, flips, targets
from faults.kills import short_kills, two_processes, writers
from faults.mutations import flipped
from faults.world import RUN, changed, invoke, make_world, no_training

TRAINING = 130
"""Exit code of `no_training` where a training would begin."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The working directory is a world; each harness leaves it as it was."""
    before, environment = Path.cwd(), dict(os.environ)
    folder = tmp_path_factory.mktemp("faults") / "world"
    folder.mkdir()
    make_world(folder)
    yield
    os.chdir(before)
    os.environ.clear()
    os.environ.update(environment)


pytestmark = pytest.mark.usefixtures("world")


def test_one_flipped_bit_of_a_digested_file_is_never_used() -> None:
    first = {target.path: target for target in reversed(targets()) if target.is_digested}
    counted, wrong = counts(flips(1, list(first.values())))
    assert wrong == []
    assert counted["refused"] + counted["made again"] == len(first) > 20


def test_bad_inputs_under_digests_that_fit_are_one_line_or_taken() -> None:
    chosen = [target for target in targets() if target.command[0] != "controls"]
    counted, wrong = counts(bad_inputs(45, chosen))
    assert wrong == []
    assert counted["refused"] > 20


def test_killed_commands_leave_the_old_or_the_new() -> None:
    for name in ("generate", "add"):
        counted, wrong = counts(short_kills(name, 3))
        assert wrong == []
        assert counted.total() == 3
        shutil.rmtree("k")


def test_concurrent_writers_are_all_heard() -> None:
    counted, wrong = counts(writers(4))
    assert wrong == []
    assert counted == {"added": 4}


@pytest.mark.slow
def test_a_run_that_is_started_twice_has_one_result() -> None:
    counted, wrong = counts(two_processes(1))
    assert wrong == []
    assert counted == {"one result": 1}


@pytest.mark.parametrize(
    "name", ["recipe.yaml", "log.jsonl", "run.json", "data/test.jsonl", "data/manifest.json"]
)
def test_a_damaged_file_of_a_finished_run_is_named(name: str) -> None:
    path = Path(RUN, name)
    commands = {"log.jsonl": ["plot", RUN, "--out", "x.svg"], "run.json": [
        "run", "--method", "coconut", "--recipe", "micro.yaml"]}  # fmt: skip
    with changed(path, flipped(path.read_bytes(), random.Random(0)), sealed=False):
        done = invoke(commands.get(name, ["samples", RUN]))
    assert done.code == 2
    [line] = done.text.splitlines()
    assert path.name in line and "restore" in line


def test_damaged_digests_are_not_blamed_on_the_file_alone() -> None:
    path = Path(RUN, "model", "SHA256SUMS")
    with changed(path, path.read_bytes().replace(b"a", b"b", 1), sealed=False):
        done = invoke(["samples", RUN])
    assert done.code == 2
    assert "or SHA256SUMS beside it is damaged" in done.text


def test_a_run_without_its_model_is_taken_for_no_dataset_and_no_repository() -> None:
    Path(RUN, "model").rename("away")
    try:
        for command in ("controls", "analyze", "publish"):
            options = ["--repo", "org/name", "--dry-run"] if command == "publish" else []
            done = invoke([command, RUN, *options])
            assert done.code == 2
            assert f"{RUN}/model must be the model of a finished run, and is missing" in done.text
    finally:
        Path("away").rename(f"{RUN}/model")


def test_force_does_not_replace_a_folder_with_foreign_files() -> None:
    shutil.copytree("data-jsonl", "mine")
    Path("mine", "thesis.tex").write_text("years of work")
    done = invoke(["generate", "prosqa-tiny", "--out", "mine", "--force", "--test", "4"])
    assert done.code == 2
    assert "thesis.tex is not of `generate`" in done.text
    assert Path("mine", "thesis.tex").exists()
    shutil.rmtree("mine")


def test_text_without_a_full_stop_trains_with_the_default_recipe_and_names_the_one_it_needs() -> None:
    rows = [
        {"question": f"what is {i} and {i}", "steps": [f"{i} and {i}"], "answer": f"{2 * i}"}
        for i in range(8)
    ]
    graph = json.loads(Path("own/test.json").read_text())
    other = [{**row, "idx_to_symbol": [f"z{name}" for name in row["idx_to_symbol"]]} for row in graph]
    for kind, content in (("plain", rows), ("other-names", other)):
        Path(kind).mkdir()
        for split in ("train", "valid", "test"):
            Path(kind, f"{split}.json").write_text(json.dumps(content))
        files = ",".join(f"{kind}/{split}.json" for split in ("train", "valid", "test"))
        with no_training():
            assert invoke(["run", "--method", "coconut", "--dataset", files, "--out", "new"]).code == TRAINING
            done = invoke(
                ["run", "--method", "coconut", "--dataset", files, "--recipe", "micro.yaml", "--out", "n"]
            )
        assert done.code == 2
        assert done.text.endswith(f"{kind} has none: use --recipe scratch\n")
        shutil.rmtree("new")
