"""Without its extra a command fails before the work and names the line that installs it."""

from __future__ import annotations

import configparser
import importlib
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hidden import hide

from coconut_bench.cli import main
from coconut_bench.generators.extras import DISTRIBUTIONS, EXTRAS, MissingExtraError

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("matplotlib", "plot nowhere"),
        ("matplotlib", "analyze nowhere"),
        ("matplotlib", "controls nowhere --plot x.png"),
        ("matplotlib", "audit nowhere --plot x.png"),
        ("sklearn", "audit prosqa-tiny --learned"),
        ("datasets", "verify org/name@v1.0.0"),
        ("datasets", "run --method cot --dataset gsm8k-aug"),
        ("submitit", "run --method cot --cluster slurm"),
        ("wandb", "run --method cot --track wandb"),
        ("trackio", "run --method cot --track trackio"),
        ("tensorboard", "run --method cot --track tensorboard"),
    ],
)
def test_a_command_names_the_line_that_helps(
    module: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder := tmp_path / "empty").mkdir()
    monkeypatch.chdir(folder)
    hide([module], tmp_path / "path", monkeypatch)
    done = CliRunner().invoke(main, line.split())
    assert done.exit_code == 2, (done.output, done.exception)
    assert f"needs {DISTRIBUTIONS.get(module, module)}, which is not installed" in done.output
    assert f"pip install '.[{EXTRAS[module]}]'" in done.output
    assert done.stderr.count("\n") == 1
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("module", "name"),
    [("reasoning_gym", "reasoning_gym"), ("lm_eval", "lm_eval_model"), ("inspect_ai",) * 2],
)
def test_an_integration_names_the_line_that_helps(
    module: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = f"coconut_bench.benchmarks.integrations.{name}"
    monkeypatch.delitem(sys.modules, ours, raising=False)
    hide([module], tmp_path / "path", monkeypatch)
    with pytest.raises(MissingExtraError, match=re.escape(f"pip install '.[{EXTRAS[module]}]'")):
        importlib.import_module(ours)


def test_every_extra_that_is_named_installs_the_package() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    for module, extra in EXTRAS.items():
        wanted = DISTRIBUTIONS.get(module, module)
        listed = re.findall(r"^[\w.-]+", setup["options.extras_require"][extra], re.MULTILINE)
        assert wanted in listed, extra


def test_the_line_is_spelled_in_one_way_on_every_page() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "generators").rglob("*.py")]
    pages += (ROOT / "benchmarks").rglob("*.py")
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "coconut-bench[" not in text, page
        for line in re.findall(
            r"pip install[^`\n]*\[(?:plots|audit|hub|track|tools|inspect|cluster)\]'?", text
        ):
            assert re.fullmatch(r"pip install (?:-q )?(?:-c \S+ )?'\.\[\w+\]'", line), (page, line)
