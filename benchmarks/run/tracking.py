"""Optional experiment trackers behind one small interface. The run's own ``log.jsonl`` is written regardless.

    with open_tracker("trackio", project="coconut-bench", run_name="a", config={}, folder=out) as tracker:
        tracker.log({"loss": 0.3, "valid": 0.9}, step=800)

The packages are those of the extra ``track``; each is imported only when it is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from ...generators.lookup import pick


class Tracker(Protocol):
    """Takes metrics as they come; `finish` once, at the end or when the run is interrupted."""

    def log(self, metrics: Mapping[str, float], step: int) -> None: ...

    def finish(self) -> None: ...


class Session:
    """A tracker as a context manager, which is finished whatever happens."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker

    def __enter__(self) -> Tracker:
        return self.tracker

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.tracker.finish()


class Run(NamedTuple):
    """What is followed: the project, the run's name in it (one name goes on as one run), its settings."""

    project: str
    name: str
    config: Mapping[str, Any]
    folder: Path


class _Module:
    """trackio and wandb: a module that has ``init``, and a run that has ``log`` and ``finish``."""

    def __init__(self, module: Any, run: Run, resume: dict[str, Any]) -> None:
        self.run = module.init(project=run.project, name=run.name, config=dict(run.config), **resume)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        self.run.log(dict(metrics), step=step)

    def finish(self) -> None:
        self.run.finish()


class _TensorBoard:
    """Event files in the run's folder."""

    def __init__(self, module: Any, run: Run) -> None:
        self.writer = module.SummaryWriter(log_dir=str(run.folder / "tensorboard"))
        self.writer.add_text("config", "  \n".join(f"{key}: {value}" for key, value in run.config.items()))

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        for name, value in metrics.items():
            self.writer.add_scalar(name, value, step)

    def finish(self) -> None:
        self.writer.close()


class Backend(NamedTuple):
    """A row of `BACKENDS`: the module that is imported, and what is made of it."""

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
    """The imported module of the tracker ``name``.

    ValueError for an unknown name, with the nearest known one, and where its package is not installed.
    """
    backend = pick(BACKENDS, name, "tracker")
    try:
        return importlib.import_module(backend.module)
    except ImportError as error:
        raise ValueError(
            f"--track {name} needs the package {name}: pip install {name}, or the extra coconut-bench[track]"
        ) from error


def open_tracker(
    name: str, *, project: str, run_name: str, config: Mapping[str, Any], folder: Path
) -> Session:
    """Begin, or go on with, the run ``run_name`` at the tracker ``name``; see `check_tracker` for errors."""
    module = check_tracker(name)
    folder.mkdir(parents=True, exist_ok=True)
    return Session(BACKENDS[name].open(module, Run(project, run_name, config, folder)))
