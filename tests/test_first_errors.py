"""What a newcomer types wrong: one line with the name and what is wrong, at once, also offline."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from coconut_bench.cli import main
from coconut_bench.generators import outputs
from coconut_bench.generators.hub import connection
from coconut_bench.generators.outputs import require_file, require_folder
from coconut_bench.leaderboard import read
from coconut_bench.leaderboard.lock import locked
from coconut_bench.leaderboard.query import find


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["leaderboard", "add", "empty"], "empty: must be a finished run, got a folder without result.json"),
        (["leaderboard", "show", "--leaderboard", "nosuch"], "nosuch: no such file or directory"),
        (["leaderboard", "show", "--leaderboard", "pipe"], "pipe: must be a file, got a named pipe"),
        (["leaderboard", "show", "--leaderboard", "loop"], "loop: too many levels of symbolic links"),
        (["verify", "."], ".: must be a generated directory, got one without manifest.json"),
        (["run", "--method", "coconut", "--quick", "--out", "file"], "--out must be a folder, got the file"),
    ],
)
def test_a_wrong_path_is_named_in_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("file").touch()
    Path("loop").symlink_to("loop")
    os.mkfifo("pipe")
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"Error: {message}")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_an_output_that_is_full_is_one_line_without_a_number() -> None:
    code = "from coconut_bench.cli import main; main(['leaderboard', 'show'])"
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (2, "Error: no space left on device\n")


def test_a_row_is_not_looked_for_in_an_empty_list() -> None:
    with pytest.raises(ValueError, match="unknown row 'coconut': there are no measured rows"):
        find([], "coconut")


RUN = ("run", "--method", "coconut")
FILES = ("--dataset", "a.jsonl,b.jsonl,c.jsonl")
MISTAKES = [
    ((*RUN, "--dataset", "a.json,b.json"), "a dataset of files must be train,valid,test: 3 of them, got 2"),
    ((*RUN, "--dataset", "a.json,b,c"), "train, valid and test must be of one form, got .json and none"),
    ((*RUN, "--dataset", "a.json,b.json,c.json"), "no such file: a.json"),
    ((*RUN, "--recipe", "tinny"), "unknown recipe 'tinny' (did you mean 'tiny'?)"),
    (("run", "--method", "cocnut"), "unknown method 'cocnut' (did you mean 'coconut'?)"),
    (("audit", "prosqa-tny"), "unknown dataset 'prosqa-tny' (did you mean 'prosqa-tiny'?)"),
    (("audit", "prosqa-tiny", "--split", "tset"), "unknown split 'tset' (did you mean 'test'?)"),
    (("audit", "prosqa-tiny", "--json", "no/where.json"), "--json must be a file in an existing folder"),
    (("leaderboard", "reproduce", "cocnut"), "unknown row 'cocnut' (did you mean 'coconut'?)"),
    (("leaderboard", "reproduce", "coconut", "--seed", "9"), "--seed must be one of 0, 1, 2, 3, 4"),
    (
        ("leaderboard", "import", "nope", "--dataset", "prosqa-tiny", "--method", "a", "--model", "b"),
        "no such file: nope",
    ),
    (
        ("leaderboard", "import", "answers", "--dataset", "prosqa-tiny", "--method", "a", "--model", "b"),
        "answers, line 1: must be one JSON object a line",
    ),
    (("import", "nope", "--base", "gpt2"), "no such file: nope"),
    (("run", "--method", "coconut-bfs", *FILES), "method coconut-bfs needs examples with graphs"),
    (("run", "--method", "coconut,cot", *FILES), "method coconut needs examples with steps, got none"),
    ((*RUN, "--recipe", "tiny", *FILES), "nodes are single words; a has none: use --recipe scratch"),
    ((*RUN, "--dataset", "prosqa-fair", "--recipe", "tiny"), "chains of prosqa-fair have up to 6 steps"),
    (
        ("run", "--method", "cot2", "--recipe", "scratch", "--dataset", "prontoqa"),
        "method cot2: a mixture needs concepts of one token each, got 'not ",
    ),
    ((*RUN, "--plugin", "no.py"), "/no.py cannot be loaded: FileNotFoundError: there is no such file"),
    ((*RUN, "--plugin", "answers"), "/answers cannot be loaded: ImportError: it must be a Python file (.py)"),
    (("leaderboard", "table", "--plot", "no/t.png"), "--plot must be a file in an existing folder, got no/t"),
    (("leaderboard", "table", "--plot", "."), "--plot must be a file in an existing folder, got ."),
    (
        ("leaderboard", "beside", "a", "b", "--plot", "t.gif"),
        "--plot must be a .png, .svg or .pdf file",
    ),
    (("speed", "--json", "no/speed.json"), "--json must be a file in an existing folder, got no/speed.json"),
    (("plot", "run", "--out", "no/t.png"), "--out must be a file in an existing folder, got no/t.png"),
    (("leaderboard", "page", "--out", "answers"), "--out must be a folder, got"),
    (("leaderboard", "page", "--out", "answers/site"), "--out must be a folder, got the file answers"),
    (
        ("leaderboard", "export", "--format", "eee", "--out", "answers"),
        "--out must be a folder, got the file",
    ),
    (("leaderboard", "reproduce", "coconut", "--out", "answers"), "--out must be a folder, got the file"),
    (("analyze", "run", "--out", "answers"), "--out must be a folder, got"),
    (
        ("import", "answers", "--base", "gpt2", "--out", "answers"),
        "--out must be a folder, got the file answers",
    ),
    (("publish", "run", "--repo", "name"), "repo must be org/name, got 'name'"),
    (("publish", ".", "--repo", "org/name"), "version must be given for a dataset, such as --version 1.0.0"),
    (("publish", ".", "--repo", "org/name", "--version", "1"), "version must be three numbers such as 1.0.0"),
    (("speed", "--only", "stage"), "unknown part 'stage' (did you mean 'stages'?)"),
    (("lederboard", "show"), "No such command 'lederboard' (did you mean 'leaderboard'?)"),
    *(
        (command, "unknown method 'cocnut' (did you mean 'coconut'?)")
        for command in (("controls", "run"), ("samples", "run"), ("analyze", "run"))
    ),
]


def test_a_mistake_in_arguments_is_told_before_torch_is_imported(tmp_path: Path, root: Path) -> None:
    """As it takes seconds, like scikit-learn and the client of the Hub."""
    row = read(root / "leaderboard" / "leaderboard.json").measured[0]
    (tmp_path / "run").mkdir()
    (tmp_path / "answers").write_text("no JSON")
    for name in ("a", "b", "c"):
        example = {"question": f"Is {name}?", "steps": [], "answer": "yes"}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(example) + "\n")
    result = row.model_copy(update={"method": "cocnut", "seeds": row.seeds[:1], "controls": None})
    (tmp_path / "run" / "result.json").write_text(result.model_dump_json())
    program = f"""
import sys
from click.testing import CliRunner
from coconut_bench.cli import main
for arguments, message in {MISTAKES!r}:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2 and message in done.stderr, (arguments, done.stderr)
    for slow in ("torch", "transformers", "sklearn", "datasets", "huggingface_hub"):
        assert slow not in sys.modules, (arguments, slow)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_cannot_be_written_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_file("--json", tmp_path / "a.json")
    require_folder("--out", tmp_path / "a" / "b")
    monkeypatch.setattr(outputs.os, "access", lambda path, mode: Path(path) != tmp_path or mode != os.W_OK)
    with pytest.raises(ValueError, match=r"--json must be a file that can be written, got .*a\.json"):
        require_file("--json", tmp_path / "a.json")
    with pytest.raises(ValueError, match=r"--out must be a folder that can be written to, got .*a/b"):
        require_folder("--out", tmp_path / "a" / "b")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder in which nobody can make a file")
def test_a_lock_that_cannot_be_made_is_not_waited_for() -> None:
    with pytest.raises(FileNotFoundError), locked(Path("/proc/leaderboard.json")):
        pass


def test_help_of_speed_does_not_import_torch() -> None:
    program = (
        "import sys; from coconut_bench.cli import main; "
        "main(['speed', '--help'], standalone_mode=False); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL).returncode == 0


def _no_names(*_: object, **__: object) -> None:
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def test_without_a_connection_the_hub_is_given_up_on_before_its_retries(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setattr(socket, "getaddrinfo", _no_names)
    monkeypatch.setattr(connection, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(connection, "getproxies", dict)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["verify", "nobody/nothing@v1.0.0"])
    assert done.exit_code == 2
    assert "its address cannot be found): nobody/nothing@v1.0.0 was not verified" in done.stderr


def test_a_proxy_or_a_second_look_is_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(connection, "getproxies", dict)
    answers = iter([_no_names, lambda *_: []])
    monkeypatch.setattr(socket, "getaddrinfo", lambda *where: next(answers)(*where))
    assert connection.is_reachable()
    monkeypatch.setattr(socket, "getaddrinfo", _no_names)
    assert not connection.is_reachable()
    monkeypatch.setattr(
        connection, "getproxies", lambda: {"https": "http://proxy:1", "http": "http://proxy:1"}
    )
    monkeypatch.setattr(connection, "proxy_bypass", lambda host: False)
    assert connection.is_reachable()
