"""Multimode: one model, three prompts, and a loss that is the sum of three means, against a plain loop."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_coconut_training import SETTINGS, trainer
from test_step_decoder import literal
from tiny_models import assert_agree, coconut, encoder

from coconut_bench.coconut.curriculum import Schedule, StagePlan
from coconut_bench.coconut.encoding import Row
from coconut_bench.coconut.methods import get_method
from coconut_bench.coconut.objectives import ViewBatch, items_of, modes, view_of
from coconut_bench.coconut.steps import MULTIPLES
from coconut_bench.generators import examples


def readings(stages: tuple[int, ...]) -> list[dict[str, Row]]:
    """What is read of a question per stage."""
    made, schedule = encoder(markers=False), Schedule(get_method("multimode"), last=2)
    parts = made.segments(list(examples("prosqa-tiny", "train", count=len(stages), surface="symbolic")))
    return [
        {view: made.row(one, schedule, stage, view=view) for view in schedule.method.views}
        for one, stage in zip(parts, stages, strict=True)
    ]


@pytest.mark.parametrize("multiples", [None, MULTIPLES], ids=["", "rounded"])
@pytest.mark.parametrize("architecture", ["llama", "qwen3"])
def test_loss_and_gradients_are_the_literal_ones(
    architecture: str, multiples: tuple[int, int] | None
) -> None:
    read, ids = readings((0, 1, 2, 2)), encoder(markers=False).ids
    model = coconut(architecture, vocabulary=len(encoder(markers=False).tokenizer))
    model.config.latent_token_id = ids.latent
    expected = torch.zeros(())
    for view in ("student", "chain", "direct"):
        rows = [one[view] for one in read]
        expected = expected + sum(literal(model, row)[0] for row in rows) / sum(len(r.target) for r in rows)
    found = modes(model, views(model, read, multiples), None)
    assert list(found.parts) == ["student", "chain", "direct"]
    assert_agree(model, found.total, expected)
    items = items_of(read, ids.latent)
    parts = [modes(model, views(model, some), items).parts for some in (read[:1], read[1:])]
    for name, value in found.parts.items():
        torch.testing.assert_close(sum(part[name] for part in parts), value, msg=name)


def views(model: object, read: list[dict[str, Row]], multiples: object = None) -> dict[str, ViewBatch]:
    pad = encoder(markers=False).ids.pad
    return {view: view_of(model, [one[view] for one in read], pad, multiples) for view in read[0]}


def test_a_step_takes_the_passes_of_the_thoughts_and_one_for_each_other_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, passes = trainer(tmp_path, SETTINGS, method="multimode", thoughts_per_step=2), [0]
    inner = made.model.decode

    def counted(*arguments: object) -> torch.Tensor:
        passes[0] += 1
        return inner(*arguments)

    monkeypatch.setattr(made.model, "decode", counted)
    read = made.batches.readings(0, StagePlan(2, 1, 1.0), made.plans)
    made.steps.backward(made.steps.prepare(read))
    assert passes == [4 + 1 + 2]


def test_the_three_prompts_differ_at_every_stage() -> None:
    for stage in range(3):
        [read] = readings((stage,))
        assert len({tuple(row.prompt) for row in read.values()}) == 3
