"""Read a question's text back into a graph, whatever its wording.

>>> reading = read_question("4 7 . 7 1 . 12 9 . > 4 < 1 < 9")
>>> reading.root, reading.candidates, sorted(reading.graph.edges)
('4', ('1', '9'), [('12', '9'), ('4', '7'), ('7', '1')])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .parsed import Parsed
from .row import Wording
from .table import WORDINGS


@dataclass(frozen=True)
class Reading(Parsed):
    """A question as read, and the row of the table by which it was."""

    wording: Wording

    def chain(self, steps: Sequence[str]) -> list[str]:
        """Follow the steps.

        Returns:
            The nodes that they pass, root first.

        Raises:
            ValueError: At the first step that does not follow, or without any.
        """
        if not steps:
            raise ValueError("steps must not be empty")
        return self.wording.chain(self, steps)

    def answer(self, target: str) -> str:
        """Return the answer's text, given the candidate that was found to be right."""
        return self.wording.answer(self, target)


def read_question(text: str) -> Reading:
    """Parse a question of any wording of the table.

    Raises:
        ValueError: At the first part that is not of the wording that the question ends in.
    """
    for wording in WORDINGS.values():
        parsed = wording.read(text)
        if parsed is not None:
            return Reading(parsed.premises, parsed.edges, parsed.root, parsed.candidates, wording)
    raise ValueError(f"question ends in no known form: ...{text[-60:]!r}")
