"""Processes that are killed or that write at the same time, without the seconds that a start of Python takes.

A process here is a fork of this one, whose libraries are loaded: `SIGKILL` ends it as it ends any other.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from coconut_bench.cli import main
from coconut_bench.generators.proof.verify import verify_dir
from coconut_bench.leaderboard.store import read

from .world import RUN, base_folder, invoke

RUNS = [
    "run",
    "--method",
    "coconut",
    "--recipe",
    "micro.yaml",
    "--out",
    "k/run",
    "--leaderboard",
    "k/board.json",
]
BOARD = Path("k/board.json")
STAY = (".lock", ".checked")
"""Hidden files that belong beside a leaderboard: the lock, and the digest of what was checked."""
PATIENCE = 180.0
"""Seconds that a process which is not to be killed may take."""


def forked(command: Sequence[str]) -> int:
    """Start a command in a process of its own; its output goes to ``k/output``.

    Args:
        command: The arguments.

    Returns:
        The process's id; `ended` waits for it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads, which only wait here
        pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        output = os.open("k/output", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        main(list(command))
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0
    finally:
        os._exit(code)


def ended(pid: int, kill_after: float = PATIENCE) -> int:
    """Wait for a process, or kill it.

    Args:
        pid: The process.
        kill_after: Seconds after which it is killed, if it still runs.

    Returns:
        Its exit code; -9 for a killed one.
    """
    until = time.monotonic() + kill_after
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kills(count: int) -> Iterator[tuple[str, str]]:
    """Kill `run` (half of the kills), `generate` and `leaderboard add` at random moments.

    Args:
        count: Number of kills.

    Yields:
        The command, and what happened: ``killed``, ``ended before``, or what is wrong.
    """
    Path("k").mkdir(exist_ok=True)
    yield from _run_kills(count - 2 * (count // 4))
    yield from short_kills("generate", count // 4)
    yield from short_kills("add", count // 4)
    shutil.rmtree("k")


def writers(count: int = 16) -> Iterator[tuple[str, str]]:
    """Add rows of as many seeds to one leaderboard at the same time.

    Args:
        count: Number of processes.

    Yields:
        ``add``, and what happened to each: ``added``, or what is wrong.
    """
    Path("k").mkdir(exist_ok=True)
    codes = [ended(pid) for pid in [forked(command) for command in [_add(seed) for seed in range(count)]]]
    rows = read(BOARD).measured
    for seed, code in enumerate(codes):
        is_there = all([entry.seed for entry in row.seeds].count(seed) == 1 for row in rows)
        yield "add", "added" if code == 0 and rows and is_there else f"seed {seed}: exit code {code}"
    yield from _checked("add", "added")
    shutil.rmtree("k")


def two_processes(times: int) -> Iterator[tuple[str, str]]:
    """Start the same `run` twice at the same time.

    Args:
        times: How often.

    Yields:
        ``two runs``, and what happened: ``one result``, or what is wrong.
    """
    for _ in range(times):
        Path("k").mkdir()
        codes = sorted(ended(pid) for pid in [forked(RUNS), forked(RUNS)])
        yield (
            "two runs",
            _wrong_run() or ("one result" if codes in ([0, 0], [0, 2]) else f"exit codes {codes}"),
        )
        shutil.rmtree("k")


def _run_kills(count: int) -> Iterator[tuple[str, str]]:
    """Kill a run up to three times, then let it end: it must be the run that was never killed."""
    ended(forked(RUNS))  # what the first run imports is not measured
    shutil.rmtree("k/run")
    started = time.monotonic()
    ended(forked(RUNS))
    seconds, choice, left = time.monotonic() - started, random.Random("run"), count
    kept = base_folder()
    while left:
        for name in ("k/run", "k/cache"):
            shutil.rmtree(name, ignore_errors=True)
        BOARD.unlink(missing_ok=True)
        os.environ["COCONUT_BENCH_CACHE"] = "k/cache" if left % 3 == 0 else str(kept.parent)
        for _ in range(min(left, 3)):
            code = ended(forked(RUNS), choice.uniform(0, seconds))
            yield "run", "killed" if code == -9 else "ended before" if code == 0 else f"exit code {code}"
            if code != -9:
                break
            left -= 1
        code = ended(forked(RUNS))
        os.environ["COCONUT_BENCH_CACHE"] = "cache"
        wrong = f"exit code {code}: {Path('k/output').read_text()[-300:]}" if code else _wrong_run()
        if wrong:
            yield "run", wrong
        yield from _checked("run", "")


def _wrong_run() -> str:
    """What is wrong with a finished run; empty for nothing."""
    whole, found = (json.loads(Path(folder, "result.json").read_bytes()) for folder in (RUN, "k/run"))
    for one in (whole, found):
        [entry] = one["seeds"]
        for name in ("training", "inference", "provenance"):
            del entry[name]
        for stage in entry["stages"]:
            stage.pop("seconds", None)
    left = [path.name for path in Path("k/run").rglob("*") if path.name.endswith((".tmp", ".partial", ".pt"))]
    return "another result" if whole != found else f"left over: {left}" if left else ""


def short_kills(name: str, count: int) -> Iterator[tuple[str, str]]:
    """Kill a command that replaces something; the old one or the new one must be there.

    Args:
        name: ``generate`` or ``add``.
        count: Number of kills.

    Yields:
        The command, and what happened, as `kills` does.
    """
    make = {"generate": _generate, "add": _add}[name]
    choice, seconds = random.Random(name), 0.0
    Path("k").mkdir(exist_ok=True)
    BOARD.unlink(missing_ok=True)
    for number in (-1, 0):  # what the first one imports is not measured
        command, started = make(number % 1_000), time.monotonic()
        assert ended(forked(command)) == 0
        seconds = time.monotonic() - started
    for number in range(1, count + 1):
        code = ended(forked(make(number)), choice.uniform(0, seconds))
        yield name, "killed" if code == -9 else "ended before" if code == 0 else f"exit code {code}"
        if name == "generate":
            try:
                verify_dir("k/data")
            except (ValueError, OSError) as error:
                yield name, f"not whole: {error}"
        else:
            yield from _checked(name, "")
    assert ended(forked(make(count + 1))) == 0
    left = [
        path.name for path in Path("k").iterdir() if path.name.startswith(".") and path.suffix not in STAY
    ]
    if left:
        yield name, f"left over: {left}"


def _generate(number: int) -> list[str]:
    sizes = ["--train", "400", "--valid", "20", "--test", "20"]
    return ["generate", "prosqa-tiny", "--out", "k/data", "--force", "--seed", str(number), *sizes]


def _add(number: int) -> list[str]:
    return ["leaderboard", "add", str(_board_of_seed(number)), "--to", str(BOARD)]


def _board_of_seed(seed: int) -> Path:
    """The world's leaderboard as if its rows were of another seed, with its predictions."""
    fields = json.loads(Path("leaderboard.json").read_bytes())
    fields["rows"] = [row for row in fields["rows"] if row["kind"] == "measured"]
    for row in fields["rows"]:
        row["seeds"][0]["seed"] = seed
        row.pop("controls", None)  # a verdict names its seeds
    folder = Path("k/sources", str(seed))
    shutil.copytree("predictions", folder / "predictions")
    (folder / "leaderboard.json").write_text(json.dumps(fields))
    return folder / "leaderboard.json"


def _checked(name: str, good: str) -> Iterator[tuple[str, str]]:
    """Check the leaderboard, if there is one."""
    done = invoke(["leaderboard", "check", "--leaderboard", str(BOARD)]) if BOARD.exists() else None
    if done is not None and done.code != 0:
        yield name, f"leaderboard: {done.text[-200:]!r}"
