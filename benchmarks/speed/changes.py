"""What each way of saving work saves: a last-stage step without it against the step with it.

    aligned      q q L L s · ·      unaligned     q q L L s · ·      rows whose thoughts share no column
                 · q L L s s s                    q L L s s s ·      need a pass for every column that has one

Axes: B batch, T tokens, D width, V vocabulary, N labelled positions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from unittest.mock import patch

import torch
from transformers import DynamicCache

from ...coconut.encoding import IGNORE, Batch, Row
from ...coconut.last_layer import POSITIONWISE
from ...coconut.loss import label_loss
from ...coconut.modeling import CoconutForCausalLM
from .findings import Finding, Setting, finding, interleave, ratios
from .models import LATENT, PAD, batches, build, rows
from .training import step

if TYPE_CHECKING:
    from torch import Tensor


def changes(setting: Setting) -> Iterator[Finding]:
    """The time of a step without one of them, as a multiple of the step's."""
    size, device = setting.size, torch.device(setting.device)
    latent, _ = batches(size, size.thoughts, device)
    spread = unaligned(rows(size, size.thoughts)).to(device)
    model = build(size, device)
    checkpointed = build(size, device)
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
        setting.say(f"changes: {name}")
        seconds = interleave({"without": without[name], "whole": whole}, setting)
        yield finding("changes", name, seconds["without"], "s")
        yield finding("changes", f"{name} / step", ratios(seconds["without"], seconds["whole"]), "×")


def whole_last_layer_loss(model: CoconutForCausalLM, batch: Batch) -> Tensor:
    """The loss with all of the last layer computed, whether it is read or not."""
    with patch.dict(POSITIONWISE, clear=True):
        loss: Tensor = model(*batch).loss
    return loss


def masked_loss(model: CoconutForCausalLM, batch: Batch, cache: DynamicCache | None = None) -> Tensor:
    """`whole_last_layer_loss` with the padding on the left, where the prefix needs a mask; over ``cache``."""
    h_BTD = model.hidden_states(batch.input_ids, batch.attention_mask, cache).h_BTD
    return _labelled_loss(model, h_BTD, batch)


def concatenated_loss(model: CoconutForCausalLM, batch: Batch) -> Tensor:
    """`masked_loss` over a cache of transformers, which every pass copies and makes longer."""
    return masked_loss(model, batch, DynamicCache(config=model.base.config))


def everywhere_loss(model: CoconutForCausalLM, batch: Batch) -> Tensor:
    """`masked_loss` with the head applied at every position."""
    h_BTD = model.hidden_states(batch.input_ids, batch.attention_mask).h_BTD
    logits_BTV = model.get_output_embeddings()(h_BTD)
    is_target_BT = batch.labels[:, 1:] != IGNORE
    return label_loss(logits_BTV[:, :-1][is_target_BT], batch.labels[:, 1:][is_target_BT], None)


def recomputed_loss(model: CoconutForCausalLM, batch: Batch) -> Tensor:
    """The loss without a cache: a pass over all positions for each thought and one more."""
    is_thought_BT = batch.input_ids == LATENT
    columns_T = torch.arange(is_thought_BT.shape[1], device=is_thought_BT.device)
    inputs_BTD = model.get_input_embeddings()(batch.input_ids)
    for column in is_thought_BT.any(0).nonzero().flatten().tolist():
        h_BTD = model.decode(inputs_BTD, batch.attention_mask, None, 0)
        here_BT = is_thought_BT & (columns_T == column)
        inputs_BTD = torch.where(here_BT[..., None], h_BTD.roll(1, dims=1), inputs_BTD)
    return _labelled_loss(model, model.decode(inputs_BTD, batch.attention_mask, None, 0), batch)


def unaligned(made: list[Row]) -> Batch:
    """The rows as a batch that begins at column 0 in every row, thoughts where they fall."""
    lengths = [len(row.prompt) + len(row.target) for row in made]
    ids = torch.full((len(made), max(lengths)), PAD)
    labels = torch.full_like(ids, IGNORE)
    for b, row in enumerate(made):
        ids[b, : lengths[b]] = torch.tensor(row.prompt + row.target)
        labels[b, len(row.prompt) : lengths[b]] = torch.tensor(row.target)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return Batch(ids, mask, labels)


def _labelled_loss(model: CoconutForCausalLM, h_BTD: Tensor, batch: Batch) -> Tensor:
    is_target_BT = batch.labels[:, 1:] != IGNORE
    logits_NV = model.get_output_embeddings()(h_BTD[:, :-1][is_target_BT])
    return label_loss(logits_NV, batch.labels[:, 1:][is_target_BT], None)
