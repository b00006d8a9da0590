"""Runs all harnesses and prints their counts; exit code 1 on a violation (``make faults``)."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from multiprocessing import get_context
from pathlib import Path

import click

from .damage import bad_inputs, counts, flips
from .kills import kills, two_processes, writers
from .world import enter, make_world

PROCESSES = 2
Counted = tuple[Counter[str], list[str]]


@click.command()
@click.option("--inputs", default=2_000, show_default=True, help="Number of bad inputs.")
@click.option(
    "--flips", "flipped", default=5, show_default=True, help="Flipped bits of each file and command."
)
@click.option("--kills", "killed", default=200, show_default=True, help="Number of kills.")
@click.option("--writers", "writing", default=16, show_default=True, help="Concurrent `leaderboard add`.")
@click.option("--first", default=0, show_default=True, help="Number of the first bad input.")
def main(inputs: int, flipped: int, killed: int, writing: int, first: int) -> None:
    """Kill, damage and mutate; print what happened."""
    violations = []
    with tempfile.TemporaryDirectory() as scratch:
        world = Path(scratch, "world")
        world.mkdir()
        forking = get_context("fork")
        # A process that has trained must not fork: its child would wait for threads that it does not have.
        import coconut_bench.benchmarks.run.pipeline  # noqa: F401

        maker = forking.Process(target=make_world, args=(world,))
        maker.start()
        maker.join()
        assert maker.exitcode == 0
        tasks: list[tuple[str, tuple[int, ...]]] = [("kills", (killed,)), ("flipped bits", (flipped,))]
        tasks += [("bad inputs", (min(100, inputs - at), first + at)) for at in range(0, inputs, 100)]
        tasks += [("concurrent writers", (writing,)), ("2 processes", (3,))]
        found = {name: (Counter[str](), list[str]()) for name, _ in tasks}
        started = time.monotonic()
        with forking.Pool(PROCESSES, maxtasksperchild=1) as pool:
            work = [(name, numbers, world) for name, numbers in tasks]
            for name, (counted, wrong) in pool.imap_unordered(_task, work):
                found[name][0].update(counted)
                found[name][1].extend(wrong)
                click.echo(f"{time.monotonic() - started:4.0f} s: {name}, {counted.total()} done", err=True)
                for line in wrong:
                    click.echo(f"{name}: {line}", err=True)
        for name, (counted, wrong) in found.items():
            violations += [f"{name}: {one}" for one in wrong]
            told = ", ".join(f"{n} {what}" for what, n in sorted(counted.items()))
            click.echo(f"{name}: {counted.total()}: {told}")
        click.echo(
            f"{time.monotonic() - started:.0f} s on {PROCESSES} processes, {len(violations)} violations"
        )
    for line in violations:
        click.echo(line)
    sys.exit(1 if violations else 0)


def _task(work: tuple[str, tuple[int, ...], Path]) -> tuple[str, Counted]:
    """Run one task in a copy of the world."""
    name, numbers, world = work
    harness = {
        "flipped bits": flips, "kills": kills, "concurrent writers": writers, "2 processes": two_processes,
        "bad inputs": lambda count, start: bad_inputs(count, start=start),
    }[name]  # fmt: skip
    with tempfile.TemporaryDirectory(dir=world.parent) as own:
        shutil.copytree(world, own, dirs_exist_ok=True)
        enter(Path(own))
        found: Iterable[tuple[str, str]] = harness(*numbers)  # type: ignore[operator]
        return name, counts(found)


if __name__ == "__main__":
    main()
