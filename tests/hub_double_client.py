"""A process that holds the unmodified clients of the Hub, set by their environment to talk to the double.

    {"argv": ["publish", "data/tiny", …], "stdin": "y"}   →   {"code": 0, "output": "…", "error": ""}
    {"code": "rows = …"}                                  →   {"code": 0, "output": what it printed, …}

One line of JSON each. The clients read their settings when they are imported, and importing takes seconds:
so one process serves all tests. Run as a script it is that process.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple


class Done(NamedTuple):
    """What a command or a piece of code ended with."""

    code: int
    output: str
    error: str


class Client:
    """The process, seen from a test."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def command(self, *argv: object, stdin: str = "", token: str | None = "hf_writer") -> Done:
        """``coconut-bench ARGV`` with the login ``token``."""
        return self._ask({"argv": [str(part) for part in argv], "stdin": stdin, "token": token})

    def python(self, code: str, token: str | None = "hf_writer") -> str:
        """What ``code`` prints; fails where it raises."""
        done = self._ask({"code": code, "token": token})
        assert done.code == 0, done.error
        return done.output

    def _ask(self, request: dict[str, Any]) -> Done:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the client's process has ended"
        return Done(**json.loads(answer))


@contextlib.contextmanager
def talking_to(endpoint: str | None, home: Path) -> Iterator[Client]:
    """A client of the double at ``endpoint``; ``home`` keeps its caches and what it writes to stderr.

    None: a client of the Hub itself, as the user's environment has set it up.
    """
    environment = dict(os.environ)
    if endpoint is not None:
        environment = {key: value for key, value in environment.items() if not key.startswith("HF_")}
        environment |= {
            "HF_ENDPOINT": endpoint,
            "HF_HUB_DISABLE_XET": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        }
    environment |= {
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    home.mkdir(parents=True, exist_ok=True)
    with (home / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=environment,
            cwd=home,
        )
        try:
            yield Client(process)
        finally:
            process.communicate(timeout=30)


def _run(request: dict[str, Any]) -> dict[str, Any]:
    from click.testing import CliRunner

    from coconut_bench.cli import main

    if request["token"] is None:
        os.environ.pop("HF_TOKEN", None)
    else:
        os.environ["HF_TOKEN"] = request["token"]
    if "argv" in request:
        done = CliRunner().invoke(main, request["argv"], input=request["stdin"])
        failed = "" if done.exception is None or isinstance(done.exception, SystemExit) else done.exc_info
        trace = "".join(traceback.format_exception(*failed)) if failed else ""
        return {"code": done.exit_code, "output": done.stdout, "error": done.stderr + trace}
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(request["code"], {})
    except Exception:
        return {"code": 1, "output": printed.getvalue(), "error": traceback.format_exc()}
    return {"code": 0, "output": printed.getvalue(), "error": ""}


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), file=answers, flush=True)
