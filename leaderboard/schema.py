"""The JSON Schema of leaderboard files, for readers in other languages: ``schema.json`` beside this module.

It states types, ranges, patterns and keys. That parts add up, and that an interval follows from its counts,
is checked only by `result.Leaderboard`.
"""

from __future__ import annotations

import json

from .result import SCHEMA_VERSION, Leaderboard


def text() -> str:
    """The content of ``schema.json``."""
    schema = Leaderboard.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = f"coconut-bench leaderboard, schema version {SCHEMA_VERSION}"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
