"""Steps, tokens and operations a second, from what was counted and a clock that the test moves."""

from __future__ import annotations

import pytest
import torch

from coconut_bench.coconut import throughput
from coconut_bench.coconut.encoding import Row
from coconut_bench.coconut.throughput import Throughput, bf16_peak


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(throughput.time, "monotonic", lambda: now[0])
    return now


def test_rates_are_those_since_the_last_look(clock: list[float]) -> None:
    made = Throughput(torch.device("cpu"), "bf16")
    readings = [{"student": Row([1] * 3, [2] * 2, 3), "teacher": Row([1] * 4, [2], 4)}] * 2
    assert [made.step(readings) for _ in range(3)] == [20, 20, 20]
    clock[0] += 2.0
    assert made.words(None) == ("1.5 steps/s", "30 tokens/s")
    assert made.look(4_000_000_000_000) == {
        "steps_per_second": 1.5, "tokens_per_second": 30.0, "tflops_per_second": 2.0
    }  # fmt: skip
    clock[0] += 1.0
    assert made.look(None) == {"steps_per_second": 0.0, "tokens_per_second": 0.0}


def test_a_known_gpu_has_a_share_of_its_peak_in_bf16_only(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H200")
    gpu = torch.device("cuda")
    assert bf16_peak(gpu) == 989.0 and bf16_peak(torch.device("cpu")) is None
    for precision, share in (("bf16", 0.1), ("fp32", None)):
        made = Throughput(gpu, precision)
        clock[0] += 1.0
        more = "0 tokens/s" + (", 10% of peak" if share else "")
        assert made.words(98_900_000_000_000) == ("0 steps/s", more)
        assert made.look(98_900_000_000_000).get("utilization") == share
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "another")
    assert bf16_peak(gpu) is None
