"""What is compared computes the same thing; how it is compared is fair; the command reports all of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from tiny_models import CONFIGS, END, batch, coconut, reasoner, rows
from torch.utils.flop_counter import FlopCounterMode

from coconut_bench.benchmarks.speed import changes
from coconut_bench.benchmarks.speed.changes import (
    concatenated_loss,
    everywhere_loss,
    lengths_grouped,
    masked_loss,
    recomputed_loss,
    unaligned,
    whole_last_layer_loss,
)
from coconut_bench.benchmarks.speed.findings import Setting, interleave
from coconut_bench.benchmarks.speed.models import LATENT, SIZES, batches, build
from coconut_bench.benchmarks.speed.models import rows as random_rows
from coconut_bench.benchmarks.speed.report import parts, speed
from coconut_bench.benchmarks.speed.roofline import forward_flops
from coconut_bench.benchmarks.speed.training import peak_bytes
from coconut_bench.cli import main
from coconut_bench.coconut.reference import published_greedy, published_loss

MICRO = SIZES["micro"]


@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("thoughts", [[0, 0], [3, 3, 3], [1, 0, 4, 2]], ids=str)
def test_the_published_procedure_gives_the_same_loss_and_gradients(
    architecture: str, thoughts: list[int]
) -> None:
    model, made, found = coconut(architecture), batch(thoughts), []
    for loss in (published_loss(model, *made), model(*made).loss):
        model.zero_grad()
        loss.backward()
        gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        found.append(torch.cat([loss.detach()[None], gradient]))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


def test_a_step_without_each_saving_has_the_same_loss() -> None:
    model, (latent, _) = build(MICRO, torch.device("cpu")), batches(MICRO, 2, torch.device("cpu"))
    spread = unaligned(random_rows(MICRO, 2))
    assert model.hidden_states(spread.input_ids, spread.attention_mask).passes > 3
    slower = (recomputed_loss, whole_last_layer_loss, masked_loss, concatenated_loss, everywhere_loss)
    losses = [loss(model, latent) for loss in slower]
    for loss in (*losses, model(*spread).loss):
        torch.testing.assert_close(loss, model(*latent).loss)


def test_what_like_lengths_and_the_prefixs_gradient_bring_is_measured_over_the_same_examples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, batches_read = build(MICRO, "cpu"), []
    monkeypatch.setattr(changes, "step", lambda model, batch, setting: lambda: batches_read.append(batch))
    read = {}
    for is_used in (False, True):
        lengths_grouped(model, Setting(MICRO), is_used)()
        read[is_used] = list(batches_read)
        batches_read.clear()
    masks = {is_used: [batch.attention_mask for batch in many] for is_used, many in read.items()}
    lengths = {key: sorted(n for mask in many for n in mask.sum(1).tolist()) for key, many in masks.items()}
    padding = {key: sum(int((mask == 0).sum()) for mask in many) for key, many in masks.items()}
    assert lengths[True] == lengths[False] and padding[True] < padding[False] / 2
    monkeypatch.undo()
    defers: list[bool | None] = []
    monkeypatch.setattr(changes, "step", lambda model, *given: lambda: defers.append(model.defers))
    found = {one.name for one in changes.changes(Setting(MICRO, repeats=1, quick=True))}
    assert {True, False, None} == set(defers)
    assert {"prefix's gradient once a thought / step", "batches not of like lengths / step"} <= found


@pytest.mark.parametrize("thoughts", [0, 3])
def test_the_published_decoding_writes_the_same(thoughts: int) -> None:
    model, made = coconut("llama", seed=3), rows([thoughts] * 4, seed=5)
    questions = [row.prompt[: row.first_filler] for row in made]
    fast = [one.tokens for one in reasoner(model, thoughts).answer(questions, 6)]
    slow = [published_greedy(model, row.prompt, end=END, max_new_tokens=6) for row in made]
    assert fast == slow


def test_the_plain_step_has_the_tokens_of_the_coconut_step_and_no_thought() -> None:
    model = build(MICRO, torch.device("cpu"))
    latent, plain = batches(MICRO, 2, torch.device("cpu"))
    assert model.hidden_states(latent.input_ids, latent.attention_mask).passes == 3
    assert model.hidden_states(plain.input_ids, plain.attention_mask).passes == 1
    others = latent.input_ids != LATENT
    assert torch.equal(latent.input_ids[others], plain.input_ids[others])
    assert torch.equal(latent.labels, plain.labels)
    assert int((~others).sum()) == 2 * MICRO.batch


@pytest.mark.parametrize("name", ["micro", "gpt2"])
def test_the_operations_counted_are_those_of_the_products_computed(name: str) -> None:
    small = SIZES[name].changed(layers=2, width=24, vocabulary=70, question=15, batch=3)
    model, (_, plain) = build(small, torch.device("cpu")), batches(small, 1, torch.device("cpu"))
    needed = forward_flops(model, small, plain)
    with FlopCounterMode(display=False) as counter:
        model(*plain)
    counted = {str(key): value for key, value in counter.get_flop_counts()["Global"].items()}
    products = counted.get("aten.mm", 0) + counted.get("aten.addmm", 0)
    assert products == needed.linear + needed.head - needed.unread
    assert 0 < needed.unread < needed.linear
    # Now with eager attention, whose two products are counted, on both sides of the diagonal.
    model.base.set_attn_implementation("eager")
    with FlopCounterMode(display=False) as counter:
        model(*plain)
    assert counter.get_total_flops() - products == 2 * needed.attention


def test_repetitions_are_interleaved_in_alternating_order_after_a_warm_up() -> None:
    calls: list[str] = []
    works = {name: (lambda name=name: calls.append(name)) for name in "ab"}
    seconds = interleave(works, Setting(MICRO, repeats=3))
    assert "".join(calls) == "ab" + "ab" + "ba" + "ab"
    assert [len(times) for times in seconds.values()] == [3, 3]


def test_peak_memory_is_what_is_held_at_once() -> None:
    def work() -> None:
        first = torch.ones(1 << 20)
        del first
        second, third = torch.ones(1 << 18), torch.ones(1 << 19)
        del second, third

    assert peak_bytes(work, Setting(MICRO)) == pytest.approx(4 << 20, rel=0.01)


def test_a_coconut_step_holds_little_more_than_a_plain_one_and_less_with_checkpointing() -> None:
    size = MICRO.changed(question=80, thoughts=6, width=64, batch=8)
    found = {one.name: one.value for one in speed(Setting(size), ["memory"]).findings}
    assert found["Coconut step / plain step"] < 1.3  # a copy of the cache for each pass would be far more
    assert found["checkpointed Coconut step / plain step"] < 0.9


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["speed", "--size", "micro", *arguments])


def test_the_command_reports_every_part_as_text_json_and_picture(tmp_path: Path) -> None:
    data, picture = tmp_path / "speed.json", tmp_path / "speed.svg"
    result = run("--quick", "--repeats", "2", "--json", str(data), "--plot", str(picture))
    assert result.exit_code == 0, result.output
    report = json.loads(data.read_text())
    found = report["findings"]
    assert {one["part"] for one in found} == set(parts())
    assert report["setting"]["size"]["name"] == "micro"
    assert report["provenance"]["environment"]["device"] == "cpu"
    for one in found:
        assert 0 < one["low"] <= one["value"] <= one["high"], one
        assert one["n"] == (1 if one["part"] == "memory" else 2), one
    assert len(result.output.splitlines()) == len(found) + 1
    assert "Coconut step / plain step, thoughts 2" in picture.read_text().replace("\n", " ")


def test_the_batch_of_a_size_can_be_another_and_bf16_asked_for() -> None:
    result = run("--only", "roofline", "--quick", "--repeats", "1", "--batch", "2", "--precision", "bf16")
    assert result.exit_code == 0, result.output
    assert "precision bf16" in result.output


def test_a_known_gpu_is_measured_against_its_data_sheet_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coconut_bench.benchmarks.speed.roofline.bf16_peak", lambda device: 989.0)
    setting = Setting(
        SIZES["gpt2"].changed(layers=2, width=24, batch=2), precision="bf16", repeats=1, quick=True
    )
    found = {one.name: one.value for one in speed(setting, ["roofline"]).findings}
    for work in ("forward pass", "Coconut step"):
        assert found[f"{work} / data sheet's peak"] == pytest.approx(found[work] / 989_000)
    plain = speed(setting._replace(precision="fp32"), ["roofline"]).findings
    assert not any("data sheet" in one.name for one in plain)


def test_a_ratio_is_that_of_the_figures_beside_it() -> None:
    report = speed(Setting(MICRO, repeats=1), ["stages"])
    assert len(report.findings) == 3 * (MICRO.thoughts + 1)
    for step, plain, ratio in zip(*(iter(report.findings),) * 3, strict=True):
        assert ratio.value == pytest.approx(step.value / plain.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "stage"], "stages"),
        (["--size", "smal"], "small"),
        (["--plot", "speed.txt"], "plot must be a .png, .svg or .pdf file"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_refused() -> None:
    result = run("--device", "cuda")
    assert result.exit_code == 2
    assert "this machine has no CUDA device" in result.output
