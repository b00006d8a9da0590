"""Checkpoints: everything needed to resume a run, in one file that is written atomically.

Weights, optimizer state, stage, step within the stage and over all stages, the stage's number of thoughts,
the best weights so far and the log; nothing is inferred from an epoch number. Data order needs no state: it
is a function of the step.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..generators.files import whole_file


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically: a killed process leaves the old file or the new one.

    Args:
        path: The file; its folder is created if missing.
        state: What to save.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        torch.save(state, file)


def load_checkpoint(path: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """Read a checkpoint.

    Args:
        path: The file.
        identity: What the checkpoint's own ``identity`` must agree with.

    Returns:
        The saved state, or None where there is no file.

    Raises:
        ValueError: The file is not a checkpoint, or is another run's (names the first field that differs).
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        found = state["identity"]
    except Exception as error:  # torch raises anything from KeyError to UnpicklingError on a damaged file
        raise ValueError(f"{path} must be a checkpoint of this program: it cannot be read") from error
    for name, wanted in identity.items():
        if found.get(name) != wanted:
            raise ValueError(
                f"{path} is a checkpoint of another run: its {name} is {found.get(name)!r}, not {wanted!r}; "
                f"choose another --out, or remove the folder"
            )
    return state
