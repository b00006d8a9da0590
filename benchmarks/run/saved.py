"""Files of a run that are read back, and whether they are whole and this run's.

RUN/model/SHA256SUMS   digests of the other files of the folder
RUN/run.json           the run's identity and settings, and the record of its base model
RUN/result.json        the leaderboard's record, its digest in result.json.sha256
RUN/log.jsonl          one line per validation, its digest in log.jsonl.sha256
RUN/recipe.yaml        the recipe, its digest in recipe.yaml.sha256
RUN/data/              the held-out questions, with their manifest
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ...coconut.progress import check_there
from ...generators.files import check_sums, read_if_sealed, write_sealed, write_sums, write_whole
from ...generators.reading import read_shape
from ...generators.stored.manifest import MANIFEST, check_listed, manifest_digest, read_manifest
from ...leaderboard.result import Result
from ..recipe import Recipe, load_recipe
from .spec import RunSpec

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

RECORD = "run.json"
DIGEST = "manifest_sha256"
FIELDS = {"data": "content of the dataset's files", "start": "content of the pretrained model's folder"}
"""Fields of a run's identity -> how messages name them."""
RESTORE = "restore it from a copy, or train the run again in another --out"
STARTED = ("checkpoint.pt", "log.jsonl", "result.json")
"""Files of a run of which another one may not go on."""


def save_model(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None) -> None:
    """Save a model for ``from_pretrained``, without local paths, and the digests of its files.

    Args:
        folder: Folder to write.
        model: The model.
        tokenizer: Its tokenizer; None to save none.

    Raises:
        OSError: A file cannot be written.
    """
    for config in (model.config, getattr(model.config, "base_config", None)):
        if config is not None and Path(config.name_or_path or "").is_absolute():
            config.name_or_path = ""
    try:
        model.save_pretrained(folder)
        if tokenizer is not None:
            tokenizer.save_pretrained(folder)
    except Exception as error:  # safetensors has an error of its own for a full disk
        raise OSError(f"the model cannot be written to {folder}: {error}") from error
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
        raise FileNotFoundError(f"{folder} must be the model of a finished run, and is missing: {RESTORE}")
    return check_sums(folder, RESTORE)


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
    why = "its content is not that of its digest"
    try:
        record = read_shape(dict[str, Any], path.read_bytes(), RECORD)
        is_whole = all(isinstance(record.get(name), dict) for name in ("identity", "settings", "base"))
        if record.pop(DIGEST, None) == manifest_digest(record) and is_whole:
            return dict(record)
    except ValueError as error:
        why = str(error)
    raise ValueError(f"{path} is damaged ({why}): restore it, choose another --out, or remove {out}")


def check_data(out: Path) -> None:
    """Check the held-out questions that a run wrote.

    Args:
        out: Directory of a run.

    Raises:
        ValueError: A file was changed.
        OSError: A file is missing.
    """
    folder = out / "data"
    if (folder / MANIFEST).is_file():
        try:
            manifest = read_manifest(folder)
            for entry in manifest["splits"].values():
                check_listed(folder / entry["file"], manifest)
        except (ValueError, FileNotFoundError) as error:
            raise type(error)(f"{error}; restore {folder} from a copy, or remove it") from None


def read_recipe(path: Path) -> Recipe:
    """Read what `save_recipe` wrote.

    Args:
        path: The file.

    Returns:
        The recipe.

    Raises:
        ValueError: The file is damaged.
        OSError: It cannot be read.
    """
    read_if_sealed(path)
    try:
        return load_recipe(str(path))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): restore it from a copy") from error


def save_recipe(recipe: Recipe, path: Path) -> None:
    """Write a recipe, with its name, as a YAML file that `load_recipe` reads, and its digest.

    It has the digests of the local files that it names, so its hash is the same without them.

    Args:
        recipe: Recipe to write.
        path: File to write; its directory is created.
    """
    fields = recipe.identified.model_dump(mode="json", exclude_none=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sealed(path, yaml.safe_dump(fields, sort_keys=False, allow_unicode=True).encode())


def read_result(out: Path) -> Result:
    """Read the record of a finished run.

    Args:
        out: Its directory.

    Raises:
        ValueError: It is damaged.
        OSError: There is no finished run in ``out``.
    """
    path = out / "result.json"
    if not path.is_file():
        raise FileNotFoundError(f"{out} must hold a finished run (result.json), got none")
    return load_result(path)


def write_result(path: Path, result: Result) -> None:
    """Write a result and its digest.

    Args:
        path: File to write; its directory must exist.
        result: The record.
    """
    write_sealed(path, result.model_dump_json(indent=2).encode() + b"\n")


def load_result(path: Path) -> Result:
    """Read what `write_result` wrote; a result of an earlier version, without a digest, is read as it is.

    Args:
        path: The file.

    Raises:
        ValueError: It is damaged.
        OSError: It cannot be read.
    """
    content = read_if_sealed(path)
    try:
        return Result.model_validate_json(content)
    except ValueError as error:
        raise ValueError(f"{path} must be a result written by `run`: {error}") from error


def read_finished(spec: RunSpec, out: Path) -> Result | None:
    """Read the result of a finished run.

    Args:
        spec: The run.
        out: Its directory.

    Returns:
        The result, None where the directory has none yet.

    Raises:
        ValueError: The directory has another run's (names the field that differs), or a damaged one.
        OSError: A file of the run's dataset is missing.
    """
    record = read_record(out)
    if record is not None and any((out / name).exists() for name in STARTED):
        _check_same(record, spec, out)
    if not (out / "result.json").exists():
        return None
    result = read_result(out)
    if record is None:  # of a version that kept no record
        identity = {
            "recipe": result.recipe.name, "recipe_hash": result.recipe.hash, "method": result.method,
            "seed": result.seeds[0].seed, "numerics": result.recipe.numerics,
        }  # fmt: skip
        _check_same({"identity": identity}, spec, out)
    return result


def _check_same(record: Mapping[str, Any], spec: RunSpec, out: Path) -> None:
    """Raise ValueError with the first field in which the run in a directory differs from the one at hand."""
    found, wanted = record["identity"], spec.identity
    for name in {**wanted, **found}:
        old, new = found.get(name), wanted.get(name)
        if old == new:
            continue
        if name == "recipe_hash" and "settings" in record:
            name, old, new = _changed_setting(record["settings"], settings(spec))
        label = FIELDS.get(name, name)
        raise ValueError(
            f"{out} holds another run: its {label} is {old}, not {new}; choose another --out, or remove it"
        )


def _changed_setting(old: Any, new: Any, place: str = "recipe") -> tuple[str, Any, Any]:
    """Return the name of the first setting that differs, and both its values."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**new, **old}:
            if old.get(name) != new.get(name):
                inner = name if place == "recipe" else f"{place}.{name}"
                return _changed_setting(old.get(name), new.get(name), inner)
    return place, old, new


def settings(spec: RunSpec) -> dict[str, Any]:
    """Return the settings that decide the result as plain values, for messages and trackers."""
    return spec.recipe.decisive


def _step_of(line: str) -> float:
    """Return the step of a line of the log; that of a damaged line comes after all others."""
    try:
        return float(json.loads(line)["global_step"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return float("inf")


def log_validation(path: Path, entry: dict[str, Any]) -> None:
    """Add a validation to the run's log, in place of those that it repeats after an interruption.

    Args:
        path: Log with one line of JSON per validation; created if missing.
        entry: Its fields; ``global_step`` orders them.

    Raises:
        OSError: It cannot be written, or its folder was removed.
    """
    check_there(path.parent)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    kept = [line for line in lines if _step_of(line) < entry["global_step"]]
    write_sealed(path, "".join(f"{line}\n" for line in [*kept, json.dumps(entry)]).encode())
