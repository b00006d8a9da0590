"""Files in the published forms become the splits of a run; what is wrong with them is one line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from micro import MICRO

from coconut_bench.cli import main
from coconut_bench.generators import examples
from coconut_bench.generators.gsm8k import parse_line
from coconut_bench.generators.sources import load_source
from coconut_bench.leaderboard import read, read_predictions

LINES = [
    f"Ann has {n} pens and buys {n}. How many?||<<{n}+{n}={2 * n}>> #### {2 * n}\n" for n in range(1, 13)
]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COCONUT_BENCH_CACHE", str(tmp_path / "cache"))


def write_text() -> str:
    for name, lines in (("train", LINES[:8]), ("valid", LINES[8:10]), ("test", LINES[10:])):
        Path(f"{name}.txt").write_text("".join(lines))
    return "train.txt,valid.txt,test.txt"


def test_gsm8k_s_own_lines_are_read() -> None:
    source = load_source(write_text())
    assert [len(split) for split in (source.train, source.valid, source.test)] == [8, 2, 2]
    first = source.train[0]
    assert (first.question, first.steps, first.answer) == (
        "Ann has 1 pens and buys 1. How many?",
        ("<<1+1=2>>",),
        "2",
    )
    assert (first.id, first.graph, source.surface) == ("train/0", None, "natural")
    assert parse_line("Q?||#### 1,200") == ("Q?", (), "1200")


@pytest.mark.parametrize("format", ["published", "jsonl", "parquet"])
@pytest.mark.parametrize("surface", ["natural", "symbolic"])
def test_a_generated_folder_gives_its_splits_back(format: str, surface: str) -> None:
    sizes = ["--train", "6", "--valid", "4", "--test", "4", "--format", format, "--surface", surface]
    done = CliRunner().invoke(main, ["generate", "prosqa", "--out", "made", *sizes])
    assert done.exit_code == 0, done.output
    source = load_source("made")
    expected = list(examples("prosqa", "test", count=4, surface=surface))
    assert [example.question for example in source.test] == [example.question for example in expected]
    assert [example.graph for example in source.test] == [example.graph for example in expected]
    assert source.surface == surface
    suffix = {"published": "json"}.get(format, format)
    files = load_source(",".join(f"made/{split}.{suffix}" for split in ("train", "valid", "test")))
    assert files.version == source.version


def test_other_content_is_another_version_and_shared_questions_are_counted() -> None:
    names = write_text()
    before = load_source(names)
    Path("test.txt").write_text("".join(LINES[9:]))
    after = load_source(names)
    assert before.version != after.version
    assert before.shared == 0
    Path("test.txt").write_text("".join(LINES[6:9]))
    assert load_source(names).shared == 2


@pytest.mark.parametrize(
    ("files", "asked", "message"),
    [
        ({}, "train.txt,valid.txt", "3 of them, got 2"),
        ({}, "train.txt,train.txt,test.txt", "must be different files"),
        ({}, "train.txt,nowhere.txt,test.txt", "no such file: nowhere.txt"),
        ({"test.txt": ""}, "train.txt,valid.txt,test.txt", "test.txt must hold at least 1 example"),
        (
            {"test.txt": LINES[0] + "nonsense\n"},
            "train.txt,valid.txt,test.txt",
            "test.txt:2 must be question||",
        ),
        ({"test.txt": "Q?||so 1+1 #### 2"}, "train.txt,valid.txt,test.txt", "nothing but <<"),
        ({"test.json": "{}"}, "train.txt,valid.txt,test.json", "must hold a JSON list"),
        ({"test.json": '[{"question": "Q"}]'}, "train.txt,valid.txt,test.json", "test.json:1"),
        ({"test.csv": ""}, "train.txt,valid.txt,test.csv", "unknown suffix of a data file '.csv'"),
    ],
)
def test_bad_files_are_one_line(files: dict[str, str], asked: str, message: str) -> None:
    write_text()
    for name, text in files.items():
        Path(name).write_text(text)
    with pytest.raises((ValueError, OSError), match=re.escape(message)):
        load_source(asked)


def run(**changes: Any) -> Any:
    fields = {name: value for name, value in MICRO.items() if name != "base"}
    Path("files.yaml").write_text(
        yaml.safe_dump({**fields, "curriculum": {"stage_epochs": [1, 1, 1]}, **changes})
    )
    return CliRunner().invoke(
        main,
        ["run", "--recipe", "files.yaml", "--dataset", "train.txt,valid.txt,test.txt", "--method", "coconut"],
    )


def test_a_run_on_files_trains_on_them_and_scores_numbers_without_commas() -> None:
    write_text()
    Path("test.txt").write_text("Ann has 500 pens and buys 500. How many?||<<500+500=1000>> #### 1,000\n")
    done = run()
    assert done.exit_code == 0, done.output
    [row] = read("leaderboard.json").measured
    assert (row.dataset.n, row.dataset.seed, row.dataset.surface) == (1, None, "natural")
    [entry] = row.seeds
    assert [stage.epochs for stage in entry.stages] == [1.0, 1.0, 1.0]
    assert entry.predictions is not None
    [prediction] = read_predictions(entry.predictions, "predictions")
    assert (prediction.answer, prediction.id) == ("1000", "test/0")


def test_a_dataset_without_steps_is_refused_where_steps_are_needed() -> None:
    for name in ("train", "valid", "test"):
        rows = [{"question": f"{name} {n}?", "answer": str(n), "steps": []} for n in range(2)]
        Path(f"{name}.json").write_text(json.dumps(rows))
    fields = {name: value for name, value in MICRO.items() if name != "base"}
    Path("files.yaml").write_text(yaml.safe_dump(fields))
    arguments = ["run", "--recipe", "files.yaml", "--dataset", "train.json,valid.json,test.json"]
    refused = CliRunner().invoke(main, [*arguments, "--method", "cot"])
    assert refused.exit_code == 2
    assert "method cot needs examples with steps, got none" in refused.stderr
    assert CliRunner().invoke(main, [*arguments, "--method", "no-cot"]).exit_code == 0


def test_gsm8k_from_the_hub_says_what_to_do_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*arguments: object, **options: object) -> None:
        raise ConnectionError("no route to host\nand more")

    monkeypatch.setattr("datasets.load_dataset", offline)
    refused = CliRunner().invoke(main, ["run", "--recipe", "gpt2-gsm8k", "--method", "cot"])
    assert refused.exit_code == 2
    [line] = refused.stderr.strip().splitlines()
    assert "no route to host" in line
    assert "--dataset train.txt,valid.txt,test.txt" in line


def test_gsm8k_from_the_hub_is_read_by_its_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(repository: str, split: str, revision: str | None) -> list[dict[str, Any]]:
        return [{"question": f"{split}? ", "steps": ["<<1+1=2>>"], "answer": "1,002"}]

    monkeypatch.setattr("datasets.load_dataset", load)
    source = load_source("gsm8k-aug")
    assert [split[0].question for split in (source.train, source.valid, source.test)] == [
        "train?",
        "validation?",
        "test?",
    ]
    assert (source.test[0].answer, source.test[0].steps) == ("1002", ("<<1+1=2>>",))
