"""What is uploaded as one version of a repository: its files, its card and its manifest.

    README.md  manifest.json  prosqa-fair/test-00000-of-00001.parquet  …

A version is identified by ``content_sha256`` of its ``manifest.json``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ... import __version__
from ..files import file_digest
from ..stored.manifest import MANIFEST

CARD = "README.md"
Kind = Literal["dataset", "model"]
Files = Mapping[str, bytes | Path]
"""Path in the repository -> its bytes, or the local file that holds them."""


@dataclass(frozen=True)
class Upload:
    """One version of a repository.

    Attributes:
        kind: Kind of the repository.
        title: Title of the commit and the tag.
        version: Three numbers; None for a model without a tag.
        files: All files, card and manifest included.
        manifest: The manifest, see `describe`.
    """

    kind: Kind
    title: str
    version: str | None
    files: Files
    manifest: Mapping[str, Any]

    @property
    def tag(self) -> str | None:
        """Tag of the version, if it has one."""
        return None if self.version is None else f"v{self.version}"

    @property
    def identity(self) -> str:
        """Hash of the content: versions are equal if their hashes are."""
        return str(self.manifest["content_sha256"])

    @property
    def mark(self) -> str:
        """Description of the commit, by which a commit that lacks its tag is found again."""
        return f"content sha256 {self.identity}"

    def sizes(self) -> dict[str, int]:
        """Return path -> bytes, sorted by path."""
        return {
            path: len(content) if isinstance(content, bytes) else content.stat().st_size
            for path, content in sorted(self.files.items())
        }


def describe(kind: Kind, version: str | None, content_sha256: str, paths: Iterable[str]) -> dict[str, Any]:
    """Return the part of a manifest that datasets and models share.

    Args:
        kind: Kind of the repository.
        version: Three numbers; None for a model without a tag.
        content_sha256: Hash that identifies the content.
        paths: Files of the repository without card and manifest.
    """
    return {
        "manifest_version": 1,
        "generator": {"package": "coconut-bench", "version": __version__},
        "kind": kind,
        "version": version,
        "content_sha256": content_sha256,
        "files": [*sorted(paths), CARD, MANIFEST],
    }


def seal(title: str, files: Files, manifest: Mapping[str, Any], card: str) -> Upload:
    """Add card and manifest to the files.

    Args:
        title: Title of the commit.
        files: All other files.
        manifest: Made with `describe`.
        card: Text of the card.

    Returns:
        The upload.
    """
    texts = {CARD: card.encode(), MANIFEST: (json.dumps(manifest, indent=2) + "\n").encode()}
    return Upload(manifest["kind"], title, manifest["version"], {**files, **texts}, manifest)


def digests(files: Files) -> dict[str, str]:
    """Hash files.

    Args:
        files: Path -> content.

    Returns:
        Path -> sha256, sorted by path.
    """
    return {
        path: hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else file_digest(content)
        for path, content in sorted(files.items())
    }


def check_repo(option: str, name: str) -> None:
    """Check the form of a repository's name.

    Args:
        option: What names it, for the message.
        name: The name.

    Raises:
        ValueError: It is not org/name.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise ValueError(f"{option} must be org/name, got {name!r}")


def parse_version(text: str) -> tuple[int, int, int]:
    """Parse a version.

    Args:
        text: Three numbers, such as 1.0.0.

    Returns:
        The numbers.

    Raises:
        ValueError: Any other form.
    """
    match = re.fullmatch(r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})", text)
    if not match:
        raise ValueError(f"version must be three numbers such as 1.0.0, got {text!r}")
    return int(match[1]), int(match[2]), int(match[3])
