"""Checkpoints: everything needed to resume a training, in one file that is written atomically.

Nothing is inferred from an epoch number, and data order needs no state: it is a function of the step. The
file is torch's, followed by the 32 bytes of its SHA-256, so the two can never be of different states.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from ..generators.files import whole_file
from .progress import check_there

DIGEST_BYTES = 32


class _Hashing:
    """A file to write to that hashes what is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.digest = file, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically: a killed process leaves the old file or the new one.

    Args:
        path: The file.
        state: What to save.

    Raises:
        OSError: It cannot be written, or its folder was removed.
    """
    check_there(path.parent)
    with whole_file(path) as file:
        hashing = _Hashing(file)
        torch.save(state, hashing)  # type: ignore[arg-type]
        file.write(hashing.digest.digest())


def load_checkpoint(path: Path, identity: dict[str, Any], fields: Collection[str]) -> dict[str, Any] | None:
    """Read a checkpoint.

    Args:
        path: The file.
        identity: What the checkpoint's own ``identity`` must be.
        fields: Names of the fields that it must have besides ``identity``, and no others.

    Returns:
        The saved state, or None where there is no file.

    Raises:
        ValueError: The file is damaged, is no checkpoint with these fields, or is another run's (names the
            first field that differs).
    """
    if not path.exists():
        return None
    damaged = f"{path} must be a checkpoint of this program"
    remedy = "remove it to train from the beginning"
    if not _is_whole(path):
        raise ValueError(f"{damaged}: it is damaged (its sha256 is not the one at its end); {remedy}")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        found = state["identity"]
        odd = (state.keys() ^ {"identity", *fields}) | (found.keys() ^ identity.keys())
    except Exception as error:  # torch raises anything from KeyError to UnpicklingError on another file
        raise ValueError(f"{damaged}: it cannot be read; {remedy}") from error
    if odd:
        raise ValueError(f"{damaged}: its fields differ in {', '.join(sorted(odd))}; {remedy}")
    for name, wanted in identity.items():
        if found[name] != wanted:
            raise ValueError(
                f"{path} is a checkpoint of another run: its {name} is {found[name]!r}, not {wanted!r}; "
                f"choose another --out, or remove the folder"
            )
    return state


def random_state() -> dict[str, Tensor | None]:
    """Return the state of this process's random streams, from which dropout draws."""
    is_cuda = torch.cuda.is_available()
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state() if is_cuda else None}


def restore_random_state(state: dict[str, Tensor | None]) -> None:
    """Go on with random streams; that of a GPU only where there was one and is one.

    Args:
        state: What `random_state` returned.
    """
    assert state["cpu"] is not None
    torch.set_rng_state(state["cpu"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


def _is_whole(path: Path) -> bool:
    """Whether the last bytes of a file are the SHA-256 of those before."""
    digest, left = hashlib.sha256(), path.stat().st_size - DIGEST_BYTES
    with path.open("rb") as file:
        while left > 0 and (piece := file.read(min(left, 1 << 20))):
            digest.update(piece)
            left -= len(piece)
        return file.read() == digest.digest()
