"""The battery batch by batch: each batch is kept when it is done, and read when it is asked for again.

RUN/controls/options.json                     what the batches belong to; others are removed
RUN/controls/batch-0.json, batch-0.npy, …     answers and thoughts of each batch
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from ...generators.example import Example
from ...generators.files import write_whole
from ..run.trained import TrainedRun
from .battery import Answers, Control, batches, run_battery
from .probes import Array

OPTIONS = "options.json"


class Found(NamedTuple):
    """What the battery came to on all questions; see `Batch`."""

    answers: dict[str, Answers]
    used: list[int]
    states_NKD: Array


def kept_answers(
    run: TrainedRun, rows: Sequence[Control], questions: Sequence[Example], seed: int
) -> tuple[float, Found]:
    """Seconds spent, and what was found; batches that are there are read (and the seconds are then 0)."""
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
        if path.exists():
            kept = json.loads(path.read_bytes())
            reused = True
        else:
            started = clock(run)
            batch = run_battery(run, rows, part, first, seed)
            spent += clock(run) - started
            buffer = io.BytesIO()
            np.save(buffer, batch.states_BKD.float().cpu().numpy())
            write_whole(path.with_suffix(".npy"), buffer.getvalue())
            kept = {"answers": batch.answers, "used": batch.used}
            write_whole(path, json.dumps(kept).encode())
        states.append(np.load(path.with_suffix(".npy")))
        used += kept["used"]
        for name, (written, donor) in kept["answers"].items():
            answers[name].written.extend(written)
            answers[name].donor.extend(donor)
    return 0.0 if reused else spent, Found(answers, used, _stacked(states))


def _stacked(states: Sequence[Array]) -> Array:
    """The states of all batches, [N, K, D], where a batch may have needed fewer thoughts than another."""
    most = max(batch.shape[1] for batch in states)
    ends = [np.repeat(batch[:, -1:], most - batch.shape[1], axis=1) for batch in states]
    whole = [np.concatenate(pair, axis=1) for pair in zip(states, ends, strict=True)]
    return np.concatenate(whole).astype(np.float64)


def _begin(folder: Path, options: dict[str, Any]) -> None:
    """Make the folder; batches of other options in it are removed."""
    path, content = folder / OPTIONS, json.dumps(options, sort_keys=True).encode()
    if path.exists() and path.read_bytes() == content:
        return
    for old in folder.glob("batch-*"):
        old.unlink()
    folder.mkdir(exist_ok=True)
    write_whole(path, content)


def clock(run: TrainedRun) -> float:
    """Seconds: the processor's on a CPU, where other processes must not count, else the clock's."""
    if run.model.device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()
