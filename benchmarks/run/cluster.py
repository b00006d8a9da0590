"""Runs as cluster jobs, one per cell, through submitit: on Slurm, or as local processes.

    coconut-bench run --method all --seeds 5 --cluster slurm --job timeout_min=60 --job slurm_partition=gpu

The command waits for its jobs and records their results. If it is interrupted, Slurm jobs continue; the same
command then waits for those still running and submits the others. Each job trains in its run's directory,
which must be on a file system shared with the jobs, and resumes from the checkpoint there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from tqdm import tqdm

from ...generators.extras import require
from ...generators.files import write_whole
from ...generators.plugins import load_plugins
from .pipeline import run
from .spec import RunSpec

RECORD = "job.json"
POLL_SECONDS = 2.0
UNFINISHED = ("PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "REQUEUED")


class Cluster(NamedTuple):
    """Where jobs run.

    Attributes:
        kind: ``slurm`` or ``local``.
        settings: Parameters of a job for submitit (``timeout_min``, …).
    """

    kind: str
    settings: dict[str, Any]


class Cell(NamedTuple):
    """A run and its directory."""

    spec: RunSpec
    folder: Path


def parse_cluster(kind: str, settings: Sequence[str]) -> Cluster:
    """Parse the command line's job parameters.

    Args:
        kind: ``slurm`` or ``local``.
        settings: ``name=value`` each; values are read as YAML.

    Returns:
        Where jobs run.

    Raises:
        ValueError: A setting is not of this form.
    """
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
    """Submit the unfinished cells as jobs and wait for all of them.

    Args:
        cells: Runs and their directories.
        cluster: Where the jobs run.
        say: Called with a line for each job.
        track: Name of an experiment tracker, if any.

    Raises:
        ValueError: submitit is not installed or rejects a setting, or a job failed (raised once all have
            ended, with the directory of its logs).
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
            job.cancel()  # a run that receives the signal writes its checkpoint
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
    except (NameError, TypeError, RuntimeError) as error:  # submitit's, for unknown settings and clusters
        raise ValueError(f"the job cannot be submitted to {cluster.kind}: {error}") from error
    record = {"id": job.job_id, "kind": cluster.kind}
    write_whole(cell.folder / RECORD, json.dumps(record).encode() + b"\n")
    return job


def _running(submitit: Any, cell: Cell, cluster: Cluster) -> Any:
    """Return the cell's unfinished Slurm job of an earlier call, or None."""
    path = cell.folder / RECORD
    if cluster.kind != "slurm" or not path.exists():
        return None
    record = json.loads(path.read_bytes())
    if record["kind"] != "slurm":
        return None
    job = submitit.SlurmJob(folder=cell.folder.resolve() / "cluster", job_id=record["id"])
    return job if job.state in UNFINISHED else None


def _job(spec: RunSpec, folder: Path, track: str | None) -> None:
    """Run one cell inside a job; progress goes to the job's log."""
    load_plugins()
    run(spec, folder, print, track)


def _submitit() -> Any:
    return require("submitit", "--cluster")
