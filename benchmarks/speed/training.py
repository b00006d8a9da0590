"""Speed and memory of training steps: every stage, the published procedure, scaling.

A step is forward and backward; the optimizer's part is the same for everything compared here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .findings import Finding, Setting, compare, finding, interleave, ratios, synchronize
from .models import batches, build

if TYPE_CHECKING:
    import torch

    from ...coconut.encoding import Batch
    from ...coconut.modeling import CoconutForCausalLM

LITERAL_POSITIONS = 12_000
"""Most positions in a batch of the published procedure, whose time grows with their square."""

Loss = Callable[["CoconutForCausalLM", "Batch"], "torch.Tensor"]


def stages(setting: Setting) -> Iterator[Finding]:
    """Measure a step with each number of thoughts against a plain language model's over the same tokens.

    Args:
        setting: What to measure on.

    Yields:
        Both times and their ratio.
    """
    size = setting.size
    model, last = build(size, setting.device), size.thoughts
    for thoughts in (0, last) if setting.quick else range(last + 1):
        setting.say(f"stages: {thoughts} thoughts")
        latent, plain = batches(size, thoughts, setting.device)
        works = {"Coconut step": latent, "plain step over the same tokens": plain}
        seconds = interleave({name: step(model, batch, setting) for name, batch in works.items()}, setting)
        yield from compare("stages", seconds, "s", "Coconut step / plain step", {"thoughts": thoughts})


def literal(setting: Setting) -> Iterator[Finding]:
    """Measure a last-stage step of the published procedure against one of this package.

    The published one is slow, so it is repeated less often and not warmed up.

    Args:
        setting: What to measure on.

    Yields:
        Both times and their ratio.
    """
    from ...coconut.reference import published_loss

    def published(model: CoconutForCausalLM, batch: Batch) -> torch.Tensor:
        return published_loss(model, *batch)

    model, size = build(setting.size, setting.device), setting.size
    most = max(1, min(size.batch, LITERAL_POSITIONS // size.positions))
    fewer = max(1, most // 4)
    for rows in (fewer,) if setting.quick else (fewer, most):
        setting.say(f"literal: batch {rows}")
        latent, _ = batches(size.changed(batch=rows), size.thoughts, setting.device)
        fast = step(model, latent, setting)
        fast()
        works = {"published procedure's step": step(model, latent, setting, published), "Coconut step": fast}
        seconds = interleave(works, setting, repeats=min(2, setting.repeats), warm=False)
        at = {"batch": rows, "thoughts": size.thoughts}
        yield from compare("literal", seconds, "s", "published / Coconut step", at)


def memory(setting: Setting) -> Iterator[Finding]:
    """Measure peak memory of a last-stage step, without weights, against a plain one over the same tokens.

    Args:
        setting: What to measure on.

    Yields:
        Peaks and ratios, with and without gradient checkpointing.
    """
    model, size = build(setting.size, setting.device), setting.size
    latent, plain = batches(size, size.thoughts, setting.device)
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
    """Measure a last-stage step with half and twice the thoughts, tokens, rows or width.

    Args:
        setting: What to measure on.

    Yields:
        Times, and ratios to the unchanged step.
    """
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
                latent, _ = batches(one, one.thoughts, setting.device)
                works[key] = step(build(one, setting.device), latent, setting)
            try:
                seconds = interleave(works, setting)
            except torch.OutOfMemoryError:
                break  # the device's memory ends this axis; what fits has been reported
            at = {label: getattr(other, name)}
            yield finding("growth", "Coconut step", seconds["other"], "s", at)
            quotient = ratios(seconds["other"], seconds["base"])
            yield finding("growth", f"step / step with {label} {base}", quotient, "×", at)


def peak_bytes(work: Callable[[], object], setting: Setting) -> float:
    """Measure the peak of memory that a function allocates, beyond what was allocated before.

    On a GPU as the allocator counts it; on a CPU from the profiler's allocations and frees.

    Args:
        work: The function; it is called once more to warm up.
        setting: The device.

    Returns:
        The peak in bytes.
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


def step(
    model: CoconutForCausalLM, batch: Batch, setting: Setting, loss: Loss | None = None
) -> Callable[[], None]:
    """Return a function that runs forward and backward and drops the gradients.

    Args:
        model: The model.
        batch: The batch.
        setting: Device and precision.
        loss: Loss of (model, batch); None for the model's own.
    """

    def once() -> None:
        with setting.autocast():
            found = model(*batch).loss if loss is None else loss(model, batch)
        found.backward()
        model.zero_grad(set_to_none=True)

    return once
