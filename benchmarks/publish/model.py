"""A finished run as a model repository of the Hugging Face Hub.

README.md                   the card: results in the header, how to ask it, how it was trained
config.json  *.safetensors  tokenizer.json  …        for from_pretrained
leaderboard.json            its row, as a leaderboard file: `leaderboard check` and `merge` read it
predictions/                the answers behind the row
recipe.yaml                 what was decided for the run
.eval_results/              the result in the Hub's form, where the dataset is on the Hub
manifest.json               the hash of each of these, by which two uploads are the same
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ... import __version__
from ...generators.hub.repository import CARD, MANIFEST, Upload, parse_version
from ...generators.stored.formats import file_digest
from ...leaderboard.export import hub
from ...leaderboard.export.target import Target
from ...leaderboard.predictions import read_predictions
from ...leaderboard.result import Leaderboard, Result
from ...leaderboard.samples import Sample, read_samples
from ...leaderboard.store import dump
from ..recipe import Recipe, load_recipe, recipe_names
from .card import model_card

_UNPUBLISHED = "_name_or_path"  # where a model was loaded from on the machine that trained it


class Run(NamedTuple):
    """A finished run: its folder, record, recipe (None: not kept), and its answers with the questions."""

    folder: Path
    row: Result
    recipe: Recipe | None
    samples: dict[int, list[Sample]]


def is_run(folder: Path) -> bool:
    """Whether it is the folder of a run that is done."""
    return (folder / "result.json").is_file() and (folder / "model").is_dir()


def build_model(
    folder: Path, repo: str, version: str | None = None, dataset_repo: str | None = None
) -> Upload:
    """What goes up for the run in ``folder``; ``dataset_repo`` is where its questions are on the Hub.

    Raises ValueError for a version of another form, a damaged record, and predictions that are not its own;
    OSError for a file that is missing.
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
    hashes = {path: _digest(content) for path, content in sorted(files.items())}
    manifest = {
        "manifest_version": 1,
        "generator": {"package": "coconut-bench", "version": __version__},
        "kind": "model",
        "version": version,
        "content_sha256": hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest(),
        "files": [*hashes, CARD, MANIFEST],
        "sha256": hashes,
    }
    files[CARD] = model_card(repo, run.row, run.recipe, run.samples, index, dataset_repo).encode()
    files[MANIFEST] = (json.dumps(manifest, indent=2) + "\n").encode()
    title = f"Version {version}" if version else f"{run.row.method}, recipe {run.row.recipe.name}"
    return Upload("model", title, version, files, manifest)


def _read_run(folder: Path) -> Run:
    """The record, checked against the answers it is about."""
    if not is_run(folder):
        raise ValueError(f"{folder} must be the folder of a finished run (result.json, model/)")
    row = Result.model_validate_json((folder / "result.json").read_bytes())
    for entry in row.seeds:
        if entry.predictions is not None:
            read_predictions(entry.predictions, folder / "predictions")
    return Run(folder, row, _recipe_of(folder, row), read_samples(row, folder / "predictions"))


def _recipe_of(folder: Path, row: Result) -> Recipe | None:
    """The recipe that the run kept, or the shipped one if it is the same; None where neither is."""
    kept = folder / "recipe.yaml"
    if kept.is_file():
        return load_recipe(str(kept))
    if row.recipe.name not in recipe_names():
        return None
    shipped = load_recipe(row.recipe.name)
    shipped = shipped.quick() if row.quick else shipped
    return shipped if shipped.hash == row.recipe.hash else None


def _model_files(folder: Path) -> dict[str, bytes | Path]:
    """Weights and tokenizer as they are; the configuration without paths of the machine that trained it."""
    files: dict[str, bytes | Path] = {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}
    if "config.json" not in files:
        raise FileNotFoundError(f"no such file: {folder / 'config.json'}")
    for name in ("config.json", "generation_config.json"):
        if name in files:
            fields = _without_paths(json.loads((folder / name).read_bytes()))
            files[name] = (json.dumps(fields, indent=2, sort_keys=True) + "\n").encode()
    return files


def _without_paths(value: Any) -> Any:
    """The same without the entries that say where something was loaded from on this machine."""
    if not isinstance(value, Mapping):
        return value
    return {
        key: _without_paths(entry)
        for key, entry in value.items()
        if not (key == _UNPUBLISHED and Path(str(entry)).is_absolute())
    }


def _record_files(run: Run) -> dict[str, bytes | Path]:
    """The row as a leaderboard file with its predictions beside it, and the recipe."""
    files: dict[str, bytes | Path] = {"leaderboard.json": dump(Leaderboard(rows=[run.row])).encode()}
    for entry in run.row.seeds:
        if entry.predictions is not None:
            name = entry.predictions.file
            files[f"predictions/{name}"] = run.folder / "predictions" / name
    if run.recipe is not None:
        fields = run.recipe.model_dump(mode="json", exclude_none=True)
        files["recipe.yaml"] = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True).encode()
    return files


def _digest(content: bytes | Path) -> str:
    return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else file_digest(content)
