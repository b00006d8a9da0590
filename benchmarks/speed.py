"""How fast everything is, as ratios of two things measured in one run.

    $ coconut-bench speed --only stages --size small
    stages      thoughts 6       Coconut step / plain step        1.08 ×      1.05–1.12         n=5

A figure is a median over repetitions that are interleaved with those of what it is compared with, in
alternating order, after a warm-up of each: other work on the machine then meets both alike. A ratio is the
median of the repetitions' own ratios, with the smallest and the largest beside it. On one thread of a CPU the
time is the processor's, which other work can only make longer by slowing the processor down; on more threads,
on a GPU and for other processes it is the clock on the wall.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ..generators.lookup import pick
from ..leaderboard.files import write_whole
from ..leaderboard.provenance import provenance
from .speed_models import Size


@dataclass(frozen=True)
class Finding:
    """One figure: what was measured at which setting, its median and range over ``n`` repetitions."""

    part: str
    name: str
    value: float
    unit: str
    low: float
    high: float
    n: int
    at: Mapping[str, int | str] = field(default_factory=dict)

    def __str__(self) -> str:
        at = ", ".join(f"{name} {value}" for name, value in self.at.items())
        spread = f"{number(self.low)}–{number(self.high)}"
        figure = f"{number(self.value):>9} {self.unit:<11} {spread:<17} n={self.n}"
        return f"{self.part:<11} {at:<35} {self.name:<46} {figure}"


class Setting(NamedTuple):
    """What is measured on what: the size, ``device`` (cpu, cuda), fp32 or bf16, threads, repetitions.

    ``quick`` leaves most points of a part out. ``say`` is told what is being measured.
    """

    size: Size
    device: str = "cpu"
    precision: str = "fp32"
    threads: int = 1
    repeats: int = 5
    quick: bool = False
    say: Callable[[str], None] = lambda line: None


class Part(NamedTuple):
    """One row of `parts`: what it measures, and the function that does."""

    summary: str
    measure: Callable[[Setting], Iterable[Finding]]


def parts() -> dict[str, Part]:
    """What can be measured."""
    from . import speed_changes, speed_inference, speed_roofline, speed_system, speed_training

    return {
        "stages": Part("a training step at every stage against a plain one", speed_training.stages),
        "literal": Part("a training step against the published procedure", speed_training.literal),
        "evaluation": Part("batched decoding against one question at a time", speed_inference.evaluation),
        "generation": Part("making examples, and with more workers", speed_system.generation),
        "startup": Part("starting the program", speed_system.startup),
        "changes": Part("a training step without each saving of work", speed_changes.changes),
        "roofline": Part("what a step gets of the machine's FLOP/s", speed_roofline.roofline),
        "memory": Part("peak memory of a training step against a plain one", speed_training.memory),
        "growth": Part("a step with more thoughts, tokens, rows, width", speed_training.growth),
    }


class Report(NamedTuple):
    """All findings with what they were measured on."""

    findings: list[Finding]
    setting: dict[str, Any]
    provenance: dict[str, Any]

    def __str__(self) -> str:
        machine = self.provenance["environment"]
        versions = ", ".join(f"{name} {found}" for name, found in machine["packages"].items())
        title = f"{machine['hardware']}, {machine['device']}, {machine['threads']} thread(s), {versions}"
        return "\n".join([title, *map(str, self.findings)])

    def to_json(self) -> dict[str, Any]:
        return {
            "setting": self.setting,
            "provenance": self.provenance,
            "findings": [asdict(finding) for finding in self.findings],
        }


def speed(setting: Setting, only: Iterable[str] = (), json_file: Path | None = None) -> Report:
    """Measure all parts, or those named in ``only``; ``json_file`` is written again after each part.

    Raises ValueError for an unknown part, and for a device that is not there.
    """
    import torch

    known = parts()
    chosen = [(name, pick(known, name, "part")) for name in only] or list(known.items())
    if setting.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device must be one that is there: this machine has no CUDA device")
    torch.set_num_threads(setting.threads)
    named = hardware(setting.device) or None
    origin = provenance(device=setting.device, hardware=named, threads=setting.threads)
    described = {name: value for name, value in setting._asdict().items() if name not in ("say", "size")}
    report = Report([], {**described, "size": asdict(setting.size)}, origin.model_dump(mode="json"))
    for name, part in chosen:
        setting.say(f"{name}: {part.summary}")
        report.findings.extend(part.measure(setting))
        if json_file is not None:
            write_whole(json_file, json.dumps(report.to_json(), indent=2).encode() + b"\n")
    return report


def hardware(device: str) -> str:
    """The name of the GPU; nothing for ``cpu``."""
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else ""


def interleave(
    works: Mapping[str, Callable[[], object]],
    setting: Setting,
    repeats: int | None = None,
    warm: bool = True,
    clock: Callable[[], float] | None = None,
) -> dict[str, list[float]]:
    """Seconds of each repetition of each of ``works``, measured by turns (see the top of this file)."""
    if clock is None:
        clock = time.process_time if (setting.device, setting.threads) == ("cpu", 1) else time.perf_counter
    names = list(works)
    for name in names if warm else ():
        works[name]()
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(setting.repeats if repeats is None else repeats):
        for name in names if turn % 2 == 0 else reversed(names):
            synchronize(setting)
            started = clock()
            works[name]()
            synchronize(setting)
            seconds[name].append(clock() - started)
    return seconds


def synchronize(setting: Setting) -> None:
    """Wait until a GPU has done everything that was asked of it."""
    if setting.device == "cuda":
        import torch

        torch.cuda.synchronize()


def finding(
    part: str, name: str, values: list[float], unit: str, at: Mapping[str, int | str] | None = None
) -> Finding:
    """The median of ``values`` with their range."""
    return Finding(
        part, name, statistics.median(values), unit, min(values), max(values), len(values), dict(at or {})
    )


def ratios(above: list[float], below: list[float]) -> list[float]:
    """Each repetition's own ratio."""
    return [one / other for one, other in zip(above, below, strict=True)]


def number(value: float) -> str:
    """Three figures, or all digits before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
