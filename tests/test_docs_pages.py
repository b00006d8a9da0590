"""The commands of every page run as they stand there, with no extras but those that the page names.

A page's commands share a folder and are run in their order. The recipes are smaller than ``micro.py``, and
packages of extras that the page does not name are hidden.
"""

from __future__ import annotations

import configparser
import glob
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from click.testing import CliRunner
from hidden import hide
from micro import ADAMW, MICRO
from pretrained_models import save_pretrained

from coconut_bench.benchmarks import recipe as recipes
from coconut_bench.cli import main
from coconut_bench.generators.extras import DISTRIBUTIONS, EXTRAS

# Every recipe of a page: MICRO, with fewer steps, validations and words.
SMALLEST: dict[str, Any] = {
    **MICRO,
    "base": {**MICRO["base"], "steps": 2, "growth_steps": 1},
    "curriculum": {**MICRO["curriculum"], "stage_steps": [1, 1, 2]},
    "optimizer": ADAMW,
    "checks_in_last_stage": 1,
    "max_new_tokens": 4,
}

ROOT = Path(__file__).resolve().parents[1]
PAGES = {page.name: page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^    .*\n)+", re.MULTILINE)
PROGRAMS = r"coconut-bench|python3?|pip|torchrun|lm_eval|inspect|make|cd|seq|for|folder=\S+|[A-Z_]+=\S+"

# What a page presupposes, made before its commands.
FIRST = {
    "controls.md": "run --method coconut --seeds 2",
    "data.md": "generate prosqa --out published --format published --train 40 --valid 20 --test 20",
    "leaderboard.md": "run --method coconut --leaderboard theirs/leaderboard.json",
    "experiments.md": "run --method codi,pccot",
    "publishing.md": "run --method coconut",
}

# What stands for a part of a command, so that it takes a second.
SMALLER = {
    "--method all --seeds 5": "--method coconut,cot,no-cot",
    "--method all": "--method coconut,no-cot",  # test_run.py has every method
    "coconut-mixed,sim-coconut,multimode,codi,pccot,coconut-bfs,cot2,bottleneck": "codi,cot2",
    "sim-coconut,coconut-mixed,coconut-bfs,cot2,codi,pccot,bottleneck": "sim-coconut,cot2",
    "--train 20000": "--train 40 --valid 10 --test 10",
    "--train 1000000": "--train 800 --valid 8 --test 8",
    "seq 8": "seq 2",
    "-P 8": "-P 2",
    "prosqa-tiny --out data/tiny": "prosqa-tiny --out data/tiny --train 200 --valid 20 --test 20",
    "--train 1000 --valid 100 --test 100": "--train 60 --valid 10 --test 10",
    "audit prosqa --n 2000": "audit prosqa --n 40",
    "audit prosqa-fair": "audit prosqa-fair --n 200",
    "audit prosqa-symmetric": "audit prosqa-symmetric --n 20",
    "audit prosqa-tiny-leaky": "audit prosqa-tiny-leaky --n 100",
    "audit prosqa_valid.json": "audit published/valid.json",
    "--max 0.52": "--max 0.9",  # of so few questions
    "--n 500": "--n 20",
    "audit('prosqa')": "audit('prosqa', examples=20)",
    "audit('prosqa-fair')": "audit('prosqa-fair', examples=20)",
    "'docs/figures/audit.png'": "'audit.png'",
    "coconut-bench speed": "coconut-bench speed --quick --size micro --only evaluation",
    "--dataset train.txt,valid.txt,test.txt": "--recipe tiny --dataset prosqa-tiny",
    "~/my-runs/leaderboard.json --to leaderboard/leaderboard.json": "theirs/leaderboard.json --to all.json",
    "--leaderboard leaderboard/leaderboard.json": "--leaderboard all.json",
    "leaderboard page --out site": "leaderboard page --out site --leaderboard leaderboard.json",
    "--version 1.0.0": "--version 1.0.0 --dry-run",
    "--baseline runs/tiny-cot-1 --baseline runs/tiny-no-cot-0 --baseline runs/tiny-pause-0": "",
}


class Elsewhere(NamedTuple):
    """A command that is not run here: where it is, or is explained, and what it imports of an extra."""

    where: str
    module: str = ""


# Those that want a GPU, a cluster, the Hub, another environment or hours.
ELSEWHERE = {
    "python3 -m venv": Elsewhere(".ci/run"),
    ". .venv/bin/activate": Elsewhere(".ci/run"),
    "pip install -c constraints.txt .": Elsewhere(".ci/run"),
    "pip install '.[plots]'": Elsewhere(".ci/run"),
    "--ood": Elsewhere("tests/test_run_ood.py"),
    "leaderboard reproduce": Elsewhere("tests/test_reproduce.py"),
    "--cluster slurm": Elsewhere("tests/test_cluster.py", "submitit"),
    "--cluster ray": Elsewhere("tests/test_ray.py", "ray"),
    "--cluster local": Elsewhere("tests/test_cluster.py"),
    "torchrun": Elsewhere("tests/test_processes.py"),
    "--device cuda": Elsewhere("tests/test_speed.py"),
    "-m cuda": Elsewhere("docs/performance.md"),  # by hand, on a GPU
    "every-eval-ever": Elsewhere("docs/leaderboard.md"),  # by hand: it wants Python 3.12
    "every_eval_ever": Elsewhere("docs/leaderboard.md"),
    "COCONUT_BENCH_LIVE=1": Elsewhere("tests/test_publish_live.py"),  # by hand, with an account
    "verify org/name@v1.0.0": Elsewhere("tests/test_publish.py", "datasets"),
}
ELSEWHERE_ON = {
    "extending.md": Elsewhere("tests/test_docs.py"),
    "tools.md": Elsewhere("tests/test_docs.py", "lm_eval"),
}
"""Pages of which all blocks, the Python ones too, are run in their order by a test of their own."""


def blocks(page: Path) -> list[str]:
    """The blocks of commands, each fenced without a language or indented; without comments and Python."""
    text = page.read_text(encoding="utf-8")
    fenced = [body for language, body in FENCE.findall(text) if language == ""]
    indented = [
        re.sub(r"^ {4}", "", one, flags=re.MULTILINE) for one in INDENTED.findall(FENCE.sub("", text))
    ]
    found = [re.sub(r"\\\n\s*", "", one) for one in [*fenced, *indented]]
    return [one for one in found if re.search(rf"^(?:{PROGRAMS}|#!/bin/bash)(?: |$)", one, re.MULTILINE)]


def units(page: Path) -> Iterator[str]:
    """The commands of a page: lines, or a block that is one command of the shell."""
    for block in blocks(page):
        if re.search(r"^(?:seq|for|python -c|#!)", block, re.MULTILINE):
            yield block
        else:
            yield from (line for line in block.splitlines() if re.match(rf"(?:{PROGRAMS}|\.) ", line))


def named_modules(page: Path) -> set[str]:
    """The modules that the extras of a page's ``pip install`` lines bring, those for development left out."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = re.findall(r"pip install[^`\n]*\.\[(\w+)\]'", page.read_text(encoding="utf-8"))
    brought = {
        name
        for extra in set(extras) - {"dev"}
        for name in re.findall(r"^[\w-]+", setup["options.extras_require"][extra], re.MULTILINE)
    }
    return {module for module in EXTRAS if DISTRIBUTIONS.get(module, module) in brought}


def elsewhere(command: str) -> Elsewhere | None:
    return next((other for part, other in ELSEWHERE.items() if part in command), None)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A recipe of seconds for each that is shipped, and a model on the disk for the pretrained ones."""
    folder = tmp_path_factory.mktemp("recipes")
    gpt2 = save_pretrained(folder / "gpt2", "gpt2")
    found = {}
    for name, path in recipes.recipe_names().items():
        fields = SMALLEST
        shipped = recipes.load_recipe(name)
        if shipped.model.pretrained:
            lengths = shipped.curriculum.lengths
            fields = {
                "description": "for tests", "extends": str(path), "model": {"pretrained": str(gpt2)},
                "data": {"name": "prosqa", "surface": "natural", "train": 8, "valid": 4, "test": 6},
                "curriculum": {"stage_epochs": [1] * len(lengths)}, "batch_size": 4, "micro_batch_size": 4,
                "max_new_tokens": 4, "checks_in_last_stage": 1,
            }  # fmt: skip
        found[name] = folder / f"{name}.yaml"
        found[name].write_text(yaml.safe_dump(fields), encoding="utf-8")
    return found


@pytest.fixture
def in_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``coconut-bench`` and ``python`` of this environment, and what a job of an array of Slurm is told."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, words in (("python", ""), ("coconut-bench", " -m coconut_bench")):
        (programs / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)}{words} "$@"\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "9")
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "1000000")


def run(command: str) -> None:
    """Run one command of a page, made smaller."""
    for part, smaller in SMALLER.items():
        command = re.sub(rf"(?<![\w-]){re.escape(part)}(?![\w-])", smaller, command)
    if command.startswith("coconut-bench "):
        words = shlex.split(command, comments=True)[1:]
        done = CliRunner().invoke(main, [one for word in words for one in sorted(glob.glob(word)) or [word]])
        assert done.exit_code == 0, f"{command}\n{done.output}"
    else:
        shell = subprocess.run(["bash", "-euo", "pipefail", "-c", command], capture_output=True, text=True)
        assert shell.returncode == 0, f"{command}\n{shell.stdout}{shell.stderr}"


@pytest.mark.usefixtures("in_the_shell")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=pytest.mark.slow if name == "experiments.md" else ()
        )  # a log of past commands
        for name in PAGES
        if name not in ELSEWHERE_ON
    ],
)
def test_the_commands_of_a_page_run_with_the_extras_that_it_names(
    name: str, small: dict[str, Path], tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, work = PAGES[name], tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("COCONUT_BENCH_CACHE", str(cache))
    monkeypatch.setattr(recipes, "recipe_names", lambda: small)
    (work / "gpt2").symlink_to(next(iter(small.values())).parent / "gpt2")
    named = named_modules(page)
    hide(set(EXTRAS) - named, tmp_path / "path", monkeypatch)
    if page.name in FIRST:
        run(f"coconut-bench {FIRST[page.name]}")
    for command in dict.fromkeys(units(page)):
        other = elsewhere(command)
        if other is None:
            run(command)
        else:
            assert other.module in {"", *named}, f"{page.name}: name the extra of {other.module}: {command}"


def test_a_page_that_does_not_name_an_extra_fails_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (page := tmp_path / "page.md").write_text("```\npip install '.[hub]'\ncoconut-bench plot nowhere\n```\n")
    assert named_modules(page) == {"datasets"}
    hide(set(EXTRAS) - named_modules(page), tmp_path / "path", monkeypatch)
    assert list(units(page)) == ["pip install '.[hub]'", "coconut-bench plot nowhere"]
    with pytest.raises(AssertionError, match="needs matplotlib, which is not installed"):
        run("coconut-bench plot nowhere")
    shell = ["bash", "-c", f"{shlex.quote(sys.executable)} -c 'import matplotlib'"]
    assert "No module named 'matplotlib'" in subprocess.run(shell, capture_output=True, text=True).stderr


def test_what_is_named_instead_of_a_command_is_there() -> None:
    """Every row of the tables stands for something that a page shows, and names a file."""
    shown = [command for page in PAGES.values() for command in units(page)]
    for part, other in ELSEWHERE.items():
        assert any(part in command for command in shown), part
        assert (ROOT / other.where).exists(), part
    for part in SMALLER:
        assert any(part in command for command in shown), part
    assert set(FIRST) | set(ELSEWHERE_ON) <= set(PAGES)
