"""The command `publish`. Slow imports stand inside it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...generators.listing import PATH

if TYPE_CHECKING:
    from ...generators.hub.repository import Found
    from ...generators.hub.upload import Kind, Upload


@click.command("publish")
@click.argument("source", type=PATH)
@click.option(
    "--repo", required=True, metavar="ORG/NAME", help="Repository on the Hub; created if it does not exist."
)
@click.option(
    "--version", metavar="X.Y.Z", help="Version, tagged vX.Y.Z; required for a dataset, optional for a model."
)
@click.option("--dataset-repo", metavar="ORG/NAME", help="For a model: the Hub repository of its dataset.")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option("--token", show_default="HF_TOKEN, or the login saved by `hf auth login`", help="Hub token.")
@click.option("--dry-run", is_flag=True, help="Print what would be uploaded; no network access.")
@click.option("--yes", is_flag=True, help="Publish without asking for confirmation.")
def publish_command(
    source: Path, repo: str, version: str | None, dataset_repo: str | None, private: bool,
    token: str | None, dry_run: bool, yes: bool,
) -> None:  # fmt: skip
    """Publish a dataset or the model of a finished run on the Hugging Face Hub.

    SOURCE is an output directory of `generate`, a directory of several (each becomes a config), or an output
    directory of `run`. Publishing makes one commit, then a tag that is never moved; an existing version is
    left unchanged, and an interrupted upload is completed.
    """
    from ...generators.files import scratch_folder
    from ...generators.hub.repository import Hub, next_step

    kind = _checked_kind(source, repo, version, dataset_repo)
    hub = Hub(repo, kind, token)
    user = None if dry_run else hub.login()  # fail before the work
    with scratch_folder(Path(tempfile.gettempdir()), "coconut-bench") as scratch:
        upload = _build(source, kind, repo, version, dataset_repo, scratch)
        if dry_run:
            _show(upload, repo)
            _show_texts(upload)
            click.echo("Dry run: nothing was uploaded")
            return
        found = hub.look(upload)
        step = next_step(upload, found, repo)
        if private and found.head is not None and not found.private:
            raise ValueError(f"private must be omitted: {repo} exists and is public")
        if step == "nothing":
            click.echo(f"{_place(upload, repo)} exists with the same content; nothing to do")
            return
        _show(upload, repo)
        click.echo(f"As {user}: {_plan(step, upload, found, private)}")
        if not yes and not click.confirm("Publish?"):
            click.echo("Nothing was uploaded")
            return
        published = hub.publish(upload, found, private=private)
    click.echo(f"Published {_place(upload, repo)}, commit {published.commit}")


def _checked_kind(source: Path, repo: str, version: str | None, dataset_repo: str | None) -> Kind:
    """Whether a dataset or a model is to be published, once the arguments fit it; before the slow imports."""
    from ...generators.hub.upload import check_repo, parse_version

    if not source.is_dir():
        raise ValueError(f"source must be a folder of `generate` or of a finished run, got {source}")
    is_run = any((source / name).is_file() for name in ("result.json", "run.json"))
    check_repo("repo", repo)
    if version is not None:
        parse_version(version)
    elif not is_run:
        raise ValueError("version must be given for a dataset, such as --version 1.0.0")
    if dataset_repo is not None:
        if not is_run:
            raise ValueError(f"dataset_repo must be omitted for a dataset, got {dataset_repo}")
        check_repo("dataset_repo", dataset_repo)
    return "model" if is_run else "dataset"


def _build(
    source: Path, kind: Kind, repo: str, version: str | None, dataset_repo: str | None, scratch: Path
) -> Upload:
    """The upload of a run or of a generated dataset."""
    if kind == "model":
        from .model import build_model

        return build_model(source, repo, version, dataset_repo)
    from ...generators.hub.publish import build_dataset

    assert version is not None
    return build_dataset(source, repo, version, scratch, say=lambda line: click.echo(line, err=True))


def _place(upload: Upload, repo: str) -> str:
    return repo if upload.tag is None else f"{repo}@{upload.tag}"


def _show(upload: Upload, repo: str) -> None:
    """Print the files with their sizes."""
    sizes = upload.sizes()
    click.echo(f"{upload.kind} {_place(upload, repo)}, content sha256 {upload.identity}")
    for path, size in sizes.items():
        click.echo(f"{size:>13,}  {path}")
    click.echo(f"{sum(sizes.values()):>13,}  bytes in {len(sizes)} files")


def _show_texts(upload: Upload) -> None:
    """The card and the manifest, word for word."""
    from ...generators.hub.upload import CARD
    from ...generators.stored.manifest import MANIFEST

    for name in (CARD, MANIFEST):
        content = upload.files[name]
        assert isinstance(content, bytes)
        click.echo(f"\n----- {name}\n{content.decode()}")


def _plan(step: str, upload: Upload, found: Found, private: bool) -> str:
    """Describe the next step."""
    tag = "" if upload.tag is None else f", then the tag {upload.tag}"
    return {
        "create": f"a new {'private' if private else 'public'} repository, one commit{tag}",
        "commit": f"one commit on {found.head}{tag}",
        "tag": f"the commit {found.untagged} exists; only the tag {upload.tag} is missing",
    }[step]
