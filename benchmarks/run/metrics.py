"""From what a model wrote to the prediction that is recorded; `generators.answers` says what is right."""

from __future__ import annotations

from ...coconut.thinking import Generation
from ...generators.answers import ANSWER_MARKER, is_right, read_answer
from ...generators.audit.report import shortcut_status
from ...generators.example import Example
from ...leaderboard.predictions import Prediction


def score(
    example: Example, text: str, answer_text: str, generation: Generation, marker: str = ANSWER_MARKER
) -> Prediction:
    """The prediction's record, with what the strongest shortcut makes of the question. ``answer_text`` is the
    true answer as the tokenizer gives it back.

    A word-level tokenizer does not keep the space before a full stop, so both sides are compared as it writes
    them.
    """
    written, expected = read_answer(text, marker), read_answer(answer_text, marker)
    return Prediction(
        id=example.id,
        prediction=written,
        answer=expected,
        correct=is_right(written, expected),
        language_tokens=len(generation.tokens),
        thoughts=generation.thoughts,
        forward_passes=generation.forward_passes,
        hops=example.hops,
        shortcut=None if example.graph is None else shortcut_status(example),
        twin=None if example.twin is None else min(example.id, example.twin),
    )
