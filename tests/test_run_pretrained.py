"""Pretrained models, finite training sets, epochs: the published recipes, on models made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from click.testing import CliRunner, Result
from pretrained_models import BEGIN, save_pretrained
from transformers import AutoModelForCausalLM, AutoTokenizer

from coconut_bench.benchmarks.recipe import load_recipe
from coconut_bench.benchmarks.recipe_parts import ModelPart
from coconut_bench.benchmarks.run.pretrained import ADDED, load_pretrained
from coconut_bench.cli import main
from coconut_bench.coconut.batches import Pool
from coconut_bench.coconut.encoding import Batch, Row, collate, collate_prompts
from coconut_bench.generators import examples
from coconut_bench.leaderboard import read

SMALL: dict[str, Any] = {
    "description": "the published schedule in little",
    "extends": "gpt2-prosqa",
    "data": {"name": "prosqa", "surface": "natural", "train": 10, "valid": 4, "test": 6},
    "curriculum": {"stage_epochs": [1] * 7},
    "batch_size": 4,
    "micro_batch_size": 3,
    "eval_batch_size": 4,
    "max_new_tokens": 4,
    "checks_in_last_stage": 1,
}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def invoke(*arguments: str, **changes: Any) -> Result:
    Path("small.yaml").write_text(yaml.safe_dump({**SMALL, **changes}))
    return CliRunner().invoke(main, ["run", "--recipe", "small.yaml", *arguments])


def collect_rows(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[int]]]:
    """Collect the token ids of every row that is trained on, and of every prompt that is answered."""
    found: dict[str, list[list[int]]] = {"training": [], "answers": []}

    def collated(rows: list[Row], *others: Any) -> Batch:
        found["training"] += [row.prompt for row in rows]
        return collate(rows, *others)

    def prompted(prompts: list[list[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
        found["answers"] += prompts
        return collate_prompts(prompts, pad)

    monkeypatch.setattr("coconut_bench.coconut.objectives.collate", collated)
    monkeypatch.setattr("coconut_bench.coconut.thinking.collate_prompts", prompted)
    return found


def test_llama_s_bos_begins_every_question_and_markers_surround_no_thoughts_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in the published code; trained and answered prompts of stage 0 are the same."""
    save_pretrained(Path("model"), "llama")
    found = collect_rows(monkeypatch)
    done = invoke("--method", "coconut", "--model", "model", curriculum={"stage_epochs": [1] * 7})
    assert done.exit_code == 0, done.output
    ids = AutoTokenizer.from_pretrained("runs/small-coconut-0-model/model").convert_tokens_to_ids
    bos, begin, end, latent = map(ids, (BEGIN, "<bot>", "<eot>", "<latent>"))
    for prompts in found.values():
        assert {prompt[0] for prompt in prompts} == {bos}
        assert {prompt.count(bos) for prompt in prompts} == {1}
        assert {prompt.count(begin) for prompt in prompts} == {1}
    stage0 = [prompt for prompt in found["training"] if latent not in prompt]
    assert len(stage0) == 10
    assert all(prompt[-2:] == [begin, end] for prompt in stage0)
    assert sum(prompt[-2:] == [begin, end] for prompt in found["answers"]) == 4  # validation in stage 0


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "qwen3"])
def test_a_pretrained_model_is_trained_by_epochs_saved_and_loaded(architecture: str) -> None:
    save_pretrained(Path("model"), architecture)
    done = invoke("--method", "coconut", "--model", "model")
    assert done.exit_code == 0, done.output
    [row] = read("leaderboard.json").measured
    [entry] = row.seeds
    assert [(stage.stage, stage.steps, stage.epochs) for stage in entry.stages] == [
        (stage, 3, 1.0) for stage in range(7)
    ]
    assert entry.tokens.thoughts == 6
    assert entry.answered is not None
    assert (entry.answered.stage, entry.answered.thoughts, entry.answered.halting) == (6, 6, "constant")
    folder = Path("runs/small-coconut-0-model")
    assert load_recipe(str(folder / "recipe.yaml")).hash == row.recipe.hash
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    model = AutoModelForCausalLM.from_pretrained(folder / "model")
    ids = tokenizer("Every lempus is a wumpus.", return_tensors="pt")["input_ids"]
    assert model(ids).logits.shape[:2] == ids.shape


@pytest.mark.parametrize("method", ["cot", "icot", "pause", "pause-as-thought"])
def test_the_other_methods_go_through_the_same_epochs(method: str) -> None:
    save_pretrained(Path("model"), "gpt2")
    icot = {"icot": {"tokens_per_epoch": 8, "all_at": 39}, "optimizer_resets": "epoch"}
    done = invoke("--method", method, "--model", "model", curriculum={**SMALL["curriculum"], **icot})
    assert done.exit_code == 0, done.output
    [entry] = read("leaderboard.json").measured[0].seeds
    assert sum(stage.steps for stage in entry.stages) == 21


def test_new_tokens_begin_as_copies_and_no_other_row_changes() -> None:
    save_pretrained(Path("model"), "llama")
    plain = AutoModelForCausalLM.from_pretrained("model").get_input_embeddings().weight
    model, tokenizer = load_pretrained(ModelPart(pretrained="model", copy_token="<<"))
    table = model.get_input_embeddings().weight
    [source] = tokenizer("<<", add_special_tokens=False)["input_ids"]
    for token in ADDED:
        torch.testing.assert_close(table[tokenizer.convert_tokens_to_ids(token)], plain[source])
    torch.testing.assert_close(table[: len(plain)], plain)
    assert model.get_output_embeddings().weight.shape == table.shape


def test_an_epoch_sees_every_example_once_in_an_order_of_its_own() -> None:
    pool = Pool(list(examples("prosqa-tiny", "train", count=11)), seed=3)
    assert pool.steps_per_epoch(4) == 3
    epochs = [[i for step in range(3) for i in pool.indices(3 * epoch + step, 4)] for epoch in range(2)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(11))] * 2
    assert epochs[0] != epochs[1]
    assert pool.indices(1, 4) == epochs[0][4:8]
    assert Pool(pool.examples, seed=4).indices(0, 4) != pool.indices(0, 4)


@pytest.mark.parametrize(
    ("options", "changes", "message"),
    [
        (["--model", "nowhere/there"], {}, "nowhere/there cannot be loaded"),
        (["--model", "model"], {"curriculum": {"stage_epochs": [1, 1]}}, "stages after stage 0"),
        (
            ["--model", "model"],
            {"data": {"name": "prosqa", "train": None, "valid": 4, "test": 6}},
            "data.train must be",
        ),
        (["--model", "short"], {}, "the model's 64 positions"),
        (["--model", "endless"], {}, "must have an end token"),
        (["--model", "model"], {"curriculum": {"stage_steps": [1], "stage_epochs": [1]}}, "exactly one of"),
        (["--model", "model", "--thoughts", "2", "--method", "cot"], {}, "--thoughts needs a method with"),
        (["--model", "model"], {"base": {}, "micro_batch_size": 0}, "micro_batch_size"),
    ],
)
def test_what_cannot_work_is_one_line(options: list[str], changes: dict[str, Any], message: str) -> None:
    save_pretrained(Path("model"), "gpt2")
    save_pretrained(Path("short"), "gpt2", positions=64)
    save_pretrained(Path("endless"), "gpt2", end=None)
    method = [] if "--method" in options else ["--method", "coconut"]
    refused = invoke(*method, *options, **changes)
    assert refused.exit_code == 2, refused.output
    [line] = refused.stderr.strip().splitlines()
    assert message in line
    assert not Path("leaderboard.json").exists()


def test_a_finished_run_answers_again_with_fewer_thoughts() -> None:
    save_pretrained(Path("model"), "gpt2")
    done = invoke("--method", "coconut", "--model", "model", "--thoughts", "0", "--thoughts", "2")
    assert done.exit_code == 0, done.output
    rows = {row.thoughts: row.seeds[0] for row in read("leaderboard.json").measured}
    assert {k: entry.tokens.thoughts for k, entry in rows.items()} == {None: 6, 0: 0, 2: 2}
    assert {k: entry.answered.thoughts for k, entry in rows.items() if entry.answered} == {
        None: 6,
        0: 0,
        2: 2,
    }
    again = invoke("--method", "coconut", "--model", "model", "--thoughts", "2")
    assert "already contains this run" in again.output
    assert "2 thoughts: accuracy" not in again.output
