"""The documentation does what it says: commands parse, tutorial and examples run, pages are in the site."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner
from micro import write_recipe

from coconut_bench.cli import main
from coconut_bench.generators import examples

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
FLOORS = ("generators", "coconut", "leaderboard", "benchmarks")
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language; "" is that of commands."""
    return [body for name, body in FENCE.findall(page.read_text(encoding="utf-8")) if name == language]


def commands(text: str) -> Iterator[list[str]]:
    """The lines that begin with ``coconut-bench``, in a block or indented, as arguments without comments."""
    text = re.sub(r"\\\n\s*", "", text)
    for line in re.findall(r"^(?: {4}|)(?:\$ )?coconut-bench (.+)$", text, re.MULTILINE):
        yield shlex.split(line, comments=True)


def parsed(arguments: list[str]) -> click.Context:
    """The context that the command makes of ``arguments``; raises click.UsageError if it cannot."""
    command: click.Command = main
    context, rest = click.Context(main), list(arguments)
    while isinstance(command, click.Group):
        found = command.get_command(context, rest.pop(0))
        assert found is not None
        command = found
    return command.make_context(str(command.name), rest)


def every_command() -> list[tuple[str, list[str]]]:
    found = [(page.name, line) for page in PAGES for line in commands(page.read_text(encoding="utf-8"))]
    return [(page, line) for page, line in found if not {"…", "..."} & set(line)]


@pytest.mark.parametrize(
    ("page", "arguments"), every_command(), ids=lambda v: v if isinstance(v, str) else " ".join(v)
)
def test_every_command_that_is_shown_has_its_options(
    page: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("coconut_bench.cli.load_plugins", lambda files=(): None)
    if "--help" in arguments:
        assert CliRunner().invoke(main, arguments).exit_code == 0
    else:
        parsed(arguments)


def test_an_option_that_is_not_there_would_be_found() -> None:
    with pytest.raises(click.UsageError, match="--sped"):
        parsed(["run", "--method", "coconut", "--sped"])
    assert list(commands("text\n    coconut-bench run --quick   # why\n")) == [["run", "--quick"]]


def test_the_examples_of_other_tools_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of lm-eval and reasoning-gym: ``make tools``; an import of a checkpoint: test_external.py."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    page = DOCS / "tools.md"
    steps = FENCE.findall(page.read_text(encoding="utf-8"))
    run = [step for step in steps if not re.search("reasoning_gym|lm_eval|runs/published", step[1])]
    assert [language for language, _ in run].count("python") == 3
    for language, block in run:
        if language == "python":
            exec(compile(block, str(page), "exec"), {})
        for arguments in commands(block) if language == "" else ():
            done = CliRunner().invoke(main, arguments)
            assert done.exit_code == 0, done.output


@pytest.mark.tools
@pytest.mark.filterwarnings("ignore")
def test_the_example_of_reasoning_gym_runs() -> None:
    pytest.importorskip("reasoning_gym")
    [block] = [block for block in blocks(DOCS / "tools.md", "python") if "reasoning_gym" in block]
    exec(compile(block, "tools.md", "exec"), {})


@pytest.mark.tools
@pytest.mark.filterwarnings("ignore")
def test_the_example_of_a_run_in_lm_eval_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a run of seconds with 12 questions instead of one of minutes with 1,000."""
    pytest.importorskip("lm_eval")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COCONUT_BENCH_CACHE", str(tmp_path / "cache"))
    run = ["run", "--recipe", str(write_recipe(tmp_path)), "--method", "coconut"]
    assert CliRunner().invoke(main, [*run, "--out", "runs/tiny-coconut-0"]).exit_code == 0
    [block] = [block for block in blocks(DOCS / "tools.md", "python") if "lm_eval" in block]
    assert "size=1000" in block
    exec(compile(block.replace("size=1000", "size=12"), "tools.md", "exec"), {})


@pytest.mark.tools
def test_the_command_line_of_lm_eval_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With lm-eval's model that says nothing of worth. That of inspect-ai fetches a tokenizer."""
    pytest.importorskip("lm_eval")
    [block] = [block for block in blocks(DOCS / "tools.md", "") if "lm_eval --include" in block]
    model = "--model hf --model_args pretrained=…"
    assert model in block
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    line = ["bash", "-euo", "pipefail", "-c", block.replace(model, "--model dummy --limit 2")]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "coconut_bench_prosqa_fair" in done.stdout


def test_the_questions_of_your_own_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "extending.md").read_text(encoding="utf-8")
    files = re.findall(r"^`(\w+\.json)`:\n\n```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in files] == ["my_train.json", "my_valid.json", "my_test.json"]
    for name, body in files:
        Path(name).write_text(body, encoding="utf-8")
    [block] = [block for block in blocks(DOCS / "extending.md", "") if "my_train.json" in block]
    run, samples = (CliRunner().invoke(main, line) for line in commands(block))
    assert run.exit_code == 0 and samples.exit_code == 0, run.output + samples.output
    assert run.output.startswith("recipe scratch: tiny needs the symbolic wording")
    assert "Ann has 5 pens" in samples.output and "5 + 2 = 7." in samples.output


def test_the_objective_that_is_shown_is_the_program_s() -> None:
    from coconut_bench.coconut.objectives import distillation

    [shown] = [block for block in blocks(DOCS / "extending.md", "python") if "def distillation" in block]
    source = inspect.getsource(distillation)
    assert [line for line in shown.splitlines() if line not in source] == []


def test_the_recipe_of_your_own_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [recipe] = blocks(DOCS / "extending.md", "yaml")
    monkeypatch.chdir(tmp_path)
    Path("my.yaml").write_text(recipe, encoding="utf-8")
    from coconut_bench.benchmarks.recipe import load_recipe

    mine, tiny = load_recipe("my.yaml"), load_recipe("tiny")
    assert mine.curriculum.thoughts_per_step == 2 and mine.model == tiny.model and mine.hash != tiny.hash
    assert mine.curriculum.lr_scales == tiny.curriculum.lr_scales


def run_the_plugin(name: str, marker: str, recipe: Path, **more: list[str]) -> str:
    """Write the plugin of the page that has the marker, run its commands smaller; return the last output."""
    page = DOCS / "extending.md"
    [code] = [block for block in blocks(page, "python") if marker in block]
    Path(name).write_text(code, encoding="utf-8")
    shown = [line for block in blocks(page, "") for line in commands(block) if name in line]
    folder = f"runs/{recipe.stem}-"
    for line in shown:
        line = [part.replace("runs/tiny-", folder).replace("-0-quick", "-0") for part in line]
        smaller = {"run": ["--recipe", str(recipe)], **more}.get(line[0], [])
        done = CliRunner().invoke(main, [*(part for part in line if part != "--quick"), *smaller])
        assert done.exit_code == 0, f"{line}\n{done.output}"
    assert len(shown) >= 2
    return done.output


@pytest.mark.usefixtures("no_plugins", "in_an_empty_folder")
def test_the_method_and_the_control_of_your_own_run(tmp_path: Path) -> None:
    said = run_the_plugin("my_plugin.py", "halved", write_recipe(tmp_path))
    assert "halved" in said
    assert "icot-latent" in CliRunner().invoke(main, ["run", "--help", "--plugin", "my_plugin.py"]).output


@pytest.mark.usefixtures("no_plugins", "in_an_empty_folder")
def test_the_dataset_of_your_own_is_proved_audited_and_trained_on(tmp_path: Path) -> None:
    said = run_the_plugin(
        "two_chains.py", '"two-chains"', write_recipe(tmp_path), generate=["--train", "300"]
    )
    assert "two-chains" in said
    told = list(examples("two-chains", "test", count=40))
    assert told[7:] == list(examples("two-chains", "test", start=7, count=33))
    assert {example.question.split()[-1] == example.answer for example in told} == {True, False}


CODE = re.compile(r"``.*?``|`[^`]*`|^ {4}.*?$|^>>> .*?(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
MARKUP = re.compile(r"<[a-zA-Z/!][^>]*>|\]\s*\[\w+\]")


def swallowed(module: str) -> list[str]:
    """What the site would take for HTML tags or references in the docstrings of a module's source."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    texts = [ast.get_docstring(n) or "" for n in ast.walk(ast.parse(module)) if isinstance(n, documented)]
    return [found for text in texts for found in MARKUP.findall(CODE.sub("", text))]


def test_no_docstring_holds_what_the_site_would_swallow() -> None:
    files = [path for floor in FLOORS for path in (ROOT / floor).glob("*.py")]
    bad = {path.name: found for path in files if (found := swallowed(path.read_text(encoding="utf-8")))}
    assert not bad, "put it into ``"
    assert swallowed('"""Between <bot> and ``<eot>``: [B][K]\n\n    <b>\n\nEnd.\n"""') == ["<bot>", "][K]"]


def test_every_page_is_in_the_site_and_every_link_leads_somewhere() -> None:
    nav = set(re.findall(r"[\w/-]+\.md", str(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])))
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert nav == pages
    for page in [*PAGES, *(DOCS / "reference").glob("*.md")]:
        text = FENCE.sub("", page.read_text(encoding="utf-8"))
        for link in re.findall(r"\]\(([^)#\s]+)", text):
            if not link.startswith(("http", "mailto")):
                assert (page.parent / link).exists(), f"{page.name}: {link}"
