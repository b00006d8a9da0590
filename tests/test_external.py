"""Answers and checkpoints that were made elsewhere."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from click.testing import CliRunner, Result
from pretrained_models import save_pretrained
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from coconut_bench.benchmarks.external.checkpoint import load_published
from coconut_bench.benchmarks.run.lock import RUN_LOCK, locked
from coconut_bench.benchmarks.run.saved import read_result
from coconut_bench.benchmarks.run.trained import load_run
from coconut_bench.cli import main
from coconut_bench.coconut.reference import reference_logits
from coconut_bench.generators import Example, examples
from coconut_bench.leaderboard import read
from coconut_bench.leaderboard.check import check
from coconut_bench.leaderboard.store import side_files

N = 20


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def asked() -> list[Example]:
    return list(examples("prosqa-tiny", "test", count=N))


def lines(**more: Any) -> list[dict[str, Any]]:
    """Answers to all questions; every fourth is wrong."""
    return [
        {"id": example.id, "text": f"I think. ### {'x' if index % 4 == 0 else example.answer}", **more}
        for index, example in enumerate(asked())
    ]


def import_answers(answers: list[dict[str, Any]], *more: str) -> Result:
    Path("answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in answers))
    given = ("--dataset", "prosqa-tiny", "--n", str(N), "--method", "asking", "--model", "a-model")
    return invoke("leaderboard", "import", "answers.jsonl", *given, *more)


def test_answers_are_scored_and_the_row_says_no_more_than_is_known() -> None:
    result = import_answers(lines())
    assert result.exit_code == 0, result.output
    assert "external" in result.output
    [row] = read("leaderboard.json").measured
    entry = row.seeds[0]
    assert (row.kind, row.method, row.base_model.name) == ("external", "asking", "a-model")
    assert (entry.test.n_correct, entry.test.n) == (15, N)
    assert entry.by_hops and entry.twins and entry.by_shortcut
    unknown = [*entry.tokens.model_dump().values(), entry.training.seconds, entry.inference.seconds]
    unknown += [row.base_model.parameters, row.recipe.hash, entry.provenance.environment.threads]
    assert set(unknown) == {None}
    assert entry.provenance.environment.hardware == "unknown"
    assert entry.provenance.command
    assert check(read("leaderboard.json"), side_files("leaderboard.json")) == []


def test_counts_are_kept_where_every_answer_has_them() -> None:
    assert import_answers(lines(tokens=3, thoughts=2)).exit_code == 0
    tokens = read("leaderboard.json").measured[0].seeds[0].tokens
    assert (tokens.language, tokens.thoughts, tokens.generated, tokens.forward_passes) == (3, 2, 5, None)


def test_every_view_of_the_leaderboard_takes_an_external_row() -> None:
    assert import_answers(lines()).exit_code == 0
    assert import_answers(lines(tokens=3, thoughts=2), "--method", "other").exit_code == 0
    for command in (
        ("show", "--sort", "generated"), ("show", "--kind", "external"), ("compare", "asking", "other"),
        ("page", "--out", "site"), ("check",), ("export", "--format", "lm-eval", "--out", "lm"),
        ("export", "--format", "eee", "--out", "eee"), ("export", "--format", "hub", "--out", "hub"),
    ):  # fmt: skip
        result = invoke("leaderboard", *command)
        assert result.exit_code == 0, (command, result.output, result.exception)
        assert "nan" not in result.output.lower()
    assert not re.search(r"\bnan\b", Path("site/index.html").read_text(), re.IGNORECASE)
    assert ">external<" in Path("site/index.html").read_text()
    again = invoke("leaderboard", "reproduce", "asking")
    assert again.exit_code == 2
    assert "made elsewhere" in again.output


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[1:], "1 ids are missing, such as prosqa-tiny/1.0.0/symbolic/test/0/0"),
        (lambda rows: [*rows, rows[3]], "1 ids are given more than once, such as prosqa-tiny"),
        (lambda rows: [*rows, {"id": "no-one", "text": ""}], "1 ids are no question of the test split"),
        (lambda rows: [{**rows[0], "tokens": -1}, *rows[1:]], "answers.jsonl, line 1: tokens:"),
        (lambda rows: [{**rows[0], "thougths": 1}, *rows[1:]], "answers.jsonl, line 1: thougths:"),
    ],
)
def test_answers_that_do_not_fit_are_refused_in_one_line(change: Any, said: str) -> None:
    result = import_answers(change(lines()))
    assert result.exit_code == 2
    assert said in result.output
    assert result.output.count("\n") == 1
    assert not Path("leaderboard.json").exists()


class Coconut(nn.Module):
    """The published class in little: its attributes, and its forward pass (arXiv 2412.06769)."""

    def __init__(self, model: Any, latent: int) -> None:
        super().__init__()
        self.base_causallm, self.embedding, self.latent = model, model.get_input_embeddings(), latent

    def forward(self, ids: list[int]) -> torch.Tensor:
        """Logits [T, V] of one row."""
        vectors = list(self.embedding(torch.tensor(ids)))
        for place in [place for place, token in enumerate(ids) if token == self.latent]:
            found = self.base_causallm(
                inputs_embeds=torch.stack(vectors[:place])[None], output_hidden_states=True
            )
            vectors[place] = found.hidden_states[-1][0, -1]
        logits: torch.Tensor = self.base_causallm(inputs_embeds=torch.stack(vectors)[None]).logits[0]
        return logits


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Coconut, Path, Path]:
    """A small model of the published code, its checkpoint and the folder of its base."""
    folder = save_pretrained(tmp_path_factory.mktemp("published") / "base", "gpt2", positions=1024)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    words = len(tokenizer)
    torch.manual_seed(1)
    model.resize_token_embeddings(words + 3, mean_resizing=False)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    coconut = Coconut(model, latent=words + 2)
    path = folder.parent / "checkpoint_33"
    torch.save(coconut.state_dict(), path)
    return coconut, path, folder


def test_an_imported_checkpoint_computes_what_the_published_model_does(
    published: tuple[Coconut, Path, Path],
) -> None:
    coconut, path, folder = published
    model, tokenizer, is_coconut = load_published(path, str(folder))
    assert is_coconut
    words = coconut.latent - 2
    names = ["<bot>", "<eot>", "<latent>"]
    assert tokenizer.convert_tokens_to_ids(names) == [words, words + 1, words + 2]
    ids = [7, 8, 9, words, *[words + 2] * 3, words + 1, 11, 12]
    with torch.no_grad():
        expected = coconut(ids)
        row, mask = torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.long)
        found = model(row, mask).logits[0, :, : words + 3]
        literal = reference_logits(model, row, mask)[0, :, : words + 3]
    torch.testing.assert_close(literal, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    small = {
        "description": "the published schedule, few questions",
        "extends": "gpt2-prosqa",
        "data": {"name": "prosqa", "surface": "natural", "train": 4, "valid": 4, "test": 6},
        "max_new_tokens": 4,
    }
    path = tmp_path_factory.mktemp("recipe") / "small.yaml"
    path.write_text(yaml.safe_dump(small))
    return path


def test_an_imported_checkpoint_is_a_run_that_the_other_commands_take(
    published: tuple[Coconut, Path, Path], recipe: Path
) -> None:
    coconut, path, folder = published
    given = ("import", str(path), "--base", str(folder), "--recipe", str(recipe), "--out", "imported")
    with locked(Path("imported") / RUN_LOCK), ThreadPoolExecutor(1) as another:
        refused = another.submit(invoke, *given).result()
    assert refused.exit_code == 2 and "imported" in refused.output, "another one works there"
    assert not Path("imported").exists(), "and leaves nothing"
    result = invoke(*given)
    assert result.exit_code == 0, (result.output, result.exception)
    row = read_result(Path("imported"))
    assert (row.kind, row.method, row.seeds[0].training.seconds) == ("external", "coconut", None)
    assert row.base_model.name == folder.name, "not its path, which says whose machine it was"
    assert row.seeds[0].answered is not None
    assert row.seeds[0].answered.thoughts == 6
    run = load_run(Path("imported"))
    [question] = run.questions(n=1)
    prompt = run.encoder.segments([question])[0].question + run.evaluator.after_question(run.stage)
    with torch.no_grad():
        first = int(coconut([min(token, coconut.latent) for token in prompt])[-1].argmax())
    written = run.reasoner().answer([run.encoder.segments([question])[0].question], 1)[0].tokens
    assert written == [first]
    for command in ("samples", "controls"):
        done = invoke(command, "imported", "--n", "4")
        assert done.exit_code == 0, (command, done.output, done.exception)
    again = invoke(*given)
    assert (again.exit_code, "must not hold a run yet" in again.output) == (2, True)


@pytest.mark.slow
def test_an_imported_checkpoint_can_be_analyzed(published: tuple[Coconut, Path, Path], recipe: Path) -> None:
    given = ("--base", str(published[2]), "--recipe", str(recipe), "--out", "imported")
    assert invoke("import", str(published[1]), *given).exit_code == 0
    done = invoke("analyze", "imported", "--n", "2")
    assert done.exit_code == 0, (done.output, done.exception)


def test_a_plain_model_of_the_published_code_is_imported_as_cot(
    published: tuple[Coconut, Path, Path], recipe: Path
) -> None:
    folder = published[2]
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    torch.save(plain.state_dict(), "checkpoint_5")
    result = invoke("import", "checkpoint_5", "--base", str(folder), "--recipe", str(recipe))
    assert result.exit_code == 0, (result.output, result.exception)
    assert read_result(Path("runs/imported-checkpoint_5")).method == "cot"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda state: {**state, "base_causallm.more": torch.zeros(1)}, "1 weights differ, such as more"),
        (lambda state: {name: value for name, value in state.items() if "wte" not in name}, "rows"),
        (lambda state: {"model": state, "epoch": 3}, "got other objects than tensors"),
        (lambda state: {**state, "epoch": Path("x")}, "it cannot be read as one"),
    ],
)
def test_what_is_no_checkpoint_of_the_base_is_refused_in_one_line(
    published: tuple[Coconut, Path, Path], content: Any, said: str
) -> None:
    _, path, folder = published
    torch.save(content(torch.load(path, weights_only=True)), "checkpoint")
    result = invoke("import", "checkpoint", "--base", str(folder))
    assert result.exit_code == 2
    assert said in result.output
    assert result.output.count("\n") == 1
    assert not Path("runs").exists()
