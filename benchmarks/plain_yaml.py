"""YAML as recipes use it: mappings, lists and plain values.

A file may stand for a value of limited size and depth only, aliases (``*name``) written out.
"""

from __future__ import annotations

from typing import Any

import yaml

LONGEST = 1_000_000
"""Bytes of a file."""
DEEPEST = 50
"""Levels of nesting."""
LARGEST = 100_000
"""Values, with aliases written out."""


class _PlainLoader(yaml.SafeLoader):
    """The safe loader with limits on nesting and on what aliases stand for."""

    depth = 0

    def get_single_node(self) -> Any:
        node = super().get_single_node()
        if node is not None and _values(node, {}) > LARGEST:
            raise yaml.YAMLError(f"aliases must stand for at most {LARGEST:,} values")
        return node

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.depth == DEEPEST:
            raise yaml.YAMLError(f"nesting must be at most {DEEPEST} levels{self.peek_event().start_mark}")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def _values(node: yaml.Node, counted: dict[int, int]) -> int:
    """How many values a node stands for; each node is counted once, however often it is an alias's."""
    if id(node) in counted:
        if counted[id(node)] == 0:
            raise yaml.YAMLError(f"an alias must not be within its own value{node.start_mark}")
        return counted[id(node)]
    counted[id(node)] = 0
    parts = node.value if isinstance(node, yaml.CollectionNode) else []
    flat = [one for part in parts for one in (part if isinstance(part, tuple) else (part,))]
    counted[id(node)] = 1 + sum(_values(one, counted) for one in flat)
    return counted[id(node)]


def read_yaml(content: bytes, label: str) -> Any:
    """Parse YAML.

    Args:
        content: The text, UTF-8.
        label: What the text is, for the message.

    Returns:
        The value.

    Raises:
        ValueError: It is not YAML, or too long, too large or too deeply nested.
    """
    if len(content) > LONGEST:
        raise ValueError(f"{label} must have at most {LONGEST:,} bytes, got {len(content):,}")
    try:
        return yaml.load(content.decode("utf-8"), _PlainLoader)
    except Exception as error:  # besides YAMLError, what its constructors raise for odd tags and dates
        raise ValueError(f"{label} must be YAML: {error or type(error).__name__}") from error
