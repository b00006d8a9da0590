"""Files of a run that are read back: the saved model with its digests, and what the run is.

RUN/model/SHA256SUMS   digests of the other files of the folder
RUN/run.json           the run's identity and, once it is made, the record of its base model
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ...generators.files import check_sums, write_sums, write_whole
from ...generators.stored.formats import manifest_digest

RECORD = "run.json"
DIGEST = "manifest_sha256"


def save_model(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None) -> None:
    """Save a model for ``from_pretrained``, without local paths, and the digests of its files.

    Args:
        folder: Folder to write.
        model: The model.
        tokenizer: Its tokenizer; None to save none.
    """
    for config in (model.config, getattr(model.config, "base_config", None)):
        if config is not None and Path(config.name_or_path).is_absolute():
            config.name_or_path = ""
    model.save_pretrained(folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
    mode = (folder / "config.json").stat().st_mode
    for path in folder.glob("*.safetensors"):  # written for the owner only
        path.chmod(mode)
    write_sums(folder)


def check_model(folder: Path) -> list[Path]:
    """Check the files of a run's model against their digests.

    Args:
        folder: Folder that `save_model` wrote.

    Returns:
        The files.

    Raises:
        ValueError: A file is damaged or missing, or there are no digests.
        OSError: There is no such folder.
    """
    if not folder.is_dir():  # transformers would look for a repository of this name on the Hub
        raise FileNotFoundError(f"{folder} must be the model of a finished run, and is missing")
    return check_sums(folder, "restore it from a copy, or train the run again in another --out")


def write_record(out: Path, record: dict[str, Any]) -> None:
    """Write what a run is, with its digest.

    Args:
        out: Directory of the run; created if missing.
        record: Plain values by name.
    """
    out.mkdir(parents=True, exist_ok=True)
    sealed = {**record, DIGEST: manifest_digest(record)}
    write_whole(out / RECORD, json.dumps(sealed, indent=2).encode() + b"\n")


def read_record(out: Path) -> dict[str, Any] | None:
    """Read what `write_record` wrote.

    Args:
        out: Directory of a run.

    Returns:
        The record; None where there is none.

    Raises:
        ValueError: It is damaged.
    """
    path = out / RECORD
    if not path.is_file():
        return None
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
        if record.pop(DIGEST) == manifest_digest(record):
            return record
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise ValueError(f"{path} is damaged: choose another --out, or remove {out}")
