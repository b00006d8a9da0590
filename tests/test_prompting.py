"""`model.generate(question)` thinks as trained, and answers as the harness's evaluation does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from micro import write_recipe
from tiny_models import AFTER, BEGIN, END, LATENT, PAD, PAUSE, coconut, reasoner, rows

import coconut_bench
from coconut_bench.cli import main
from coconut_bench.coconut.encoding import collate_prompts
from coconut_bench.coconut.modeling import CoconutForCausalLM
from coconut_bench.generators.answers import read_answer
from coconut_bench.leaderboard import Result, read_predictions

README = Path(__file__).resolve().parents[1] / "README.md"
QUESTIONS = [row.prompt for row in rows([0] * 20, seed=1)]
JACOBI = {"recurrence": "jacobi", "slots": 2, "sweeps": 1}


def written(model: CoconutForCausalLM, questions: list[list[int]], **options: Any) -> list[list[int]]:
    """What follows the questions in the output, special tokens aside, up to the end token."""
    ids, mask = collate_prompts(questions, PAD)
    found = model.generate(ids, attention_mask=mask, max_new_tokens=5, do_sample=False, **options)
    assert found[:, : ids.shape[1]].tolist() == ids.tolist()
    return [until_end(row) for row in found[:, ids.shape[1] :].tolist()]


def until_end(row: list[int]) -> list[int]:
    """The tokens written, up to the end token; what the prompt has after the question is left out."""
    row = row[: row.index(END) + 1] if END in row else row
    return [token for token in row if token not in {LATENT, PAUSE, BEGIN, AFTER, PAD}]


def texts(answers: list[list[int]]) -> list[list[int]]:
    return list(map(until_end, answers))


@pytest.mark.parametrize(
    ("after", "thinking", "changes"),
    [
        ([LATENT, LATENT], {"count": 2}, {}),
        ([BEGIN, LATENT, LATENT, LATENT, AFTER], {"count": 3, "markers": True}, {}),
        ([BEGIN, PAUSE, PAUSE, AFTER], {"count": 2, "markers": True, "is_pause": True}, {}),
        ([LATENT, LATENT, LATENT], {"count": 3, "halts": True}, {"halting": True}),
        ([BEGIN, LATENT, LATENT, AFTER], {"count": 2, "markers": True}, JACOBI),
        ([], {"count": 0}, {}),
        ([BEGIN, AFTER], {"count": 0, "empty_markers": True}, {"without_thoughts": [BEGIN, AFTER]}),
    ],
    ids=["thoughts", "markers", "pauses", "halting", "jacobi", "none", "empty markers"],
)
def test_generate_writes_what_the_harness_writes(after: list, thinking: dict, changes: dict) -> None:
    model = coconut("llama", seed=3, after_question=after, **changes)
    if model.halting_head is not None:
        torch.manual_seed(0)
        torch.nn.init.normal_(model.halting_head.weight, std=3.0)
    expected = reasoner(model, **thinking).answer(QUESTIONS, 5)
    assert max(len(one.tokens) for one in expected) == 5
    assert written(model, QUESTIONS) == texts([one.tokens for one in expected])
    if "halts" in thinking:
        assert len({one.thoughts for one in expected}) > 1
    assert model.config.thoughts == after.count(LATENT)
    for question, one in zip(QUESTIONS[:3], expected, strict=False):
        alone = model.generate(torch.tensor([question]), max_new_tokens=5, pad_token_id=PAD)[0].tolist()
        assert alone[: len(question)] == question and alone[-len(one.tokens) :] == one.tokens
        assert alone.count(LATENT) == one.thoughts


@pytest.mark.parametrize(
    ("empty", "trained"),
    [([], 2), ([BEGIN, AFTER], 2), ([BEGIN, AFTER], 0)],
    ids=["none", "markers", "stage 0"],
)
def test_the_number_of_thoughts_can_be_another_one(empty: list[int], trained: int) -> None:
    after = [BEGIN, *[LATENT] * trained, AFTER]
    model = coconut("llama", seed=3, after_question=after, without_thoughts=empty)
    for count in (0, 1, 4):
        expected = reasoner(model, trained or 4, markers=True, empty_markers=bool(empty))
        thought = expected.think(expected.read(QUESTIONS), count)
        assert written(model, QUESTIONS, thoughts=count) == texts(expected.write(thought.prompted, 5))
    assert (written(model, QUESTIONS, thoughts=0) != written(model, QUESTIONS)) == bool(trained)
    own = [[*question, BEGIN, LATENT, AFTER] for question in QUESTIONS]
    assert written(model, own) == written(model, QUESTIONS, thoughts=1)


@pytest.mark.parametrize(
    ("prompts", "mask", "thoughts", "message"),
    [
        ([[8, 9], [8, LATENT]], None, None, "all prompts or none must have thoughts, got 1 of 2"),
        ([[8, LATENT]], None, 2, "left out for prompts that have their own, got 2"),
        ([[8, 9]], None, -1, "thoughts must be at least 0, got -1"),
        ([[8, 9], [8, PAD]], [[1, 1], [1, 0]], None, "padded on the left"),
    ],
)
def test_prompts_that_cannot_be_completed_are_refused(
    prompts: list, mask: list | None, thoughts: int | None, message: str
) -> None:
    model = coconut("gpt2", after_question=[LATENT])
    given = {} if mask is None else {"attention_mask": torch.tensor(mask)}
    with pytest.raises(ValueError, match=message):
        model.generate(torch.tensor(prompts), thoughts=thoughts, max_new_tokens=2, **given)
    with pytest.raises(ValueError, match="left out for a model trained without thoughts, got 2"):
        coconut("gpt2").generate(torch.tensor([[8, 9]]), thoughts=2)


def test_the_python_example_of_the_readme_answers_as_the_run_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On 20 questions of a run of seconds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COCONUT_BENCH_CACHE", str(tmp_path / "cache"))
    data = {"name": "prosqa-tiny", "surface": "symbolic", "valid": 8, "test": 20}
    recipe = ["--recipe", str(write_recipe(tmp_path, data=data, markers=True))]
    done = CliRunner().invoke(main, ["run", "--method", "coconut", *recipe, "--out", "runs/tiny-coconut-0"])
    assert done.exit_code == 0, done.output
    shown = README.read_text(encoding="utf-8").partition("From Python:\n")[2].partition("\n## ")[0]
    exec(compile(textwrap.dedent(shown), "README.md", "exec"), made := {})
    assert re.fullmatch(r".* - expected: \d+\n", capsys.readouterr().out)
    assert made["written"][0].tolist().count(made["model"].config.latent_token_id) == 2
    [entry] = Result.model_validate_json(Path("runs/tiny-coconut-0/result.json").read_bytes()).seeds
    kept = {p.id: p for p in read_predictions(entry.predictions, "runs/tiny-coconut-0/predictions")}
    asked = coconut_bench.create_dataset("prosqa-tiny", split="test", size=20)
    texts = [asked[index]["question"] + "\n" for index in range(20)]
    prompts = made["tokenizer"](texts, add_special_tokens=False, return_tensors="pt", padding=True)
    found = made["model"].generate(**prompts, max_new_tokens=10)[:, prompts["input_ids"].shape[1] :]
    answers = map(read_answer, made["tokenizer"].batch_decode(found, skip_special_tokens=True))
    assert list(answers) == [prediction.prediction for prediction in kept.values()]
    assert made["model"].config.thoughts == 2


@pytest.mark.parametrize("first", ["coconut_bench", "transformers"])
def test_one_import_registers_the_model_and_costs_nothing_before(first: str, tmp_path: Path) -> None:
    coconut("llama", after_question=[LATENT]).save_pretrained(tmp_path)
    lines = ["from transformers import AutoModelForCausalLM", "import coconut_bench"]
    light = "import sys; assert not {'torch', 'transformers'} & set(sys.modules)"
    lines = [*lines[::-1][:1], light, *lines[::-1][1:]] if first == "coconut_bench" else lines
    load = f"print(type(AutoModelForCausalLM.from_pretrained({str(tmp_path)!r})).__name__)"
    code = "\n".join([*lines, load])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "CoconutForCausalLM"


FIRST = [
    "from transformers import GPT2LMHeadModel",
    "import transformers.modeling_layers",
    "import coconut_bench.coconut.checkpointing",
    "from importlib.util import find_spec; find_spec('transformers.models.auto.modeling_auto')",
    "from transformers import AutoConfig",
]
IN_COPIES = """
import json, os, sys, traceback
import torch  # once: it takes as long as half of a copy
for first in json.loads(sys.argv[1]):
    if not os.fork():
        try:
            assert not {"transformers", "coconut_bench"} & set(sys.modules)
            exec(f"import coconut_bench; {first}; {sys.argv[2]}", {})
        except BaseException:
            print(f"after {first}:", traceback.format_exc(), flush=True)
        finally:
            os._exit(0)
    os.wait()
"""
"""A program that runs lines, each in a copy of itself, and prints those that fail."""


def test_the_model_is_registered_whatever_is_imported_first() -> None:
    """Modules of transformers that import its Auto classes import this package half-way."""
    asked = (
        "import transformers as t; t.AutoConfig.for_model('coconut'); "
        "from coconut_bench.coconut.config import CoconutConfig as c; "
        "t.AutoModelForCausalLM._model_mapping[c]"
    )
    command = [sys.executable, "-c", IN_COPIES, json.dumps([*FIRST, "import absent"]), asked]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.findall("^after (.*?):", done.stdout, re.MULTILINE) == ["import absent"], done.stdout
