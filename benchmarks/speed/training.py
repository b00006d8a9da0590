"""The speed of training steps: every stage, the published procedure, memory, growth.

A step here is forward and backward; the optimizer's part is the same for all that are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .findings import Finding, Setting, finding, interleave, ratios, synchronize
from .models import Size, batches, build

if TYPE_CHECKING:
    import torch

    from ...coconut.encoding import Batch
    from ...coconut.modeling import CoconutForCausalLM

LITERAL_POSITIONS = 12_000
"""At most so many positions in a batch of the published procedure, whose time grows with their square."""

Loss = Callable[["CoconutForCausalLM", "Batch"], "torch.Tensor"]


def stages(setting: Setting) -> Iterator[Finding]:
    """A step with each number of thoughts against a plain language model's over the same tokens."""
    model = _model(setting)
    last = setting.size.thoughts
    for thoughts in (0, last) if setting.quick else range(last + 1):
        setting.say(f"stages: {thoughts} thoughts")
        latent, plain = _batches(setting, setting.size, thoughts)
        seconds = interleave(
            {"coconut": step(model, latent, setting), "plain": step(model, plain, setting)}, setting
        )
        at = {"thoughts": thoughts}
        yield finding("stages", "Coconut step", seconds["coconut"], "s", at)
        yield finding("stages", "plain step over the same tokens", seconds["plain"], "s", at)
        quotient = ratios(seconds["coconut"], seconds["plain"])
        yield finding("stages", "Coconut step / plain step", quotient, "×", at)


def literal(setting: Setting) -> Iterator[Finding]:
    """A last-stage step of the published procedure against one of this package.

    The published one is so slow that it is repeated less often and not warmed up.
    """
    from ...coconut.reference import published_loss

    def published(model: CoconutForCausalLM, batch: Batch) -> torch.Tensor:
        return published_loss(model, *batch)

    model, size = _model(setting), setting.size
    most = max(1, min(size.batch, LITERAL_POSITIONS // size.positions))
    fewer = max(1, most // 4)
    for rows in (fewer,) if setting.quick else (fewer, most):
        setting.say(f"literal: batch {rows}")
        latent, _ = _batches(setting, size.changed(batch=rows), size.thoughts)
        fast = step(model, latent, setting)
        fast()
        seconds = interleave(
            {"fast": fast, "published": step(model, latent, setting, published)},
            setting, repeats=min(2, setting.repeats), warm=False,
        )  # fmt: skip
        at = {"batch": rows, "thoughts": size.thoughts}
        yield finding("literal", "published procedure's step", seconds["published"], "s", at)
        yield finding("literal", "Coconut step", seconds["fast"], "s", at)
        yield finding(
            "literal", "published / Coconut step", ratios(seconds["published"], seconds["fast"]), "×", at
        )


def memory(setting: Setting) -> Iterator[Finding]:
    """Peak memory of a last-stage step, weights not counted, against a plain one over the same tokens."""
    model, size = _model(setting), setting.size
    latent, plain = _batches(setting, size, size.thoughts)
    works = {"Coconut": latent, "plain": plain}
    peaks = {name: peak_bytes(step(model, batch, setting), setting) / 2**20 for name, batch in works.items()}
    model.gradient_checkpointing_enable()
    peaks["checkpointed Coconut"] = peak_bytes(step(model, latent, setting), setting) / 2**20
    at = {"thoughts": size.thoughts}
    for name, mebibytes in peaks.items():
        yield finding("memory", f"{name} step, peak", [mebibytes], "MiB", at)
    for name in ("Coconut", "checkpointed Coconut"):
        yield finding("memory", f"{name} step / plain step", [peaks[name] / peaks["plain"]], "×", at)


def growth(setting: Setting) -> Iterator[Finding]:
    """A last-stage step with half and twice as much of one thing."""
    import torch

    size = setting.size
    changed = {
        "thoughts": ("thoughts", size.thoughts),
        "tokens": ("question", size.question),
        "batch": ("batch", size.batch),
        "width": ("width", size.width),
    }
    for label, (name, base) in changed.items():
        for factor in (2,) if setting.quick else (0.5, 2):
            other = size.changed(**{name: max(1, int(base * factor))})
            setting.say(f"growth: {label} × {factor}")
            works = {}
            for key, one in {"base": size, "other": other}.items():
                works[key] = step(_model(setting, one), _batches(setting, one, one.thoughts)[0], setting)
            try:
                seconds = interleave(works, setting)
            except torch.OutOfMemoryError:
                break  # the device's memory ends this axis; what fits has been reported
            at = {label: getattr(other, name)}
            yield finding("growth", "Coconut step", seconds["other"], "s", at)
            quotient = ratios(seconds["other"], seconds["base"])
            yield finding("growth", f"step / step with {label} {base}", quotient, "×", at)


def peak_bytes(work: Callable[[], object], setting: Setting) -> float:
    """The most memory that ``work`` holds at once beyond what was there before it, in bytes.

    On a GPU as the allocator counts it; on a CPU the sum of what tensors allocate and free, in order.
    """
    import torch

    work()
    if setting.device == "cuda":
        synchronize(setting)
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        work()
        synchronize(setting)
        return torch.cuda.max_memory_allocated() - before
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profiled:
        work()
    events: list[Any] = profiled.profiler.kineto_results.events()
    held = peak = 0
    for event in sorted((one for one in events if one.name() == "[memory]"), key=lambda one: one.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def _model(setting: Setting, size: Size | None = None) -> CoconutForCausalLM:
    import torch

    return build(size or setting.size, torch.device(setting.device))


def _batches(setting: Setting, size: Size, thoughts: int) -> tuple[Batch, Batch]:
    import torch

    return batches(size, thoughts, torch.device(setting.device))


def step(
    model: CoconutForCausalLM, batch: Batch, setting: Setting, loss: Loss | None = None
) -> Callable[[], None]:
    """Forward and backward over ``batch``; the gradients are dropped."""
    import torch

    def once() -> None:
        with torch.autocast(setting.device, torch.bfloat16, enabled=setting.precision == "bf16"):
            found = model(*batch).loss if loss is None else loss(model, batch)
        found.backward()
        model.zero_grad(set_to_none=True)

    return once
