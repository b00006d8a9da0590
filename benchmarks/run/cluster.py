"""A sweep's cells as jobs: processes of this machine, jobs of Slurm, or tasks of Ray.

The command waits for its jobs and records their results. Each job trains in its run's directory and resumes
from the checkpoint there. Sweeps that are started at once share the cells: one claims a cell by its lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tqdm import tqdm

from ..plain_yaml import read_yaml
from .cell import Cell
from .local_jobs import LocalJobs
from .lock import RUN_LOCK, InUse, Lock, locked
from .ray_jobs import RayJobs
from .slurm_jobs import SlurmJobs

POLL_SECONDS = 2.0


class Job(Protocol):
    """A job that was started."""

    id: str

    def done(self) -> bool:
        """Return whether it has ended, in whatever way."""

    def error(self) -> str:
        """Return why it failed, in one line."""


class Scheduler(Protocol):
    """What starts jobs."""

    def start(self, cell: Cell, lock: Lock | None) -> Job | None:
        """Start a job, or return None to be asked again later; the lock is held during the call."""

    def stop(self) -> str:
        """Stop the jobs as far as they do not outlive the command; return what has become of them."""

    def close(self) -> None:
        """Let go of what the scheduler holds."""


KINDS: dict[str, Callable[[Mapping[str, Any], Sequence[str]], Scheduler]] = {
    "slurm": SlurmJobs,
    "local": LocalJobs,
    "ray": RayJobs,
}


class Cluster(NamedTuple):
    """Where jobs run.

    Attributes:
        kind: One of `KINDS`.
        settings: Parameters of a job.
        devices: Devices that jobs of this machine share.
    """

    kind: str
    settings: dict[str, Any]
    devices: tuple[str, ...] = ()


def parse_cluster(kind: str, settings: Sequence[str], devices: tuple[str, ...] = ()) -> Cluster:
    """Parse the command line's job parameters.

    Args:
        kind: One of `KINDS`.
        settings: ``name=value`` each; values are read as YAML.
        devices: Devices that jobs of this machine share.

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
        parsed[name] = read_yaml(value.encode("utf-8", "surrogateescape"), f"--job {name}")
    return Cluster(kind, parsed, devices)


def run_on_cluster(cells: Sequence[Cell], cluster: Cluster, say: Callable[[str], None]) -> Iterator[Cell]:
    """Have the unmeasured cells measured by jobs.

    Args:
        cells: The cells.
        cluster: Where the jobs run.
        say: Called with a line for each job, and for each cell that another process works on.

    Yields:
        Each cell once it is measured, by a job or by another process.

    Raises:
        ValueError: The cluster's package is missing or rejects a setting, or a job failed (raised once all
            have ended, with its last line and the directory of its logs).
    """
    measured = [cell for cell in cells if cell.is_measured]
    yield from measured
    cells = [cell for cell in cells if cell not in measured]
    if not cells:
        return
    scheduler = KINDS[cluster.kind](cluster.settings, cluster.devices)
    queue = _Queue(cells, scheduler, say)
    try:
        with tqdm(total=len(cells), desc="cells", disable=None, leave=False) as bar:
            while queue.waiting or queue.running:
                queue.start()
                queue.collect()
                for cell in queue.measured():
                    bar.update()
                    yield cell
                if queue.waiting or queue.running:
                    time.sleep(POLL_SECONDS)
    except BaseException as stop:  # also where the caller fails
        kept = scheduler.stop()
        if isinstance(stop, KeyboardInterrupt):
            stop.args = (f"Stopped: {kept}",)
        raise
    finally:
        scheduler.close()
    if queue.failed:
        raise ValueError(f"{len(queue.failed)} of {len(cells)} jobs failed, the first in {queue.failed[0]}")


class _Queue:
    """The cells of a sweep that are not measured yet.

    Args:
        cells: All cells.
        scheduler: What starts jobs.
        say: Called with a line for each job, and for each cell that another process works on.
    """

    def __init__(self, cells: Sequence[Cell], scheduler: Scheduler, say: Callable[[str], None]) -> None:
        self.scheduler, self.say = scheduler, say
        self.waiting, self.running, self.failed = list(cells), list[tuple[Cell, Job]](), list[str]()
        self.told = set[Path]()

    def measured(self) -> list[Cell]:
        """Take the measured cells off the queue."""
        found = [cell for cell in self.waiting if cell.is_measured]
        self.waiting = [cell for cell in self.waiting if cell not in found]
        return found

    def start(self) -> None:
        """Start jobs for cells that no other process works on, as many as the scheduler takes."""
        for cell in [cell for cell in self.waiting if not cell.is_measured]:
            try:
                with locked(cell.folder / RUN_LOCK) as lock:
                    job = None if cell.is_measured else self.scheduler.start(cell, lock)
            except InUse as busy:
                if cell.folder not in self.told:
                    self.say(f"{busy}: waiting")
                self.told.add(cell.folder)
                continue
            if job is None:
                return
            self.say(f"{cell.folder}: job {job.id}")
            self.waiting.remove(cell)
            self.running.append((cell, job))

    def collect(self) -> None:
        """Put the cells of ended jobs back on the queue, or among the failed ones."""
        for cell, job in [pair for pair in self.running if pair[1].done()]:
            self.running = [pair for pair in self.running if pair[1] is not job]
            try:
                with locked(cell.folder / RUN_LOCK):
                    has_failed = not cell.is_measured
            except InUse:  # the job has left the cell to another process
                has_failed = False
            if has_failed:
                self.failed.append(f"{cell.folder}: {job.error()} (logs in {cell.folder / 'cluster'})")
            else:
                self.waiting.append(cell)
