"""A whole run: rows, files, going on after an interruption, and bad input."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from click.testing import CliRunner, Result
from micro import MICRO, run_in, write_recipe
from transformers import AutoModelForCausalLM, AutoTokenizer

from coconut_bench.benchmarks.recipe import load_recipe, recipe_names
from coconut_bench.benchmarks.run.pipeline import run
from coconut_bench.benchmarks.run.saved import read_result
from coconut_bench.benchmarks.run.spec import RunSpec
from coconut_bench.cli import main
from coconut_bench.coconut.methods import METHODS, get_method, method_names
from coconut_bench.coconut.training import Trainer
from coconut_bench.generators.answers import read_answer
from coconut_bench.generators.proof.verify import verify_dir
from coconut_bench.leaderboard import read, read_predictions

BERT = {"is_decoder": True, "num_hidden_layers": 1, "hidden_size": 16, "num_attention_heads": 2}


pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["run", *arguments])


def spec(method: str = "coconut", seed: int = 0, **changes: Any) -> RunSpec:
    return RunSpec(load_recipe(str(write_recipe(Path.cwd(), **changes))), method, seed, False)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return AutoModelForCausalLM.from_pretrained(folder / "model").state_dict()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_runs_and_files_a_row_that_can_be_recomputed(method: str) -> None:
    write_recipe(Path.cwd())
    done = invoke("--method", method, "--recipe", "micro.yaml", "--leaderboard", "board/leaderboard.json")
    assert done.exit_code == 0, done.output
    [row] = read("board/leaderboard.json").measured
    [entry] = row.seeds
    assert (row.method, row.dataset.n, row.recipe.name, row.quick) == (method, 12, "micro", False)
    assert entry.tokens.thoughts == (2 if METHODS[method].filler == "latent" else 0)
    assert entry.tokens.forward_passes == pytest.approx(entry.tokens.thoughts + entry.tokens.language)
    assert {stage.stage for stage in entry.stages} == set(METHODS[method].stages(2))
    assert sum(stage.steps for stage in entry.stages) == 14
    assert entry.compute and sum(stage.flops or 0 for stage in entry.stages) == entry.compute.training_flops
    assert all((stage.tokens or 0) > stage.steps for stage in entry.stages)
    assert entry.by_shortcut is not None
    assert {status: score.n for status, score in entry.by_shortcut.items()} == {"silent": 12}
    assert entry.twins is not None
    assert entry.twins.n == 6
    assert entry.predictions is not None
    predictions = read_predictions(entry.predictions, "board/predictions")
    assert sum(p.correct for p in predictions) == entry.test.n_correct
    out = Path("runs") / f"micro-{method}-0"
    assert verify_dir(out / "data").examples == {"valid": 8, "test": 12}
    assert AutoTokenizer.from_pretrained(out / "model").eos_token == "<eos>"
    assert not (out / "checkpoint.pt").exists()


def test_two_methods_answer_the_same_questions_from_the_same_start() -> None:
    rows = [run(spec(method), Path(method)) for method in ("coconut", "no-cot")]
    assert rows[0].dataset == rows[1].dataset
    assert rows[0].base_model == rows[1].base_model
    ids = [
        [p.id for p in read_predictions(row.seeds[0].predictions, Path(row.method) / "predictions")]
        for row in rows
    ]
    assert ids[0] == ids[1]


def test_a_second_seed_joins_the_row_and_a_second_run_only_reads() -> None:
    write_recipe(Path.cwd())
    for seed in ("0", "1", "1"):
        done = invoke("--method", "cot", "--recipe", "micro.yaml", "--seed", seed)
        assert done.exit_code == 0, done.output
    assert "already contains this run" in done.output
    [row] = read("leaderboard.json").measured
    assert [entry.seed for entry in row.seeds] == [0, 1]


@pytest.mark.parametrize(
    ("text", "marker", "answer"),
    [
        ("4 7 . 7 1 . ### 1,000", "###", "1000"),
        (" 9", "###", "9"),
        ("4 7 . 7 1 . 12", ".", "12"),
        ("4 7 . 7 1 .", ".", ""),
        ("12", ".", "12"),
    ],
)
def test_the_answer_is_what_stands_after_the_last_marker(text: str, marker: str, answer: str) -> None:
    assert read_answer(text, marker) == answer


def test_a_grid_files_every_cell_and_goes_on_after_the_finished_ones() -> None:
    write_recipe(Path.cwd())
    first = invoke("--method", "cot", "--recipe", "micro.yaml", "--seed", "3")
    assert first.exit_code == 0, first.output
    done = invoke("--method", "no-cot, cot", "--recipe", "micro.yaml", "--seed", "3", "--seeds", "2")
    assert done.exit_code == 0, done.output
    assert "[2/4] cot, seed 3\nruns/micro-cot-3 already contains this run" in done.output
    rows = {row.method: [entry.seed for entry in row.seeds] for row in read("leaderboard.json").measured}
    assert rows == {"cot": [3, 4], "no-cot": [3, 4]}
    refused = invoke("--method", "no-cot,cot", "--recipe", "micro.yaml", "--out", "one")
    assert refused.exit_code == 2
    assert not Path("one").exists()


def test_a_folder_of_another_run_is_found_before_the_training_and_says_what_differs() -> None:
    write_recipe(Path.cwd())
    done = invoke("--method", "cot", "--recipe", "micro.yaml")
    assert done.exit_code == 0, done.output
    optimizer = {**MICRO["optimizer"], "muon_lr": 0.02}
    write_recipe(Path.cwd(), optimizer=optimizer)
    refused = invoke("--method", "coconut,cot", "--recipe", "micro.yaml")
    assert refused.exit_code == 2
    assert "runs/micro-cot-0 holds another run: its optimizer.muon_lr is 0.01, not 0.02;" in refused.stderr
    assert not Path("runs/micro-coconut-0").exists()


def test_a_run_that_lost_its_model_is_told_so_and_no_hub_is_asked() -> None:
    write_recipe(Path.cwd())
    assert invoke("--method", "coconut", "--recipe", "micro.yaml").exit_code == 0
    shutil.rmtree("runs/micro-coconut-0/model")
    refused = CliRunner().invoke(main, ["controls", "runs/micro-coconut-0"])
    assert refused.exit_code == 2
    assert "model must be the model of a finished run, and is missing" in refused.stderr


def test_parameters_of_jobs_need_a_cluster() -> None:
    refused = invoke("--method", "cot", "--job", "timeout_min=60")
    assert (refused.exit_code, "--job needs --cluster" in refused.stderr) == (2, True)


def test_all_means_every_method() -> None:
    assert method_names("all") == tuple(METHODS)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The run of a method that nothing stopped, made once."""
    folder = tmp_path_factory.mktemp("whole")

    @cache
    def made(method: str) -> Path:
        write_recipe(folder)
        return run_in(folder, "--method", method, "--recipe", "micro.yaml") / f"micro-{method}-0"

    return made


@pytest.mark.parametrize(
    ("method", "stop_at", "signal_number"),
    [
        ("coconut", 3, signal.SIGINT), ("coconut", 4, signal.SIGTERM), ("coconut", 9, signal.SIGTERM),
        ("coconut", 13, signal.SIGINT), ("sim-coconut", 9, signal.SIGINT), ("multimode", 9, signal.SIGTERM),
        ("cot2", 9, signal.SIGINT),
    ],
)  # fmt: skip
def test_interrupted_and_started_again_it_ends_with_the_same_weights(
    method: str,
    stop_at: int,
    signal_number: int,
    monkeypatch: pytest.MonkeyPatch,
    uninterrupted: Callable[[str], Path],
) -> None:
    whole = uninterrupted(method)
    step, count = Trainer._step, 0

    def interrupted(self: Trainer, plan: Any) -> float:
        nonlocal count
        count += 1
        if count == stop_at:
            os.kill(os.getpid(), signal_number)
        return step(self, plan)

    monkeypatch.setattr(Trainer, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(spec(method), Path("parts"))
    assert not Path("parts/result.json").exists()
    resumed = run(spec(method), Path("parts"))
    assert count == 14  # no step is lost, none done twice
    expected, found = weights(whole), weights(Path("parts"))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0)
    [entry] = read_result(whole).seeds
    assert resumed.seeds[0].test == entry.test
    told = [[(s.loss, s.tokens, s.flops) for s in one.stages] for one in (resumed.seeds[0], entry)]
    assert told[0] == told[1], "what a stage has read and computed is counted once"


@pytest.mark.parametrize("markers", [True, False])
def test_a_classifier_ends_the_thoughts_and_what_it_used_is_recorded(markers: bool) -> None:
    write_recipe(Path.cwd(), markers=markers)
    done = invoke("--method", "coconut", "--recipe", "micro.yaml", "--halting", "classifier")
    assert done.exit_code == 0, done.output
    [row] = read("leaderboard.json").measured
    [entry] = row.seeds
    assert entry.answered is not None
    assert (entry.answered.halting, entry.answered.thoughts) == ("classifier", 2)
    assert entry.predictions is not None
    predictions = read_predictions(entry.predictions, "predictions")
    assert all(1 <= p.thoughts <= 2 for p in predictions)
    assert all(p.forward_passes == p.thoughts + p.language_tokens + markers for p in predictions)
    mean = sum(p.thoughts for p in predictions) / len(predictions)
    assert f"thoughts used: 2 hops {mean:.2f}" in done.output
    saved = AutoModelForCausalLM.from_pretrained("runs/micro-coconut-0-classifier/model")
    assert saved.halting_head is not None
    assert row.recipe.hash != load_recipe("micro.yaml").hash
    again = invoke(
        "--method", "coconut", "--recipe", "micro.yaml", "--halting", "classifier", "--thoughts", "1"
    )
    assert again.exit_code == 0, again.output
    forced = [other.seeds[0] for other in read("leaderboard.json").measured if other.thoughts == 1]
    assert [entry.tokens.thoughts for entry in forced] == [1.0]


def test_another_seed_is_another_run() -> None:
    run(spec(seed=0), Path("zero"))
    run(spec(seed=1), Path("one"))
    different = [not torch.equal(v, weights(Path("one"))[k]) for k, v in weights(Path("zero")).items()]
    assert any(different)


def test_a_checkpoint_of_another_recipe_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(self: Trainer, plan: Any) -> float:
        os.kill(os.getpid(), signal.SIGINT)
        return 0.0

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "_step", stop)
        run(spec(), Path("out"))
    before = Path("out/checkpoint.pt").read_bytes()
    write_recipe(Path.cwd(), batch_size=5)
    refused = invoke("--method", "coconut", "--recipe", "micro.yaml", "--out", "out")
    assert refused.exit_code == 2
    assert "out holds another run: its batch_size is 4, not 5; choose another --out" in refused.output
    assert Path("out/checkpoint.pt").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "cocnut"], "unknown method 'cocnut' (did you mean 'coconut'?)"),
        (["--method", "cot", "--recipe", "tinny"], "unknown recipe 'tinny' (did you mean 'tiny'?)"),
        (["--method", "cot", "--recipe", "nowhere.yaml"], "nowhere.yaml"),
        (["--method", "cot", "--seed", "-1"], "-1"),
    ],
)
def test_bad_arguments_are_one_line_and_leave_nothing(arguments: list[str], message: str) -> None:
    refused = invoke(*arguments)
    assert refused.exit_code == 2
    assert message in refused.output
    assert "Traceback" not in refused.output
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({"batch_sise": 3, "markers": "?"}, ["unknown key batch_sise", "markers: Input should be"]),
        ({"answer_marker": False, "data": {**MICRO["data"], "surface": "natural"}}, ["answer_marker must"]),
        ({"batch_size": 0}, ["batch_size: Input should be greater than or equal to 1, got 0"]),
        ({"curriculum": {"stage_steps": [1, 2], "lr_scales": [1.0]}}, ["equally long, got 2 and 1"]),
        ({"data": {**MICRO["data"], "name": "prosqa-tny"}}, ["unknown dataset 'prosqa-tny' (did you mean"]),
        ({"data": {**MICRO["data"], "test": 7}}, ["7"]),
        ({"model": {"architecture": "lama", "config": {}}}, ["model of recipe micro", "lama"]),
        ({"model": {"architecture": "bert", "loops": 2, "config": BERT}}, ["bert has none"]),
        ({"model": {**MICRO["model"], "loops": 1}}, ["model.loops: Input should be greater than"]),
        ({"model": {"pretrained": "x", "loops": 2}}, ["loops must be left out for a pretrained"]),
        ({"extends": "micro.yaml"}, ["micro.yaml must not extend itself: micro.yaml > micro.yaml"]),
        ({"base": {**MICRO["base"], "premises": 17}}, ["premises must be in 1..16"]),
    ],
)  # fmt: skip
def test_a_bad_recipe_is_one_line_that_names_every_problem(
    changes: dict[str, Any], messages: list[str]
) -> None:
    write_recipe(Path.cwd(), **changes)
    refused = invoke("--method", "cot", "--recipe", "micro.yaml")
    assert refused.exit_code == 2, refused.output
    [line] = refused.stderr.strip().splitlines()
    for message in messages:
        assert message in line


def test_recipes_that_extend_each_other_are_one_line() -> None:
    write_recipe(Path.cwd(), extends="other.yaml")
    Path("other.yaml").write_text("extends: micro.yaml")
    refused = invoke("--method", "cot", "--recipe", "other.yaml")
    assert refused.exit_code == 2
    [line] = refused.stderr.strip().splitlines()
    assert "other.yaml must not extend itself: other.yaml > micro.yaml > other.yaml" in line


def test_a_damaged_leaderboard_is_found_before_the_training() -> None:
    write_recipe(Path.cwd())
    Path("leaderboard.json").write_text('{"schema_version": 1, "rows": [')
    refused = invoke("--method", "cot", "--recipe", "micro.yaml")
    assert refused.exit_code == 2
    assert not Path("runs").exists()
    assert Path("leaderboard.json").read_text() == '{"schema_version": 1, "rows": ['


def test_the_run_s_log_has_every_validation() -> None:
    run(spec(), Path("out"))
    entries = [json.loads(line) for line in Path("out/log.jsonl").read_text().splitlines()]
    assert [(e["stage"], e["step"]) for e in entries] == [(0, 4), (1, 4), (2, 2), (2, 4), (2, 6)]


@pytest.mark.parametrize("name", recipe_names())
def test_a_shipped_recipe_is_valid_and_its_hash_moves_with_its_numbers(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.quick().hash != recipe.hash
    assert recipe.model_copy(update={"description": "other words"}).hash == recipe.hash
    if recipe.curriculum.stage_steps:
        assert sum(recipe.quick().curriculum.lengths) <= sum(recipe.curriculum.lengths) / 90
    else:
        assert recipe.quick().data.train == 2 * recipe.batch_size
        assert set(recipe.quick().curriculum.lengths) == {1}


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        pytest.param("tiny-6layers", 6, marks=pytest.mark.slow),
        pytest.param("tiny-9layers", 9, marks=pytest.mark.slow),
        ("tiny-looped", 9),
    ],
)
def test_the_controls_of_depth_run(name: str, layers: int) -> None:
    tiny, recipe = load_recipe("tiny"), load_recipe(name)
    alike = {"name": "tiny", "description": tiny.description, "model": tiny.model}
    assert recipe.model_copy(update=alike) == tiny
    smaller = {
        "extends": name, "batch_size": 4, "base": MICRO["base"], "curriculum": {"stage_steps": [99, 99, 99]},
        "data": {"valid": 8, "test": 12}, "max_new_tokens": 4,
    }  # fmt: skip
    Path("smaller.yaml").write_text(yaml.safe_dump(smaller))
    done = invoke("--method", "no-cot,coconut", "--recipe", "smaller.yaml", "--quick")
    assert done.exit_code == 0, done.output
    rows = {row.method: row for row in read("leaderboard.json").measured}
    assert set(rows) == {"no-cot", "coconut"}
    saved = AutoModelForCausalLM.from_pretrained("runs/smaller-coconut-0-quick/model")
    assert saved.config.get_text_config().num_hidden_layers == layers
    assert {row.base_model.parameters for row in rows.values()} == {saved.num_parameters()}


def test_the_published_schedules_are_the_paper_s() -> None:
    """50 epochs in all; one thought a step in six stages, or two in three stages and an extra one."""
    for data in ("prosqa", "prontoqa", "gsm8k"):
        for model in ("gpt2", "llama", "qwen"):
            recipe = load_recipe(f"{model}-{data}")
            curriculum, optimizer = recipe.curriculum, recipe.optimizer
            assert sum(curriculum.lengths) == 50
            assert (optimizer.name, optimizer.lr, optimizer.weight_decay) == ("adamw", 1e-4, 0.01)
            assert (recipe.batch_size, recipe.markers, recipe.model.copy_token) == (128, True, "<<")
            schedule = recipe.schedule(get_method("coconut"))
            assert schedule.thoughts(schedule.final_stage) == 6
            assert curriculum.lengths[0] == (6 if data == "gsm8k" else 5)
            assert bool(curriculum.extra_stage) == (data == "gsm8k")
            assert (optimizer.max_grad_norm, recipe.empty_markers) == (0, True)
            assert recipe.max_new_tokens == (64 if data == "gsm8k" else 128)
            assert recipe.precision == "auto"


def test_a_base_model_that_is_reused_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COCONUT_BENCH_CACHE", str(tmp_path / "cache"))
    recipe = str(write_recipe(tmp_path))
    told = [
        CliRunner().invoke(main, ["run", "--recipe", recipe, "--method", method]).output
        for method in ("cot", "no-cot")
    ]
    first, second = (next(line for line in text.splitlines() if "base model:" in line) for text in told)
    assert re.search(r"\(trained in \d+ s\)$", first)
    assert re.search(r"\(reused, its training took \d+ s\)$", second)
