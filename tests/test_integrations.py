"""Other tools' views of the datasets: the same questions, the same scores, by the tools themselves where
they are installed.

Those that need lm-evaluation-harness, reasoning-gym or inspect-ai are marked ``tools`` and run by ``make
tools``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from micro import write_recipe

import coconut_bench
from coconut_bench import create_dataset, score_answer
from coconut_bench.benchmarks.integrations import lm_eval as lm
from coconut_bench.cli import main
from coconut_bench.generators import DATASETS, examples
from coconut_bench.generators.stored.write import generate, plan
from coconut_bench.leaderboard.predictions import read_predictions


@pytest.mark.parametrize("name", DATASETS)
def test_a_task_is_the_example_of_its_index_in_any_order(name: str) -> None:
    tasks = create_dataset(name, seed=3, size=7, split="test")
    told = [example for example, _ in zip(examples(name, "test", seed=3), range(7), strict=False)]
    for index in (6, 0, 3, -1):
        entry = tasks[index]
        example = told[index]
        assert (entry["question"], entry["answer"]) == (example.question, example.answer)
        assert entry["metadata"]["id"] == example.id
        assert entry["metadata"]["difficulty"] == {"hops": example.hops}
    assert list(tasks) == [tasks[i] for i in range(7)] == tasks[:]
    assert len(tasks) == 7
    assert all(tasks.score_answer(entry["answer"], entry) == 1.0 for entry in tasks)
    with pytest.raises(IndexError):
        tasks[7]


def test_an_answer_is_read_after_the_marker_and_nothing_else_counts() -> None:
    entry = {"answer": "Tom is a lempus."}
    right = ("Tom is a lempus.", "Tom is a  lempus", "Tom is a rempus. ### Tom is a lempus .\n")
    wrong = (None, "", "###", "lempus", "Tom is a rempus.", "Tom is a lempus. ### Tom is a rempus.")
    assert [score_answer(text, entry) for text in right] == [1.0] * len(right)
    assert [score_answer(text, entry) for text in wrong] == [0.0] * len(wrong)
    assert score_answer("1,000", {"answer": "1000"}) == 1.0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**62), st.sampled_from(sorted(DATASETS)))
def test_the_other_candidate_scores_nothing(seed: int, name: str) -> None:
    tasks = create_dataset(name, seed=seed, size=2)
    answers = {entry["answer"] for entry in tasks}
    for entry in tasks:
        for answer in answers - {entry["answer"]}:
            assert tasks.score_answer(answer, entry) == 0.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "prosqa-fiar"}, "did you mean 'prosqa-fair'"),
        ({"name": "prosqa", "split": "tset"}, "did you mean 'test'"),
        ({"name": "prosqa", "surface": "symbolc"}, "did you mean 'symbolic'"),
        ({"name": "prosqa", "size": 0}, "size must be in 1"),
        ({"name": "prosqa", "seed": -1}, "seed must be in 0"),
    ],
)
def test_bad_arguments_are_refused_at_once(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create_dataset(**arguments)


def test_the_package_offers_what_it_lists_and_no_more() -> None:
    assert all(hasattr(coconut_bench, name) for name in coconut_bench.__all__)
    with pytest.raises(AttributeError):
        _ = coconut_bench.create_datasets  # type: ignore[attr-defined]


def test_every_dataset_has_its_lm_eval_task_file_and_there_is_no_other(tmp_path: Path) -> None:
    """After a change: python -m coconut_bench.benchmarks.integrations.lm_eval --write benchmarks/lm_eval"""
    written = {path.name: path.read_text("utf-8") for path in lm.write_tasks(tmp_path / "tasks")}
    shipped = {path.name: path.read_text("utf-8") for path in lm.FOLDER.iterdir()}
    assert shipped == written
    assert {path.removesuffix(".yaml") for path in shipped} == set(DATASETS)


class _Loader(yaml.SafeLoader):
    """YAML with lm-eval's ``!function``."""


_Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


@pytest.mark.parametrize("name", DATASETS)
def test_a_task_file_names_functions_that_exist_and_splits_that_load(name: str) -> None:
    task = yaml.load((lm.FOLDER / f"{name}.yaml").read_text("utf-8"), _Loader)
    module, _, attribute = task["custom_dataset"].rpartition(".")
    assert module == lm.__name__
    functions = [task[key] for key in ("doc_to_text", "doc_to_target", "process_results")]
    assert all(callable(getattr(lm, function.removeprefix(f"{module}."))) for function in functions)
    assert task["metadata"]["version"] == DATASETS[name].version
    splits = getattr(lm, attribute)(**task["metadata"], **task["dataset_kwargs"], size=4)
    doc = splits[task["test_split"]][1]
    assert len(splits["test"]) == 4 and len(splits["train"]) == lm.SHOTS
    assert doc["question"] == create_dataset(name, size=4, split="test")[1]["question"]
    assert lm.process_results(doc, [lm.doc_to_target(doc)]) == {"exact_match": 1.0}


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_datasets_loads_a_generated_folder(form: str, tmp_path: Path) -> None:
    from datasets import load_dataset

    sizes = {"train": 10, "valid": 2, "test": 4}
    generate(plan("prosqa-tiny", seed=1, sizes=sizes, format=form), tmp_path / "data")
    suffix = "jsonl" if form == "jsonl" else "parquet"
    files = {split: str(tmp_path / "data" / f"{split}.{suffix}") for split in sizes}
    loaded = load_dataset(
        "json" if form == "jsonl" else form, data_files=files, cache_dir=str(tmp_path / "cache")
    )
    assert {split: len(rows) for split, rows in loaded.items()} == sizes
    rows = [example.to_json() for example in examples("prosqa-tiny", "test", seed=1, count=4)]
    assert [{key: row[key] for key in rows[0]} for row in loaded["test"]] == rows


@pytest.mark.tools
@pytest.mark.filterwarnings("ignore")
def test_lm_eval_itself_reads_the_tasks_and_gives_the_share_of_right_answers() -> None:
    lm_eval = pytest.importorskip("lm_eval")
    from lm_eval.api.model import LM
    from lm_eval.tasks import TaskManager

    asked: list[str] = []

    class Oracle(LM):  # type: ignore[misc]
        """Right on the first of every two questions it is asked."""

        def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
            asked.extend(request.args[0] for request in requests)
            return [
                lm.doc_to_target(request.doc) if i % 2 == 0 else "### nobody"
                for i, request in enumerate(requests)
            ]

        def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[Any]:
            raise NotImplementedError

        loglikelihood_rolling = loglikelihood

    manager = TaskManager(include_path=str(lm.FOLDER), include_defaults=False, metadata={"size": 6})
    names = [lm.task_name(name) for name in DATASETS]
    found = lm_eval.simple_evaluate(
        Oracle(), tasks=names, task_manager=manager, num_fewshot=1, bootstrap_iters=0, verbosity="ERROR"
    )
    assert {name: row["exact_match,none"] for name, row in found["results"].items()} == dict.fromkeys(
        names, 0.5
    )
    assert len(asked) == 6 * len(names)
    shown = create_dataset("prosqa", size=lm.SHOTS)
    tests = create_dataset("prosqa", size=6, split="test")
    assert sum(text.endswith(f"{tests[0]['question']}\n") for text in asked) >= 1
    assert any(any(entry["question"] in text for entry in shown) for text in asked)


@pytest.mark.tools
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", ["coconut", "cot", "pause"])
def test_a_run_answers_in_lm_eval_what_it_answered_here(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lm_eval = pytest.importorskip("lm_eval")
    from coconut_bench.benchmarks.integrations.lm_eval_model import RunModel, task_manager

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COCONUT_BENCH_CACHE", str(tmp_path / "cache"))
    line = ["run", "--recipe", str(write_recipe(tmp_path)), "--method", method, "--out", "run"]
    assert CliRunner().invoke(main, line).exit_code == 0
    model = RunModel("run")
    [entry] = model.trained.result.seeds
    assert entry.predictions is not None
    filed = read_predictions(entry.predictions, Path("run/predictions"))

    def evaluated(shots: int) -> list[dict[str, Any]]:
        found = lm_eval.simple_evaluate(
            model, tasks=["coconut_bench_prosqa_tiny"], task_manager=task_manager(size=len(filed)),
            num_fewshot=shots, bootstrap_iters=0, log_samples=True, verbosity="ERROR",
        )  # fmt: skip
        return sorted(found["samples"]["coconut_bench_prosqa_tiny"], key=lambda sample: sample["doc_id"])

    samples = evaluated(0)
    assert [sample["doc"]["metadata"]["id"] for sample in samples] == [row.id for row in filed]
    assert [sample["resps"] for sample in samples] == [[[f"### {row.prediction}"]] for row in filed]
    assert [sample["exact_match"] for sample in samples] == [float(row.correct) for row in filed]
    with pytest.raises(ValueError, match="num_fewshot must be 0"):
        evaluated(1)


@pytest.mark.tools
@pytest.mark.filterwarnings("ignore")
def test_reasoning_gym_itself_serves_the_registered_datasets() -> None:
    reasoning_gym = pytest.importorskip("reasoning_gym")
    from coconut_bench.benchmarks.integrations.reasoning_gym import register

    register()
    assert register() == []  # twice does no harm
    for name in DATASETS:
        served = reasoning_gym.create_dataset(name, seed=5, size=4)
        assert list(served) == list(create_dataset(name, seed=5, size=4))
        assert served.score_answer(served[1]["answer"], served[1]) == 1.0
    with pytest.raises(ValueError, match="size must be"):
        reasoning_gym.create_dataset("prosqa", size=0)


@pytest.mark.tools
@pytest.mark.filterwarnings("ignore")
def test_inspect_itself_scores_the_task_and_finds_it_by_its_short_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("inspect_ai")
    # python -m pytest adds the checkout, whose egg-info hides that the package is installed.
    root = Path(__file__).resolve().parents[1]
    monkeypatch.setattr(sys, "path", [place for place in sys.path if Path(place).resolve() != root])
    from inspect_ai import eval as evaluate
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    from coconut_bench.benchmarks.integrations.inspect_ai import coconut_bench as task

    made = task("prosqa-tiny", size=8)
    texts = [f"a walk ### {sample.target if i % 4 else 'nobody'}" for i, sample in enumerate(made.dataset)]
    outputs = [ModelOutput.from_content("mockllm", text) for text in texts]
    for output in outputs:
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    model = get_model("mockllm/model", custom_outputs=outputs)
    [log] = evaluate(
        "coconut_bench/coconut_bench", task_args={"dataset": "prosqa-tiny", "size": 8},
        model=model, log_dir=str(tmp_path), max_samples=1, display="none",
    )  # fmt: skip
    assert log.status == "success" and log.results is not None
    metrics = {metric.name: metric.value for score in log.results.scores for metric in score.metrics.values()}
    assert metrics["2"] == metrics["all"] == 0.75
    assert json.loads(log.model_dump_json())["eval"]["task_version"] == DATASETS["prosqa-tiny"].version
