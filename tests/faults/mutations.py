"""Deterministic damage: flipped bits, cut and repeated bytes, other values in JSON and YAML."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import yaml

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, -0.5, 1e308, float("nan"), float("inf"), 2**31, 2**63, 10**30,
    "", "x", "é\n", "\x1b[31m\u202e", "a" * 10_000, "../../evil", "\0", "\ud800", "-1", "1e22",
    [], {}, [[]], {"a": 1}, ["x", 1],
)  # fmt: skip
"""What a value is replaced by."""
DEEP = b"[" * 1_000 + b"]" * 1_000


def flipped(content: bytes, random: random.Random) -> bytes:
    """Flip one bit.

    Args:
        content: At least one byte.
        random: Chooses it.
    """
    changed = bytearray(content)
    place = random.randrange(8 * len(content))
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def mutated(content: bytes, kind: str, random: random.Random) -> bytes:
    """Damage a file so that it differs from what the program writes.

    Args:
        content: The file.
        kind: Its suffix; JSON and YAML are also changed by their values.
        random: Chooses the damage.
    """
    if kind in (".json", ".jsonl", ".yaml") and random.random() < 0.75:
        return _with_other_values(content, kind, random)
    return random.choice(_BYTES)(content, random)


def _with_other_values(content: bytes, kind: str, random: random.Random) -> bytes:
    lines = content.splitlines(keepends=True) if kind == ".jsonl" else [content]
    number = random.randrange(len(lines))
    fields = yaml.safe_load(content) if kind == ".yaml" else json.loads(lines[number])
    places = list(_places(fields))
    if not places:
        return random.choice(_BYTES)(content, random)
    holder, key = random.choice(places)
    change = random.random()
    if change < 0.15 and isinstance(holder, dict):
        del holder[key]
    elif change < 0.25 and isinstance(holder, dict):
        holder[f"{key}x"] = holder.pop(key)
    elif change < 0.35:
        holder[key] = "@deep@"
    else:
        holder[key] = random.choice(VALUES)
    if kind == ".yaml":
        text = yaml.safe_dump(fields, sort_keys=False).encode("utf-8", "replace")
    else:
        text = json.dumps(fields).encode() + b"\n"
    lines[number] = text.replace(b'"@deep@"', DEEP).replace(b"'@deep@'", DEEP)
    return b"".join(lines)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) inside a value."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, dict | list) and inner:
            yield from _places(inner)


def _cut(content: bytes, random: random.Random) -> bytes:
    return content[: random.randrange(len(content))] if content else b"\0"


def _repeated(content: bytes, random: random.Random) -> bytes:
    start, end = sorted(random.randrange(len(content) + 1) for _ in range(2))
    return content[:end] + content[start:] if start < end else content + b"\0"


def _noise(content: bytes, random: random.Random) -> bytes:
    start = random.randrange(len(content) + 1)
    return content[:start] + random.randbytes(8) + content[start + 8 :]


def _other(content: bytes, random: random.Random) -> bytes:
    whole = (
        b"",
        b"\0",
        b"null",
        b"[]",
        b"{}",
        b"1",
        b'"x"',
        b"NaN",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe",
        DEEP,
        b"{" * 99,
    )
    return random.choice([one for one in whole if one != content])


_BYTES = (_cut, _repeated, _noise, _other, flipped)
