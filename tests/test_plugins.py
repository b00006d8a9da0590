"""Rows that come from outside: found by entry points, read from files, refused in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from coconut_bench.benchmarks.integrations import lm_eval
from coconut_bench.cli import main
from coconut_bench.coconut.methods import METHODS, get_method
from coconut_bench.generators.plugins import VARIABLE, load_plugins

pytestmark = pytest.mark.usefixtures("no_plugins")

GOOD = """
from coconut_bench.coconut.methods import Method
METHODS = [Method("mine", "Mine", "does as it likes", "none", "steps")]
"""


def plugin(folder: Path, text: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_row_of_a_file_is_in_the_table_and_in_processes_that_are_started(tmp_path: Path) -> None:
    path = plugin(tmp_path, GOOD)
    done = CliRunner().invoke(main, ["run", "--plugin", str(path), "--help"])
    assert done.exit_code == 0 and "does as it likes" in done.output
    assert get_method("mine").title == "Mine"
    assert os.environ[VARIABLE] == str(path)
    load_plugins([path])  # once more: nothing
    load_plugins()


def test_a_row_of_an_installed_package_is_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin(tmp_path, GOOD, "installed_plugin.py")
    info = tmp_path / "some_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[coconut_bench.plugins]\nmine = installed_plugin\n")
    monkeypatch.syspath_prepend(tmp_path)
    done = CliRunner().invoke(main, ["run", "--help"])
    assert "does as it likes" in done.output
    assert "mine" in METHODS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace('"mine"', '"coconut"'), "METHODS already has 'coconut'; choose another name"),
        (GOOD.replace("METHODS =", "METHOD ="), "must define at least one of METHODS, OBJECTIVES"),
        ("METHODS = [3]", "METHODS must hold rows of type Method with a name, got 3"),
        ("METHODS = 3", "METHODS must be a list or a dictionary of rows, got 3"),
        ("raise SystemExit(3)", "cannot be loaded: SystemExit: 3"),
        ("1 / 0", "cannot be loaded: ZeroDivisionError: division by zero"),
        ("import no_such_module_at_all", "cannot be loaded: ModuleNotFoundError"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_refused_in_one_line(text: str, said: str, tmp_path: Path) -> None:
    path = plugin(tmp_path, text)
    done = CliRunner().invoke(main, ["run", "--method", "cot", "--plugin", str(path)])
    assert done.exit_code == 2
    assert said in done.output and str(path) in done.output
    assert done.output.count("\n") == 1
    assert "mine" not in METHODS


def test_every_command_takes_plugins() -> None:
    for command in (["controls"], ["leaderboard", "reproduce"], ["leaderboard", "check"]):
        assert "--plugin FILE" in CliRunner().invoke(main, [*command, "--help"]).output


def test_a_method_that_only_a_plugin_has_points_to_the_option() -> None:
    """Of a run that is read back, too: `samples`, `controls`, `analyze`."""
    with pytest.raises(ValueError, match=r"^unknown method 'mine'.*; --plugin FILE loads others$"):
        get_method("mine")


def test_a_plugin_that_is_not_there_is_refused_in_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["run", "--method", "cot", "--plugin", str(tmp_path / "no.py")])
    assert (done.exit_code, done.output.count("\n")) == (2, 1)
    assert "there is no such file" in done.output


def test_task_files_are_written_where_the_user_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in lm_eval.FOLDER.iterdir()}
    (tmp_path / "lm_eval").mkdir()
    (tmp_path / "lm_eval" / "own.yaml").write_text("task: own\n")
    lm_eval.main(["--write"])
    assert capsys.readouterr().out.strip() == str(tmp_path / "lm_eval")
    assert (tmp_path / "lm_eval" / "own.yaml").exists()
    assert (tmp_path / "lm_eval" / "prosqa.yaml").exists()
    assert {path: path.stat().st_mtime_ns for path in lm_eval.FOLDER.iterdir()} == before
    lm_eval.main([])
    assert capsys.readouterr().out.strip() == str(lm_eval.FOLDER)
    with pytest.raises(SystemExit, match="--write FOLDER"):
        lm_eval.main(["--wriet"])
