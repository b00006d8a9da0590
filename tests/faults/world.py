"""A folder with one of every file that the program reads, and how a command is run on it in this process."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

import click
from click.testing import CliRunner
from micro import write_recipe

from coconut_bench.cli import main
from coconut_bench.generators.files import SUMS, write_sealed, write_sums
from coconut_bench.generators.stored.manifest import MANIFEST, manifest_digest
from coconut_bench.generators.stored.write import generate, plan

RUN = "runs/micro-coconut-0"
SECONDS = 90
"""Of processor time, or ten times as many by the clock, after which a command hangs: others may be busy."""
MEMORY = 1 << 30
"""Bytes by which a command may raise the memory of the process."""
DATA = {"train": 16, "valid": 8, "test": 12}


class Hang(BaseException):
    """A command took too long; nothing catches it but `invoke`."""


@dataclass(frozen=True)
class Outcome:
    """What became of a command.

    Attributes:
        code: Exit code; None for a traceback, a hang or too much memory.
        text: Standard error, or what went wrong.
        seconds: Duration.
    """

    code: int | None
    text: str
    seconds: float


def make_world(folder: Path) -> None:
    """Write a finished run, its controls, its cache, data in every format, and a leaderboard.

    Args:
        folder: An empty folder; it becomes the working directory.
    """
    enter(folder)
    write_recipe(folder)
    for name, row in {"jsonl": "jsonl", "parquet": "parquet", "published": "published"}.items():
        generate(plan("prosqa-tiny", sizes=DATA, format=row), f"data-{name}")
    own = Path("own")
    own.mkdir()
    for name, suffix in {"jsonl": ".jsonl", "published": ".json", "parquet": ".parquet"}.items():
        for split in DATA:
            shutil.copy(f"data-{name}/{split}{suffix}", own / f"{split}{suffix}")
    for split in DATA:
        text = "".join(f"How many are {n} and 1?||<<{n}+1={n + 1}>> #### {n + 1}\n" for n in range(8))
        Path(own, f"{split}.txt").write_text(text)
    done = [
        invoke(["run", "--method", "coconut", "--recipe", "micro.yaml", "--thoughts", "1"]),
        invoke(["controls", RUN, "--n", "8"]),
    ]
    assert all(one.code == 0 for one in done), done


def enter(folder: Path) -> None:
    """Make a folder of `make_world` the working directory of this process.

    Args:
        folder: The folder.
    """
    os.chdir(folder)
    os.environ.update(COCONUT_BENCH_CACHE="cache", HF_HUB_OFFLINE="1", COLUMNS="100")


def base_folder() -> Path:
    """Return the folder of the cached base model."""
    [folder] = Path("cache").glob("base-*[0-9a-f]")
    return folder


def invoke(command: list[str]) -> Outcome:
    """Run a command in this process.

    Args:
        command: Its arguments.

    Returns:
        What became of it.
    """
    started, before = time.monotonic(), _memory()
    try:
        with _alarm():
            done = CliRunner().invoke(main, command)
    except Hang:
        return Outcome(None, f"hang: more than {SECONDS} s", time.monotonic() - started)
    seconds = time.monotonic() - started
    if done.exception is not None and not isinstance(done.exception, SystemExit | click.Abort):
        return Outcome(None, f"traceback: {done.exception!r:.300}", seconds)
    if _memory() - before > MEMORY:
        return Outcome(None, f"memory: {(_memory() - before) >> 20} MB", seconds)
    return Outcome(done.exit_code, done.stderr, seconds)


@contextmanager
def no_training() -> Iterator[None]:
    """Within the block, a training that would begin ends with exit code 130: its inputs were taken."""
    from coconut_bench.benchmarks.run import base_model, pipeline

    def begun(*arguments: Any, **named: Any) -> Any:
        raise KeyboardInterrupt

    with mock.patch.object(pipeline, "train", begun), mock.patch.object(base_model, "RecallTrainer", begun):
        yield


def reseal(path: Path) -> None:
    """Make the digests that cover a file those of its content: what is read is then its shape alone.

    Args:
        path: A file of the world.
    """
    beside = path.with_name(f"{path.name}.sha256")
    if beside.is_file():
        write_sealed(path, path.read_bytes())
    if (path.parent / SUMS).is_file() and path.name != SUMS:
        write_sums(path.parent)
    with suppress(ValueError, RecursionError, AttributeError, TypeError, KeyError):
        if path.name in (MANIFEST, "run.json"):
            fields = json.loads(path.read_bytes())
            fields["manifest_sha256"] = manifest_digest(fields)
            path.write_text(json.dumps(fields))
        elif (path.parent / MANIFEST).is_file():
            fields = json.loads((path.parent / MANIFEST).read_bytes())
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            fields["splits"][path.stem].update(sha256=digest)
            fields["manifest_sha256"] = manifest_digest(fields)
            (path.parent / MANIFEST).write_text(json.dumps(fields))


@contextmanager
def changed(path: Path, content: bytes, *, sealed: bool) -> Iterator[None]:
    """Within the block, a file has other content; afterwards its folder is as before.

    Args:
        path: A file of the world.
        content: Its content.
        sealed: Whether the digests that cover it follow.
    """
    kept = {one: one.read_bytes() for one in path.parent.iterdir() if one.is_file()}
    path.write_bytes(content)
    if sealed:
        reseal(path)
    try:
        yield
    finally:
        for one in path.parent.iterdir():
            if one.is_file() and one not in kept:
                one.unlink()
        for one, old in kept.items():
            if not one.is_file() or one.read_bytes() != old:
                one.write_bytes(old)


@contextmanager
def _alarm() -> Iterator[None]:
    """Raise `Hang` in the block after `SECONDS`."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise Hang

    clocks = {
        signal.ITIMER_REAL: (signal.SIGALRM, 10 * SECONDS),
        signal.ITIMER_PROF: (signal.SIGPROF, SECONDS),
    }
    before = {number: signal.signal(number, ring) for number, _ in clocks.values()}
    for clock, (_, seconds) in clocks.items():
        signal.setitimer(clock, seconds)
    try:
        yield
    finally:
        for clock, (number, _) in clocks.items():
            signal.setitimer(clock, 0)
            signal.signal(number, before[number])


def _memory() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
