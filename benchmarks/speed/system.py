"""Speed of what needs no model: generating examples with one or more workers, and starting the program."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .findings import Finding, Setting, finding, interleave, ratios

PACKAGE = __name__.split(".")[0]


def generation(setting: Setting) -> Iterator[Finding]:
    """Measure examples per second of one core for every dataset, and files written by 1, 2, 4… workers.

    Args:
        setting: What to measure on.

    Yields:
        Rates in processor time, and times and speedups of workers.
    """
    from ...generators import DATASETS
    from .generators import rate

    count = 200 if setting.quick else 2000
    for name, row in DATASETS.items():
        if setting.quick and row.base is not None:
            continue
        setting.say(f"generation: {name}")

        def once(name: str = name, surface: str = row.surfaces[0]) -> float:
            with _nothing_old_collected():
                return rate(count, 1, lambda stream: sum(1 for _ in stream), name, "train", surface)

        once()
        rates = [once() for _ in range(setting.repeats)]
        yield finding("generation", "examples of one core", rates, "examples/s", {"dataset": name})
    # Starting a worker takes a third of a second, which must be a small part of what is measured.
    yield from _workers(setting, 1000 if setting.quick else 60_000)


@contextlib.contextmanager
def _nothing_old_collected() -> Iterator[None]:
    """Exempt existing objects (all that torch holds) from garbage collection, whose cost exceeds the work."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _workers(setting: Setting, count: int) -> Iterator[Finding]:
    """Measure wall-clock time, which needs idle processors, and processor time, which does not."""
    from ...generators.stored.write import generate, plan

    numbers = [1]
    while numbers[-1] * 2 <= processors():
        numbers.append(numbers[-1] * 2)
    spent: dict[str, list[float]] = {str(workers): [] for workers in numbers}
    with tempfile.TemporaryDirectory() as folder:
        planned = plan("prosqa", seed=0, sizes={"train": count, "valid": 0, "test": 0})

        def work(workers: int) -> None:
            before = processor_seconds()
            generate(planned, Path(folder) / str(workers), workers=workers, force=True)
            spent[str(workers)].append(processor_seconds() - before)

        works = {name: functools.partial(work, int(name)) for name in spent}
        setting.say("generation: workers")
        seconds = interleave(works, setting, repeats=min(3, setting.repeats), clock=time.perf_counter)
    for name, times in seconds.items():
        at = {"workers": int(name), "processors": processors()}
        used = spent[name][1:], spent["1"][1:]  # without the warm-up
        yield finding("generation", f"{count:,} prosqa examples in a file", times, "s", at)
        yield finding("generation", "speedup over one worker", ratios(seconds["1"], times), "×", at)
        yield finding("generation", "processor time / one worker's", ratios(*used), "×", at)


def processor_seconds() -> float:
    """Return the processor time of this process and its finished children, in seconds."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def startup(setting: Setting) -> Iterator[Finding]:
    """Time ``--help`` and generating 100 records, each in a new process, and starting Python alone.

    Args:
        setting: What to measure on.

    Yields:
        Wall-clock times.
    """
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
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
