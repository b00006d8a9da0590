"""SIM-CoT: which text each thought must be decodable into, and the loss of it against a literal version."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from test_coconut_methods import EXAMPLE, STEP1, STEP2
from test_coconut_training import SETTINGS, trainer
from tiny_models import CONFIGS, LATENT, PAD, assert_agree, batch, coconut, encoder, gradients, rows

from coconut_bench.benchmarks.run.needs import check_whole
from coconut_bench.coconut import launch
from coconut_bench.coconut.curriculum import Schedule, StagePlan
from coconut_bench.coconut.encoding import Row
from coconut_bench.coconut.methods import get_method
from coconut_bench.coconut.modeling import CoconutForCausalLM
from coconut_bench.coconut.objectives import items_of, step_decoder, view_of
from coconut_bench.coconut.settings import Mixing
from coconut_bench.coconut.step_decoder import StepDecoder
from coconut_bench.coconut.steps import MULTIPLES

ANSWER = "### 1 <eos>"


def decoding(architecture: str, **changes: object) -> CoconutForCausalLM:
    model = coconut(architecture, **changes)
    model.step_decoder = StepDecoder(coconut(architecture, seed=1).base)  # not the model's own weights
    return model


def with_texts(thoughts: list[int], each: int) -> list[Row]:
    """Rows whose thoughts, ``each`` a step, have texts of different lengths."""
    texts = [row.target for row in rows([0] * 9, seed=7)]
    return [
        row._replace(texts=tuple(texts[k] for k in range(count // each)))
        for row, count in zip(rows(thoughts), thoughts, strict=True)
    ]


def literal(model: CoconutForCausalLM, row: Row) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """A row's summed cross-entropy, and that of each text: whole passes without a cache, a text at a time."""
    embed, head = model.get_input_embeddings(), model.get_output_embeddings()
    ids = torch.tensor(row.prompt + row.target)
    inputs = list(embed(ids))
    places = (ids == LATENT).nonzero().flatten().tolist()
    for place in places:
        inputs[place] = model.base.get_decoder()(inputs_embeds=torch.stack(inputs[:place])[None])[0][0, -1]
    h_TD = model.base.get_decoder()(inputs_embeds=torch.stack(inputs)[None])[0][0]
    written = F.cross_entropy(head(h_TD[len(row.prompt) - 1 : -1]), torch.tensor(row.target), reduction="sum")
    found, each = [], len(places) // max(len(row.texts), 1)
    for step, text in enumerate(row.texts):
        thoughts = [inputs[place] for place in places[step * each : (step + 1) * each]]
        read = torch.stack([*thoughts, *embed(torch.tensor(text))])[None, :-1]
        h_SD = model.step_decoder.decoder(inputs_embeds=read)[0][0, each - 1 :]
        found.append(F.cross_entropy(head(h_SD), torch.tensor(text), reduction="sum"))
    return written, found


def literal_loss(model: CoconutForCausalLM, made: list[Row]) -> torch.Tensor:
    sums = [literal(model, row) for row in made]
    words = sum(written for written, _ in sums) / sum(len(row.target) for row in made)
    steps = sum(one for _, found in sums for one in found)
    return words + steps / sum(len(text) for row in made for text in row.texts)


def drawn(stage: int, **schedule: object) -> list[str]:
    """What the example's thoughts must be decodable into."""
    made = encoder(markers=False)
    [parts] = made.segments([EXAMPLE])
    row = made.row(parts, Schedule(get_method("sim-coconut"), **{"last": 2, **schedule}), stage)
    return [" ".join(made.tokenizer.convert_ids_to_tokens(text)) for text in row.texts]


def test_the_text_of_a_thought_is_the_step_in_whose_place_it_stands() -> None:
    one, two = f"{STEP1} <eos>", f"{STEP2} <eos>"
    assert [drawn(stage) for stage in range(3)] == [[], [one], [one, two]]
    assert drawn(2, thoughts_per_step=3) == [one, two]
    assert drawn(4, last=4) == [one, two, ANSWER, ANSWER], "a chain shorter than the stage"
    assert drawn(2, extra_stage=True) == [f"{STEP1} {STEP2} <eos>"], "all steps that are left"
    assert drawn(4, last=4, halting=True) == [one, two]


@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize(("thoughts", "each"), [([2, 2, 2, 2], 1), ([4, 0, 2, 6], 2)], ids=str)
@pytest.mark.parametrize("multiples", [None, MULTIPLES], ids=["", "rounded"])
def test_loss_and_gradients_are_the_literal_ones(
    architecture: str, thoughts: list[int], each: int, multiples: tuple[int, int] | None
) -> None:
    model, made = decoding(architecture), with_texts(thoughts, each)
    model.defers = multiples is not None  # as on a GPU
    expected = literal_loss(model, made)
    found = step_decoder(model, {"student": view_of(model, made, PAD, multiples)}, None)
    assert list(found.parts) == ["words", "steps"]
    reached = assert_agree(model, found.total, expected)
    assert any(name.startswith("step_decoder.") for name in reached)


def test_the_decoder_s_loss_teaches_the_thoughts_and_sees_nothing_else() -> None:
    """Another question with the same thoughts has the same texts' loss; gradients reach the first layer."""
    model, made = decoding("llama"), with_texts([1, 1], 1)
    steps = step_decoder(model, {"student": view_of(model, made, PAD)}, None).parts["steps"]
    first = "base.model.layers.0.mlp.up_proj.weight"
    assert gradients(model, steps)[first].abs().sum() > 0
    longer = [row._replace(target=row.target * 2) for row in made]
    same = step_decoder(model, {"student": view_of(model, longer, PAD)}, None).parts["steps"]
    torch.testing.assert_close(same, steps)


def test_without_thoughts_there_is_nothing_to_decode_and_without_a_decoder_no_loss() -> None:
    model, made = decoding("gpt2"), rows([0, 0, 0])
    found = step_decoder(model, {"student": view_of(model, made, PAD)}, None)
    torch.testing.assert_close(found.total, model(*batch([0, 0, 0])).loss)
    assert list(found.parts) == ["words"]
    model.step_decoder = None
    with pytest.raises(ValueError, match="needs a model with a step_decoder"):
        step_decoder(model, {"student": view_of(model, made, PAD)}, None)


def test_the_shares_of_parts_add_up_to_the_batch() -> None:
    model, made = decoding("qwen3", halting=True), with_texts([2, 0, 1, 2], 1)
    torch.nn.init.normal_(model.halting_head.weight)
    whole = step_decoder(model, {"student": view_of(model, made, PAD)}, None).parts
    items = items_of([{"student": row} for row in made], LATENT)
    parts = [
        step_decoder(model, {"student": view_of(model, some, PAD)}, items).parts
        for some in (made[:2], made[2:])
    ]
    assert list(whole) == ["words", "halting", "steps"]
    for name, value in whole.items():
        torch.testing.assert_close(sum(part[name] for part in parts), value, msg=name)


def test_the_decoder_is_a_copy_and_shares_the_embeddings() -> None:
    model = coconut("gpt2")
    own = StepDecoder(model.base)
    names = [name for name, _ in model.base.get_decoder().named_parameters() if name != "wte.weight"]
    assert [name.removeprefix("decoder.") for name, _ in own.named_parameters()] == names
    for name, value in own.named_parameters():
        other = model.base.get_decoder().get_parameter(name.removeprefix("decoder."))
        assert torch.equal(value, other) and value is not other


@pytest.mark.parametrize("mixing", [None, Mixing(probability=1.0)], ids=["", "mixed"])
def test_a_batch_in_parts_gives_the_gradients_of_the_whole(mixing: Mixing | None, tmp_path: Path) -> None:
    found = []
    for part in (None, 3):
        settings = SETTINGS._replace(micro_batch=part)
        made = trainer(tmp_path / str(part), settings, method="sim-coconut", mixing=mixing)
        readings = made.batches.readings(0, StagePlan(2, 1, 1.0), made.plans)
        loss = made.steps.backward(made.steps.prepare(readings)).loss
        found.append({n: p.grad for n, p in made.model.named_parameters()} | {"loss": torch.tensor(loss)})
    for name, whole in found[0].items():
        torch.testing.assert_close(found[1][name], whole, rtol=1e-4, atol=1e-6, msg=name)


def test_a_divided_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "is_sharded", lambda: True)
    check_whole("coconut")
    with pytest.raises(ValueError, match="method sim-coconut needs the whole model in each process"):
        check_whole("sim-coconut")
