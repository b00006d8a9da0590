"""Export measured rows in the formats of other tools, as files below a folder.

    hub       model-card metadata (``model-index``), and ``.eval_results`` for a dataset on the Hub
    lm-eval   the results and samples files of lm-evaluation-harness
    eee       a record of Every Eval Ever and its samples

Quoted rows are not exported: their authors are the ones to report them. Samples hold the questions, so they
are written only for datasets that can be generated here (`samples`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ...generators.files import write_whole
from ...generators.lookup import pick
from ..query import find
from ..result import Result
from ..samples import Sample, read_samples
from ..store import read, side_files
from . import every_eval_ever, hub, lm_eval
from .target import Target

Samples = dict[int, list[Sample]]

# Format → (row, its samples by seed, target) → path below the folder and the file's text.
FORMATS: dict[str, Callable[[Result, Samples, Target], dict[str, str]]] = {
    "hub": hub.files,
    "lm-eval": lm_eval.files,
    "eee": every_eval_ever.files,
}


def write_export(
    path: Path | str, out: Path | str, format: str, rows: Sequence[str] = (), target: Target | None = None
) -> list[Path]:
    """Export measured rows of a leaderboard file.

    Args:
        path: The leaderboard file.
        out: The output directory.
        format: A key of `FORMATS`.
        rows: Methods or keys, as `query.find` takes them; none means all rows.
        target: What the records say of the reporter and the dataset.

    Returns:
        The files written.

    Raises:
        ValueError: For an unknown format or row, and where there is no row to export.
    """
    files_of = pick(FORMATS, format, "format")
    measured = read(path).measured
    chosen = [find(measured, name) for name in rows] or measured
    if not chosen:
        raise ValueError(f"{path}: must have a measured row to export, got none")
    texts: dict[str, str] = {}
    for row in chosen:
        texts |= files_of(row, read_samples(row, side_files(path)), target or Target())
    written = [Path(out) / name for name in texts]
    for file, text in zip(written, texts.values(), strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, text.encode())
    return written
