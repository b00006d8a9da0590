"""Prove a published version: what `datasets` loads from the Hub matches its manifest, and is correct.

    $ coconut-bench verify org/name@v1.0.0
    prosqa-fair 1.0.0: 19500 examples proved (train 18000, valid 500, test 1000)

The rows that ``load_dataset`` returns are laid out as the folder that `generate` writes, so the whole proof
of such a folder applies: the hash of the canonical rows, every answer, every step, twins, splits.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..example import Example, canonical_row
from ..extras import require
from ..files import scratch_folder
from ..proof.records import VerificationError
from ..proof.verify import Report, verify_dir
from ..stored.formats import HUB_SPLITS
from ..stored.manifest import MANIFEST
from .connection import is_reachable
from .publish import content_digest
from .repository import explained

_ADDRESS = re.compile(r"([\w.-]+/[\w.-]+)@([\w./-]+)")


class Address(NamedTuple):
    """A dataset repository and its tag, branch or commit."""

    repo: str
    revision: str


def parse_address(text: str) -> Address | None:
    """Parse ``org/name@revision``.

    Args:
        text: The address.

    Returns:
        The address; None for any other form and for an existing path.
    """
    match = _ADDRESS.fullmatch(text)
    return None if match is None or Path(text).exists() else Address(match[1], match[2])


def verify_hub(address: Address, token: str | None = None, workers: int = 1) -> Iterator[Report]:
    """Prove a published version, config by config.

    Args:
        address: The version.
        token: Access token; None for HF_TOKEN or the stored login.
        workers: Number of processes.

    Yields:
        The report of each config.

    Raises:
        VerificationError: The first error found.
        OSError: The version cannot be fetched.
    """
    require("datasets", "verify on the Hub")
    with explained(address.repo, f"{address.repo}@{address.revision} was not verified"):
        manifest = _manifest(address, token)
    configs = manifest["configs"]
    found = content_digest(configs)
    if found != manifest["content_sha256"]:
        raise VerificationError(
            f"{MANIFEST} was changed: content_sha256 is {found}, it says {manifest['content_sha256']}"
        )
    if re.fullmatch(r"v\d+\.\d+\.\d+", address.revision) and address.revision != f"v{manifest['version']}":
        raise VerificationError(f"{MANIFEST} is of v{manifest['version']}, it was tagged {address.revision}")
    for name, config in configs.items():
        with scratch_folder(Path(tempfile.gettempdir()), "coconut-bench") as folder:
            _lay_out(folder, config, _load(address, name, token))
            yield verify_dir(folder, workers)


def _manifest(address: Address, token: str | None) -> dict[str, Any]:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        LocalEntryNotFoundError,
        RemoteEntryNotFoundError,
        RevisionNotFoundError,
    )

    online = is_reachable()

    try:
        path = hf_hub_download(
            address.repo,
            MANIFEST,
            revision=address.revision,
            repo_type="dataset",
            token=token,
            local_files_only=not online,
        )
    except LocalEntryNotFoundError:
        if online:
            raise
        raise OSError(
            f"no connection to the Hub (its address cannot be found): {address.repo}@{address.revision} "
            f"was not verified"
        ) from None
    except RevisionNotFoundError:
        raise VerificationError(f"{address.repo} has no {address.revision}") from None
    except RemoteEntryNotFoundError:
        raise VerificationError(f"{address.repo}@{address.revision} has no {MANIFEST}") from None
    try:
        manifest: dict[str, Any] = json.loads(Path(path).read_bytes())
        content, configs = manifest["content_sha256"], manifest["configs"]
        assert isinstance(content, str) and isinstance(configs, dict)
    except (ValueError, KeyError, TypeError, AssertionError):
        raise VerificationError(
            f"{address.repo}@{address.revision} was not published by `coconut-bench publish`: {MANIFEST}"
        ) from None
    return manifest


def _load(address: Address, config: str, token: str | None) -> Mapping[str, Iterable[Mapping[str, Any]]]:
    """Load the splits of a config with `datasets`, as any user does."""
    from datasets import load_dataset  # type: ignore[import-untyped]

    try:
        loaded: Mapping[str, Iterable[Mapping[str, Any]]]
        loaded = load_dataset(address.repo, config, revision=address.revision, token=token)
    except Exception as error:  # the client raises many types; each means that the data cannot be loaded
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise OSError(f"{address.repo} {config} cannot be loaded at {address.revision}: {reason}") from error
    return loaded


def _lay_out(
    folder: Path, manifest: Mapping[str, Any], loaded: Mapping[str, Iterable[Mapping[str, Any]]]
) -> None:
    """Write the loaded rows as the folder that `generate` would have written."""
    names = [HUB_SPLITS[split] for split in manifest["splits"]]
    if sorted(loaded) != sorted(names):
        raise VerificationError(f"splits must be {', '.join(names)}, got {', '.join(loaded)}")
    for split in manifest["splits"]:
        with (folder / f"{split}.jsonl").open("wb") as file:
            for row in loaded[HUB_SPLITS[split]]:
                file.write(canonical_row(Example.from_json(row)))
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
