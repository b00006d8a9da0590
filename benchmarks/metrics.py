"""From what a model wrote to what is scored.

The answer is what stands after the last answer marker, commas removed, white space aside, as in the published
code.
"""

from __future__ import annotations

from ..coconut.decoding import Generation
from ..coconut.encoding import ANSWER_MARKER
from ..generators.audit import shortcut_status
from ..generators.example import Example
from ..leaderboard.predictions import Prediction, is_match


def answer_of(text: str, marker: str = ANSWER_MARKER) -> str:
    """The answer in what a model wrote: after the last ``marker``, commas removed; all of it without one.

    >>> answer_of("4 7 . 7 1 . ### 1,000 ")
    '1000'
    """
    return " ".join(text.split(marker)[-1].replace(",", "").split())


def score(
    example: Example, text: str, answer_text: str, generation: Generation, marker: str = ANSWER_MARKER
) -> Prediction:
    """The prediction's record, with what the strongest shortcut makes of the question. ``answer_text`` is the
    true answer as the tokenizer gives it back.

    A word-level tokenizer does not keep the space before a full stop, so both sides are compared as it writes
    them.
    """
    written, expected = answer_of(text, marker), answer_of(answer_text, marker)
    return Prediction(
        id=example.id,
        prediction=written,
        answer=expected,
        correct=is_match(written, expected),
        language_tokens=len(generation.tokens),
        thoughts=generation.thoughts,
        forward_passes=generation.forward_passes,
        hops=example.hops,
        shortcut=None if example.graph is None else shortcut_status(example),
        twin=None if example.twin is None else min(example.id, example.twin),
    )
