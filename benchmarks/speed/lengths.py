"""Speed as a run meets it: batches and questions of different lengths, prepared while others are computed.

Every new shape of a tensor can cost a GPU more than its computation: kernels that plan for each shape, memory
that is divided anew, steps that are not replayed (`coconut.graphs`). Fixed shapes, which all other parts
time, hide that. Here both go through what a training uses (`coconut.steps`), so padding and graphs are the
same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import TYPE_CHECKING

from .findings import Finding, Setting, compare, finding, interleave, ratios
from .models import END, LATENT, PAD, WORD, Size, build, rows

if TYPE_CHECKING:
    from ...coconut.batches import Reading
    from ...coconut.modeling import CoconutForCausalLM

BATCHES = 12
"""Different batches of the varied kind."""
NEVER = -1
"""An end token that is never written."""


def lengths(setting: Setting) -> Iterator[Finding]:
    """Measure training steps and answers over varied lengths against fixed ones.

    Args:
        setting: What to measure on.

    Yields:
        Times and ratios.
    """
    size = setting.size
    model = build(size, setting.device)
    for thoughts in sorted({0, size.thoughts}):
        setting.say(f"lengths: steps with {thoughts} thoughts")
        fixed = [_readings(size, thoughts)]
        varied = [_readings(size, thoughts, seed) for seed in range(1, 3 if setting.quick else BATCHES)]
        plain = [_without_thoughts(fixed[0])]
        works = {"varied": varied, "fixed": fixed, "plain": plain}
        seconds = interleave({name: _steps(model, many, setting) for name, many in works.items()}, setting)
        at = {"thoughts": thoughts}
        for name, found in seconds.items():
            yield finding(
                "lengths", f"step, {name} lengths" if name != "plain" else "plain step", found, "s", at
            )
        yield finding("lengths", "varied / fixed", ratios(seconds["varied"], seconds["fixed"]), "×", at)
        yield finding("lengths", "fixed / plain", ratios(seconds["fixed"], seconds["plain"]), "×", at)
    yield from _answers(model, setting)


def _steps(model: CoconutForCausalLM, many: list[list[Reading]], setting: Setting) -> Callable[[], None]:
    """Return what computes the next of the batches, over and over, and prepares the one after it."""
    import torch

    from ...coconut.objectives import get_objective
    from ...coconut.processes import Processes
    from ...coconut.replica import Replica
    from ...coconut.steps import Steps
    from ...coconut.tokens import SpecialIds

    ids = SpecialIds(PAD, END, LATENT, WORD, WORD + 1, WORD + 2)
    device = torch.device(setting.device)
    replica = Replica(model, Processes(device))
    steps = Steps(replica, get_objective("labels"), ids, None, setting.precision, setting.say)
    upcoming = cycle(many)
    ahead = [steps.prepare(next(upcoming))]

    def one() -> None:
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad.zero_()  # as the optimizer leaves them (`optim.Optimizers.step`)
        done = steps.backward(ahead[0])
        ahead[0] = steps.prepare(next(upcoming))
        assert done.loss == done.loss  # waits

    for _ in range(2 * len(many)):  # each shape is computed, then recorded
        one()
    return one


def _readings(size: Size, thoughts: int, seed: int | None = None) -> list[Reading]:
    """A batch; with a seed, of questions whose mean length differs from batch to batch, as do their
    thoughts."""
    if seed is None:
        return [{"student": row} for row in rows(size, thoughts)]
    question = max(4, size.question * (90 + seed * 7 % 20) // 100)
    counts = [max(0, thoughts - (seed + number) % 3) for number in range(size.batch)]
    made = {count: rows(size.changed(question=question), count) for count in set(counts)}
    return [{"student": made[count][number]} for number, count in enumerate(counts)]


def _without_thoughts(readings: list[Reading]) -> list[Reading]:
    """The same rows for a plain language model: an ordinary word in place of each thought."""
    return [
        {
            view: row._replace(prompt=[WORD if token == LATENT else token for token in row.prompt])
            for view, row in reading.items()
        }
        for reading in readings
    ]


def _answers(model: CoconutForCausalLM, setting: Setting) -> Iterator[Finding]:
    """Answers to one question at a time, each of another length, and to many at once."""
    from ...coconut.thinking import Reasoner, Thinking
    from ...coconut.tokens import SpecialIds

    size, tokens = setting.size, 16
    ids = SpecialIds(PAD, NEVER, LATENT, WORD, WORD + 1, WORD + 2)
    reasoner = Reasoner(model.eval(), ids, Thinking(size.thoughts))
    questions = [row.prompt for row in rows(size, 0)]
    upcoming = cycle(questions)

    def answer_one() -> None:
        with setting.autocast():
            reasoner.answer([next(upcoming)], tokens)

    def answer_all() -> None:
        with setting.autocast():
            reasoner.answer(questions, tokens)

    setting.say("lengths: answers")
    # One after the other: the cache of one size is kept (`coconut.replay`), and a change makes another.
    one = interleave({"one": answer_one}, setting)["one"]
    together = [seconds / len(questions) for seconds in interleave({"all": answer_all}, setting)["all"]]
    at = {"thoughts": size.thoughts, "tokens": tokens}
    named = {"answer to one question": one, f"answer, {len(questions)} together": together}
    yield from compare("lengths", named, "s", "one / its share of many", at)
    model.train()
