"""One damaged file at a time: a flipped bit under its digest, and bad content under a digest that fits.

A damaged file may be refused (exit code 2, one line) or made again. It may not be used: a command that ends
with exit code 0 on a flipped bit must print and write what it does on the whole file.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from coconut_bench.benchmarks.run.saved import read_result

from .mutations import flipped, mutated
from .world import RUN, Outcome, base_folder, changed, invoke, no_training

MICRO = ["run", "--method", "coconut", "--recipe", "micro.yaml"]
NEW = [*MICRO, "--out", "new"]


FINE = ("refused", "made again", "taken", "killed", "ended before", "added", "one result")
"""What may happen."""


class Target(NamedTuple):
    """A file that is read, and a command that reads it.

    Attributes:
        kind: Kind of file, for the counts.
        path: The file.
        command: The command.
        is_digested: Whether a digest covers it, so that one flipped bit must not go unnoticed.
        is_made_again: Whether the command replaces it where it is damaged.
    """

    kind: str
    path: Path
    command: list[str]
    is_digested: bool = True
    is_made_again: bool = False


def targets() -> list[Target]:
    """Return every kind of file that is read; the working directory is that of `world.make_world`."""
    base, run = base_folder(), Path(RUN)
    found = [Target("recipe", Path("micro.yaml"), NEW, is_digested=False)]
    found += [Target(f"cache {path.name}", path, NEW) for path in _files(base)]
    found += [
        Target(f"model {path.name}", path, ["controls", RUN, "--n", "8"]) for path in _files(run / "model")
    ]
    for name, row in (("jsonl", "jsonl"), ("parquet", "parquet"), ("published", "json")):
        folder, own = (
            Path(f"data-{name}"),
            ",".join(f"own/{split}.{row}" for split in ("train", "valid", "test")),
        )
        for path in (folder / "manifest.json", folder / f"test.{row}"):
            found += [
                Target(f"{name} {path.name}", path, ["verify", str(folder)]),
                Target(f"{name} {path.name}", path, ["audit", str(folder), "--no-learned"]),
                Target(f"{name} {path.name}", path, [*NEW, "--dataset", str(folder)]),
            ]
        file = Path("own", f"test.{row}")
        found += [
            Target(f"own {file.name}", file, ["verify", str(file)], is_digested=False),
            Target(f"own {file.name}", file, ["audit", str(file), "--no-learned"], is_digested=False),
            Target(f"own {file.name}", file, [*NEW, "--dataset", own], is_digested=False),
        ]
    text = ",".join(f"own/{split}.txt" for split in ("train", "valid", "test"))
    scratch = ["run", "--method", "cot", "--dataset", text, "--quick", "--out", "new"]
    found.append(Target("own test.txt", Path("own/test.txt"), scratch, is_digested=False))
    for name in ("run.json", "result.json", "recipe.yaml", "data/manifest.json", "data/test.jsonl"):
        command = MICRO if name in ("run.json", "result.json") else ["samples", RUN, "--n", "1"]
        found.append(Target(f"run's {name}", run / name, command))
    found.append(Target("run's log.jsonl", run / "log.jsonl", ["plot", RUN, "--out", "new/curves.svg"]))
    predictions = run / "predictions" / read_result(run).seeds[0].predictions.file  # type: ignore[union-attr]
    found += [
        Target("predictions", predictions, ["publish", RUN, "--repo", "org/name", "--dry-run"]),
        Target("kept controls", run / "controls/batch-0.json", ["controls", RUN, "--n", "8"], True, True),
        Target("kept states", run / "controls/batch-0.npy", ["controls", RUN, "--n", "8"], True, True),
        Target("controls' report", run / "controls/controls.json", ["analyze", RUN, "--n", "2"]),
        Target("leaderboard", Path("leaderboard.json"), ["leaderboard", "show"], is_digested=False),
        Target("leaderboard", Path("leaderboard.json"), ["leaderboard", "check"], is_digested=False),
    ]
    return found


def flips(per_target: int, chosen: Sequence[Target] | None = None) -> Iterator[tuple[str, str]]:
    """Flip bits of every digested file, one at a time.

    Args:
        per_target: Flips of each file and command.
        chosen: Files and commands; None for all.

    Yields:
        The kind of file, and what happened: ``refused``, ``made again``, or what is wrong.
    """
    for target in chosen or [one for one in targets() if one.is_digested]:
        choice = random.Random(f"flip {target}")
        for _ in range(per_target):
            content = flipped(target.path.read_bytes(), choice)
            done = _tried(target, content, sealed=False)
            yield target.kind, _judged(target, done, is_used=done.code in (0, 130))


def bad_inputs(
    count: int, chosen: Sequence[Target] | None = None, start: int = 0
) -> Iterator[tuple[str, str]]:
    """Read mutated files whose digests fit.

    Args:
        count: Number of inputs.
        chosen: Files and commands, in turn; None for all.
        start: Number of the first input; it decides file and damage.

    Yields:
        The kind of file, and what happened: ``refused``, ``taken``, ``made again``, or what is wrong.
    """
    chosen = chosen or targets()
    for number in range(start, start + count):
        target = chosen[number % len(chosen)]
        content = mutated(target.path.read_bytes(), target.path.suffix, random.Random(f"bad {number}"))
        yield target.kind, _judged(target, _tried(target, content, sealed=True), is_used=False)


def counts(found: Iterator[tuple[str, str]]) -> tuple[Counter[str], list[str]]:
    """Count what happened.

    Args:
        found: Kinds of files, and what happened.

    Returns:
        The counts by what happened, and the violations.
    """
    counted, wrong = Counter[str](), list[str]()
    for kind, what in found:
        counted[what if what in FINE else "violations"] += 1
        if what not in FINE:
            wrong.append(f"{kind}: {what}")
    return counted, wrong


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _tried(target: Target, content: bytes, *, sealed: bool) -> Outcome:
    """Run the command on other content, without its training, and remove what it wrote."""
    Path("new").mkdir(exist_ok=True)
    trains = target.command[0] == "run"
    if trains:
        Path("new").rmdir()
    before = set(Path("runs").iterdir())
    with changed(target.path, content, sealed=sealed), no_training() if trains else nullcontext():
        done = invoke(target.command)
    shutil.rmtree("new", ignore_errors=True)
    outside = set(Path("runs").iterdir()) - before
    for path in outside:
        shutil.rmtree(path)
    if outside or Path("../evil").exists() or Path("../../evil").exists():
        return Outcome(None, f"wrote outside: {outside}", done.seconds)
    return done


def _judged(target: Target, done: Outcome, *, is_used: bool) -> str:
    """Say what happened, or what is wrong with it."""
    if done.code is None:
        return done.text
    if done.code == 2:
        lines = [line for line in done.text.splitlines() if line.startswith("Error:")]
        if len(lines) != 1 or len(lines[0]) > 1_100 or not lines[0].isprintable():
            return f"message: {done.text[-300:]!r}"
        return f"no reader knew it: {lines[0]}" if "(unexpected;" in lines[0] else "refused"
    if target.is_made_again and done.code == 0:
        return "made again"
    if is_used:
        return f"used: exit code {done.code} by {' '.join(target.command)}"
    return "taken" if done.code in (0, 1, 130) else f"exit code {done.code}: {done.text[-300:]!r}"
