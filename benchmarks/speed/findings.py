"""Interleaved timing on one setting, and the figures that result from it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from .models import Size

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Finding:
    """One figure of a report.

    Attributes:
        part: Part of the report.
        name: What was measured.
        value: Median over the repetitions.
        unit: Unit of the value: s, ×, examples/s, GFLOP/s, MiB.
        low: Smallest repetition.
        high: Largest repetition.
        n: Number of repetitions.
        at: Parameters of the measurement.
    """

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
    """What to measure on.

    Attributes:
        size: Model and batch.
        device: cpu or cuda.
        precision: fp32 or bf16 (autocast).
        threads: CPU threads.
        repeats: Repetitions of each measurement.
        quick: Measure only a few points of each part.
        say: Is called with what is being measured.
    """

    size: Size
    device: str = "cpu"
    precision: str = "fp32"
    threads: int = 1
    repeats: int = 5
    quick: bool = False
    say: Callable[[str], None] = lambda line: None

    def autocast(self) -> torch.autocast:
        """Return the context that computes in the setting's precision."""
        import torch

        return torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16")


def hardware(device: str) -> str:
    """Return the name of the GPU.

    Args:
        device: cuda, or cpu for an empty name.
    """
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else ""


def interleave(
    works: Mapping[str, Callable[[], object]],
    setting: Setting,
    repeats: int | None = None,
    warm: bool = True,
    clock: Callable[[], float] | None = None,
) -> dict[str, list[float]]:
    """Time several functions in turns, so that other load on the machine affects all of them alike.

    Args:
        works: Name -> function.
        setting: Device, threads and repetitions.
        repeats: Number of repetitions; None for the setting's.
        warm: Call each function once before.
        clock: Clock in seconds; None for processor time on one CPU thread and wall-clock time otherwise.

    Returns:
        Name -> seconds of each repetition.
    """
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
    """Wait until the GPU, if there is one, has finished all work.

    Args:
        setting: Its device decides.
    """
    if setting.device == "cuda":
        import torch

        torch.cuda.synchronize()


def finding(
    part: str, name: str, values: list[float], unit: str, at: Mapping[str, int | str] | None = None
) -> Finding:
    """Summarize repetitions as one finding.

    Args:
        part: Part of the report.
        name: What was measured.
        values: One value for each repetition.
        unit: Unit of the values.
        at: Parameters of the measurement.
    """
    return Finding(
        part, name, statistics.median(values), unit, min(values), max(values), len(values), dict(at or {})
    )


def compare(
    part: str,
    values: Mapping[str, list[float]],
    unit: str,
    ratio: str,
    at: Mapping[str, int | str] | None = None,
) -> Iterator[Finding]:
    """Summarize two measurements and their ratio.

    Args:
        part: Part of the report.
        values: Two names -> one value for each repetition.
        unit: Unit of the values.
        ratio: Name of the ratio, first to second.
        at: Parameters of the measurement.

    Yields:
        The finding of each, and that of the ratio.
    """
    for name, found in values.items():
        yield finding(part, name, found, unit, at)
    yield finding(part, ratio, ratios(*values.values()), "×", at)


def ratios(above: list[float], below: list[float]) -> list[float]:
    """Return the ratio of each repetition.

    Args:
        above: Numerators.
        below: Denominators.
    """
    return [one / other for one, other in zip(above, below, strict=True)]


def number(value: float) -> str:
    """Format a number with three significant digits, or as a whole number from 100 on.

    Args:
        value: The number.
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
