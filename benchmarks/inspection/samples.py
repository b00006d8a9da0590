"""Answers of a finished run in full: the whole text that it writes, and a readout of its thoughts.

    test/7  WRONG
    question   4 7 . 7 1 . 12 3 . > 4 < 1 < 9
    chain      4 7 .
               7 1 .
    answer     1
    written    9
    thought 1  7 (61%), 12 (20%), 3 (5%)

Predictions are stored without the text around them, so the model answers again. A thought's readout is the LM
head applied to its hidden state: it shows which tokens are near, not that the model uses them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import torch

from ...coconut.readout import logit_lens
from ...generators.example import Example
from ...leaderboard.predictions import Prediction
from ..run.evaluate import precision
from ..run.metrics import score
from ..run.trained import TrainedRun

LABEL = 11
"""Width of the column of labels."""

Readout = list[tuple[str, float]]


class Sample(NamedTuple):
    """One answer.

    Attributes:
        example: The question with its true chain and answer.
        written: The text that the model wrote, without special tokens.
        prediction: The answer read from it, and its cost.
        thoughts: Most probable tokens and their probabilities at each thought; empty for a method without
            continuous thoughts.
    """

    example: Example
    written: str
    prediction: Prediction
    thoughts: list[Readout]


def read_samples(run: TrainedRun, n: int, *, wrong: bool = False, top: int = 3) -> list[Sample]:
    """Answer test questions again.

    Args:
        run: A finished run.
        n: Number of samples, the first ones of the test split.
        wrong: Whether to keep wrong answers only.
        top: Tokens in a thought's readout.

    Returns:
        At most ``n`` samples.
    """
    asked, size = run.questions(), run.recipe.eval_batch_size
    size = size if wrong else min(n, size)
    found: list[Sample] = []
    for start in range(0, len(asked), size):
        answered = _answer(run, asked[start : start + size], top)
        found += [sample for sample in answered if not (wrong and sample.prediction.correct)]
        if len(found) >= n:
            break
    return found[:n]


@torch.inference_mode()
def _answer(run: TrainedRun, asked: Sequence[Example], top: int) -> list[Sample]:
    """Answer one batch as the run's evaluation does, and read out its thoughts."""
    evaluator, reasoner = run.evaluator, run.reasoner()
    segments = run.encoder.segments(asked)
    questions = [parts.question for parts in segments]
    limit = evaluator.limit(questions, reasoner.thinking)
    is_bf16, device = precision(run.recipe, run.model.device) == "bf16", run.model.device.type
    with torch.autocast(device, torch.bfloat16, enabled=is_bf16):
        answers = reasoner.answer(questions, limit)
        thoughts: list[list[Readout]] = [[] for _ in asked]
        if run.method.filler == "latent" and run.thoughts:
            thought = reasoner.think(reasoner.read(questions))
            lens = logit_lens(run.model, thought.states_BKD, top)
            thoughts = [
                [_readout(run, *state) for state in zip(*row, strict=True)][:used]
                for *row, used in zip(
                    lens.tokens.tolist(), lens.probabilities.tolist(), thought.used, strict=True
                )
            ]
    found = []
    for example, parts, answer, readouts in zip(asked, segments, answers, thoughts, strict=True):
        text, expected = evaluator.text(answer.tokens), evaluator.text(parts.answer)
        found.append(
            Sample(example, text, score(example, text, expected, answer, evaluator.marker), readouts)
        )
    return found


def _readout(run: TrainedRun, tokens: list[int], probabilities: list[float]) -> Readout:
    decode = run.encoder.tokenizer.decode
    return [(str(decode([token])).strip(), p) for token, p in zip(tokens, probabilities, strict=True)]


def render(sample: Sample, width: int) -> str:
    """Return a sample as text (see the example at the top of this file).

    Args:
        sample: The sample.
        width: Characters per line.
    """
    example, prediction = sample.example, sample.prediction
    lines = [example.id if prediction.correct else f"{example.id}  WRONG"]
    parts = [("question", example.question), ("chain", "\n".join(example.steps))]
    parts += [("answer", prediction.answer), ("written", sample.written)]
    for number, readout in enumerate(sample.thoughts, start=1):
        parts.append((f"thought {number}", ", ".join(f"{token} ({p:.0%})" for token, p in readout)))
    for label, text in parts:
        for row in text.split("\n"):
            lines += textwrap.wrap(
                row, width, initial_indent=label.ljust(LABEL), subsequent_indent=" " * LABEL
            ) or [label]
            label = ""
    return "\n".join(lines)
