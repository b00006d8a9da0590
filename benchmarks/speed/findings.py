"""What a measurement is: works timed by turns on one setting, and the figures that come of it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .models import Size


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
