"""The speed of answering: batched decoding with a cache against the published way, one question at a time."""

from __future__ import annotations

from collections.abc import Iterator

from .findings import Finding, Setting, finding, interleave, ratios
from .models import LATENT, PAD, build, rows

NEVER = -1
"""A token that is never written: as the end token it makes every answer as long as it may be."""


def evaluation(setting: Setting) -> Iterator[Finding]:
    """Examples a second at the last stage, and with the chain written out after no thought."""
    import torch

    from ...coconut.reference import published_greedy
    from ...coconut.thinking import Reasoner, Thinking
    from ...coconut.tokens import SpecialIds

    size = setting.size
    model = build(size, torch.device(setting.device)).eval()
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

        with torch.autocast(setting.device, torch.bfloat16, enabled=setting.precision == "bf16"):
            seconds = interleave({"batched": batched, "alone": alone}, setting)
        rates = {
            name: [count / one for one in seconds[name]]
            for name, count in (("batched", len(questions)), ("alone", len(few)))
        }
        at = {"thoughts": thoughts, "tokens": tokens}
        yield finding(
            "evaluation", f"batches of {len(questions)} with a cache", rates["batched"], "examples/s", at
        )
        yield finding("evaluation", "one at a time, recomputed", rates["alone"], "examples/s", at)
        yield finding(
            "evaluation", "batched / one at a time", ratios(rates["batched"], rates["alone"]), "×", at
        )
