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

from coconut_bench.benchmarks.run.choice import default_recipe
from coconut_bench.cli import main
from coconut_bench.generators import content_hash, examples
from coconut_bench.generators.proof.verify import verify_file
from coconut_bench.generators.stored.formats import read_examples
from coconut_bench.generators.stored.gsm8k import parse_line
from coconut_bench.generators.stored.sources import load_source
from coconut_bench.leaderboard import read, read_predictions

LINES = [
    f"Ann has {n} pens and buys {n}. How many?||<<{n}+{n}={2 * n}>> #### {2 * n}\n" for n in range(1, 13)
]

TWICE = '{"id": "x", "question": "Q", "answer": "1", "steps": []}\n' * 2


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
@pytest.mark.parametrize(
    ("name", "surface"),
    [("prosqa-fair", "natural"), ("prosqa-tiny", "symbolic"), ("prontoqa", "natural")],
)
def test_a_generated_folder_gives_the_very_examples_back(format: str, name: str, surface: str) -> None:
    sizes = ["--train", "6", "--valid", "4", "--test", "4", "--format", format, "--surface", surface]
    done = CliRunner().invoke(main, ["generate", name, "--out", "made", *sizes])
    assert done.exit_code == 0, done.output
    source = load_source("made")
    assert list(source.test) == list(examples(name, "test", count=4, surface=surface))
    assert (source.name, source.version, source.surface) == (name, "1.0.0", surface)
    assert source.content_hashes["test"] == content_hash(name, "test", count=4, surface=surface)
    suffix = {"published": "json"}.get(format, format)
    files = load_source(",".join(f"made/{split}.{suffix}" for split in ("train", "valid", "test")))
    assert [(one.question, one.hops, one.graph) for one in files.test] == [
        (one.question, one.hops, one.graph) for one in source.test
    ]
    assert (files.name, files.surface) == ("made", surface)


def test_other_content_is_another_version_and_shared_questions_are_counted() -> None:
    names = write_text()
    before = load_source(names)
    Path("test.txt").write_text("".join(LINES[9:]))
    after = load_source(names)
    assert before.version != after.version
    assert [
        split for split, known in after.content_hashes.items() if before.content_hashes[split] != known
    ] == ["test"]
    assert before.shared == 0
    Path("test.txt").write_text("".join(LINES[6:9]).replace("pens and", "pens  and"))
    assert load_source(names).shared == 2


def test_ids_and_version_outlive_the_names_of_the_files() -> None:
    before = load_source(write_text())
    moved = [Path(f"{split}.txt").rename(f"gsm_{split}.txt") for split in ("train", "valid", "test")]
    after = load_source(",".join(map(str, moved)))
    assert (after.version, after.train, after.name) == (before.version, before.train, "gsm")


def test_a_folder_that_does_not_hold_what_its_manifest_says_is_refused() -> None:
    made = ["generate", "prosqa-tiny", "--out", "made", "--train", "4", "--valid", "2"]
    assert CliRunner().invoke(main, [*made, "--test", "0"]).exit_code == 0
    with pytest.raises(ValueError, match="made must hold train, valid, test, it lacks test"):
        load_source("made")
    assert CliRunner().invoke(main, [*made, "--test", "2", "--force"]).exit_code == 0
    lines = Path("made/valid.jsonl").read_text().splitlines(keepends=True)
    Path("made/valid.jsonl").write_text("".join(lines[::-1]))
    with pytest.raises(ValueError, match=r"valid\.jsonl was changed after manifest\.json was written"):
        load_source("made")
    with pytest.raises(FileNotFoundError, match=r"nowhere has no manifest\.json"):
        load_source("nowhere")


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
        ({}, "train.txt,valid.txt,./train.txt", "must be different files"),
        ({}, "train.txt,valid.txt,test.json", "must be of one form, got .txt and .json"),
        ({"train.txt": b"Na\xefve?||#### 2\n"}, "train.txt,valid.txt,test.txt", "train.txt:1 'utf-8' codec"),
        ({"a.json": "{}"}, "a.json,b.json,c.json", "a.json must hold a JSON list"),
        ({"a.json": '[{"question": "Q"}]'}, "a.json,b.json,c.json", "a.json:1 the record has no field"),
        (
            {"a.json": '[{"question": " ", "answer": "1", "steps": []}]'},
            "a.json,b.json,c.json",
            "a.json:1 question must not be empty",
        ),
        (
            {"a.json": '[{"question": "Q", "answer": 1, "steps": []}]'},
            "a.json,b.json,c.json",
            "a.json:1 answer must be a JSON str, got 1",
        ),
        (
            dict.fromkeys(("a.jsonl", "b.jsonl", "c.jsonl"), TWICE),
            "a.jsonl,b.jsonl,c.jsonl",
            "a.jsonl must give every record an id of its own, got 'x' twice",
        ),
        ({}, "a.csv,b.csv,c.csv", "no such file: a.csv"),
        ({"a.csv": ""}, "a.csv,b.csv,c.csv", "unknown suffix of a data file '.csv'"),
    ],
)
def test_bad_files_are_one_line(files: dict[str, str | bytes], asked: str, message: str) -> None:
    write_text()
    for name, text in files.items():
        Path(name).write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises((ValueError, OSError), match=re.escape(message)) as caught:
        load_source(asked)
    assert "\n" not in str(caught.value)


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


def test_a_recipe_that_recalls_premises_refuses_data_without_them() -> None:
    for name in ("train", "valid", "test"):
        rows = [{"question": f"{name} {n}?", "answer": str(n), "steps": ["a."]} for n in range(2)]
        Path(f"{name}.json").write_text(json.dumps(rows))
    arguments = ["run", "--recipe", "tiny", "--dataset", "train.json,valid.json,test.json", "--method", "cot"]
    refused = CliRunner().invoke(main, arguments)
    [line] = refused.stderr.strip().splitlines()
    assert refused.exit_code == 2 and line.endswith("has none: use --recipe scratch")
    assert not Path("runs").exists()


def test_without_a_recipe_it_is_the_one_that_fits_the_data() -> None:
    made = ["generate", "prosqa-tiny", "--out", "tiny", "--train", "2", "--valid", "2", "--test", "2"]
    assert CliRunner().invoke(main, made).exit_code == 0
    deep = ["generate", "prosqa-tiny-3hop", "--out", "deep", *made[4:]]
    assert CliRunner().invoke(main, deep).exit_code == 0
    for dataset, name in (
        (None, "tiny"), ("prosqa-fair", "scratch"), ("tiny", "tiny"), ("prosqa-tinny", "tiny"),
        ("deep", "scratch"), ("prontoqa", "scratch"), ("a.json,b.json,c.json", "scratch"),
        ("gsm8k-aug", "scratch"),
    ):  # fmt: skip
        recipe, why = default_recipe(dataset)
        assert recipe == name and bool(why) == (name == "scratch"), dataset
    why = "tiny leaves out chains of up to 2 steps, and prosqa-fair has some of 6"
    assert default_recipe("prosqa-fair") == ("scratch", why)


def original(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Published ProntoQA records as ProntoQA's generator writes them: the chain sentence by sentence."""
    trials = {}
    for number, row in enumerate(rows, start=1):
        asked, marker, query = row["question"].partition("True or false:")
        chain = re.findall(r"[^.]+\.", " ".join(row["steps"]))
        trial = {
            "question": asked.strip(), "query": marker + query, "answer": row["answer"],
            "chain_of_thought": [sentence.strip() for sentence in chain],
        }  # fmt: skip
        trials[f"example{number}"] = {"test_example": trial}
    return trials


def test_files_of_prontoqa_s_own_generator_are_read() -> None:
    known = list(examples("prontoqa", "test", count=8))
    Path("5hop.json").write_text(json.dumps(original([example.to_json() for example in known])))
    found = list(read_examples("5hop.json"))
    assert [(e.question, e.steps, e.answer, e.hops) for e in found] == [
        (e.question, e.steps, e.answer, e.hops) for e in known
    ]
    assert verify_file(Path("5hop.json")) == 8


def test_prosqa_files_of_the_superposition_repository_become_symbolic_questions() -> None:
    known = list(examples("prosqa", "test", count=8))
    kept = ("steps", "idx_to_symbol", "edges", "root", "target", "neg_target")
    rows = [{name: example.to_json()[name] for name in kept} | {"neighbor_k": {}} for example in known]
    Path("graph.json").write_text(json.dumps(rows))
    assert verify_file(Path("graph.json")) == 8
    found = list(read_examples("graph.json"))
    assert found == list(read_examples("graph.json")) and [e.hops for e in found] == [e.hops for e in known]
    told = [example.question.split(" > ")[0].split(" . ") for example in found]
    assert all(premises != sorted(premises, key=lambda edge: edge.split()) for premises in told)
    first = [example.question.split(" < ")[1] == example.answer for example in found]
    assert set(first) == {True, False}
    Path("graph.json").write_text(json.dumps([{**rows[0], "edges": [[0, 1]], "target": 5}]))
    with pytest.raises(ValueError, match=r"graph\.json:1 .* target must be reachable from root"):
        list(read_examples("graph.json"))


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


def test_other_columns_on_the_hub_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(repository: str, split: str, revision: str | None) -> list[dict[str, Any]]:
        return [{"question": "Q?", "answer": "7"}]

    monkeypatch.setattr("datasets.load_dataset", load)
    with pytest.raises(ValueError, match=r"train:0 must have question, steps \(a list\) and answer: 'steps'"):
        load_source("gsm8k-aug")
