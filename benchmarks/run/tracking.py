"""Optional experiment trackers behind one small interface; a run writes its own ``log.jsonl`` regardless.

    with open_tracker("trackio", project="coconut-bench", run_name="a", config={}, folder=out) as tracker:
        tracker.log({"loss": 0.3, "valid": 0.9}, step=800)

The packages belong to the extra ``track``; each is imported only when requested.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from ...generators.extras import missing
from ...generators.lookup import pick


class Tracker(Protocol):
    """Receives metrics; `finish` is called once, at the end or when the run is interrupted."""

    def log(self, metrics: Mapping[str, float], step: int) -> None: ...

    def finish(self) -> None: ...


class Session:
    """Context manager that finishes a tracker on every exit.

    Args:
        tracker: Tracker to finish.
    """

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker

    def __enter__(self) -> Tracker:
        return self.tracker

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.tracker.finish()


class Run(NamedTuple):
    """A run as trackers see it.

    Attributes:
        project: Project of the tracker.
        name: Name of the run in it; the same name resumes the run.
        config: Settings of the run.
        folder: Directory of the run.
    """

    project: str
    name: str
    config: Mapping[str, Any]
    folder: Path


class _Module:
    """trackio and wandb: a module with ``init`` that returns a run with ``log`` and ``finish``."""

    def __init__(self, module: Any, run: Run, resume: dict[str, Any]) -> None:
        self.run = module.init(project=run.project, name=run.name, config=dict(run.config), **resume)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        self.run.log(dict(metrics), step=step)

    def finish(self) -> None:
        self.run.finish()


class _TensorBoard:
    """Event files in the run's directory."""

    def __init__(self, module: Any, run: Run) -> None:
        self.writer = module.SummaryWriter(log_dir=str(run.folder / "tensorboard"))
        self.writer.add_text("config", "  \n".join(f"{key}: {value}" for key, value in run.config.items()))

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        for name, value in metrics.items():
            self.writer.add_scalar(name, value, step)

    def finish(self) -> None:
        self.writer.close()


class Backend(NamedTuple):
    """A row of `BACKENDS`: the module to import, and how to open a tracker with it."""

    module: str
    open: Callable[[Any, Run], Tracker]


BACKENDS = {
    "trackio": Backend("trackio", lambda module, run: _Module(module, run, {"resume": "allow"})),
    "wandb": Backend(
        "wandb",
        lambda module, run: _Module(module, run, {"id": run.name, "resume": "allow", "dir": str(run.folder)}),
    ),
    "tensorboard": Backend("torch.utils.tensorboard", _TensorBoard),
}


def check_tracker(name: str) -> Any:
    """Import the module of a tracker.

    Args:
        name: Name of the tracker.

    Returns:
        The module.

    Raises:
        ValueError: The name is unknown (the nearest one is named), or the package is not installed.
    """
    backend = pick(BACKENDS, name, "tracker")
    try:
        return importlib.import_module(backend.module)
    except ImportError as error:
        raise missing(name, f"--track {name}") from error


def open_tracker(
    name: str, *, project: str, run_name: str, config: Mapping[str, Any], folder: Path
) -> Session:
    """Start a run at a tracker, or resume it.

    Args:
        name: Name of the tracker.
        project: Project of the tracker.
        run_name: Name of the run in it.
        config: Settings of the run.
        folder: Directory of the run; created if missing.

    Returns:
        A context manager that gives the tracker and finishes it.

    Raises:
        ValueError: As for `check_tracker`.
    """
    module = check_tracker(name)
    folder.mkdir(parents=True, exist_ok=True)
    return Session(BACKENDS[name].open(module, Run(project, run_name, config, folder)))
