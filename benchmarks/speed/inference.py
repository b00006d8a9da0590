"""Speed of evaluation: batched decoding with a cache against the published way, one question at a time."""

from __future__ import annotations

from collections.abc import Iterator

from .findings import Finding, Setting, compare, interleave
from .models import PAD, build, rows

NEVER = -1
"""An end token that never occurs, so that every answer has its full length."""


def evaluation(setting: Setting) -> Iterator[Finding]:
    """Measure examples per second at the last stage, and with the whole chain in words.

    Args:
        setting: What to measure on.

    Yields:
        The rates of both ways and their ratio.
    """
    from ...coconut.decoding import greedy
    from ...coconut.reference import published_greedy

    size = setting.size
    model = build(size, setting.device).eval()
    for thoughts, tokens in ((size.thoughts, size.answer), (0, size.thoughts * size.step + size.answer)):
        setting.say(f"evaluation: {thoughts} thoughts, {tokens} tokens")
        prompts = [row.prompt for row in rows(size.changed(batch=4 * size.batch), thoughts)]
        few = prompts[: 1 if setting.quick else 4]

        def batched(prompts: list[list[int]] = prompts, tokens: int = tokens) -> None:
            greedy(model, prompts, pad=PAD, end=NEVER, max_new_tokens=tokens)

        def alone(few: list[list[int]] = few, tokens: int = tokens) -> None:
            for prompt in few:
                published_greedy(model, prompt, end=NEVER, max_new_tokens=tokens)

        with setting.autocast():
            seconds = interleave({"batched": batched, "alone": alone}, setting)
        rates = {
            f"batches of {len(prompts)} with a cache": [len(prompts) / one for one in seconds["batched"]],
            "one at a time, recomputed": [len(few) / one for one in seconds["alone"]],
        }
        at = {"thoughts": thoughts, "tokens": tokens}
        yield from compare("evaluation", rates, "examples/s", "batched / one at a time", at)
