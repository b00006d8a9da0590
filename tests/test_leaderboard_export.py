"""Exports against the schemas that are published for them, and the leaderboard against its own."""

import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results
from leaderboard_examples import predictions, result

from coconut_bench.cli import main
from coconut_bench.generators.datasets import content_hash, examples
from coconut_bench.leaderboard import Leaderboard, Prediction, Result, add, read
from coconut_bench.leaderboard.export.formats import FORMATS, write_export
from coconut_bench.leaderboard.export.target import Target, slug
from coconut_bench.leaderboard.samples import read_samples
from coconut_bench.leaderboard.store import SHIPPED, dump

SCHEMAS = Path(__file__).parent / "schemas"
ROW_SCHEMA = SHIPPED.with_name("schema.json")
TARGET = Target("an-organization", "an-organization/fair-questions")


def generated_row(folder: Path, n: int = 20) -> Result:
    """A row on a dataset that can be generated again, every fourth answer wrong."""
    answered = {
        seed: [
            Prediction(
                id=one.id,
                prediction="?" if (index + seed) % 4 == 0 else one.answer,
                answer=one.answer,
                correct=(index + seed) % 4 != 0,
                language_tokens=3,
                thoughts=2,
                forward_passes=5,
                hops=one.hops,
                twin=one.twin and min(one.id, one.twin),
            )
            for index, one in enumerate(examples("prosqa-tiny", "test", count=n))
        ]
        for seed in (0, 1)
    }
    row = result(answered, dataset="prosqa-tiny", folder=folder)
    hashed = content_hash("prosqa-tiny", "test", count=n)
    return row.model_copy(update={"dataset": row.dataset.model_copy(update={"content_hash": hashed})})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """One row whose questions can be made again, and one whose cannot."""
    target = tmp_path / "leaderboard.json"
    other = {0: predictions(lambda index: index % 10 != 0)}
    for row in (generated_row(tmp_path / "run"), result(other, method="cot", folder=tmp_path / "run")):
        add(target, row, predictions=tmp_path / "run")
    return target


def written(path: Path, out: Path, format: str, ending: str) -> dict[str, str]:
    """The files of an export with this ending: path below ``out`` → text."""
    files = write_export(path, out, format, target=TARGET)
    texts = {file.relative_to(out).as_posix(): file.read_text(encoding="utf-8") for file in files}
    return {name: text for name, text in texts.items() if name.endswith(ending)}


def validator(name: str, part: str | None = None) -> Any:
    schema = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    if part is not None:
        schema = {**schema, "$ref": f"#/definitions/{part}"}
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def test_records_of_every_eval_ever_are_valid(path: Path, tmp_path: Path) -> None:
    records = written(path, tmp_path / "out", "eee", ".json")
    assert len(records) == 3
    check = validator("every_eval_ever/eval.schema.json")
    for name, text in records.items():
        record = json.loads(text)
        check.validate(record)
        ids = [one["evaluation_result_id"] for one in record["evaluation_results"]]
        assert len(set(ids)) == len(ids)
        assert name.startswith(f"data/{record['evaluation_results'][0]['evaluation_name']}/an-organization/")
    rows = {row.dataset.name: row for row in read(path).measured}
    scores = sorted(
        json.loads(text)["evaluation_results"][0]["score_details"]["score"] for text in records.values()
    )
    assert scores == sorted(entry.test.accuracy for row in rows.values() for entry in row.seeds)


def test_samples_of_every_eval_ever_are_valid_and_belong_to_their_record(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    records = [json.loads(text) for text in written(path, out, "eee", ".json").values()]
    with_samples = [record for record in records if "detailed_evaluation_results" in record]
    assert len(with_samples) == 2
    check = validator("every_eval_ever/instance_level_eval.schema.json")
    asked = {one.id: one.question for one in examples("prosqa-tiny", "test", count=20)}
    for record in with_samples:
        detail = record["detailed_evaluation_results"]
        content = (out / detail["file_path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == detail["checksum"]
        lines = [json.loads(line) for line in content.splitlines()]
        assert len(lines) == detail["total_rows"] == 20
        for line in lines:
            check.validate(line)
            assert line["evaluation_id"] == record["evaluation_id"]
            assert line["input"]["raw"] == asked[line["sample_id"]]
        accuracy = sum(line["evaluation"]["score"] for line in lines) / len(lines)
        assert accuracy == record["evaluation_results"][0]["score_details"]["score"]


def test_the_schema_test_finds_what_is_wrong(path: Path, tmp_path: Path) -> None:
    record = json.loads(next(iter(written(path, tmp_path / "out", "eee", ".json").values())))
    record["model_info"]["additional_details"]["num_parameters"] = 5
    with pytest.raises(jsonschema.ValidationError):
        validator("every_eval_ever/eval.schema.json").validate(record)


def test_exporting_again_gives_the_same_files(path: Path, tmp_path: Path) -> None:
    for format in FORMATS:
        first, second = (written(path, tmp_path / name, format, "") for name in ("a", "b"))
        assert first == second
        assert first


def test_lm_eval_results_are_valid(path: Path, tmp_path: Path) -> None:
    texts = written(path, tmp_path / "out", "lm-eval", ".json")
    assert len(texts) == 3
    for text in texts.values():
        data = json.loads(text)
        validator("lm_eval.schema.json", "results").validate(data)
        (task,) = data["results"]
        metrics = data["results"][task]
        assert metrics["sample_len"] == data["n-samples"][task]["effective"]
        costs = ("forward_passes", "training_flops", "parameters")
        assert all(metrics[f"{name},none"] > 0 and not data["higher_is_better"][task][name] for name in costs)
        p, n = metrics["exact_match,none"], metrics["sample_len"]
        assert metrics["exact_match_stderr,none"] == pytest.approx((p * (1 - p) / (n - 1)) ** 0.5)
        for keyed in ("configs", "versions", "n-shot", "higher_is_better", "group_subtasks"):
            assert list(data[keyed]) == [task]


def test_lm_eval_samples_are_valid_and_give_the_result(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    texts = written(path, out, "lm-eval", ".jsonl")
    assert len(texts) == 2
    for name, text in texts.items():
        lines = [json.loads(line) for line in text.splitlines()]
        for line in lines:
            validator("lm_eval.schema.json", "sample").validate(line)
            assert set(line["metrics"]) <= set(line)
        (results,) = (out / name).parent.glob("results_*.json")
        data = json.loads(results.read_text(encoding="utf-8"))
        (task,) = data["results"]
        assert f"samples_{task}_" in name
        assert (
            sum(line["exact_match"] for line in lines) / len(lines)
            == data["results"][task]["exact_match,none"]
        )
        assert data["task_hashes"][task]


def test_the_model_index_is_read_by_the_hub_client(path: Path, tmp_path: Path) -> None:
    texts = written(path, tmp_path / "out", "hub", ".model-index.yaml")
    assert len(texts) == 2
    for text in texts.values():
        name, results = model_index_to_eval_results(yaml.safe_load(text)["model-index"])
        row = next(row for row in read(path).measured if name == f"{row.method}-tiny")
        found = {one.metric_type: one for one in results}
        mean = sum(entry.test.accuracy for entry in row.seeds) / len(row.seeds)
        assert found["accuracy"].metric_value == pytest.approx(mean)
        assert found["accuracy"].dataset_split == "test"
        assert found["accuracy"].dataset_type == "an-organization/fair-questions"
        assert found["accuracy"].dataset_args["content_hash"] == row.dataset.content_hash
        assert {"generated_tokens", "thoughts", "twin_consistency"} <= set(found)
        card = ModelCard(f"---\n{text}---\n# A model\n")
        assert card.data.eval_results
        assert len(card.data.eval_results) == len(results)


def test_eval_results_are_read_by_the_hub_client(path: Path, tmp_path: Path) -> None:
    from huggingface_hub import parse_eval_result_entries

    texts = written(path, tmp_path / "out", "hub", "prosqa-tiny.yaml")
    ((name, text),) = texts.items()
    assert "/.eval_results/" in name
    (entry,) = parse_eval_result_entries(yaml.safe_load(text))
    assert (entry.dataset_id, entry.task_id) == ("an-organization/fair-questions", "prosqa-tiny")
    assert entry.value == pytest.approx(0.75)
    assert entry.date == "2026-01-02T03:04:05Z"


def test_without_a_repository_nothing_claims_to_be_on_the_hub(path: Path, tmp_path: Path) -> None:
    names = [file.name for file in write_export(path, tmp_path / "out", "hub")]
    assert all(name.endswith(".model-index.yaml") for name in names)
    record = next(file for file in write_export(path, tmp_path / "eee", "eee") if file.suffix == ".json")
    source = json.loads(record.read_text(encoding="utf-8"))["evaluation_results"][0]["source_data"]
    assert source["source_type"] == "other"


def test_questions_are_only_those_of_the_recorded_content(tmp_path: Path) -> None:
    row = generated_row(tmp_path)
    assert {seed: len(found) for seed, found in read_samples(row, tmp_path).items()} == {0: 20, 1: 20}
    for change in ({"version": "0.9.0"}, {"seed": None}, {"content_hash": "0" * 64}, {"name": "unknown"}):
        other = row.model_copy(update={"dataset": row.dataset.model_copy(update=change)})
        assert read_samples(other, tmp_path) == {}


def test_the_command_writes_and_lists_the_files(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["leaderboard", "export", "cot", "--leaderboard", str(path), "--out", str(out)]
    done = CliRunner().invoke(main, [*arguments, "--format", "eee", "--organization", "A lab"])
    assert done.exit_code == 0, done.output
    (line,) = done.output.splitlines()
    assert line.startswith(f"{out}/data/synthetic/A-lab/cot-tiny-seed0/")
    assert Path(line).exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "lmeval"], "unknown format 'lmeval' (did you mean 'lm-eval'?)"),
        (["--format", "eee", "coconot"], "unknown row 'coconot' (did you mean 'coconut'?)"),
        (["--format", "eee"], "must have a measured row to export, got none"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    arguments: list[str], message: str, path: Path, tmp_path: Path
) -> None:
    if arguments == ["--format", "eee"]:
        path.write_text(dump(Leaderboard(rows=list(read(SHIPPED).quoted))), encoding="utf-8")
    out = tmp_path / "out"
    done = CliRunner().invoke(
        main, ["leaderboard", "export", "--leaderboard", str(path), "--out", str(out), *arguments]
    )
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not out.exists()


def test_names_fit_paths() -> None:
    assert slug("a b/../c") == "a-b-..-c"
    assert slug("../..") == "unnamed"
    assert slug("é") == "unnamed"


def test_the_schema_in_the_repository_is_that_of_the_record() -> None:
    """After a change write `schema.text()` into the file; what old files do not fit needs a migration."""
    from coconut_bench.leaderboard.schema import text

    assert ROW_SCHEMA.read_text(encoding="utf-8") == text()


def test_the_schema_accepts_what_the_record_accepts(path: Path) -> None:
    schema = json.loads(ROW_SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    for file in (path, SHIPPED):
        check.validate(json.loads(file.read_text(encoding="utf-8")))
    broken = json.loads(path.read_text(encoding="utf-8"))
    broken["rows"][0]["seeds"][0]["test"]["n"] = -1
    with pytest.raises(jsonschema.ValidationError):
        check.validate(broken)
    assert Leaderboard.model_validate_json(path.read_bytes()).measured
