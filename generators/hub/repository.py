"""A version on the Hugging Face Hub: one commit against the head that was read, then one tag, or nothing.

    org/name @ v1.0.0   README.md  manifest.json  prosqa-fair/test-00000-of-00001.parquet  …

What a version *is* stands in its ``manifest.json`` as ``content_sha256``: of a dataset the hash of its
canonical rows, never of the bytes that a library packed them in. A tag is never moved. A commit whose tag is
missing, because the connection was cut between the two, gets its tag when the same is published again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ... import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MANIFEST = "manifest.json"
CARD = "README.md"
_OF_THE_HUB = {".gitattributes"}  # what a new repository holds
Kind = Literal["dataset", "model"]
Step = Literal["create", "commit", "tag", "nothing"]


@dataclass(frozen=True)
class Upload:
    """What goes up: path in the repository → its bytes, or the file that has them; and the manifest.

    ``version`` is None for a model that gets no tag.
    """

    kind: Kind
    title: str
    version: str | None
    files: Mapping[str, bytes | Path]
    manifest: Mapping[str, Any]

    @property
    def tag(self) -> str | None:
        return None if self.version is None else f"v{self.version}"

    @property
    def identity(self) -> str:
        """The hash of the content, by which two versions are the same or not."""
        return str(self.manifest["content_sha256"])

    @property
    def mark(self) -> str:
        """What the commit's message says, by which a commit without its tag is found again."""
        return f"content sha256 {self.identity}"

    def sizes(self) -> dict[str, int]:
        """Path → bytes, in the order of the paths."""
        return {
            path: len(content) if isinstance(content, bytes) else content.stat().st_size
            for path, content in sorted(self.files.items())
        }


class Found(NamedTuple):
    """What the Hub holds under a name: ``head`` is None where there is nothing.

    ``manifest`` is the one at the head and ``tagged`` that of the version's tag; None where there is none of
    ours. ``files`` are the paths at the head; ``untagged`` is the commit of this version, if there is one and
    the tag is not.
    """

    head: str | None = None
    private: bool = False
    files: frozenset[str] = frozenset()
    manifest: Mapping[str, Any] | None = None
    tag_exists: bool = False
    tagged: Mapping[str, Any] | None = None
    untagged: str | None = None


class Published(NamedTuple):
    """Where it is now, and what had to be done for it."""

    commit: str
    tag: str | None
    done: Step


def parse_version(text: str) -> tuple[int, int, int]:
    """The three numbers of a version; ValueError for any other form."""
    match = re.fullmatch(r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})", text)
    if not match:
        raise ValueError(f"version must be three numbers such as 1.0.0, got {text!r}")
    return int(match[1]), int(match[2]), int(match[3])


def next_step(upload: Upload, found: Found, repo: str) -> Step:
    """What is left to do; ValueError where the name or the version belongs to something else."""
    if found.head is None:
        return "create"
    if found.tag_exists:
        if found.tagged is not None and found.tagged.get("content_sha256") == upload.identity:
            return "nothing"
        raise ValueError(
            f"{repo} has {upload.tag} with other content, and a tag is never moved: publish another version"
        )
    if found.manifest is None:
        if found.files - _OF_THE_HUB:
            some = ", ".join(sorted(found.files - _OF_THE_HUB)[:3])
            raise ValueError(f"{repo} is taken by something else ({some}): publish under another name")
        return "commit"
    if upload.version is None:
        return "nothing" if found.manifest.get("content_sha256") == upload.identity else "commit"
    if found.untagged is not None:
        return "tag"
    before = found.manifest.get("version")
    if before == upload.version:
        raise ValueError(
            f"{repo} has {upload.version} with other content, not tagged yet: publish another version"
        )
    if before is not None and parse_version(upload.version) < parse_version(str(before)):
        raise ValueError(f"version must be above {before}, the newest of {repo}, got {upload.version}")
    return "commit"


class Hub:
    """One repository, talked to through huggingface_hub. Every method raises OSError in one line."""

    def __init__(self, repo: str, kind: Kind, token: str | None = None) -> None:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
            raise ValueError(f"repo must be org/name, got {repo!r}")
        self.repo, self.kind, self.token = repo, kind, token
        self.api = _client(token)

    def login(self) -> str:
        """The name behind the token or the usual login."""
        from huggingface_hub import get_token

        if not (self.token or get_token()):
            raise OSError("no login: run `hf auth login`, set HF_TOKEN or give --token")
        with self._in_one_line():
            return str(self.api.whoami()["name"])

    def look(self, upload: Upload) -> Found:
        """What is there now, read at one commit, of the repository and of this version."""
        from huggingface_hub.errors import RepositoryNotFoundError

        with self._in_one_line():
            try:
                info = self.api.repo_info(self.repo, repo_type=self.kind)
            except RepositoryNotFoundError:
                return Found()
            refs = self.api.list_repo_refs(self.repo, repo_type=self.kind)
            assert info.sha is not None  # only expand=[…] leaves it out
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
        """The newest commit up to ``head`` that was made for this version with this content."""
        commits = self.api.list_repo_commits(self.repo, revision=head, repo_type=self.kind)
        made = (one.commit_id for one in commits if one.title == upload.title and upload.mark in one.message)
        return next(made, None)

    def _manifest(self, revision: str) -> Mapping[str, Any] | None:
        """The manifest at a revision; None where there is none, or one that is not of this package."""
        from huggingface_hub.errors import RemoteEntryNotFoundError

        try:
            path = self.api.hf_hub_download(self.repo, MANIFEST, revision=revision, repo_type=self.kind)
            manifest = json.loads(Path(path).read_bytes())
        except (RemoteEntryNotFoundError, ValueError):
            return None
        ours = isinstance(manifest, dict) and manifest.get("generator", {}).get("package") == "coconut-bench"
        return manifest if ours else None

    def publish(self, upload: Upload, found: Found, *, private: bool = False) -> Published:
        """Do what is left to do after ``found`` was seen; see `next_step`.

        Either the whole commit is there or none of it: OSError where the head moved meanwhile, ValueError
        where the version is taken by then. What was cut off is finished by calling it again.
        """
        step = next_step(upload, found, self.repo)
        with self._in_one_line():
            if step == "create":
                self.api.create_repo(self.repo, repo_type=self.kind, private=private, exist_ok=True)
                found = self.look(upload)
                step = next_step(upload, found, self.repo)
            if found.head is None:
                raise OSError(f"{self.repo} is not there, or this login must not see it")
            commit = self._commit(upload, found) if step == "commit" else found.untagged or found.head
            if upload.tag and step != "nothing":
                self._tag(upload, commit)
        return Published(commit, upload.tag, step)

    def _commit(self, upload: Upload, found: Found) -> str:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

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
        """Tag the commit; where someone was faster, the tag must be on the same content."""
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

    @contextmanager
    def _in_one_line(self) -> Iterator[None]:
        """Say in one line what the client's exceptions mean for this repository."""
        with explained(self.repo):
            yield


def _client(token: str | None) -> HfApi:
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise OSError(
            "huggingface_hub is not installed, which the Hub needs: pip install 'coconut-bench[hub]'"
        ) from error
    return HfApi(token=token, library_name="coconut-bench", library_version=__version__)


@contextmanager
def explained(repo: str) -> Iterator[None]:
    """Turn what huggingface_hub raises about ``repo`` inside the block into an OSError of one line."""
    from huggingface_hub import errors

    try:
        yield
    except errors.HfHubHTTPError as error:
        raise OSError(_reason(error, repo)) from error
    except (errors.HTTPError, ConnectionError, errors.LocalEntryNotFoundError) as error:  # type: ignore[attr-defined]
        # The client's own HTTPError is the base of all that its transport raises, whichever httpx that is.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise OSError(
            f"the Hub cannot be reached or broke off ({reason}): nothing is half-published, run it again"
        ) from error


def _reason(error: Any, repo: str) -> str:
    from huggingface_hub.errors import RepositoryNotFoundError

    status = error.response.status_code
    if isinstance(error, RepositoryNotFoundError):  # a private one is answered with 401
        status = 404
    said = " ".join((error.server_message or str(error)).split())[:200]
    return {
        401: f"the Hub refuses the login ({said}): run `hf auth login` or give another --token",
        403: f"no right to write to {repo}, or to read it ({said})",
        404: f"{repo} is not there, or this login must not see it ({said})",
        412: f"the head of {repo} moved meanwhile, nothing was published: look at it and run it again",
    }.get(status, f"the Hub answered {status} ({said}): nothing is half-published, run it again")
