"""Measure speed as ratios of two things timed in one run.

    $ coconut-bench speed --only stages --size small
    stages      thoughts 6       Coconut step / plain step        1.08 ×      1.05–1.12         n=5

A figure is a median over repetitions. They are interleaved with those of what it is compared with, in
alternating order, after a warm-up of each, so other load on the machine affects both alike. A ratio is the
median of the ratios of the repetitions, shown with the smallest and the largest. On one CPU thread times are
processor time; on several threads, on a GPU and for other processes they are wall-clock time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from ...generators.files import write_whole
from ...generators.lookup import pick
from ...leaderboard.provenance import provenance
from .findings import Finding, Setting, hardware


class Part(NamedTuple):
    """A row of `parts`: what it measures, and the function that measures it."""

    summary: str
    measure: Callable[[Setting], Iterable[Finding]]


def _lazy(module: str, name: str) -> Callable[[Setting], Iterable[Finding]]:
    """A measurement whose module, and torch with it, is imported when it is called: ``--help`` lists them."""

    def measure(setting: Setting) -> Iterable[Finding]:
        found: Iterable[Finding] = getattr(import_module(f".{module}", __package__), name)(setting)
        return found

    return measure


def parts() -> dict[str, Part]:
    """Return the parts of a report by name."""
    return {
        "stages": Part("a training step at every stage against a plain one", _lazy("training", "stages")),
        "lengths": Part(
            "steps and answers of different lengths, as a run meets them", _lazy("lengths", "lengths")
        ),
        "literal": Part("a training step against the published procedure", _lazy("training", "literal")),
        "evaluation": Part(
            "batched decoding against one question at a time", _lazy("inference", "evaluation")
        ),
        "generation": Part("making examples, and with more workers", _lazy("system", "generation")),
        "startup": Part("starting the program", _lazy("system", "startup")),
        "changes": Part("a training step without each saving of work", _lazy("changes", "changes")),
        "roofline": Part("what a step gets of the machine's FLOP/s", _lazy("roofline", "roofline")),
        "memory": Part("peak memory of a training step against a plain one", _lazy("training", "memory")),
        "growth": Part("a step with more thoughts, tokens, rows, width", _lazy("training", "growth")),
    }


class Report(NamedTuple):
    """All findings, what they were measured on, and the provenance (environment, commit, command)."""

    findings: list[Finding]
    setting: dict[str, Any]
    provenance: dict[str, Any]

    def __str__(self) -> str:
        machine = self.provenance["environment"]
        versions = ", ".join(f"{name} {found}" for name, found in machine["packages"].items())
        title = f"{machine['hardware']}, {machine['device']}, {machine['threads']} thread(s), {versions}"
        return "\n".join([title, *map(str, self.findings)])

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "setting": self.setting,
            "provenance": self.provenance,
            "findings": [asdict(finding) for finding in self.findings],
        }


def speed(setting: Setting, only: Iterable[str] = (), json_file: Path | None = None) -> Report:
    """Measure all parts or some.

    Args:
        setting: What to measure on.
        only: Names of parts; empty for all.
        json_file: JSON report, written again after each part.

    Returns:
        The report.

    Raises:
        ValueError: Unknown part, or no CUDA device.
    """
    known = parts()
    chosen = [(name, pick(known, name, "part")) for name in only] or list(known.items())
    import torch  # after all that needs none

    from ...coconut.memory import keep_freed

    if setting.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device must be available: this machine has no CUDA device")
    torch.set_num_threads(setting.threads)
    keep_freed()  # as a training does
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
