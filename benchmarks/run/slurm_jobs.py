"""Jobs of Slurm, through submitit; if the command is stopped they go on, and the same command finds them.

    coconut-bench run --method all --seeds 5 --cluster slurm --job timeout_min=60 --job slurm_partition=gpu

The output is in ``RUN/cluster``. The run's directory must be on a file system that the nodes share.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...generators.extras import require
from ...generators.files import write_whole
from .cell import Cell, work
from .lock import Lock

RECORD = "job.json"
UNFINISHED = ("PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "REQUEUED")


class SlurmJob:
    """A job that works on a cell.

    Args:
        job: submitit's.
    """

    def __init__(self, job: Any) -> None:
        self.job, self.id = job, str(job.job_id)

    def done(self) -> bool:
        """Return whether it has ended."""
        return bool(self.job.done())

    def error(self) -> str:
        """Return why it failed."""
        return f"job {self.id} is {self.job.state}"


class SlurmJobs:
    """Submits jobs.

    Args:
        settings: Parameters of a job for submitit (``timeout_min``, ``slurm_partition``, …).
        devices: Must be empty: Slurm gives out the devices.

    Raises:
        ValueError: submitit is not installed, or devices are given.
    """

    def __init__(self, settings: Mapping[str, Any], devices: Sequence[str]) -> None:
        submitit = require("submitit", "--cluster slurm")
        if devices:
            raise ValueError("--device is Slurm's to give: use --job gpus_per_node=1")
        self.submitit, self.settings = submitit, settings

    def start(self, cell: Cell, lock: Lock | None) -> SlurmJob:
        """Submit a job, or find the one that an earlier command has submitted.

        Args:
            cell: What to work on.
            lock: Its lock, which keeps others from submitting it at the same time.

        Raises:
            ValueError: submitit rejects a setting, or Slurm the job.
        """
        folder, record = cell.folder.resolve(), cell.folder / RECORD
        if record.exists():
            earlier: Any = self.submitit.SlurmJob(folder=folder / "cluster", job_id=_job_id(record))
            if earlier.state in UNFINISHED:
                return SlurmJob(earlier)
        try:
            executor = self.submitit.AutoExecutor(folder=folder / "cluster", cluster="slurm")
            executor.update_parameters(name=f"coconut-{cell.spec.method}-{cell.spec.seed}", **self.settings)
            job = executor.submit(slurm_work, cell._replace(folder=folder))
        except (AssertionError, NameError, RuntimeError, TypeError, ValueError) as error:  # submitit's
            raise ValueError(f"the job cannot be submitted to Slurm: {error}") from error
        write_whole(record, json.dumps({"id": job.job_id}).encode() + b"\n")
        return SlurmJob(job)

    def stop(self) -> str:
        """Leave the jobs alone.

        Returns:
            What becomes of them.
        """
        return "Slurm's jobs continue; the same command waits for them"

    def close(self) -> None:
        """Do nothing; there is nothing to close."""


def _job_id(record: Path) -> str:
    """Read the job that an earlier command has submitted."""
    try:
        return str(json.loads(record.read_bytes())["id"])
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{record} is damaged: remove it, unless its job still runs") from None


def slurm_work(cell: Cell) -> None:
    """Work on a cell inside a job; its output is the job's log."""
    if work(cell, print):
        raise SystemExit("the run has failed or was stopped: the line above says why")
