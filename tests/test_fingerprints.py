"""The numbers of training do not drift: short trainings of every method are those that were recorded."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from coconut_bench.cli import main
from coconut_bench.coconut import training
from coconut_bench.coconut.methods import METHODS
from coconut_bench.coconut.numerics import NUMERICS
from coconut_bench.leaderboard import read

FILE = Path(__file__).parent / "golden" / "record_fingerprints.py"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("record_fingerprints", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


recorder = loaded()
GOLDEN: dict[str, Any] = json.loads(recorder.GOLDEN.read_text(encoding="utf-8"))
REPRODUCED = ("coconut", "cot", "pccot")
"""A method for each way of answering; the others are ``slow``: the golden file has their trainings, too."""
HINT = "raise coconut.numerics.NUMERICS and run tests/golden/record_fingerprints.py if this was intended"


pytestmark = pytest.mark.usefixtures("in_an_empty_folder", "threads_as_before")


def is_near(found: list[float], recorded: list[float]) -> bool:
    """Whether two courses of the loss are one, the last bits aside (1.4e-4 between AVX2 and AVX-512)."""
    return found == pytest.approx(recorded, rel=2e-4)


def test_every_method_has_a_fingerprint_of_these_numerics() -> None:
    assert GOLDEN["numerics"] == NUMERICS, HINT
    assert list(GOLDEN["losses"]) == [f"{kind} {method}" for kind, method in recorder.CASES], HINT


def cases() -> Iterator[Any]:
    """Every method on one architecture; of the others, one of each recurrence, the rest is slow."""
    seen = set()
    for kind, method in recorder.CASES:
        group = kind, method if kind == "llama" else METHODS[method].recurrence, METHODS[method].filler
        yield pytest.param(kind, method, marks=pytest.mark.slow if group in seen else ())
        seen.add(group)


@pytest.mark.parametrize(("kind", "method"), list(cases()))
def test_a_short_training_is_the_one_that_was_recorded(kind: str, method: str, tmp_path: Path) -> None:
    found = recorder.fingerprint(kind, method, tmp_path / "run")
    assert is_near(found["losses"], GOLDEN["losses"][f"{kind} {method}"]), HINT
    digests = GOLDEN["digests"].get(recorder.environment())
    if digests is not None:  # elsewhere the last bits may differ
        assert found["base"][:16] == digests[f"{kind} base"], HINT
        if f"{kind} {method}" in digests:  # not yet of a method that was recorded in another environment
            assert found["weights"][:16] == digests[f"{kind} {method}"], HINT


def test_a_learning_rate_that_is_one_percent_higher_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factor = training.lr_factor
    monkeypatch.setattr(training, "lr_factor", lambda *arguments: 1.01 * factor(*arguments))
    found = recorder.fingerprint("llama", "coconut", tmp_path / "run")
    assert not is_near(found["losses"], GOLDEN["losses"]["llama coconut"])


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=row.method, marks=() if row.method in REPRODUCED else pytest.mark.slow)
        for row in read(recorder.QUICK).measured
    ],
)
def test_a_quick_row_of_every_method_is_reproduced(row: Any) -> None:
    is_recorded = recorder.environment() in GOLDEN["digests"]
    if not is_recorded and row.method != "coconut":
        pytest.skip("its answers are recorded on another processor, of which one method is tried")
    done = CliRunner().invoke(
        main, ["leaderboard", "reproduce", row.key, "--leaderboard", str(recorder.QUICK)]
    )
    if is_recorded:
        assert "every answer is the same" in done.output, done.output
        assert done.exit_code == 0
    else:
        assert done.exit_code in (0, 1), done.output
        assert f"{row.key} {row.method} on prosqa-tiny, seed 0" in done.output
