"""Packages that only some commands need: checked before the work, named with the line that installs them."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

EXTRAS = {
    "matplotlib": "plots",
    "sklearn": "audit",
    "datasets": "hub",
    "submitit": "cluster",
    "ray": "ray",
    "tensorboard": "track",
    "trackio": "track",
    "wandb": "track",
    "lm_eval": "tools",
    "reasoning_gym": "tools",
    "inspect_ai": "inspect",
}
"""Module → the extra of ``setup.cfg`` that installs it."""
DISTRIBUTIONS = {"sklearn": "scikit-learn", "lm_eval": "lm-eval", "reasoning_gym": "reasoning-gym",
                 "inspect_ai": "inspect-ai"}  # fmt: skip
"""Module → its name for pip, where it is another."""


class MissingExtraError(ImportError, ValueError):
    """A package is not installed; one line says how to install it."""


def require(module: str, purpose: str) -> ModuleType:
    """Import a module of an extra.

    Args:
        module: A key of `EXTRAS`.
        purpose: What needs it, at the start of the message.

    Returns:
        The module.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise missing(module, purpose) from error


def check_installed(module: str, purpose: str) -> None:
    """Check that a module of an extra is there, without the time that its import takes.

    Args:
        module: A key of `EXTRAS`.
        purpose: What needs it, at the start of the message.

    Raises:
        MissingExtraError: It is not installed.
    """
    if importlib.util.find_spec(module) is None:
        raise missing(module, purpose)


def missing(module: str, purpose: str) -> MissingExtraError:
    """Return the error of a module of an extra that is not installed.

    Args:
        module: A key of `EXTRAS`.
        purpose: What needs it, at the start of the message.
    """
    package, line = DISTRIBUTIONS.get(module, module), f"pip install '.[{EXTRAS[module]}]'"
    return MissingExtraError(
        f"{purpose} needs {package}, which is not installed: run {line} in a checkout of coconut-bench"
    )
