"""YAML as recipes use it: mappings, lists and plain values.

Aliases (``*name``) are refused, so that a small file cannot stand for a large value, and so is deep nesting.
"""

from __future__ import annotations

from typing import Any

import yaml

LONGEST = 1_000_000
"""Bytes of a file."""
DEEPEST = 50
"""Levels of nesting."""


class _PlainLoader(yaml.SafeLoader):
    """The safe loader without aliases and with a limit on nesting."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()
            raise yaml.YAMLError(f"aliases (*{event.anchor}) are not allowed{event.start_mark}")
        if self.depth == DEEPEST:
            raise yaml.YAMLError(f"nesting must be at most {DEEPEST} levels{self.peek_event().start_mark}")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def read_yaml(content: bytes, label: str) -> Any:
    """Parse YAML.

    Args:
        content: The text, UTF-8.
        label: What the text is, for the message.

    Returns:
        The value.

    Raises:
        ValueError: It is not YAML, has aliases, or is too long or too deeply nested.
    """
    if len(content) > LONGEST:
        raise ValueError(f"{label} must have at most {LONGEST:,} bytes, got {len(content):,}")
    try:
        return yaml.load(content.decode("utf-8"), _PlainLoader)
    except Exception as error:  # besides YAMLError, what its constructors raise for odd tags and dates
        raise ValueError(f"{label} must be YAML: {error or type(error).__name__}") from error
