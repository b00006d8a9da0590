"""What each optimization saves: a last-stage step without it against the step with all of them.

    aligned      · q q L L s ·      unaligned     q q L L s · ·      every column that holds a thought costs a
                 q q q L L s s                    q q q L L s s      pass: aligned 2, unaligned 3

Axes: B batch, T tokens, D width, V vocabulary, N labeled positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from transformers import DynamicCache

from ...coconut.encoding import IGNORE, Batch, collate
from ...coconut.loss import label_loss
from ...coconut.modeling import CoconutForCausalLM
from ...coconut.rows import Row
from .findings import Finding, Setting, finding, interleave, ratios
from .models import LATENT, PAD, batches, build, rows
from .training import step

if TYPE_CHECKING:
    from torch import Tensor

WINDOW = 4
"""Batches whose examples are shared out anew, to measure what like lengths bring."""


def changes(setting: Setting) -> Iterator[Finding]:
    """Time a step without each optimization, in seconds and as a multiple of the whole step.

    Args:
        setting: What to measure on.

    Yields:
        Two findings for each optimization.
    """
    size = setting.size
    latent, _ = batches(size, size.thoughts, setting.device)
    spread = unaligned(rows(size, size.thoughts)).to(torch.device(setting.device))
    model = build(size, setting.device)
    checkpointed = build(size, setting.device)
    checkpointed.gradient_checkpointing_enable()
    in_bf16 = setting._replace(precision="bf16")
    whole = step(model, latent, setting)
    without = {
        "all computed again in every pass": step(model, latent, setting, recomputed_loss),
        "thoughts not aligned": step(model, spread, setting),
        "last layer at every position": step(model, latent, setting, whole_last_layer_loss),
        "the same, prefix with a mask": step(model, latent, setting, masked_loss),
        "the same, cache concatenated": step(model, latent, setting, concatenated_loss),
        "last layer and head at every position": step(model, latent, setting, everywhere_loss),
        "layers computed again (checkpointing)": step(checkpointed, latent, setting),
        "bf16 instead of fp32": step(model, latent, in_bf16),
    }
    for name in list(without)[:2] if setting.quick else without:
        yield from _compared(name, without[name], whole, setting)
    deferred, one_by_one = (_deferring(model, whole, is_used) for is_used in (True, False))
    yield from _compared("prefix's gradient once a thought", one_by_one, deferred, setting)
    grouped, mixed = (lengths_grouped(model, setting, is_used) for is_used in (True, False))
    yield from _compared("batches not of like lengths", mixed, grouped, setting)


def _compared(
    name: str, without: Callable[[], object], whole: Callable[[], object], setting: Setting
) -> Iterator[Finding]:
    setting.say(f"changes: {name}")
    seconds = interleave({"without": without, "whole": whole}, setting)
    yield finding("changes", name, seconds["without"], "s")
    yield finding("changes", f"{name} / step", ratios(seconds["without"], seconds["whole"]), "×")


def _deferring(model: CoconutForCausalLM, work: Callable[[], None], is_used: bool) -> Callable[[], None]:
    """Return ``work`` with the prefix's gradient deferred (`coconut.deferred`) or not, on any device."""

    def once() -> None:
        model.defers = is_used
        work()
        model.defers = None

    return once


def lengths_grouped(model: CoconutForCausalLM, setting: Setting, is_used: bool) -> Callable[[], None]:
    """Return the steps of a window of `WINDOW` batches, whose questions differ in length by up to a half.

    Args:
        model: The model.
        setting: Its size, device and precision.
        is_used: Whether the window is cut into batches of like lengths (`coconut.grouping`).
    """
    size = setting.size
    spread = [max(4, size.question * share // 100) for share in (70, 85, 100, 115, 130)]
    made = [rows(size.changed(question=length), size.thoughts) for length in spread]
    examples = [made[place % len(made)][place // len(made)] for place in range(WINDOW * size.batch)]
    if is_used:
        examples.sort(key=lambda row: len(row.prompt))
    cuts = range(0, len(examples), size.batch)
    works = [
        step(model, collate(examples[cut : cut + size.batch], PAD).to(torch.device(setting.device)), setting)
        for cut in cuts
    ]

    def once() -> None:
        for work in works:
            work()

    return once


def whole_last_layer_loss(model: CoconutForCausalLM, batch: Batch) -> Tensor:
    """Return the loss with the last layer computed at every position, read or not.

    Args:
        model: The model.
        batch: A batch padded on the left, as `collate` makes it.
    """
    layout = replace(model.arranged(batch), read_R=None).to(model.device)
    found = model.labeled(layout)
    return label_loss(model.logits(found.h_ND), found.targets_N, None)


def masked_loss(model: CoconutForCausalLM, batch: Batch, cache: DynamicCache | None = None) -> Tensor:
    """Return `whole_last_layer_loss` with the padding left where it is, so the prefix needs a mask.

    Args:
        model: The model.
        batch: A batch padded on the left.
        cache: The cache to use; None for the model's own.
    """
    h_BTD = model.hidden_states(batch.input_ids, batch.attention_mask, cache).h_BTD
    return _labeled_loss(model, h_BTD, batch)


def concatenated_loss(model: CoconutForCausalLM, batch: Batch) -> Tensor:
    """Return `masked_loss` of ``batch`` with a cache of transformers, which every pass copies."""
    return masked_loss(model, batch, DynamicCache(config=model.base.config))


def everywhere_loss(model: CoconutForCausalLM, batch: Batch) -> Tensor:
    """Return `masked_loss` of ``batch`` with the head applied at every position."""
    h_BTD = model.hidden_states(batch.input_ids, batch.attention_mask).h_BTD
    logits_BTV = model.logits(h_BTD)
    is_target_BT = batch.labels[:, 1:] != IGNORE
    return label_loss(logits_BTV[:, :-1][is_target_BT], batch.labels[:, 1:][is_target_BT], None)


def recomputed_loss(model: CoconutForCausalLM, batch: Batch) -> Tensor:
    """Compute the loss of ``batch`` without a cache: a pass over all positions for each thought + 1."""
    is_thought_BT = batch.input_ids == LATENT
    columns_T = torch.arange(is_thought_BT.shape[1], device=is_thought_BT.device)
    inputs_BTD = model.get_input_embeddings()(batch.input_ids)
    for column in is_thought_BT.any(0).nonzero().flatten().tolist():
        h_BTD = model.decode(inputs_BTD, batch.attention_mask, None, 0)
        # A thought's input is the hidden state at the position before it, computed in this pass.
        here_BT = is_thought_BT & (columns_T == column)
        inputs_BTD = torch.where(here_BT[..., None], h_BTD.roll(1, dims=1), inputs_BTD)
    return _labeled_loss(model, model.decode(inputs_BTD, batch.attention_mask, None, 0), batch)


def unaligned(made: list[Row]) -> Batch:
    """Collate the rows ``made`` without alignment: all start at column 0, padding on the right."""
    lengths = [len(row.prompt) + len(row.target) for row in made]
    ids = torch.full((len(made), max(lengths)), PAD)
    labels = torch.full_like(ids, IGNORE)
    for b, row in enumerate(made):
        ids[b, : lengths[b]] = torch.tensor(row.prompt + row.target)
        labels[b, len(row.prompt) : lengths[b]] = torch.tensor(row.target)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return Batch(ids, mask, labels)


def _labeled_loss(model: CoconutForCausalLM, h_BTD: Tensor, batch: Batch) -> Tensor:
    is_target_BT = batch.labels[:, 1:] != IGNORE
    logits_NV = model.logits(h_BTD[:, :-1][is_target_BT])
    return label_loss(logits_NV, batch.labels[:, 1:][is_target_BT], None)
