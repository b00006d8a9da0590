"""The repositories of the Hub's double: real bare git repositories, and the large files beside them.

A large file is in git as a pointer (git LFS); its bytes are in the folder ``large`` under their sha256.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

NOBODY = {
    **{f"GIT_{who}_{what}": "double" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"


class StaleHead(Exception):
    """The branch is not where the commit's parent is said to be."""


class TagTaken(Exception):
    """There is a tag of that name."""


class File(NamedTuple):
    """A blob of a tree: git's hash, and for a large file its sha256; ``size`` is that of the content."""

    path: str
    oid: str
    size: int
    large: str | None


@dataclass
class Repository:
    """One bare repository; branch ``main`` begins with what the Hub puts into a new one."""

    folder: Path
    private: bool = False

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self.large = self.folder / "large"
        self.large.mkdir(parents=True)
        self.git("init", "-q", "--bare", "-b", "main")
        self.commit({".gitattributes": b"*.parquet filter=lfs\n*.safetensors filter=lfs\n"}, "initial commit")

    def git(self, *arguments: str, stdin: bytes = b"", **environment: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments],
            input=stdin,
            capture_output=True,
            check=True,
            env={**os.environ, **NOBODY, **environment},
        )
        return done.stdout.decode().strip()

    def resolve(self, revision: str) -> str | None:
        """The commit of a branch, a tag or a hash; None where there is none."""
        try:
            return self.git("rev-parse", "--verify", "-q", f"{revision}^{{commit}}")
        except subprocess.CalledProcessError:
            return None

    def commit(self, changes: Mapping[str, bytes | None], message: str, parent: str | None = None) -> str:
        """Commit to main; None deletes a path. StaleHead where ``parent`` is given and not the head."""
        with self.lock:
            head = self.resolve("main")
            if parent is not None and parent != head:
                raise StaleHead(f"head is {head}")
            index = {"GIT_INDEX_FILE": str(self.folder / f"index.{threading.get_ident()}")}
            self.git("read-tree", *([head] if head else ["--empty"]), **index)
            for path, content in changes.items():
                if content is None:
                    entry = f"0 {'0' * 40}\t{path}\n"
                else:
                    oid = self.git("hash-object", "-w", "--stdin", stdin=content)
                    entry = f"100644 {oid}\t{path}\n"
                self.git("update-index", "--index-info", stdin=entry.encode(), **index)
            tree = self.git("write-tree", **index)
            made = self.git("commit-tree", tree, *(["-p", head] if head else []), stdin=message.encode())
            self.git("update-ref", "refs/heads/main", made, head or "")
            return made

    def tag(self, name: str, commit: str, message: str) -> None:
        """An annotated tag; TagTaken where there is one of that name."""
        with self.lock:
            if self.resolve(f"refs/tags/{name}"):
                raise TagTaken(name)
            self.git("tag", "-a", "-m", message or name, name, commit)

    def refs(self, kind: str) -> dict[str, str]:
        """Name → commit of the ``heads`` or ``tags``."""
        names = self.git("for-each-ref", "--format=%(refname:lstrip=2)", f"refs/{kind}").split()
        return {name: self.resolve(f"refs/{kind}/{name}") or "" for name in names}

    def tree(self, commit: str) -> list[File]:
        """All files at a commit."""
        files = []
        for line in self.git("ls-tree", "-r", "-l", "-z", commit).split("\0"):
            if not line:
                continue
            about, path = line.split("\t")
            _, _, oid, size = about.split()
            pointer = self.blob(oid).decode(errors="replace") if int(size) < 200 else ""
            fields = dict(line.split(" ", 1) for line in pointer.splitlines() if " " in line)
            if fields.get("oid", "").startswith("sha256:"):
                files.append(File(path, oid, int(fields["size"]), fields["oid"].removeprefix("sha256:")))
            else:
                files.append(File(path, oid, int(size), None))
        return files

    def blob(self, oid: str) -> bytes:
        done = subprocess.run(
            ["git", "-C", str(self.folder), "cat-file", "blob", oid], capture_output=True, check=True
        )
        return done.stdout

    def content(self, file: File) -> bytes:
        return (self.large / file.large).read_bytes() if file.large else self.blob(file.oid)

    def store(self, oid: str, content: bytes) -> None:
        """Keep a large file; ValueError where its bytes are not those announced."""
        if hashlib.sha256(content).hexdigest() != oid:
            raise ValueError("sha256 differs")
        (self.large / oid).write_bytes(content)
