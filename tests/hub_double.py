"""A double of the Hugging Face Hub: its HTTP contract on loopback, over real git repositories.

Not the Hub, and no proof of how the Hub behaves: just what huggingface_hub and datasets, unmodified, ask for
when a repository is made, committed to, tagged and read. Large files go by git LFS, not by Xet.
`hub_double_http.Fault` makes one request go wrong.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml
from hub_double_git import POINTER, File, Repository, StaleHead, TagTaken
from hub_double_http import HubDouble, Reply, Speaker

TOKENS = {"hf_writer": "org", "hf_reader": "reader"}  # only the first may write
LARGE = (".parquet", ".safetensors")


@contextmanager
def serving(folder: Path) -> Iterator[HubDouble]:
    """The double on a free port of 127.0.0.1."""
    double = HubDouble(folder)
    handler = type("Handler", (_Handler,), {"double": double})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    double.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(Speaker):
    """What may be asked."""

    def _route(self, path: str, body: bytes) -> Any:
        for method, pattern, action in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and (self.command == method or (self.command, method) == ("HEAD", "GET")):
                parts = {key: unquote(value or "") for key, value in match.groupdict().items()}
                kind = parts.pop("kind", "").rstrip("s") or "model"
                return getattr(self, action)(body, kind=kind, **parts)
        raise Reply(404, f"the double has no {self.command} {path}")

    def _user(self, write: bool = False) -> str:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in TOKENS:
            raise Reply(401, "Invalid credentials in Authorization header")
        if write and token != "hf_writer":
            raise Reply(403, "you don't have the rights to write here")
        return TOKENS[token]

    def _repo(self, kind: str, name: str) -> Repository:
        repository = self.double.repository(kind, name)
        if repository.private and TOKENS.get((self.headers.get("Authorization") or "")[7:]) != "org":
            raise Reply(401, "Repository not found", "RepoNotFound")
        return repository

    def _at(self, kind: str, name: str, revision: str) -> tuple[Repository, str]:
        repository = self._repo(kind, name)
        commit = repository.resolve(revision)
        if commit is None:
            raise Reply(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return repository, commit

    def whoami(self, body: bytes, kind: str) -> Any:
        return {"type": "user", "name": self._user(), "orgs": [], "auth": {"type": "access_token"}}

    def create(self, body: bytes, kind: str) -> Any:
        self._user(write=True)
        asked = json.loads(body)
        name = f"{asked.get('organization') or 'org'}/{asked['name']}"
        private = asked.get("private") or asked.get("visibility") == "private"
        kind = asked.get("type") or "model"
        self.double.create(kind, name, bool(private))
        return {"url": f"http://127.0.0.1:{self.double.port}/{'datasets/' * (kind == 'dataset')}{name}"}

    def validate(self, body: bytes, kind: str) -> Any:
        content = json.loads(body)["content"]
        header = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
        try:
            fields = yaml.safe_load(header[1]) if header else {}
        except yaml.YAMLError as error:
            raise Reply(400, str(error)) from None
        bad = [config for config in fields.get("configs", []) if "config_name" not in config]
        return {"errors": [{"message": "config_name is required"} for _ in bad], "warnings": []}

    def info(self, body: bytes, kind: str, name: str, revision: str = "main") -> Any:
        repository, commit = self._at(kind, name, revision)
        return {
            "_id": "0",
            "id": name,
            "sha": commit,
            "private": repository.private,
            "gated": False,
            "disabled": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "lastModified": "2026-01-01T00:00:00.000Z",
            "createdAt": "2026-01-01T00:00:00.000Z",
            "siblings": [{"rfilename": file.path} for file in repository.tree(commit)],
        }

    def refs(self, body: bytes, kind: str, name: str) -> Any:
        repository = self._repo(kind, name)
        found: dict[str, Any] = {"converts": []}
        for key, git in (("branches", "heads"), ("tags", "tags")):
            refs = repository.refs(git).items()
            found[key] = [{"name": n, "ref": f"refs/{git}/{n}", "targetCommit": c} for n, c in refs]
        return found

    def preupload(self, body: bytes, kind: str, name: str, revision: str) -> Any:
        self._user(write=True)
        repository, commit = self._at(kind, name, revision)
        there = {file.path: file.large or file.oid for file in repository.tree(commit)}
        answers = []
        for file in json.loads(body)["files"]:
            path = file["path"]
            mode = "lfs" if path.endswith(LARGE) else "regular"
            known = {"oid": there[path]} if path in there else {}
            answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False, **known})
        return {"files": answers}

    def large_batch(self, body: bytes, kind: str, name: str) -> Any:
        self._user(write=True)
        repository, asked = self._repo(kind, name), json.loads(body)
        base = f"http://127.0.0.1:{self.double.port}/large/{kind}s/{name}"
        objects = []
        for entry in asked["objects"]:
            there = (repository.large / entry["oid"]).exists()
            actions = {} if there else {"actions": {"upload": {"href": f"{base}/{entry['oid']}"}}}
            objects.append({"oid": entry["oid"], "size": entry["size"], **actions})
        return {"transfer": "basic", "objects": objects}

    def large_put(self, body: bytes, kind: str, name: str, oid: str) -> Any:
        try:
            self.double.repository(kind, name).store(oid, body)
        except ValueError as error:
            raise Reply(400, str(error)) from None
        return {}

    def large_get(self, body: bytes, kind: str, name: str, oid: str) -> Any:
        return (self.double.repository(kind, name).large / oid).read_bytes(), {"ETag": f'"{oid}"'}

    def commit(self, body: bytes, kind: str, name: str, revision: str) -> Any:
        self._user(write=True)
        repository = self._repo(kind, name)
        header: dict[str, Any] = {}
        changes: dict[str, bytes | None] = {}
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                header = value
            elif line["key"] == "file":
                changes[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                if not (repository.large / value["oid"]).exists():
                    raise Reply(400, f"large file {value['path']} was not uploaded")
                changes[value["path"]] = POINTER.format(oid=value["oid"], size=value["size"]).encode()
            elif line["key"] == "deletedFile":
                changes[value["path"]] = None
        try:
            message = f"{header['summary']}\n\n{header.get('description') or ''}"
            made = repository.commit(changes, message, header.get("parentCommit"))
        except StaleHead as error:
            raise Reply(412, f"A commit has happened since. Please refresh and try again: {error}") from None
        url = f"http://127.0.0.1:{self.double.port}/{'datasets/' * (kind == 'dataset')}{name}/commit/{made}"
        return {"commitOid": made, "commitUrl": url, "success": True}

    def commits(self, body: bytes, kind: str, name: str, revision: str) -> Any:
        repository, commit = self._at(kind, name, revision)
        told = repository.git("log", "--format=%H%x00%s%x00%B%x1e", commit).split("\x1e")
        entries = [one.strip().split("\0") for one in told if one.strip()]
        about = {"authors": [], "date": "2026-01-01T00:00:00.000Z"}
        return [{"id": oid, "title": title, "message": text, **about} for oid, title, text in entries]

    def tag(self, body: bytes, kind: str, name: str, revision: str) -> Any:
        self._user(write=True)
        repository, commit = self._at(kind, name, revision)
        asked = json.loads(body)
        try:
            repository.tag(asked["tag"], commit, asked.get("message") or "")
        except TagTaken:
            raise Reply(409, f"Tag {asked['tag']} exists already") from None
        return {}

    def tree(self, body: bytes, kind: str, name: str, revision: str, path: str = "") -> Any:
        repository, commit = self._at(kind, name, revision)
        folder, recursive = f"{path}/" if path else "", "recursive=" in self.path.lower()
        found: dict[str, Any] = {}
        for file in repository.tree(commit):
            if not file.path.startswith(folder):
                continue
            *parents, _ = file.path.removeprefix(folder).split("/")
            for depth in range(1, len(parents) + 1):
                above = folder + "/".join(parents[:depth])
                found[above] = {"type": "directory", "path": above, "oid": commit, "size": 0}
            found[file.path] = _entry(file)
        if folder and not found:
            raise Reply(404, f"{path} does not exist on {revision}", "EntryNotFound")
        return [e for p, e in found.items() if recursive or "/" not in p.removeprefix(folder)]

    def paths_info(self, body: bytes, kind: str, name: str, revision: str) -> Any:
        asked = json.loads(body)["paths"]
        repository, commit = self._at(kind, name, revision)
        return [_entry(file) for file in repository.tree(commit) if file.path in asked]

    def resolve(self, body: bytes, kind: str, name: str, revision: str, path: str) -> Any:
        repository, commit = self._at(kind, name, revision)
        file = next((file for file in repository.tree(commit) if file.path == path), None)
        if file is None:
            raise Reply(404, "Entry not found", "EntryNotFound", **{"X-Repo-Commit": commit})
        headers = {"X-Repo-Commit": commit, "ETag": f'"{file.large or file.oid}"'}
        if file.large is None:
            return repository.content(file), headers
        # Another host name, as on the Hub: redirected on the same one the client loses the commit.
        raise Reply(
            302,
            **headers,
            **{"X-Linked-Etag": f'"{file.large}"', "X-Linked-Size": str(file.size)},
            Location=f"http://localhost:{self.double.port}/large/{kind}s/{name}/{file.large}",
        )


def _entry(file: File) -> dict[str, Any]:
    large = {"lfs": {"oid": file.large, "size": file.size, "pointerSize": 130}} if file.large else {}
    return {"type": "file", "path": file.path, "oid": file.oid, "size": file.size, **large}


_REPO = r"/api/(?P<kind>models|datasets)/(?P<name>[\w.-]+/[\w.-]+)"
_PLAIN = r"/(?:(?P<kind>datasets)/)?(?P<name>[\w.-]+/[\w.-]+)"
_REV = r"(?P<revision>[^/]+)"
ROUTES = [
    ("GET", "/api/whoami-v2", "whoami"),
    ("POST", "/api/repos/create", "create"),
    ("POST", "/api/validate-yaml", "validate"),
    ("GET", _REPO, "info"),
    ("GET", f"{_REPO}/revision/{_REV}", "info"),
    ("GET", f"{_REPO}/refs", "refs"),
    ("POST", f"{_REPO}/preupload/{_REV}", "preupload"),
    ("POST", f"{_REPO}/commit/{_REV}", "commit"),
    ("GET", f"{_REPO}/commits/{_REV}", "commits"),
    ("POST", f"{_REPO}/tag/{_REV}", "tag"),
    ("GET", f"{_REPO}/tree/{_REV}(?:/(?P<path>.+))?", "tree"),
    ("POST", f"{_REPO}/paths-info/{_REV}", "paths_info"),
    ("POST", rf"{_PLAIN}\.git/info/lfs/objects/batch", "large_batch"),
    ("PUT", r"/large/(?P<kind>models|datasets)/(?P<name>[\w.-]+/[\w.-]+)/(?P<oid>\w{64})", "large_put"),
    ("GET", r"/large/(?P<kind>models|datasets)/(?P<name>[\w.-]+/[\w.-]+)/(?P<oid>\w{64})", "large_get"),
    ("GET", rf"{_PLAIN}/resolve/{_REV}/(?P<path>.+)", "resolve"),
]
