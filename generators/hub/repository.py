"""Publish a version on the Hugging Face Hub: one commit on the head that was read, then one tag, or nothing.

    org/name @ v1.0.0   README.md  manifest.json  prosqa-fair/test-00000-of-00001.parquet  …

A tag is never moved. If the connection was lost between commit and tag, publishing again adds the tag.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ... import __version__
from ..stored.manifest import MANIFEST
from .connection import is_reachable
from .upload import Kind, Upload, check_repo, parse_version

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_OF_THE_HUB = {".gitattributes"}  # what a new repository holds
Step = Literal["create", "commit", "tag", "nothing"]


class Found(NamedTuple):
    """What the Hub has under a name.

    Attributes:
        head: Commit of the main branch; None if there is no repository.
        private: Whether the repository is private.
        files: Paths at the head.
        manifest: Manifest at the head; None if there is none of this package.
        tag_exists: Whether the version's tag exists.
        tagged: Manifest at the tag; None if there is none of this package.
        untagged: Commit of this version that lacks its tag.
    """

    head: str | None = None
    private: bool = False
    files: frozenset[str] = frozenset()
    manifest: Mapping[str, Any] | None = None
    tag_exists: bool = False
    tagged: Mapping[str, Any] | None = None
    untagged: str | None = None


class Published(NamedTuple):
    """Commit and tag of a published version, and the last step that was taken."""

    commit: str
    tag: str | None
    done: Step


def next_step(upload: Upload, found: Found, repo: str) -> Step:
    """Return what is left to do for a version.

    Args:
        upload: The version.
        found: What the Hub has, see `Hub.look`.
        repo: Name of the repository, for messages.

    Returns:
        The next step: "create" the repository, "commit" and tag, "tag" only, or "nothing".

    Raises:
        ValueError: The version or its tag has other content, the version is not the newest, or the repository
            was not made by this package.
    """
    if found.head is None:
        return "create"
    if found.tag_exists:
        if found.tagged is not None and found.tagged.get("content_sha256") == upload.identity:
            return "nothing"
        raise ValueError(
            f"{repo} has {upload.tag} with other content, and a tag is never moved: publish a new version"
        )
    if found.manifest is None:
        if found.files - _OF_THE_HUB:
            some = ", ".join(sorted(found.files - _OF_THE_HUB)[:3])
            raise ValueError(f"{repo} already has other files ({some}): publish under another name")
        return "commit"
    if upload.version is None:
        return "nothing" if found.manifest.get("content_sha256") == upload.identity else "commit"
    if found.untagged is not None:
        return "tag"
    before = found.manifest.get("version")
    if before == upload.version:
        raise ValueError(
            f"{repo} has {upload.version} with other content, not tagged yet: publish a new version"
        )
    if before is not None and parse_version(upload.version) < parse_version(str(before)):
        raise ValueError(f"version must be above {before}, the newest of {repo}, got {upload.version}")
    return "commit"


class Hub:
    """One repository, accessed with huggingface_hub. All methods raise OSError with a message of one line."""

    def __init__(self, repo: str, kind: Kind, token: str | None = None) -> None:
        """Open no connection yet.

        Args:
            repo: Name of the repository, org/name.
            kind: Kind of the repository.
            token: Access token; None for HF_TOKEN or the stored login.

        Raises:
            ValueError: ``repo`` has another form.
            OSError: huggingface_hub is not installed.
        """
        check_repo("repo", repo)
        self.repo, self.kind, self.token = repo, kind, token
        self.api = _client(token)

    def login(self) -> str:
        """Return the user name of the token or the stored login; OSError where there is none."""
        from huggingface_hub import get_token

        if not (self.token or get_token()):
            raise OSError("no login: run `hf auth login`, set HF_TOKEN or pass --token")
        if not is_reachable():
            raise OSError("no connection to the Hub (its address cannot be found): nothing was published")
        with explained(self.repo):
            return str(self.api.whoami()["name"])

    def look(self, upload: Upload) -> Found:
        """Read what the Hub has of the repository and of a version, all at one commit.

        Args:
            upload: The version.

        Raises:
            OSError: Access failed.
        """
        from huggingface_hub.errors import RepositoryNotFoundError

        with explained(self.repo):
            try:
                info = self.api.repo_info(self.repo, repo_type=self.kind)
            except RepositoryNotFoundError:
                return Found()
            refs = self.api.list_repo_refs(self.repo, repo_type=self.kind)
            assert info.sha is not None  # it is omitted with expand=[…] only
            tag = upload.tag
            tag_exists = any(ref.name == tag for ref in refs.tags)
            files = frozenset(self.api.list_repo_files(self.repo, revision=info.sha, repo_type=self.kind))
            return Found(
                head=info.sha,
                private=bool(info.private),
                files=files,
                manifest=self._manifest(info.sha) if MANIFEST in files else None,
                tag_exists=tag_exists,
                tagged=self._manifest(tag) if tag and tag_exists else None,
                untagged=self._untagged(upload, info.sha) if tag and not tag_exists else None,
            )

    def _untagged(self, upload: Upload, head: str) -> str | None:
        """Return the newest commit up to ``head`` that was made for this version with this content."""
        commits = self.api.list_repo_commits(self.repo, revision=head, repo_type=self.kind)
        made = (one.commit_id for one in commits if one.title == upload.title and upload.mark in one.message)
        return next(made, None)

    def _manifest(self, revision: str) -> Mapping[str, Any] | None:
        """Return the manifest at a revision; None where there is none of this package."""
        from huggingface_hub.errors import RemoteEntryNotFoundError

        try:
            path = self.api.hf_hub_download(self.repo, MANIFEST, revision=revision, repo_type=self.kind)
            manifest = json.loads(Path(path).read_bytes())
        except (RemoteEntryNotFoundError, ValueError):
            return None
        ours = isinstance(manifest, dict) and manifest.get("generator", {}).get("package") == "coconut-bench"
        return manifest if ours else None

    def publish(self, upload: Upload, found: Found, *, private: bool = False) -> Published:
        """Take the steps that are left (see `next_step`); call again after a lost connection.

        Args:
            upload: The version.
            found: What the Hub has, see `look`.
            private: Make a new repository private.

        Returns:
            Where the version is now.

        Raises:
            OSError: The head has moved, or access failed; nothing is half-published.
            ValueError: The version was taken in the meantime.
        """
        step = next_step(upload, found, self.repo)
        with explained(self.repo):
            if step == "create":
                self.api.create_repo(self.repo, repo_type=self.kind, private=private, exist_ok=True)
                found = self.look(upload)
                step = next_step(upload, found, self.repo)
            if found.head is None:
                raise OSError(f"{self.repo} does not exist, or this login has no access")
            commit = self._commit(upload, found) if step == "commit" else found.untagged or found.head
            if upload.tag and step != "nothing":
                self._tag(upload, commit)
        return Published(commit, upload.tag, step)

    def _commit(self, upload: Upload, found: Found) -> str:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        # Files of the version before that this one lacks; files of others stay.
        stale = set((found.manifest or {}).get("files", [])) & found.files - set(upload.files)
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            *(CommitOperationAdd(path, content) for path, content in sorted(upload.files.items())),
            *(CommitOperationDelete(path) for path in sorted(stale)),
        ]
        made = self.api.create_commit(
            self.repo,
            operations,
            commit_message=upload.title,
            commit_description=upload.mark,
            repo_type=self.kind,
            parent_commit=found.head,
        )
        return str(made.oid)

    def _tag(self, upload: Upload, commit: str) -> None:
        """Tag the commit; a tag that exists by now (409) must have the same content."""
        from huggingface_hub.errors import HfHubHTTPError

        assert upload.tag is not None
        try:
            self.api.create_tag(
                self.repo, tag=upload.tag, tag_message=upload.title, revision=commit, repo_type=self.kind
            )
        except HfHubHTTPError as error:
            if error.response.status_code != 409:
                raise
            next_step(upload, self.look(upload), self.repo)


def _client(token: str | None) -> HfApi:
    from huggingface_hub import HfApi

    return HfApi(token=token, library_name="coconut-bench", library_version=__version__)


@contextmanager
def explained(repo: str, ends: str = "nothing is half-published, run it again") -> Iterator[None]:
    """Turn exceptions of huggingface_hub inside the block into OSError with a message of one line.

    Args:
        repo: Name of the repository, for messages.
        ends: What the message ends with where there is no connection, or an answer of no known kind.
    """
    from huggingface_hub import errors

    try:
        yield
    except errors.HfHubHTTPError as error:
        raise OSError(_reason(error, repo, ends)) from error
    except (errors.HTTPError, ConnectionError, errors.LocalEntryNotFoundError) as error:  # type: ignore[attr-defined]
        # The client's own HTTPError is the base class of all transport errors, whichever httpx it uses.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise OSError(f"no connection to the Hub ({reason}): {ends}") from error


def _reason(error: Any, repo: str, ends: str) -> str:
    from huggingface_hub.errors import RepositoryNotFoundError

    status = error.response.status_code
    if isinstance(error, RepositoryNotFoundError):  # the Hub answers 401 for a private one
        status = 404
    said = " ".join((error.server_message or str(error)).split())[:200]
    return {
        401: f"the Hub rejects the login ({said}): run `hf auth login` or pass another --token",
        403: f"no permission to read or write {repo} ({said})",
        404: f"{repo} does not exist, or this login has no access ({said})",
        412: f"the head of {repo} has moved, nothing was published: check it and run it again",
    }.get(status, f"the Hub answered {status} ({said}): {ends}")
