"""Build a model repository of the Hugging Face Hub from a finished run.

README.md                   the card: results in the header, usage, training
config.json  *.safetensors  tokenizer.json  …        for from_pretrained
leaderboard.json            its row, as a leaderboard file for `leaderboard check` and `merge`
predictions/                the predictions behind the row
recipe.yaml                 the recipe of the run
.eval_results/              the result in the Hub's format, if the dataset is on the Hub
manifest.json               the hash of each of these files, which identifies the upload
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ...generators.hub.upload import Upload, describe, digests, parse_version, seal
from ...leaderboard.export import hub
from ...leaderboard.export.target import Target
from ...leaderboard.predictions import read_predictions
from ...leaderboard.result import Leaderboard, Result
from ...leaderboard.samples import Sample, read_samples
from ...leaderboard.store import dump
from ..content import without_folders
from ..recipe import Recipe, load_recipe, recipe_names
from ..run.saved import check_model, read_recipe, read_result
from .card import model_card

_UNPUBLISHED = "_name_or_path"  # where a model was loaded from on the machine that trained it


class Run(NamedTuple):
    """A finished run.

    Attributes:
        folder: Folder of the run.
        row: Its result.
        recipe: Its recipe; None if it was not kept.
        samples: Seed -> its predictions with the questions.
    """

    folder: Path
    row: Result
    recipe: Recipe | None
    samples: dict[int, list[Sample]]


def build_model(
    folder: Path, repo: str, version: str | None = None, dataset_repo: str | None = None
) -> Upload:
    """Build the upload of a finished run.

    Args:
        folder: Folder of the run.
        repo: Name of the model repository, org/name.
        version: Three numbers, such as 1.0.0; None for no tag.
        dataset_repo: Dataset repository with the questions of the run, org/name.

    Returns:
        The upload.

    Raises:
        ValueError: Invalid version or record, or predictions or model files that do not belong to it.
        OSError: A file is missing.
    """
    if version is not None:
        parse_version(version)
    run = _read_run(folder)
    files = {**_model_files(folder / "model"), **_record_files(run)}
    exported = hub.files(run.row, run.samples, Target(dataset_repo=dataset_repo))
    index: dict[str, Any] = {}
    for name, text in exported.items():
        if name.endswith(".model-index.yaml"):
            index = yaml.safe_load(text)
        else:  # NAME/.eval_results/DATASET.yaml
            files[name.partition("/")[2]] = text.encode()
    hashes = digests(files)
    content = hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()
    manifest = {**describe("model", version, content, files), "sha256": hashes}
    card = model_card(repo, run.row, run.recipe, run.samples, index, dataset_repo)
    title = f"Version {version}" if version else f"{run.row.method}, recipe {run.row.recipe.name}"
    return seal(title, files, manifest, card)


def _read_run(folder: Path) -> Run:
    """Read the record and check it against its predictions."""
    if not (folder / "result.json").is_file():
        raise ValueError(f"{folder} must be the folder of a finished run (result.json), got none")
    row = read_result(folder)
    if row.kind == "external":
        raise ValueError(
            f"{folder} is a run that was trained elsewhere; only runs trained here are published"
        )
    for entry in row.seeds:
        if entry.predictions is not None:
            read_predictions(entry.predictions, folder / "predictions")
    return Run(folder, row, _recipe_of(folder, row), read_samples(row, folder / "predictions"))


def _recipe_of(folder: Path, row: Result) -> Recipe | None:
    """Return the recipe kept with the run, or the shipped one if it has the same hash."""
    kept = folder / "recipe.yaml"
    if kept.is_file():
        recipe = read_recipe(kept)
        if recipe.hash != row.recipe.hash:
            raise ValueError(f"{kept} must be the recipe of result.json ({row.recipe.name}), got another one")
        return recipe
    if row.recipe.name not in recipe_names():
        return None
    shipped = load_recipe(row.recipe.name)
    shipped = shipped.quick() if row.quick else shipped
    return shipped if shipped.hash == row.recipe.hash else None


def _model_files(folder: Path) -> dict[str, bytes | Path]:
    """Return weights and tokenizer unchanged, and the configuration without local paths."""
    files: dict[str, bytes | Path] = {path.name: path for path in check_model(folder)}
    if "config.json" not in files:
        raise FileNotFoundError(f"no such file: {folder / 'config.json'}")
    for name in ("config.json", "generation_config.json"):
        if name in files:
            fields = _without_paths(json.loads((folder / name).read_bytes()))
            files[name] = (json.dumps(fields, indent=2, sort_keys=True) + "\n").encode()
    return files


def _without_paths(value: Any) -> Any:
    """Remove the entries that name a local path something was loaded from."""
    if not isinstance(value, Mapping):
        return value
    return {
        key: _without_paths(entry)
        for key, entry in value.items()
        if not (key == _UNPUBLISHED and Path(str(entry)).is_absolute())
    }


def _record_files(run: Run) -> dict[str, bytes | Path]:
    """Return the row as a leaderboard file, its predictions and the recipe."""
    files: dict[str, bytes | Path] = {"leaderboard.json": dump(Leaderboard(rows=[run.row])).encode()}
    for entry in run.row.seeds:
        if entry.predictions is not None:
            name = entry.predictions.file
            files[f"predictions/{name}"] = run.folder / "predictions" / name
    if run.recipe is not None:
        fields = without_folders(run.recipe.model_dump(mode="json", exclude_none=True))
        files["recipe.yaml"] = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True).encode()
    return files
