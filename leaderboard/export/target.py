"""What an export needs to know that no result says, and what the formats have in common."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ..result import Result, SeedResult


class Target(NamedTuple):
    """Who reports, and where the dataset is on the Hub (``org/name``); None where it is not."""

    organization: str = "unknown"
    dataset_repo: str | None = None


def model_name(row: Result) -> str:
    """What is trained by this method and recipe, as a name: ``coconut-tiny``, with ``-quick`` if it was."""
    return slug(f"{row.method}-{row.recipe.name}{'-quick' if row.quick else ''}")


def slug(text: str) -> str:
    """``text`` with what a path or an identifier cannot hold as hyphens."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-.") or "unnamed"


def unix_time(entry: SeedResult) -> int:
    """The date of the run in seconds since 1970."""
    date = datetime.strptime(entry.provenance.date, "%Y-%m-%dT%H:%M:%SZ")
    return int(date.replace(tzinfo=UTC).timestamp())


def json_text(value: Any) -> str:
    """Indented JSON with a newline at its end."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def json_lines(values: Iterable[Any]) -> str:
    """One JSON value a line."""
    return "".join(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n" for value in values)
