"""The FLOPs of training, counted from shapes, against torch's own counter: every method and architecture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from test_coconut_training import SETTINGS, stream
from tiny_models import CONFIGS, END, PAD, encoder, equipped
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM

from coconut_bench.coconut.batches import TrainBatches
from coconut_bench.coconut.counting import OBJECTIVES, Counter, observed
from coconut_bench.coconut.curriculum import Schedule, StagePlan, TokenRemoval
from coconut_bench.coconut.flops import RECURRENCES, answering_parameters
from coconut_bench.coconut.last_layer import POSITIONWISE
from coconut_bench.coconut.looping import looped_config, share_layers
from coconut_bench.coconut.methods import METHODS, Method, get_method
from coconut_bench.coconut.modeling import CoconutForCausalLM
from coconut_bench.coconut.progress import Progress
from coconut_bench.coconut.settings import Mixing
from coconut_bench.coconut.training import Trainer

COUNTED = [m.name for m in METHODS.values() if m.objective in OBJECTIVES and m.recurrence in RECURRENCES]

KINDS = {(m.objective, m.recurrence, m.filler, m.target): m.name for m in map(get_method, COUNTED)}.values()
"""A method for each way of computing, which decides what is counted; the others differ in their rows."""


def model(
    architecture: str, method: Method, halting: bool = False, loops: int | None = None, sweeps: int = 2
) -> CoconutForCausalLM:
    coder = encoder(markers=False)
    longer = {"n_positions": 256} if architecture == "gpt2" else {}
    torch.manual_seed(0)
    base = share_layers(
        AutoModelForCausalLM.from_config(
            looped_config(
                architecture, loops, vocab_size=len(coder.tokenizer), bos_token_id=None, eos_token_id=END,
                pad_token_id=PAD, **CONFIGS[architecture] | longer,
            ),
            dtype=torch.float32,
        )
    )  # fmt: skip
    jacobi = method.recurrence == "jacobi"
    slots = {"slots": 4, "sweeps": sweeps} if jacobi else {}
    made = CoconutForCausalLM.wrap(
        base, coder.ids.latent, halting=halting, recurrence=method.recurrence, **slots
    )
    return equipped(made, method)


def trainer(
    folder: Path,
    name: str,
    architecture: str = "llama",
    micro_batch: int | None = None,
    markers: bool = False,
    removal: TokenRemoval | None = None,
    mixing: Mixing | None = None,
    **changes: Any,
) -> Trainer:
    method = get_method(name)
    schedule = Schedule(method, last=2, thoughts_per_step=2, mixing=mixing)
    return Trainer(
        model(architecture, method, **changes).train(),
        TrainBatches(stream, encoder(markers), schedule, batch_size=6, seed=0, removal=removal),
        schedule.plan((1, 1, 2), (1.0,) * 3), SETTINGS._replace(micro_batch=micro_batch),
        validate=lambda stage: 0.0, checkpoint=folder / "checkpoint.pt", identity={}, log=lambda entry: None,
    )  # fmt: skip


def measured(made: Trainer, readings: Any) -> int:
    """What torch counts of forward and backward, without the angles of rotary embeddings."""
    counter = FlopCounterMode(display=False)
    with sdpa_kernel(SDPBackend.MATH), counter:
        made.steps.backward(made.steps.prepare(readings))
    counts = counter.get_flop_counts()
    angles = sum(sum(found.values()) for name, found in counts.items() if name.endswith("rotary_emb"))
    return counter.get_total_flops() - angles


def check(made: Trainer, stages: int = 3) -> None:
    """Compare the first step of each stage, or of the last ones."""
    counter = Counter(made.model, made.batches.schedule.method.objective, made.settings.micro_batch)
    step = 0
    for number, plan in enumerate(made.plans):
        if number >= len(made.plans) - stages:
            readings = made.batches.readings(step, plan, made.plans)
            assert counter.step(readings) == measured(made, readings), (plan, step)
        step += plan.steps


@pytest.mark.parametrize(
    ("method", "architecture"),
    [
        *((method, "llama") for method in COUNTED),
        *((method, other) for method in KINDS for other in CONFIGS if other != "llama"),
    ],
)
def test_every_method_and_every_kind_on_every_architecture(
    method: str, architecture: str, tmp_path: Path
) -> None:
    check(trainer(tmp_path, method, architecture), stages=3 if architecture == "llama" else 1)


@pytest.mark.parametrize("method", ["cot", "coconut", "codi", "pccot", "sim-coconut"])
@pytest.mark.parametrize("changes", [{"micro_batch": 4, "markers": True}, {"loops": 2}], ids=str)
def test_parts_of_a_batch_looped_layers_and_markers(
    method: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    check(trainer(tmp_path, method, **changes))


@pytest.mark.parametrize("method", ["coconut", "codi", "sim-coconut", "cot2"])
def test_the_halting_head(method: str, tmp_path: Path) -> None:
    check(trainer(tmp_path, method, halting=True))


def test_rows_of_several_stages_in_one_batch(tmp_path: Path) -> None:
    check(trainer(tmp_path, "coconut", mixing=Mixing(probability=1.0)))


def test_tokens_that_are_removed_one_by_one(tmp_path: Path) -> None:
    check(trainer(tmp_path, "icot", removal=TokenRemoval(0, 0.5)))


def test_with_gradient_checkpointing_the_last_layer_skips_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recomputation is not counted, so the figure is that of a plain pass over every position."""
    plain, other = (trainer(tmp_path / name, "coconut") for name in "ab")
    other.model.gradient_checkpointing_enable()
    readings = plain.batches.readings(0, plain.plans[-1], plain.plans)
    found = Counter(other.model, "labels").step(readings)
    assert found is not None and found > measured(plain, readings)
    monkeypatch.setitem(POSITIONWISE, "llama", ())
    assert found == measured(plain, readings)


def test_what_processes_compute_together(tmp_path: Path) -> None:
    """Five rows in parts of two over two processes: one computes a row besides, of weight 0."""
    made = trainer(tmp_path, "coconut", micro_batch=2)
    readings = made.batches.readings(0, made.plans[-1], made.plans)[:5]
    total = 0
    for rank in range(2):
        made.steps.processes = replace(made.processes, rank=rank, count=2)
        total += measured(made, readings)
    assert Counter(made.model, "labels", 2, count=2).step(readings) == total
    assert total > Counter(made.model, "labels", micro_batch=2).step(readings)


@pytest.mark.parametrize("method", COUNTED)
def test_the_counted_passes_are_those_computed(method: str, tmp_path: Path) -> None:
    made = trainer(tmp_path, method)
    counter = Counter(made.model, made.batches.schedule.method.objective)
    readings = made.batches.readings(0, made.plans[-1], made.plans)
    with observed(made.model) as seen:
        made.steps.backward(made.steps.prepare(readings))
    assert seen == [one for part in counter.share(readings, 0) for one in part.passes] != []


def test_what_is_unknown_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = trainer(tmp_path, "coconut")
    readings = made.batches.readings(0, made.plans[-1], made.plans)
    assert Counter(made.model, "labels").step(readings) is not None
    assert Counter(made.model, "of a plugin").step(readings) is None
    made.model.config.recurrence = "of a plugin"
    assert Counter(made.model, "labels").step(readings) is None
    made.model.config.recurrence = "sequential"
    monkeypatch.delitem(POSITIONWISE, "llama")
    assert Counter(made.model, "labels").step(readings) is None


def test_parameters_used_when_answering() -> None:
    method = get_method("pccot")
    plain, looped = model("llama", get_method("coconut")), model("llama", get_method("coconut"), loops=3)
    assert answering_parameters(plain) == answering_parameters(looped) == plain.base.num_parameters()
    width = 32
    assert answering_parameters(model("llama", get_method("sim-coconut"))) == answering_parameters(plain)
    more = answering_parameters(model("llama", method)) - answering_parameters(plain)
    assert more == 2 * (width * width + width) + 2 * width + 4 * width  # two linear maps, a norm, four slots


@pytest.mark.parametrize("method", ["coconut", "pccot", "sim-coconut"])
def test_a_resumed_training_counts_what_an_uninterrupted_one_does(method: str, tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole", method)
    total = whole.run().flops
    steps = [whole.batches.readings(g, plan, whole.plans) for g, plan in enumerate(each_step(whole))]
    assert total == sum(whole.counter.step(readings) for readings in steps) > 0
    first = trainer(tmp_path / "parts", method)
    first.progress.recent_losses.append(first._step(first.plans[0]))
    first.progress.step = first.progress.global_step = 1
    first._save()
    resumed = trainer(tmp_path / "parts", method)
    assert 0 < resumed.progress.flops < total
    assert resumed.run().flops == total


def each_step(made: Trainer) -> list[StagePlan]:
    return [plan for plan in made.plans for _ in range(plan.steps)]


def test_a_training_that_an_earlier_version_began_has_no_count(tmp_path: Path) -> None:
    state = Progress(global_step=1).state()
    del state["flops"]
    made = trainer(tmp_path, "coconut")
    made.progress = Progress.of(state)
    made._step(made.plans[0])
    assert made.progress.flops is None


def test_a_training_that_computes_other_passes_than_are_counted_has_no_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = trainer(tmp_path, "coconut")
    backward = made.steps.backward

    def twice(parts: Any) -> Any:
        backward(parts)
        return backward(parts)

    monkeypatch.setattr(made.steps, "backward", twice)
    assert made.run().flops is None
