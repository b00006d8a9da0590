"""The trainer: parts of a batch add up to the batch, and optimizers begin anew where they must."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import LATENT, coconut, encoder, equipped

from coconut_bench.coconut.batches import Pool, TrainBatches
from coconut_bench.coconut.checkpoint import load_checkpoint, save_checkpoint
from coconut_bench.coconut.curriculum import Schedule, StagePlan, TokenRemoval
from coconut_bench.coconut.encoding import Batch, Row, collate
from coconut_bench.coconut.methods import get_method
from coconut_bench.coconut.optim import Optimizers
from coconut_bench.coconut.progress import Progress
from coconut_bench.coconut.settings import Mixing, OptimizerSettings, TrainSettings
from coconut_bench.coconut.steps import Steps
from coconut_bench.coconut.training import Trainer
from coconut_bench.generators import Example, examples

SETTINGS = TrainSettings(OptimizerSettings(name="adamw", lr=0.01), checks=1)
OF_THE_SCHEDULE = ("thoughts_per_step", "mixing", "optimizer_resets", "earlier_stages", "halting")


def stream(start: int, count: int) -> Iterator[Example]:
    return examples("prosqa-tiny", "train", start=start, count=count, surface="symbolic")


def trainer(
    folder: Path, settings: TrainSettings, steps: tuple[int, ...] = (1, 1, 2), **changes: Any
) -> Trainer:
    method = get_method(changes.pop("method", "coconut"))
    of_schedule = {name: changes.pop(name) for name in OF_THE_SCHEDULE if name in changes}
    schedule = Schedule(method, last=len(steps) - 1, **of_schedule)
    fields = {
        "source": stream, "encoder": encoder(markers=False), "schedule": schedule, "batch_size": 8, "seed": 0,
        **changes,
    }  # fmt: skip
    model = coconut("llama", vocabulary=len(fields["encoder"].tokenizer), halting=schedule.halting)
    return Trainer(
        equipped(model, method),
        TrainBatches(**fields),
        schedule.plan(steps, (1.0,) * len(steps)), settings,
        validate=lambda stage: 0.0, checkpoint=folder / "checkpoint.pt", identity={}, log=lambda entry: None,
    )  # fmt: skip


@pytest.mark.parametrize("size", [1, 3, 8])
def test_a_batch_in_parts_gives_the_weights_of_the_whole(size: int, tmp_path: Path) -> None:
    """Rows have different numbers of labels, so a mean of the parts' means would be another loss."""
    whole = trainer(tmp_path / "whole", SETTINGS)
    parts = trainer(tmp_path / "parts", SETTINGS._replace(micro_batch=size))
    losses = [t.run().stages for t in (whole, parts)]
    for a, b in zip(*losses, strict=True):
        assert a.loss == pytest.approx(b.loss, rel=1e-4)
    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(parts.model.state_dict()[name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", [1, 3])
def test_a_batch_in_parts_gives_the_classifier_the_gradients_of_the_whole(size: int, tmp_path: Path) -> None:
    """Rows differ in their numbers of thoughts and of labels, so a share of the labels is another loss."""
    gradients = []
    for part in (None, size):
        settings = SETTINGS._replace(micro_batch=part)
        made = trainer(tmp_path / str(part), settings, halting=True, mixing=Mixing(probability=1.0))
        torch.manual_seed(0)
        torch.nn.init.normal_(made.model.halting_head.weight)
        readings = made.batches.readings(0, StagePlan(2, 1, 1.0), made.plans)
        assert len({reading["student"].prompt.count(LATENT) for reading in readings}) == 3
        loss = made.steps.backward(made.steps.prepare(readings)).loss
        gradients.append(
            {name: p.grad for name, p in made.model.named_parameters()} | {"loss": torch.tensor(loss)}
        )
    for name, whole in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], whole, rtol=1e-4, atol=1e-6, msg=name)


def forgetful(monkeypatch: pytest.MonkeyPatch, made: Trainer, most: int) -> Trainer:
    """A trainer like one on a GPU that cannot hold more rows, with its lines in ``told``."""
    loss = made.replica.loss

    def within(work: Any) -> Any:
        rows = next(iter(work.args[1].values())).layout.ids_BT.shape[0]
        if rows > most:
            loss(work).total.backward()  # what was computed before the memory ended
            raise torch.OutOfMemoryError(f"{rows} rows")
        return loss(work)

    made.steps.shrinks, made.steps.micro_batch, made.counter.micro_batch = True, None, None
    made.told = []
    made.steps.tell = made.told.append
    monkeypatch.setattr(made.replica, "loss", within)
    return made


def test_what_does_not_fit_is_computed_in_smaller_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = trainer(tmp_path / "given", SETTINGS._replace(micro_batch=2))
    found = trainer(tmp_path / "found", SETTINGS._replace(micro_batch="auto"))
    forgetful(monkeypatch, found, most=3)
    assert found.run().flops == given.run().flops is not None
    for name, value in given.model.state_dict().items():
        torch.testing.assert_close(found.model.state_dict()[name], value, rtol=0, atol=0, msg=name)
    assert found.told == [
        "8 examples at once do not fit into the memory: 4 from here on",
        "4 examples at once do not fit into the memory: 2 from here on",
    ]


@pytest.mark.parametrize(("wanted", "message"), [
    ("auto", "a step of 1 examples; gradient_checkpointing: true"),
    (4, "a step of 4 examples; micro_batch_size must be below 4, or auto"),
])  # fmt: skip
def test_a_step_that_does_not_fit_is_told_in_a_line(
    wanted: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = trainer(tmp_path, SETTINGS._replace(micro_batch=wanted))
    forgetful(monkeypatch, made, most=0)
    if wanted != "auto":
        made.steps.shrinks, made.steps.micro_batch = False, wanted
    with pytest.raises(ValueError, match=message):
        made.run()


@pytest.mark.parametrize(("device", "count", "method", "rows"), [
    ("cpu", 1, "coconut", 32), ("cuda", 1, "coconut", None), ("cuda", 2, "coconut", 32),
    ("cuda", 1, "codi", 32),
])  # fmt: skip
def test_as_many_examples_as_fit_where_that_changes_no_gradient(
    device: str, count: int, method: str, rows: int | None, tmp_path: Path
) -> None:
    made = trainer(tmp_path, SETTINGS._replace(micro_batch="auto"), method=method)
    replica = made.replica
    replica.processes = replace(made.processes, device=torch.device(device), count=count)
    steps = Steps(replica, made.steps.objective, made.steps.ids, "auto", "fp32", print)
    assert (steps.micro_batch, steps.shrinks) == (rows, rows is None)


def test_the_parts_of_a_batch_hold_prompts_of_like_lengths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[list[int]] = []

    def collated(rows: list[Row], *others: Any) -> Batch:
        lengths.append([len(row.prompt) for row in rows])
        return collate(rows, *others)

    monkeypatch.setattr("coconut_bench.coconut.objectives.collate", collated)
    made = trainer(tmp_path, SETTINGS._replace(micro_batch=3))
    rows = [Row([9] * length, [9], length) for length in (7, 2, 9, 2, 8, 3)]
    made.steps.backward(made.steps.prepare([{"student": row} for row in rows]))
    assert lengths == [[2, 2, 3], [7, 8, 9]]


def count_new_optimizers(monkeypatch: pytest.MonkeyPatch, made: Trainer) -> list[int]:
    """After which steps a new optimizer was made."""
    after: list[int] = []

    class Counted(Optimizers):
        def __init__(self, *arguments: Any) -> None:
            after.append(made.progress.global_step)
            super().__init__(*arguments)

    monkeypatch.setattr("coconut_bench.coconut.training.Optimizers", Counted)
    made.run()
    return after


def test_the_optimizer_begins_anew_at_each_stage_and_if_wanted_at_each_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Pool(list(stream(0, 16)), seed=0)
    by_stage = trainer(tmp_path / "stage", SETTINGS, (4, 2), source=pool)
    assert count_new_optimizers(monkeypatch, by_stage) == [4, 6]
    by_epoch = trainer(tmp_path / "epoch", SETTINGS, (4, 2), source=pool, optimizer_resets="epoch")
    assert sorted(set(count_new_optimizers(monkeypatch, by_epoch))) == [2, 4, 6]
    assert [stage.epochs for stage in by_epoch.progress.stages] == [2.0, 1.0]


def test_icot_begins_anew_when_a_token_more_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removal = TokenRemoval(first_step=2, steps_per_token=2, all_from=5)
    made = trainer(tmp_path, SETTINGS, (2, 3, 1), method="icot", removal=removal)
    assert sorted(set(count_new_optimizers(monkeypatch, made))) == [2, 4, 5, 6]


def test_the_checkpoint_says_its_stage_and_its_thoughts(tmp_path: Path) -> None:
    made = trainer(tmp_path, SETTINGS, thoughts_per_step=2)
    made.run()
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert (state["stage"], state["thoughts"], state["progress"]["plan"]) == (2, 4, 3)


def test_a_checkpoint_has_its_fields_and_no_others_and_is_whole(tmp_path: Path) -> None:
    path, fields = tmp_path / "checkpoint.pt", ("step", "model")
    state = {"identity": {"seed": 1}, "step": 3, "model": {"weight": torch.ones(2)}}
    save_checkpoint(path, state)
    found = load_checkpoint(path, {"seed": 1}, fields)
    assert found is not None
    assert (found["step"], found["model"]["weight"].tolist()) == (3, [1.0, 1.0])
    for identity, known, message in (
        ({"seed": 1}, ("step",), "its fields differ in model"),
        ({"seed": 1}, (*fields, "best"), "its fields differ in best"),
        ({"seed": 1, "data": None}, fields, "its fields differ in data"),
        ({"seed": 2}, fields, "another run: its seed is 1, not 2"),
    ):
        with pytest.raises(ValueError, match=message):
            load_checkpoint(path, identity, known)
    whole = path.read_bytes()
    for at in range(0, len(whole), 37):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(ValueError, match="it is damaged"):
            load_checkpoint(path, {"seed": 1}, fields)
    with pytest.raises(TypeError, match="progress must have the fields"):
        Progress.of({key: value for key, value in Progress().state().items() if key != "checked"})


def test_stages_are_mixed_row_by_row_as_the_schedule_says(tmp_path: Path) -> None:
    made = trainer(tmp_path, SETTINGS, mixing=Mixing(probability=0.5), batch_size=200)
    now = StagePlan(2, 1, 1.0)
    rows = made.batches.readings(0, now, made.plans)
    thoughts = [row["student"].prompt.count(made.batches.encoder.ids.latent) for row in rows]
    assert 110 < thoughts.count(2) < 160
    assert 20 < thoughts.count(0) < 50
    assert 20 < thoughts.count(1) < 50
    again = made.batches.readings(0, now, made.plans)
    assert rows == again
    assert rows != made.batches.readings(1, now, made.plans)


def test_mixed_stages_are_drawn_with_weight_i_plus_1_from_those_so_far(tmp_path: Path) -> None:
    made = trainer(tmp_path, SETTINGS, method="coconut-mixed", batch_size=600, earlier_stages=0.5)
    for stage, expected in ((0, [1.0]), (1, [1 / 3, 2 / 3]), (2, [1 / 6, 2 / 6, 3 / 6])):
        rows = made.batches.readings(3, StagePlan(stage, 1, 1.0), made.plans)
        thoughts = [row["student"].prompt.count(made.batches.encoder.ids.latent) for row in rows]
        shares = [thoughts.count(k) / len(rows) for k in range(stage + 1)]
        assert sum(shares) == 1.0
        assert shares == pytest.approx(expected, abs=0.07)
    again = trainer(tmp_path, SETTINGS, method="coconut-mixed", batch_size=600)
    assert rows == again.batches.readings(3, StagePlan(2, 1, 1.0), again.plans)


@pytest.mark.parametrize(
    ("method", "written"),
    [("coconut", {9, 6, 3}), ("pause-as-thought", {9, 6, 3}), ("coconut-no-thought", {3})],
)
def test_earlier_stages_are_drawn_only_where_the_prompt_shows_the_stage(
    method: str, written: set[int], tmp_path: Path
) -> None:
    """Elsewhere one prompt would have several targets: with the chain, and without it."""
    made = trainer(tmp_path, SETTINGS, method=method, earlier_stages=0.5, batch_size=1)
    rows = [made.batches.readings(step, StagePlan(2, 1, 1.0), made.plans)[0]["student"] for step in range(40)]
    assert {len(row.target) for row in rows} == written


@pytest.mark.parametrize("norm", [0.0, 1e-9])
def test_gradients_are_clipped_unless_the_norm_is_0(norm: float, tmp_path: Path) -> None:
    optimizer = OptimizerSettings(name="muon", lr=0.001, max_grad_norm=norm)
    made, seen = trainer(tmp_path, SETTINGS._replace(optimizer=optimizer)), []
    embeddings = made.model.get_input_embeddings()
    made.optimizers.step = lambda factor, keeps_gradients: seen.append(float(embeddings.weight.grad.norm()))
    made._step(made.plans[0])
    assert seen[0] > 1e-3 if norm == 0 else seen[0] <= norm


def test_bf16_trains_and_keeps_fp32_weights(tmp_path: Path) -> None:
    made = trainer(tmp_path, SETTINGS._replace(precision="bf16"))
    progress = made.run()
    assert {value.dtype for value in made.model.state_dict().values()} == {torch.float32}
    plain = trainer(tmp_path / "fp32", SETTINGS).run()
    assert progress.stages[0].loss != plain.stages[0].loss
    assert progress.stages[0].loss == pytest.approx(plain.stages[0].loss, rel=0.02)
