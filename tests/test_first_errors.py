"""What a newcomer types wrong: one line with the name and what is wrong, at once, also offline."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from coconut_bench.cli import main
from coconut_bench.generators.hub import connection
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


def test_a_row_is_not_looked_for_in_an_empty_list() -> None:
    with pytest.raises(ValueError, match="unknown row 'coconut': there are no measured rows"):
        find([], "coconut")


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
