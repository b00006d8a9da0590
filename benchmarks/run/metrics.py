"""Scoring: written text → recorded prediction. `generators.answers` defines what a right answer is."""

from __future__ import annotations

from ...coconut.thinking import Generation
from ...generators.answers import ANSWER_MARKER, is_right, read_answer
from ...generators.audit.report import shortcut_status
from ...generators.example import Example
from ...leaderboard.predictions import Prediction


def score(
    example: Example, text: str, answer_text: str, generation: Generation, marker: str = ANSWER_MARKER
) -> Prediction:
    """Score one answer.

    Args:
        example: Question that was answered.
        text: Text the model wrote.
        answer_text: The true answer, encoded and decoded by the same tokenizer: a word-level one does not
            keep the space before a period.
        generation: Tokens, thoughts and forward passes of the answer.
        marker: What precedes the answer in both texts.

    Returns:
        The record, with whether the dataset's strongest shortcut answers this question correctly.
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
