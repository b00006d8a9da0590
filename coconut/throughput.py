"""How fast a training goes: steps, tokens and operations a second since the last look."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from .batches import Reading

PEAKS = {"A100": 312.0, "H100 80GB HBM3": 989.0, "H200": 989.0}
"""Part of a GPU's name -> peak of dense bf16 matrix products by its data sheet, in TFLOP/s."""


class Throughput:
    """Counts what is done between two looks.

    Args:
        device: Where it is done; its peak is known for some GPUs.
        precision: In which; the peak is that of bf16.
    """

    def __init__(self, device: torch.device, precision: str) -> None:
        self.peak = bf16_peak(device) if precision == "bf16" else None
        self.begin(0)

    def begin(self, flops: int | None) -> None:
        """Begin anew.

        Args:
            flops: The operations counted so far, None where unknown.
        """
        self.started, self.steps, self.tokens, self.flops = time.monotonic(), 0, 0, flops

    def step(self, readings: Sequence[Reading]) -> int:
        """Count a step.

        Args:
            readings: What it has read, by all processes.

        Returns:
            Its tokens.
        """
        read = sum(len(row.prompt) + len(row.target) for reading in readings for row in reading.values())
        self.steps, self.tokens = self.steps + 1, self.tokens + read
        return read

    def words(self, flops: int | None) -> tuple[str, str]:
        """Return what a progress bar says of the speed since `begin`, and what it says where there is room.

        Args:
            flops: As in `look`.
        """
        now = self._now(flops)
        more = f"{now['tokens_per_second']:,.0f} tokens/s"
        if "utilization" in now:
            more += f", {now['utilization']:.0%} of peak"
        return f"{now['steps_per_second']:.3g} steps/s", more

    def look(self, flops: int | None) -> dict[str, float]:
        """Return what was done a second since `begin`, which this calls.

        Args:
            flops: The operations counted so far, None where unknown.

        Returns:
            ``steps_per_second``, ``tokens_per_second`` (questions, thoughts and targets, without padding),
            and where they are known ``tflops_per_second`` and ``utilization``, its share of the device's
            peak.
        """
        found = self._now(flops)
        self.begin(flops)
        return {name: float(f"{value:.4g}") for name, value in found.items()}

    def _now(self, flops: int | None) -> dict[str, float]:
        seconds, before = max(time.monotonic() - self.started, 1e-9), self.flops
        found = {"steps_per_second": self.steps / seconds, "tokens_per_second": self.tokens / seconds}
        if flops is not None and before is not None:
            found["tflops_per_second"] = (flops - before) / seconds / 1e12
            if self.peak:
                found["utilization"] = found["tflops_per_second"] / self.peak
        return found


def bf16_peak(device: torch.device) -> float | None:
    """Return the bf16 peak of a device in TFLOP/s; None for one whose data sheet is not in `PEAKS`.

    Args:
        device: The device.
    """
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in PEAKS.items() if part in name), None)
