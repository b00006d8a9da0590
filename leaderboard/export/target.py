"""What an export needs beside the results, and what the formats share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ..result import Result, SeedResult


class Target(NamedTuple):
    """What an export says beside the results.

    Attributes:
        organization: Who reports the results.
        dataset_repo: The dataset's repository on the Hub, ``org/name``; None where it has none.
    """

    organization: str = "unknown"
    dataset_repo: str | None = None


def model_name(row: Result) -> str:
    """Name the model of a row: ``coconut-tiny``, with ``-quick`` for a quick run.

    Args:
        row: The row.

    Returns:
        The name.
    """
    return slug(f"{row.method}-{row.recipe.name}{'-quick' if row.quick else ''}")


def slug(text: str) -> str:
    """Replace characters that a path or identifier cannot hold by hyphens.

    Args:
        text: Any text.

    Returns:
        The slug, never empty.
    """
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-.") or "unnamed"


def unix_time(entry: SeedResult) -> int:
    """The date of a run.

    Args:
        entry: The seed's entry.

    Returns:
        Seconds since 1970.
    """
    date = datetime.strptime(entry.provenance.date, "%Y-%m-%dT%H:%M:%SZ")
    return int(date.replace(tzinfo=UTC).timestamp())


def json_text(value: Any) -> str:
    """Format a value as indented JSON.

    Args:
        value: The value.

    Returns:
        The JSON, with a newline at its end.
    """
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def json_lines(values: Iterable[Any]) -> str:
    """Format values as JSON lines.

    Args:
        values: The values.

    Returns:
        One line of JSON per value.
    """
    return "".join(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n" for value in values)
