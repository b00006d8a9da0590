"""Speed of evaluation: batched decoding with a cache against the published way, one question at a time."""

from __future__ import annotations

from collections.abc import Iterator

from .findings import Finding, Setting, compare, interleave
from .models import LATENT, PAD, build, rows

NEVER = -1
"""An end token that never occurs, so that every answer has its full length."""


def evaluation(setting: Setting) -> Iterator[Finding]:
    """Measure examples per second at the last stage, and with the whole chain in words.

    Args:
        setting: What to measure on.

    Yields:
        The rates of both ways and their ratio.
    """
    from ...coconut.reference import published_greedy
    from ...coconut.thinking import Reasoner, Thinking
    from ...coconut.tokens import SpecialIds

    size = setting.size
    model = build(size, setting.device).eval()
    ids = SpecialIds(PAD, NEVER, LATENT, pause=NEVER, begin_thought=NEVER, end_thought=NEVER)
    for thoughts, tokens in ((size.thoughts, size.answer), (0, size.thoughts * size.step + size.answer)):
        setting.say(f"evaluation: {thoughts} thoughts, {tokens} tokens")
        made = rows(size.changed(batch=4 * size.batch), thoughts)
        questions = [row.prompt[: row.first_filler] for row in made]
        few = [row.prompt for row in made[: 1 if setting.quick else 4]]
        reasoner = Reasoner(model, ids, Thinking(thoughts))

        def batched(
            reasoner: Reasoner = reasoner, asked: list[list[int]] = questions, most: int = tokens
        ) -> None:
            reasoner.answer(asked, most)

        def alone(few: list[list[int]] = few, tokens: int = tokens) -> None:
            for prompt in few:
                published_greedy(model, prompt, end=NEVER, max_new_tokens=tokens)

        with setting.autocast():
            seconds = interleave({"batched": batched, "alone": alone}, setting)
        rates = {
            f"batches of {len(questions)} with a cache": [len(questions) / one for one in seconds["batched"]],
            "one at a time, recomputed": [len(few) / one for one in seconds["alone"]],
        }
        at = {"thoughts": thoughts, "tokens": tokens}
        yield from compare("evaluation", rates, "examples/s", "batched / one at a time", at)
