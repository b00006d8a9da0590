"""Runs as jobs of a cluster, one a cell, by submitit: on Slurm, or as processes of this machine.

    coconut-bench run --method all --seeds 5 --cluster slurm --job timeout_min=60 --job slurm_partition=gpu

The command waits for its jobs and files their results. Interrupted, jobs on Slurm go on; the same line waits
for those that still run and submits those that do not. Each job trains in its run's folder, which must be one
that the jobs see too; it resumes from the checkpoint there like any other run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from tqdm import tqdm

from ...generators.files import write_whole
from .pipeline import run
from .spec import RunSpec

RECORD = "job.json"
POLL_SECONDS = 2.0
UNFINISHED = ("PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "REQUEUED")


class Cluster(NamedTuple):
    """``kind`` is slurm or local, ``settings`` what submitit is told of a job (``timeout_min``, …)."""

    kind: str
    settings: dict[str, Any]


class Cell(NamedTuple):
    """A run, and its folder."""

    spec: RunSpec
    folder: Path


def parse_cluster(kind: str, settings: Sequence[str]) -> Cluster:
    """From the command line's ``name=value`` settings; ValueError for one that is not of this form."""
    parsed = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise ValueError(f"--job must be name=value, got {text!r}")
        parsed[name] = yaml.safe_load(value)
    return Cluster(kind, parsed)


def run_on_cluster(
    cells: Sequence[Cell], cluster: Cluster, say: Callable[[str], None], track: str | None = None
) -> None:
    """Run the cells that are not done as jobs, and wait until they are.

    ValueError where submitit is not installed, refuses a setting, or a job failed (once all have ended),
    with the folder of its logs.
    """
    submitit = _submitit()
    todo = [cell for cell in cells if not (cell.folder / "result.json").exists()]
    jobs = []
    for cell in todo:
        job = _running(submitit, cell, cluster) or _submit(submitit, cell, cluster, track)
        say(f"{cell.folder}: job {job.job_id}")
        jobs.append(job)
    try:
        _wait(jobs)
    except KeyboardInterrupt:
        for job in jobs if cluster.kind == "local" else ():
            job.cancel()  # a run that is told to stop writes its checkpoint
        raise
    failed = [cell for cell in todo if not (cell.folder / "result.json").exists()]
    if failed:
        logs = failed[0].folder / "cluster"
        raise ValueError(f"{len(failed)} of {len(jobs)} jobs failed: see {logs}")


def _wait(jobs: Sequence[Any]) -> None:
    with tqdm(total=len(jobs), desc="jobs", disable=None, leave=False) as bar:
        before = 0
        while (done := sum(bool(job.done()) for job in jobs)) < len(jobs):
            bar.update(done - before)
            before = done
            time.sleep(POLL_SECONDS)


def _submit(submitit: Any, cell: Cell, cluster: Cluster, track: str | None) -> Any:
    logs = cell.folder.resolve() / "cluster"
    try:
        executor = submitit.AutoExecutor(folder=logs, cluster=cluster.kind)
        executor.update_parameters(name=f"coconut-{cell.spec.method}-{cell.spec.seed}", **cluster.settings)
        job = executor.submit(_job, cell.spec, cell.folder.resolve(), track)
    except (
        NameError,
        TypeError,
        RuntimeError,
    ) as error:  # submitit's own for a setting or a cluster it lacks
        raise ValueError(f"the job cannot be submitted to {cluster.kind}: {error}") from error
    record = {"id": job.job_id, "kind": cluster.kind}
    write_whole(cell.folder / RECORD, json.dumps(record).encode() + b"\n")
    return job


def _running(submitit: Any, cell: Cell, cluster: Cluster) -> Any:
    """The cell's job of an earlier call that has not ended, or None."""
    path = cell.folder / RECORD
    if cluster.kind != "slurm" or not path.exists():
        return None
    record = json.loads(path.read_bytes())
    if record["kind"] != "slurm":
        return None
    job = submitit.SlurmJob(folder=cell.folder.resolve() / "cluster", job_id=record["id"])
    return job if job.state in UNFINISHED else None


def _job(spec: RunSpec, folder: Path, track: str | None) -> None:
    """What a job does; its lines are in its log."""
    run(spec, folder, print, track)


def _submitit() -> Any:
    try:
        import submitit
    except ImportError as error:
        raise ValueError("--cluster needs submitit: pip install 'coconut-bench[cluster]'") from error
    return submitit
