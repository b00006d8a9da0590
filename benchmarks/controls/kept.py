"""The battery batch by batch; each finished batch is stored and reused when the command is started again.

RUN/controls/options.json                     options of the stored batches; others are removed
RUN/controls/batch-0.json, batch-0.npy, …     answers and hidden states of each batch
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from ...generators.example import Example
from ...generators.files import read_sealed, write_sealed, write_whole
from ...generators.reading import read_shape
from ..run.trained import TrainedRun
from .battery import Answers, Control, run_battery
from .pairs import batches
from .probes import Array

OPTIONS = "options.json"


class Found(NamedTuple):
    """Results on all questions.

    Attributes:
        answers: Answers under each control.
        used: Number of thoughts of each question, as trained.
        states_NKD: Hidden states at the thoughts, as trained.
    """

    answers: dict[str, Answers]
    used: list[int]
    states_NKD: Array


@dataclass
class _Kept:
    """A stored batch: answers under each control, and thoughts of each question."""

    answers: dict[str, tuple[list[str | None], list[str | None]]]
    used: list[int]


def kept_answers(
    run: TrainedRun, rows: Sequence[Control], questions: Sequence[Example], seed: int
) -> tuple[float, Found]:
    """Run the battery on all questions, reusing stored batches.

    Args:
        run: A finished run.
        rows: Rows of `battery`.
        questions: Questions with their true answers, twins as neighbors (`pairs.paired`).
        seed: Seed of the noise.

    Returns:
        Seconds spent (0 if any batch was reused), and the results.
    """
    folder = run.folder / "controls"
    size = run.recipe.eval_batch_size
    weights = run.result.seeds[0].predictions
    options = {
        "seed": seed, "size": size, "questions": len(questions), "controls": [row.name for row in rows],
        "predictions": weights and weights.sha256, "thinking": asdict(run.thinking),
    }  # fmt: skip
    _begin(folder, options)
    answers, used = {row.name: Answers([], []) for row in rows}, []
    states, spent, reused = [], 0.0, False
    parts = list(batches(questions, size))
    for first, part in tqdm(parts, desc=run.folder.name, unit="batch", disable=None, leave=False):
        path = folder / f"batch-{first}.json"
        found = _stored(path, [row.name for row in rows], len(part))
        if found is not None:
            kept, states_BKD = found
            reused = True
        else:
            started = clock(run)
            batch = run_battery(run, rows, part, first, seed)
            spent += clock(run) - started
            buffer, states_BKD = io.BytesIO(), batch.states_BKD.float().cpu().numpy()
            np.save(buffer, states_BKD)
            write_sealed(path.with_suffix(".npy"), buffer.getvalue())
            kept = _Kept(dict(batch.answers), list(batch.used))
            write_sealed(path, json.dumps({"answers": kept.answers, "used": kept.used}).encode())
        states.append(states_BKD)
        used += kept.used
        for name, (written, donor) in kept.answers.items():
            answers[name].written.extend(written)
            answers[name].donor.extend(donor)
    return 0.0 if reused else spent, Found(answers, used, _stacked(states))


def _stored(path: Path, controls: Sequence[str], size: int) -> tuple[_Kept, Array] | None:
    """Read a stored batch; None where there is none, or a damaged one, which is computed again."""
    try:
        kept = read_shape(_Kept, read_sealed(path), str(path))
        states_BKD = np.load(io.BytesIO(read_sealed(path.with_suffix(".npy"))))
    except Exception:  # of a damaged header, numpy raises what the tokenizer of Python does
        return None
    lengths = {len(answers) for pair in kept.answers.values() for answers in pair} | {len(kept.used)}
    is_whole = [*kept.answers] == [*controls] and lengths | {len(states_BKD)} == {size}
    return (kept, states_BKD) if is_whole and states_BKD.ndim == 3 and states_BKD.dtype.kind == "f" else None


def _stacked(states: Sequence[Array]) -> Array:
    """Concatenate the states of all batches, [N, K, D]; missing thoughts repeat the batch's last state."""
    most = max(batch.shape[1] for batch in states)
    ends = [np.repeat(batch[:, -1:], most - batch.shape[1], axis=1) for batch in states]
    whole = [np.concatenate(pair, axis=1) for pair in zip(states, ends, strict=True)]
    return np.concatenate(whole).astype(np.float64)


def _begin(folder: Path, options: dict[str, Any]) -> None:
    """Create the directory, and remove batches of other options from it."""
    path, content = folder / OPTIONS, json.dumps(options, sort_keys=True).encode()
    if path.exists() and path.read_bytes() == content:
        return
    for old in folder.glob("batch-*"):
        old.unlink()
    folder.mkdir(exist_ok=True)
    write_whole(path, content)


def clock(run: TrainedRun) -> float:
    """Read a clock in seconds.

    Args:
        run: A finished run; its device decides which clock.

    Returns:
        Processor time on a CPU, so that other processes do not count; wall-clock time on a GPU.
    """
    if run.model.device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()
