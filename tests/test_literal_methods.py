"""Every method on every architecture: loss and gradients are those of hidden states computed literally, every
pass anew and without a cache; with gradient checkpointing too, and with one gradient for the prefix."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_models import CONFIGS, assert_agree, coconut, encoder, equipped
from torch import Tensor

from coconut_bench.coconut.batches import TrainBatches
from coconut_bench.coconut.curriculum import Schedule
from coconut_bench.coconut.layout import Layout
from coconut_bench.coconut.methods import METHODS
from coconut_bench.coconut.modeling import CoconutForCausalLM
from coconut_bench.coconut.objectives import get_objective, view_of
from coconut_bench.coconut.passes import Passes, PassesMixin
from coconut_bench.coconut.recurrence import RECURRENCES
from coconut_bench.generators import examples

LAST = 2


def literal_pass(
    model: CoconutForCausalLM, inputs_BTD: Tensor, mask_BT: Tensor, hidden: tuple[int, int]
) -> tuple[Tensor, ...]:
    """The outputs of all layers at all columns; those from ``hidden[1]`` on do not see those before
    ``hidden[0]``.
    """
    columns_T = torch.arange(inputs_BTD.shape[1])
    sees_TT = columns_T <= columns_T[:, None]
    sees_TT[hidden[1] :, : hidden[0]] = False
    sees_BTT = sees_TT & (mask_BT[:, None] != 0) | torch.eye(len(columns_T), dtype=torch.bool)
    mask = torch.where(sees_BTT, 0.0, torch.finfo(torch.float32).min)[:, None]
    output = model.base.get_decoder()(
        inputs_embeds=inputs_BTD, attention_mask=mask, use_cache=False, output_hidden_states=True,
        position_ids=(mask_BT.cumsum(1) - 1).clamp(min=0),
    )  # fmt: skip
    return (*output.hidden_states[1:-1], output.last_hidden_state)


def literal_passes(self: Any, layout: Layout, cache: None, layers: bool = False) -> Passes:
    """As `PassesMixin.passes`, by the definition: a pass over all columns for each thought (or each update of
    all of them), then one more.
    """
    embed, ids_BT = self.get_input_embeddings(), layout.ids_BT
    vectors_BTD = embed(ids_BT) if layout.mixtures is None else layout.mixtures.fed(embed(ids_BT), embed)
    mask_BT = torch.ones_like(ids_BT) if layout.mask_BT is None else layout.mask_BT
    length, rows_B = ids_BT.shape[1], torch.arange(len(ids_BT))
    first, end = layout.columns or (length, length)
    recurrence = RECURRENCES[self.config.recurrence]
    hidden = (first, end) if recurrence.hides_prefix else (0, length)
    turns = [[k] for k in range(end - first)]
    if recurrence.has_slots and layout.columns:
        turns = [list(range(end - first))] * self.config.sweeps
        slots_BKD = self.slots.weight[: end - first].expand(len(ids_BT), -1, -1)
        vectors_BTD = torch.cat([vectors_BTD[:, :first], slots_BKD, vectors_BTD[:, end:]], dim=1)
    last_B = torch.full_like(rows_B, first - 1) if layout.last_B is None else layout.last_B
    for anew in turns:
        h_BTD = literal_pass(self, vectors_BTD, mask_BT, hidden)[-1]
        for k in anew:
            before_BD = h_BTD[rows_B, last_B if k == 0 else torch.full_like(rows_B, first + k - 1)]
            is_thought_BT = (ids_BT == self.config.latent_token_id) & (torch.arange(length) == first + k)
            made_BD = self.latent().project(before_BD)
            vectors_BTD = torch.where(is_thought_BT[..., None], made_BD[:, None], vectors_BTD)
    found = literal_pass(self, vectors_BTD, mask_BT, hidden)
    sizes = [length]
    if layout.columns and recurrence.has_slots:
        sizes = [first, length - first]
    elif layout.columns:
        sizes = [first, *[1] * (end - first), length - end]
        if not recurrence.hides_prefix:  # what follows the thoughts is computed with the last of them
            sizes[-2:] = [sizes[-2] + sizes[-1]]
    sizes = [size for size in sizes if size]
    by_layer = [h_BTD.split(sizes, dim=1) for h_BTD in found]
    layers_PL = list(zip(*by_layer, strict=True)) if layers else []
    return Passes(list(by_layer[-1]), len(turns) + 1, layers_PL)


@pytest.mark.parametrize("way", ["", "checkpointed", "deferred"])
@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("method", METHODS)
def test_loss_and_gradients_of_every_stage_are_the_literal_ones(
    method: str, architecture: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, made = METHODS[method], encoder(markers=False)
    schedule = Schedule(row, last=LAST)

    def source(start: int, count: int) -> object:
        return examples("prosqa-tiny", "train", start=start, count=count, surface="symbolic")

    batches = TrainBatches(source, made, schedule, batch_size=3, seed=0)  # type: ignore[arg-type]
    parts = {"slots": LAST, "sweeps": 1} if RECURRENCES[row.recurrence].has_slots else {}
    base = coconut(architecture, vocabulary=len(made.tokenizer)).base
    model = CoconutForCausalLM.wrap(base, made.ids.latent, recurrence=row.recurrence, **parts)
    model = equipped(model, row).train()
    plans = schedule.plan((1,) * (LAST + 1), (1.0,) * (LAST + 1))
    objective = get_objective(row.objective)
    for plan in plans:
        readings = batches.readings(0, plan, plans)
        views = {
            view: view_of(model, [reading[view] for reading in readings], made.ids.pad)
            for view in readings[0]
        }
        with monkeypatch.context() as patched:
            patched.setattr(PassesMixin, "passes", literal_passes)
            literal = objective(model, views, None).total
        if way == "checkpointed":
            model.gradient_checkpointing_enable()
        model.defers = way == "deferred"
        found = objective(model, views, None).total
        assert_agree(model, found, literal)
