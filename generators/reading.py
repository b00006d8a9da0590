"""One reader for JSON from files: bytes, perhaps a shape, and one line where they do not fit.

A shape is a type or dataclass of plain values that pydantic checks. pydantic is imported where it is used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from .terminal import shown

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError


def read_json(content: bytes | str, label: str) -> Any:
    """Parse JSON.

    Args:
        content: The text, UTF-8.
        label: What the text is, for the message: a file, or a file and a line.

    Returns:
        The value, nested as deeply as Python reads.

    Raises:
        ValueError: It is not JSON, or is nested too deeply.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError(f"{label} is nested too deeply") from None
    except ValueError as error:  # also bytes that are not UTF-8, and numbers of thousands of digits
        raise ValueError(f"{label} is not JSON: {error}") from None


def read_shape(shape: Any, content: bytes | str, label: str) -> Any:
    """Parse JSON of a known shape; text is no number, and a number no text.

    Args:
        shape: A type that pydantic knows: a dataclass, ``dict[str, int]``; unknown keys are ignored.
        content: The text, UTF-8.
        label: What the text is, for the message.

    Returns:
        The value in its shape.

    Raises:
        ValueError: It is not JSON, or a field is missing or of another type; names the first one.
    """
    from pydantic import ValidationError

    try:
        return _adapter(shape).validate_json(content, strict=True)
    except ValidationError as error:
        raise ValueError(f"{label}: {_described(error.errors()[0])}") from None


def problems(error: ValidationError) -> str:
    """Describe all problems of a validation on one line.

    Args:
        error: What pydantic raised.
    """
    return "; ".join(map(_described, error.errors()))


def _described(found: Any) -> str:
    """Key, rule and value of one problem; only the name of an unknown or a missing key."""
    where = shown(".".join(map(str, found["loc"])))[1:-1] or "the whole"
    if found["type"] == "extra_forbidden":
        return f"unknown key {where}"
    if found["type"] == "missing":
        return f"missing key {where}"
    rule = found["msg"].removeprefix("Value error, ")
    if found["type"] == "value_error" and isinstance(found["input"], Mapping):
        return rule if not found["loc"] else f"{where}: {rule}"  # a rule about several fields names them
    return f"{where}: {rule}, got {shown(found['input'])}"


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(shape)
