"""The speed of answering: batched decoding with a cache against the published way, one question at a time."""

from __future__ import annotations

from collections.abc import Iterator

from .findings import Finding, Setting, finding, interleave, ratios
from .models import PAD, build, rows

NEVER = -1
"""An end token that is never written, so that every answer has its full length."""


def evaluation(setting: Setting) -> Iterator[Finding]:
    """Examples a second at the last stage, and with the chain written out after no thought."""
    import torch

    from ...coconut.decoding import greedy
    from ...coconut.reference import published_greedy

    size = setting.size
    model = build(size, torch.device(setting.device)).eval()
    for thoughts, tokens in ((size.thoughts, size.answer), (0, size.thoughts * size.step + size.answer)):
        setting.say(f"evaluation: {thoughts} thoughts, {tokens} tokens")
        prompts = [row.prompt for row in rows(size.changed(batch=4 * size.batch), thoughts)]
        few = prompts[: 1 if setting.quick else 4]

        def batched(prompts: list[list[int]] = prompts, tokens: int = tokens) -> None:
            greedy(model, prompts, pad=PAD, end=NEVER, max_new_tokens=tokens)

        def alone(few: list[list[int]] = few, tokens: int = tokens) -> None:
            for prompt in few:
                published_greedy(model, prompt, end=NEVER, max_new_tokens=tokens)

        with torch.autocast(setting.device, torch.bfloat16, enabled=setting.precision == "bf16"):
            seconds = interleave({"batched": batched, "alone": alone}, setting)
        rates = {
            name: [count / one for one in seconds[name]]
            for name, count in (("batched", len(prompts)), ("alone", len(few)))
        }
        at = {"thoughts": thoughts, "tokens": tokens}
        yield finding(
            "evaluation", f"batches of {len(prompts)} with a cache", rates["batched"], "examples/s", at
        )
        yield finding("evaluation", "one at a time, recomputed", rates["alone"], "examples/s", at)
        yield finding(
            "evaluation", "batched / one at a time", ratios(rates["batched"], rates["alone"]), "×", at
        )
