"""Memory that is freed and asked for again is not given back to the system in between."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from coconut_bench.coconut import memory

ASKED_AGAIN = """
import resource, torch
from coconut_bench.coconut.memory import keep_freed
print(keep_freed() if {kept} else None)
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones({bytes} // 4)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print([faults() for _ in range(30)][-1])
"""


def pages_asked_again(bytes_: int, kept: bool) -> int:
    """Pages that a new process must be given for a tensor as large as one that it has freed."""
    code = ASKED_AGAIN.format(bytes=bytes_, kept=kept)
    environment = {**os.environ, "THP_MEM_ALLOC_ENABLE": "0"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    kept_line, pages = done.stdout.split()
    assert kept_line == str(True if kept else None)
    return int(pages)


@pytest.mark.skipif(not memory.keep_freed(), reason="the C library is not glibc")
def test_a_freed_tensor_is_kept_unless_it_is_a_whole_models() -> None:
    size = 64 << 20
    assert pages_asked_again(size, kept=True) < 100 < pages_asked_again(size, kept=False)
    assert pages_asked_again(2 * memory.LARGEST, kept=True) > 100


def test_another_system_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    assert memory.keep_freed() is False
    monkeypatch.undo()
    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    assert memory.keep_freed() is False
