"""Checkpoints: everything that a run needs to go on, in one file that is whole or not there.

Weights, optimizer, stage, step within the stage and over all, the thoughts of the stage, the best checkpoint
so far and the log; nothing is inferred from an epoch number. Data order needs no state, being a function of
the step.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..generators.files import whole_file


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` to ``path``, whose folder is made if missing; a kill leaves the old or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        torch.save(state, file)


def load_checkpoint(path: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """The state at ``path``, or None where there is none.

    ``identity`` says which run goes on; ValueError where the checkpoint is another run's, naming the first
    field that differs, or where the file is no checkpoint.
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
