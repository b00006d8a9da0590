"""How the Hub's double speaks HTTP: requests in, answers out, and the faults that make one go wrong."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from hub_double_git import Repository


class Fault(NamedTuple):
    """Goes wrong once: the first request with this method whose path contains ``path``.

    ``what``: "cut" breaks the connection before anything is done, "half" in the middle of the body, "deaf"
    does it and breaks the connection before answering, "500" answers so, a function is called first.
    """

    method: str
    path: str
    what: str | Callable[[HubDouble], None]


class Reply(Exception):
    """An answer other than 200 with JSON."""

    def __init__(self, status: int, error: str = "", code: str = "", **headers: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error
        self.headers = {**({"X-Error-Code": code} if code else {}), **headers}


class HubDouble:
    """The server's state: ``repositories`` by (kind, name), ``faults`` still to come, ``log`` of requests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.faults: list[Fault] = []
        self.log: list[str] = []
        self.port = 0

    def repository(self, kind: str, name: str) -> Repository:
        found = self.repositories.get((kind, name))
        if found is None:
            raise Reply(404, "Repository not found", "RepoNotFound")
        return found

    def create(self, kind: str, name: str, private: bool = False) -> Repository:
        if (kind, name) in self.repositories:
            raise Reply(409, "You already created this repo")
        folder = self.folder / kind / name.replace("/", "--")
        self.repositories[kind, name] = Repository(folder, private)
        return self.repositories[kind, name]


class Speaker(BaseHTTPRequestHandler):
    """Finds the route of a request, lets the faults happen, and answers."""

    protocol_version = "HTTP/1.1"
    double: HubDouble

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._handle()

    do_HEAD = do_POST = do_PUT = do_GET

    def _handle(self) -> None:
        path = urlsplit(self.path).path
        self.double.log.append(f"{self.command} {path}")
        fault = next((f for f in self.double.faults if f.method == self.command and f.path in path), None)
        what = None
        if fault is not None:
            self.double.faults.remove(fault)
            what = fault.what
        if what in ("cut", "half"):
            self._break_off(int(self.headers.get("Content-Length") or 0) // 2 if what == "half" else 0)
            return
        if callable(what):
            what(self.double)
        body = self._body()
        try:
            if what == "500":
                raise Reply(500, "Internal Error - We're working hard to fix this as soon as possible!")
            answer = self._route(path, body)
        except Reply as reply:
            if what != "deaf":
                content = json.dumps({"error": reply.error}).encode() if reply.error else b""
                error = {"X-Error-Message": reply.error} if reply.error else {}
                self._send(reply.status, content, {**error, **reply.headers})
        else:
            if what != "deaf":
                self._answer(answer)
        if what == "deaf":
            self._break_off(0)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _break_off(self, after: int) -> None:
        self.rfile.read(after)
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, answer: Any) -> None:
        if isinstance(answer, tuple):
            content, headers = answer
            self._send(200, content, headers)
        else:
            self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range") or "")
        if asked and status == 200 and content:
            first = int(asked[1]) if asked[1] else len(content) - int(asked[2])
            last = min(int(asked[2]), len(content) - 1) if asked[1] and asked[2] else len(content) - 1
            headers = {**headers, "Content-Range": f"bytes {first}-{last}/{len(content)}"}
            status, content = 206, content[first : last + 1]
        self.send_response(status)
        for name, value in {"Accept-Ranges": "bytes", **headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _route(self, path: str, body: bytes) -> Any:
        """The answer to a request: bytes with headers, or what is sent as JSON; Reply for any other."""
        raise NotImplementedError
