"""Tasks of Ray, one per cell: on a cluster, or on this machine if none is named.

    coconut-bench run --method all --seeds 5 --cluster ray --job num_gpus=1 --job address=auto

Besides ``address``, parameters are those of a task: ``num_cpus``, ``num_gpus``, ``resources`` and others. The
output is in ``RUN/cluster/ray.out``. The run's directory must be on a file system that the nodes share, and
the package installed on each. A task whose node dies is started again and resumes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from ...generators.extras import require
from ...generators.terminal import say
from .cell import Cell, work
from .local_jobs import STOP_SECONDS, last_line, stopped
from .lock import Lock


class RayJob:
    """A task that works on a cell.

    Args:
        ray: The module.
        reference: What the task returns.
        log: File with its output.
    """

    def __init__(self, ray: Any, reference: Any, log: Path) -> None:
        self.ray, self.reference, self.log = ray, reference, log
        self.id = reference.hex()[:16]

    def done(self) -> bool:
        """Return whether it has ended."""
        return bool(self.ray.wait([self.reference], timeout=0)[0])

    def error(self) -> str:
        """Return why it failed."""
        try:
            self.ray.get(self.reference)
        except Exception as error:  # Ray's, for a worker that died, or the task's own
            return str(error).strip().splitlines()[-1]
        return last_line(self.log)


class RayJobs:
    """Submits tasks.

    Args:
        settings: ``address`` of a cluster, and the parameters of a task.
        devices: Must be empty: Ray gives out the devices.

    Raises:
        ValueError: Ray is not installed or cannot be reached, or rejects a setting, or devices are given.
    """

    def __init__(self, settings: Mapping[str, Any], devices: Sequence[str]) -> None:
        ray = require("ray", "--cluster ray")
        if devices:
            raise ValueError("--device is Ray's to give: use --job num_gpus=1")
        options = {name: value for name, value in settings.items() if name != "address"}
        handler = signal.getsignal(signal.SIGTERM)
        try:
            self.task = ray.remote(ray_work).options(**options)
            ray.init(address=settings.get("address"), log_to_driver=False, logging_level="warning")
        except (ConnectionError, RuntimeError, TypeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(f"Ray cannot take the jobs ({', '.join(settings)}): {reason}") from error
        finally:
            signal.signal(signal.SIGTERM, handler)  # Ray sets its own
        self.ray, self.running = ray, list[RayJob]()

    def start(self, cell: Cell, lock: Lock | None) -> RayJob:
        """Submit a task, which takes the lock itself once it runs.

        Args:
            cell: What to work on.
            lock: Its lock.
        """
        log = cell.folder.resolve() / "cluster" / "ray.out"
        log.parent.mkdir(exist_ok=True)
        reference = self.task.remote(cell._replace(folder=cell.folder.resolve()), str(log), os.getcwd())
        self.running.append(RayJob(self.ray, reference, log))
        return self.running[-1]

    def stop(self) -> str:
        """Cancel the tasks, and wait until they have saved their state.

        Returns:
            What has become of them.
        """
        references = [job.reference for job in self.running if not job.done()]
        if not references:  # Ray refuses to wait for none
            return stopped(0)
        for reference in references:
            self.ray.cancel(reference)
        _, left = self.ray.wait(references, num_returns=len(references), timeout=STOP_SECONDS)
        return stopped(len(left))

    def close(self) -> None:
        """Disconnect from Ray."""
        self.ray.shutdown()


def ray_work(cell: Cell, log: str, directory: str) -> int:
    """Work on a cell inside a task.

    Args:
        cell: The cell.
        log: File for the output.
        directory: The command's working directory, which relative paths of the recipe refer to.
    """
    os.chdir(directory)
    with open(log, "a", encoding="utf-8", buffering=1) as file, redirect_stdout(file), redirect_stderr(file):
        return work(cell, say)
