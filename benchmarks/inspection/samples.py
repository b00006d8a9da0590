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
from ...leaderboard.predictions import read_predictions
from ...leaderboard.samples import Sample
from ..run.evaluate import precision
from ..run.metrics import score
from ..run.trained import TrainedRun

LABEL = 11
"""Width of the column of labels."""

Readout = list[tuple[str, float]]


class Transcript(NamedTuple):
    """One answer in full.

    Attributes:
        sample: The question with its true chain, the answer read from the text, and its cost.
        written: The text that the model wrote, without special tokens.
        thoughts: Most probable tokens and their probabilities at each thought; empty for a method without
            continuous thoughts.
    """

    sample: Sample
    written: str
    thoughts: list[Readout]


def read_transcripts(run: TrainedRun, n: int, *, wrong: bool = False, top: int = 3) -> list[Transcript]:
    """Answer test questions again.

    Args:
        run: A finished run.
        n: Number of questions, the first ones of the test split.
        wrong: Whether to take only questions that the run answered wrong.
        top: Tokens in a thought's readout.

    Returns:
        At most ``n`` transcripts.

    Raises:
        ValueError: The run's predictions are damaged.
        OSError: They are missing.
    """
    asked = run.questions()
    record = run.result.seeds[0].predictions
    if wrong and record is not None:
        kept = read_predictions(record, run.folder / "predictions")
        right = {prediction.id for prediction in kept if prediction.correct}
        asked = [example for example in asked if example.id not in right]
    asked = asked[:n]
    return _answer(run, asked, top) if asked else []


@torch.inference_mode()
def _answer(run: TrainedRun, asked: Sequence[Example], top: int) -> list[Transcript]:
    evaluator = run.evaluator
    thoughts = _thoughts(run, asked, top)
    found = []
    for example, parts, written, readouts in zip(
        asked,
        run.encoder.segments(asked),
        evaluator.generate(asked, run.stage, "samples"),
        thoughts,
        strict=True,
    ):
        text, expected = evaluator.text(written.tokens), evaluator.text(parts.answer)
        prediction = score(example, text, expected, written, evaluator.marker)
        found.append(Transcript(Sample(example, prediction), text, readouts))
    return found


def _thoughts(run: TrainedRun, asked: Sequence[Example], top: int) -> list[list[Readout]]:
    """Read out the thoughts of each question, batch by batch."""
    if run.method.filler != "latent" or not run.thoughts:
        return [[] for _ in asked]
    reasoner, size, found = run.reasoner(), run.recipe.eval_batch_size, []
    is_bf16, device = precision(run.recipe, run.model.device) == "bf16", run.model.device.type
    for start in range(0, len(asked), size):
        batch = [parts.question for parts in run.encoder.segments(asked[start : start + size])]
        with torch.autocast(device, torch.bfloat16, enabled=is_bf16):
            thought = reasoner.think(reasoner.read(batch))
            lens = logit_lens(run.model, thought.states_BKD, top)
        rows = zip(lens.tokens.tolist(), lens.probabilities.tolist(), thought.used, strict=True)
        found += [[_readout(run, *state) for state in zip(*row, strict=True)][:used] for *row, used in rows]
    return found


def _readout(run: TrainedRun, tokens: list[int], probabilities: list[float]) -> Readout:
    decode = run.encoder.tokenizer.decode
    return [(str(decode([token])).strip(), p) for token, p in zip(tokens, probabilities, strict=True)]


def likely(readout: Readout) -> str:
    """Write the readout of a thought."""
    return ", ".join(f"{token} ({p:.0%})" for token, p in readout)


def render(transcript: Transcript, width: int) -> str:
    """Return a transcript as text (see the example at the top of this file).

    Args:
        transcript: The transcript.
        width: Characters per line.
    """
    example, prediction = transcript.sample
    lines = [example.id if prediction.correct else f"{example.id}  WRONG"]
    parts = [("question", example.question), ("chain", "\n".join(example.steps))]
    parts += [("answer", prediction.answer), ("written", transcript.written)]
    for number, readout in enumerate(transcript.thoughts, start=1):
        parts.append((f"thought {number}", likely(readout)))
    for label, text in parts:
        for row in text.split("\n"):
            lines += textwrap.wrap(
                row, width, initial_indent=label.ljust(LABEL), subsequent_indent=" " * LABEL
            ) or [label]
            label = ""
    return "\n".join(lines)
