"""A leaderboard file as text: a row is added or replaced without a look at the others.

    {
      "schema_version": 2,
      "rows": [
        {
          "kind": "measured",        a row begins after each line of four blanks and a brace,
    …                                since a string of JSON holds no line break

Of ten thousand rows about fourteen are parsed, those that a bisection meets.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left

from pydantic import TypeAdapter

from . import result as records
from .merging import Replace, Row, merge_row, order

HEAD = f'{{\n  "schema_version": {records.SCHEMA_VERSION},\n  "rows": [\n    {{\n'.encode()
TAIL = b"\n    }\n  ]\n}\n"
_ROW: TypeAdapter[Row] = TypeAdapter(records.Row)


class Text:
    """The bytes of a leaderboard file that `store.dump` has written, with sorted rows.

    Args:
        content: The bytes.

    Raises:
        ValueError: Where they are not of this form.
    """

    def __init__(self, content: bytes) -> None:
        if not (content.startswith(HEAD) and content.endswith(TAIL)):
            raise ValueError("must be a leaderboard as this program writes it")
        self.content = content
        self.starts = [match.start() + 1 for match in re.finditer(rb"\n    \{\n", content)]
        # A row ends before the comma and the line break of the next one, the last before the closing bracket.
        self.ends = [start - 2 for start in self.starts[1:]] + [len(content) - len(b"\n  ]\n}\n")]

    def row(self, index: int) -> Row:
        """Parse a row.

        Args:
            index: Its place.

        Returns:
            The row.

        Raises:
            ValueError: Where it is none.
        """
        return _ROW.validate_json(self.content[self.starts[index] : self.ends[index]])

    def merged(self, new: Row, replace: Replace) -> tuple[bytes, Row]:
        """Merge a row into the file.

        Args:
            new: The row.
            replace: What may be replaced.

        Returns:
            The bytes of the file after, the same object where nothing changes; and the merged row.

        Raises:
            ValueError: As `merging.merge_row` does, or where the file has another form.
        """
        index = self._same(new)
        if index is None:
            place = bisect_left(range(len(self.starts)), order(new), key=lambda found: order(self.row(found)))
            if place == len(self.starts):
                before, after = self.content[: self.ends[-1]] + b",\n", self.content[self.ends[-1] :]
                return before + row_text(new) + after, new
            before, after = self.content[: self.starts[place]], self.content[self.starts[place] :]
            return before + row_text(new) + b",\n" + after, new
        old = self.row(index)
        merged = merge_row(old, new, replace)
        if merged is old:
            return self.content, old
        before, after = self.content[: self.starts[index]], self.content[self.ends[index] :]
        return before + row_text(merged) + after, merged

    def _same(self, new: Row) -> int | None:
        """Find the row of the same identity: first by texts that it must contain, the rarest first."""
        if isinstance(new, records.Result):
            needed = [new.recipe.hash, new.method, new.dataset.content_hash]
        else:
            needed = [new.source.url, new.method, new.dataset]
        texts = [json.dumps(part, ensure_ascii=False).encode() for part in needed]
        for match in re.finditer(re.escape(texts[0]), self.content):
            index = bisect_left(self.starts, match.start()) - 1
            found = self.content[self.starts[index] : self.ends[index]]
            if all(text in found for text in texts):
                row = self.row(index)
                if (row.kind, row.identity) == (new.kind, new.identity):
                    return index
        return None


def count_rows(content: bytes) -> int | None:
    """Count the rows of a file by its text.

    Args:
        content: The bytes.

    Returns:
        The number; None where the file has another form.
    """
    try:
        return len(Text(content).starts)
    except ValueError:
        return None


def row_text(row: Row) -> bytes:
    """Format a row as it stands in the file.

    Args:
        row: The row.

    Returns:
        Its text, from its brace to its brace.
    """
    text = json.dumps(row.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False)
    return ("    " + text.replace("\n", "\n    ")).encode()
