"""The speed of what needs no model: making examples, with more workers too, and starting the program."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .speed import Finding, Setting, finding, interleave, ratios

PACKAGE = __name__.split(".")[0]


def generation(setting: Setting) -> Iterator[Finding]:
    """Examples a second of one core for every dataset, in processor time, and files with 1, 2, 4… workers."""
    from ..generators import DATASETS
    from .bench_generators import rate

    count = 200 if setting.quick else 2000
    for name, row in DATASETS.items():
        if setting.quick and row.base is not None:
            continue
        setting.say(f"generation: {name}")

        def once(name: str = name, surface: str = row.surfaces[0]) -> float:
            request = {"name": name, "split": "train", "surface": surface}
            return rate(count, 1, lambda stream: sum(1 for _ in stream), **request)

        once()
        rates = [once() for _ in range(setting.repeats)]
        yield finding("generation", "examples of one core", rates, "examples/s", {"dataset": name})
    # A worker takes a third of a second to start, which must be little of what is measured.
    yield from _workers(setting, 1000 if setting.quick else 60_000)


def _workers(setting: Setting, count: int) -> Iterator[Finding]:
    from ..generators.write import generate, plan

    numbers = [1]
    while numbers[-1] * 2 <= processors():
        numbers.append(numbers[-1] * 2)
    with tempfile.TemporaryDirectory() as folder:
        planned = plan("prosqa", seed=0, sizes={"train": count, "valid": 0, "test": 0})
        works = {
            str(workers): functools.partial(
                generate, planned, Path(folder) / str(workers), workers=workers, force=True
            )
            for workers in numbers
        }
        setting.say("generation: workers")
        seconds = interleave(works, setting, repeats=min(3, setting.repeats), clock=time.perf_counter)
    for name, times in seconds.items():
        at = {"workers": int(name), "processors": processors()}
        yield finding("generation", f"{count:,} prosqa examples in a file", times, "s", at)
        yield finding("generation", "one worker / so many", ratios(seconds["1"], times), "×", at)


def startup(setting: Setting) -> Iterator[Finding]:
    """``--help``, and making 100 records, each in a process of its own; against starting Python alone."""
    with tempfile.TemporaryDirectory() as folder:
        generate = ["generate", "prosqa", "--train", "0", "--valid", "0", "--test", "100", "--force"]
        commands = {
            "python alone": ["-c", "pass"],
            "--help": ["-m", PACKAGE, "--help"],
            "generate, 100 records": ["-m", PACKAGE, *generate, "--out", folder],
        }
        works = {
            name: functools.partial(
                subprocess.run, [sys.executable, *arguments], check=True, capture_output=True
            )
            for name, arguments in commands.items()
        }
        for name, times in interleave(works, setting, clock=time.perf_counter).items():
            yield finding("startup", name, times, "s")


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
