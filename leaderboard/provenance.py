"""Where a result comes from: the machine, the package versions, the command, the commit of this package.

Versions are read from the metadata of the installed distributions, so no heavy library is imported.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlparse

from .result import Environment, Provenance

PACKAGE = Path(__file__).resolve().parents[1]
DISTRIBUTION = "coconut-bench"
RECORDED = (DISTRIBUTION, "torch", "transformers", "tokenizers", "accelerate", "datasets", "numpy", "scipy")
SOURCES = ("generators", "coconut", "leaderboard", "benchmarks")

INSTRUCTIONS = {"avx512f": "AVX-512", "avx2": "AVX2"}
"""Flags of a processor, the widest first, and what they are called."""


class Commit(NamedTuple):
    """The commit of the source.

    Attributes:
        id: The commit's hash; None where unknown.
        dirty: Whether the running code differs from it; None where unknown.
    """

    id: str | None
    dirty: bool | None


def provenance(
    *, device: str, hardware: str | None = None, threads: int | None = None, processes: int = 1
) -> Provenance:
    """Describe what produces a result in this process, now.

    Args:
        device: The device that the model ran on (``cpu``, ``cuda``).
        hardware: Its name; by default the processor's.
        threads: Compute threads of a process; by default the processors that this one may use.
        processes: How many processes shared the work.

    Returns:
        The record.
    """
    commit = source_commit()
    return Provenance(
        command=command(),
        commit=commit.id,
        dirty=commit.dirty,
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        environment=Environment(
            python=platform.python_version(),
            packages={name: found for name in RECORDED if (found := _version(name))},
            platform=platform.platform(),
            hardware=hardware or processor(),
            device=device,
            threads=threads or _processors(),
            processes=processes,
        ),
    )


def command(arguments: list[str] | None = None) -> str:
    """The command line, ready to be typed again where the files are, without folders that differ by machine.

    Args:
        arguments: Program and arguments; by default those of this process.

    Returns:
        The shell-quoted command line. Absolute paths are told from the current directory on, those outside of
        it by their last part.
    """
    program, *rest = arguments if arguments is not None else sys.argv
    return shlex.join([Path(program).name.replace("__main__.py", DISTRIBUTION), *map(_portable, rest)])


def _portable(argument: str) -> str:
    """An argument (``/data/train.json,/data/test.json``, ``--out=/data/run``) without a machine's folders."""
    name, equals, value = argument.partition("=")
    if equals:
        return f"{name}={_portable(value)}"
    return ",".join(map(_from_here, argument.split(",")))


def _from_here(text: str) -> str:
    path = Path(text.strip())
    if not path.is_absolute():
        return text
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path.name or path)


def processor() -> str:
    """The processor's name, its widest instructions (they decide the last bits), and this process's cores."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    about = {key.strip(): value for key, _, value in (line.partition(":") for line in lines)}
    flags = about.get("flags", "").split()
    widest = next((f" with {name}" for flag, name in INSTRUCTIONS.items() if flag in flags), "")
    return f"{about.get('model name', name).strip()}{widest}, {_processors()} cores"


def source_commit(package: Path = PACKAGE) -> Commit:
    """The commit of the checkout that a package is, or was installed from.

    ``dirty`` compares contents: it says whether any installed source file differs from the file of that
    commit, so it also holds for a copy installed before the checkout moved on.

    Args:
        package: The package's folder.

    Returns:
        The commit.
    """
    checkout = package if (package / ".git").exists() else _installed_from()
    if checkout is None:
        return Commit(None, None)
    head = _git(checkout, "rev-parse", "HEAD")
    listing = _git(checkout, "ls-tree", "-r", "-z", "HEAD")
    if head is None or listing is None:
        return Commit(None, None)
    entries = (entry.partition("\t") for entry in listing.split("\0") if entry)
    committed = {path: fields.split()[2] for fields, _, path in entries if _is_source(path)}
    # Not every file: a checkout may hold a virtual environment and the data of runs.
    files = [*package.glob("*.py"), *(path for folder in SOURCES for path in (package / folder).rglob("*.*"))]
    names = {path.relative_to(package).as_posix(): path for path in files}
    running = {name: _blob_id(path) for name, path in names.items() if _is_source(name)}
    return Commit(head.strip(), committed != running)


def _is_source(name: str) -> bool:
    """Whether the file decides what a run does: a module or recipe of the package's own folders."""
    folder, _, rest = name.partition("/")
    if not rest:
        return folder.endswith(".py")
    return folder in SOURCES and name.endswith((".py", ".yaml"))


def _blob_id(path: Path) -> str:
    """The id that git gives to a file of this content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _installed_from() -> Path | None:
    """The folder that pip installed this package from (PEP 610); None for any other origin."""
    try:
        record = distribution(DISTRIBUTION).read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    url = urlparse(json.loads(record)["url"] if record else "")
    return Path(unquote(url.path)) if url.scheme == "file" else None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):  # no git, not a checkout, not ours
        return None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
