"""Inputs that are made to harm: where they would write, what they would print, how much they would take."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from micro import MICRO, write_recipe
from pretrained_models import save_pretrained
from safetensors import SafetensorError
from tokenizers import Tokenizer, models
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from coconut_bench.benchmarks.plain_yaml import read_yaml
from coconut_bench.benchmarks.recipe import load_recipe
from coconut_bench.benchmarks.run.base_model import from_scratch
from coconut_bench.benchmarks.run.pretrained import load_pretrained
from coconut_bench.cli import main
from coconut_bench.coconut.tokens import word_tokenizer
from coconut_bench.generators.example import Example
from coconut_bench.generators.reading import read_json, read_shape
from coconut_bench.generators.terminal import one_line, shown, visible

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")
BOMB = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9))
"""Nine lines of YAML that stand for ten million values."""
DEEP = "[" * 1_000 + "]" * 1_000
RUN = ["run", "--method", "cot", "--recipe", "micro.yaml"]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def refused(done: Result, *words: str) -> str:
    assert done.exit_code == 2, done.output
    line: str = done.stderr.splitlines()[-1]
    assert line.startswith("Error: ") and line.isprintable()
    assert "unexpected" not in line
    for word in words:
        assert word in line
    return line


@pytest.mark.parametrize(
    "name", ["../../evil", "/tmp/evil", "a/b", "a\\b", ".hidden", "", "a\0b", "a\nb", "\u202e", "x" * 101]
)
def test_a_recipe_s_name_is_no_path(name: str) -> None:
    write_recipe(Path.cwd(), name=name)
    refused(invoke(*RUN), "recipe micro.yaml: name: must be a plain name of 1 to 100 bytes")
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["micro.yaml"]
    assert not Path("../../evil-cot-0").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "aliases must stand for at most 100,000 values"),
        ("a: &a [*a]", "an alias must not be within its own value"),
        (f"a: {DEEP}", "nesting must be at most 50 levels"),
        ("a: " + "{b: " * 99, "nesting must be at most 50 levels"),
        ("a: 2001-99-99", "must be YAML"),
        ("a: !!int ''", "must be YAML"),
        ("a: !!python/object/apply:os.system [ls]", "must be YAML"),
        ("\0", "must be YAML"),
        ("# " + "x" * 1_000_000, "must have at most 1,000,000 bytes"),
        ("extends: micro.yaml", "must not extend itself"),
    ],
)
def test_yaml_that_expands_nests_or_calls_is_refused(text: str, words: str) -> None:
    Path("micro.yaml").write_text(text)
    refused(invoke(*RUN), "micro.yaml", words)


def test_deep_json_is_refused_wherever_it_stands() -> None:
    with pytest.raises(ValueError, match=r"^a file is nested too deeply$"):
        read_json(DEEP, "a file")
    with pytest.raises(ValueError, match=r"^a file: the whole: "):
        read_shape(dict[str, int], DEEP, "a file")
    row: dict[str, Any] = {"question": "q", "answer": "a", "steps": []}
    for name, value in (("steps", [[[]]]), ("answer", "\ud800"), ("hops", -1), ("hops", 10**30), ("twin", 1)):
        with pytest.raises(ValueError, match=name):
            Example.from_json({**row, name: value})
    graph = {"edges": [], "root": 0, "target": 0, "neg_target": 0}
    for symbol in (1, None, "", [[]], False):
        with pytest.raises(ValueError, match="idx_to_symbol must be a list of names"):
            Example.from_json({**row, **graph, "idx_to_symbol": [symbol]})


def test_hidden_characters_never_reach_the_terminal_and_long_values_are_cut() -> None:
    assert visible("\u07b8\ue000\U000e0001\ud800 \u00a0…█") == "\\u07b8\\ue000\\U000e0001\\ud800 \u00a0…█"
    assert visible("\x1b]0;x\x07 \u202eabc\u2066 é\t\n") == "\\x1b]0;x\\x07 \\u202eabc\\u2066 é\t\n"
    assert one_line("a\n\x9b b") == "a \\x9b b"
    assert len(shown("x" * 10_000)) == len(one_line("x" * 10_000)) == 200
    assert len(one_line("x " * 10_000)) == 1_000
    nested: list[Any] = []
    for _ in range(50_000):
        nested = [nested]
    assert shown(nested) == "[[[[...]]]]"
    assert len(shown(1 << 100_000)) < 200
    write_recipe(Path.cwd(), **{"\x1b[31m\u202e" + "k" * 5_000: 1})
    line = refused(invoke(*RUN), "unknown key ")
    assert len(line) < 300
    for arguments in (["run", "--seed", "9" * 5_000], ["run", "--method", "\x1b[2J", "--recipe", "tiny"]):
        done = invoke(*arguments)
        assert done.exit_code == 2
        assert "\x1b" not in done.output
        assert len(done.stderr) < 1_500


def test_output_is_cleaned_and_a_progress_bar_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    @main.command("print-for-this-test")
    def printing() -> None:
        print("\x1b[31mred\r")
        sys.stderr.write("\r 50 %\x1b[A\u202e")

    monkeypatch.setattr(main, "get_command", lambda ctx, name: printing)
    done = invoke("print-for-this-test")
    del main.commands["print-for-this-test"]
    assert done.stdout == "\\x1b[31mred\\x0d\n"
    assert done.stderr == "\r 50 %\x1b[A\\u202e"


@pytest.mark.parametrize("value", ["9" * 30, "1e22", "-1", "nan"])
@pytest.mark.parametrize("option", ["--seed", "--seeds", "--thoughts"])
def test_numbers_that_are_none_are_usage_errors(option: str, value: str) -> None:
    write_recipe(Path.cwd())
    assert value in refused(invoke(*RUN, option, value), f"Invalid value for '{option}'")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hidden_size", 0), ("hidden_size", -4), ("hidden_size", 1.5), ("hidden_size", "16"),
        ("hidden_size", 10**30), ("num_hidden_layers", 0), ("num_hidden_layers", 10**9),
        ("num_hidden_layers", True), ("num_attention_heads", 3), ("max_position_embeddings", -1),
        ("hidden_act", "nope"), ("hidden_act", [1]), ("rope_theta", "x"), ("initializer_range", "x"),
        ("layer_types", [1]), ("vocab_size", 3), ("dtype", "nope"),
    ],
)  # fmt: skip
def test_a_model_s_configuration_that_makes_no_model_is_a_value_error(field: str, value: Any) -> None:
    config = {**MICRO["model"]["config"], field: value}
    write_recipe(Path.cwd(), model={"architecture": "llama", "config": config})
    with pytest.raises(ValueError, match=r"^model of recipe micro: "):
        from_scratch(load_recipe("micro.yaml"), word_tokenizer(["a"]))


@pytest.mark.parametrize(
    ("architecture", "config", "missing"),
    [
        ("llama", None, "num_hidden_layers, got none (it would be 32, transformers' own)"),
        ("llama", {"num_hidden_layers": 2}, "hidden_size, got none (it would be 4096, transformers' own)"),
        ("gpt2", {"n_layer": 2}, "n_embd, got none (it would be 768, transformers' own)"),
    ],
)
def test_a_model_whose_depth_or_width_is_left_out_is_not_one_of_billions(
    architecture: str, config: dict[str, Any] | None, missing: str
) -> None:
    write_recipe(Path.cwd(), model={"architecture": architecture, "config": config})
    with pytest.raises(ValueError, match=re.escape(f"model of recipe micro: config must have {missing}")):
        from_scratch(load_recipe("micro.yaml"), word_tokenizer(["a"]))


def test_a_pretrained_folder_that_is_damaged_is_told_from_a_missing_one() -> None:
    folder = save_pretrained(Path("base"), "gpt2")
    part = load_recipe("gpt2-prosqa").model.model_copy(update={"pretrained": str(folder)})
    with pytest.raises(ValueError, match=r"^model.copy_token must be a token of the tokenizer, got ''$"):
        load_pretrained(part.model_copy(update={"copy_token": ""}))
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    for content in (b"", whole[:4], whole[:100], whole[:-1]):
        weights.write_bytes(content)
        with pytest.raises(ValueError, match=r"^the model in base cannot be read: SafetensorError"):
            load_pretrained(part)
    weights.rename(folder / "pytorch_model.bin")
    with pytest.raises(
        ValueError, match=r"must have its weights in safetensors, got a pickle, which can run code"
    ):
        load_pretrained(part)
    core = Tokenizer(models.WordLevel({"<unk>": 0, "<end>": 1, "a": 2}, unk_token="<unk>"))
    words = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<end>", unk_token="<unk>")
    words.save_pretrained(folder)
    (folder / "pytorch_model.bin").unlink()
    weights.write_bytes(whole)
    with pytest.raises(ValueError, match=r"^model.copy_token must be a token of the tokenizer, got 'zz'$"):
        load_pretrained(part.model_copy(update={"copy_token": "zz"}))


def test_a_full_disk_while_the_base_model_is_saved_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **named: Any) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    write_recipe(Path.cwd())
    monkeypatch.setenv("COCONUT_BENCH_CACHE", "cache")
    monkeypatch.setattr(PreTrainedModel, "save_pretrained", full)
    refused(invoke(*RUN), "the model cannot be written to cache/base-", "No space left on device")
    assert not Path("cache").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_circle_of_links_is_one_line() -> None:
    write_recipe(Path.cwd())
    for name in ("loop", "loop.yaml"):
        Path(name).symlink_to(name)
    refused(invoke(*RUN, "--out", "loop"), "loop")
    refused(invoke("generate", "prosqa-tiny", "--out", "loop", "--test", "4"), "loop")
    refused(invoke("run", "--method", "cot", "--recipe", "loop.yaml"), "loop.yaml")
    refused(invoke("controls", "loop"), "loop must hold a finished run")


@pytest.mark.parametrize("change", [
    {"dataset": 1}, {"config": {"surface": "symbolic"}}, {"splits": {"test": 9}}, {"splits": {"../x": {}}},
    {"manifest_version": "1"}, {"generator": None},
])  # fmt: skip
def test_a_manifest_with_the_right_checksum_and_other_fields_is_refused(change: dict[str, Any]) -> None:
    from coconut_bench.generators.stored.manifest import manifest_digest

    assert (
        invoke(
            "generate", "prosqa-tiny", "--out", "data", "--train", "4", "--valid", "2", "--test", "2"
        ).exit_code
        == 0
    )
    path = Path("data/manifest.json")
    fields = {**json.loads(path.read_text()), **change}
    path.write_text(json.dumps({**fields, "manifest_sha256": manifest_digest(fields)}))
    for command in (
        ["verify", "data"],
        ["audit", "data", "--no-learned"],
        ["run", "--method", "cot", "--dataset", "data"],
    ):
        refused(invoke(*command), "manifest.json: ")


def test_aliases_within_the_limit_are_yaml() -> None:
    content = b"base: &base {x: [1]}\nsame: *base\nmore: {<<: *base, y: 2}"
    assert read_yaml(content, "the file") == {
        "base": {"x": [1]}, "same": {"x": [1]}, "more": {"x": [1], "y": 2}
    }  # fmt: skip


def test_a_recipe_is_saved_without_aliases() -> None:
    assert "&" not in yaml.safe_dump(load_recipe("tiny").model_dump(mode="json"))
