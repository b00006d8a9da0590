"""Latent reasoning measured honestly: datasets, methods, a harness and a leaderboard.

The four floors, each importing only from those above it in this list:
``generators`` (what is asked), ``coconut`` (how a model reasons and learns),
``leaderboard`` (what a result is), ``benchmarks`` (what is run).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .generators.tasks import create_dataset, score_answer

__all__ = ["__version__", "create_dataset", "score_answer"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`create_dataset` and `score_answer`, imported when asked for: ``coconut-bench --help`` waits for no
    numpy.
    """
    if name not in {"create_dataset", "score_answer"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .generators import tasks

    return getattr(tasks, name)
