"""CODI and PCCoT: recurrences and their gradients against literal versions, the distilled loss by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tiny_models import CONFIGS, LATENT, PAD, assert_agree, batch, coconut, encoder, gradients, reasoner, rows

from coconut_bench.coconut.curriculum import Schedule
from coconut_bench.coconut.encoding import Row, collate
from coconut_bench.coconut.methods import METHODS, get_method
from coconut_bench.coconut.modeling import CoconutForCausalLM
from coconut_bench.coconut.objectives import (
    OBJECTIVES,
    Items,
    ViewBatch,
    get_objective,
    layer_distance,
    view_of,
)
from coconut_bench.coconut.recurrence import RECURRENCES
from coconut_bench.coconut.reference import reference_loss
from coconut_bench.generators import examples

K = 3


def together(architecture: str, sweeps: int, seed: int = 0) -> CoconutForCausalLM:
    """A model whose K thoughts are updated together, with slots large enough to matter."""
    model = coconut(architecture, seed, recurrence="jacobi", slots=K, sweeps=sweeps)
    torch.nn.init.normal_(model.slots.weight, std=1.0)
    return model


def one_by_one(model: CoconutForCausalLM) -> CoconutForCausalLM:
    """The same weights with thoughts that follow one another."""
    other = CoconutForCausalLM.wrap(model.base, LATENT, recurrence="projected").eval()
    other.projection.load_state_dict(model.projection.state_dict())
    return other


def test_every_method_names_an_objective_and_a_recurrence() -> None:
    assert {method.objective for method in METHODS.values()} == set(OBJECTIVES)
    assert {method.recurrence for method in METHODS.values()} == set(RECURRENCES)
    with pytest.raises(ValueError, match="did you mean 'distillation'"):
        get_objective("destillation")


@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("sweeps", [0, 1, 2, K, K + 2])
@pytest.mark.parametrize("checkpointed", [False, True], ids=["", "checkpointed"])
def test_loss_and_gradients_of_thoughts_updated_together_are_the_literal_ones(
    architecture: str, sweeps: int, checkpointed: bool
) -> None:
    """A cache that a later sweep writes into would make the gradients of an earlier one silently wrong."""
    model, made = together(architecture, sweeps), batch([K, K, K, K])
    literal = gradients(model, reference_loss(model, *made))
    if checkpointed:
        model.train().gradient_checkpointing_enable()
    torch.testing.assert_close(model(*made).loss, reference_loss(model, *made), rtol=0, atol=1e-5)
    found = gradients(model, model(*made).loss)
    assert found.keys() == literal.keys()
    assert bool(found["slots.weight"].any()) == (sweeps < K), "after K sweeps nothing is left of the slots"
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, literal[name], rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("architecture", CONFIGS)
def test_as_many_sweeps_as_thoughts_are_thoughts_one_after_another(architecture: str) -> None:
    model, made = together(architecture, sweeps=K), batch([K, K, K])
    torch.testing.assert_close(model(*made).loss, one_by_one(model)(*made).loss, rtol=0, atol=1e-5)
    fewer = together(architecture, sweeps=K - 1)
    assert not torch.allclose(fewer(*made).loss, one_by_one(fewer)(*made).loss, atol=1e-4)
    questions = [row.prompt for row in rows([0] * 6, seed=4)]
    answers = [reasoner(m, K).answer(questions, 6) for m in (model, one_by_one(model))]
    assert [a.tokens for a in answers[0]] == [a.tokens for a in answers[1]]


def test_no_sweep_is_pause_tokens_with_vectors_of_their_own() -> None:
    model, made = together("llama", sweeps=0), batch([K, K])
    ids = made.input_ids.clone()
    ids[made.input_ids == LATENT] = torch.tensor([20, 21, 22] * 2)
    with torch.no_grad():
        model.get_input_embeddings().weight[20:23] = model.slots.weight
    torch.testing.assert_close(model(*made).loss, model(ids, made.attention_mask, made.labels).loss)


def test_a_cache_from_outside_is_cut_back_without_gradients_and_refused_with_them() -> None:
    model, ids = together("llama", sweeps=2), torch.tensor([[8, 9, LATENT, LATENT, LATENT, 10]])
    with torch.no_grad():
        first = model(ids, use_cache=True)
        assert first.past_key_values.get_seq_length() == ids.shape[1]
        later = model(torch.tensor([[11]]), past_key_values=first.past_key_values, use_cache=True).logits
        whole = model(torch.cat([ids, torch.tensor([[11]])], dim=1)).logits
    torch.testing.assert_close(later[0, -1], whole[0, -1])
    with pytest.raises(ValueError, match="the model's own cache"):
        model(ids, use_cache=True)


def test_a_row_alone_is_the_row_in_a_batch_and_different_numbers_are_refused() -> None:
    mind, questions = reasoner(together("qwen3", 2), K), [row.prompt for row in rows([0] * 8, seed=5)]
    assert mind.answer(questions, 6) == [mind.answer([question], 6)[0] for question in questions]
    with pytest.raises(ValueError, match="equally many in every row"):
        mind.model(*batch([K, 1]))
    with pytest.raises(ValueError, match=r"thoughts must be in 0\.\.3 \(the model's slots\), got 4"):
        mind.model(*batch([4, 4]))


@pytest.mark.parametrize("architecture", CONFIGS)
def test_projected_thoughts_are_the_literal_ones(architecture: str) -> None:
    model, made = coconut(architecture, recurrence="projected"), batch([2, 0, 3])
    found = assert_agree(model, model(*made).loss, reference_loss(model, *made))
    assert any(name.startswith("projection") for name in found)


@pytest.mark.parametrize("recurrence", ["projected", "jacobi"])
def test_new_parts_follow_their_seed_and_are_saved_with_the_model(recurrence: str, tmp_path: Path) -> None:
    fields = {"recurrence": recurrence, "slots": 2 if recurrence == "jacobi" else 0}
    base, torch_state = coconut("llama").base, torch.get_rng_state()
    one, same, other = (CoconutForCausalLM.wrap(base, LATENT, seed, **fields) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), torch_state)
    new = [name for name, _ in one.named_parameters() if not name.startswith("base.")]
    assert len(new) == (7 if recurrence == "jacobi" else 6)
    weights = [dict(model.named_parameters()) for model in (one, same, other)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in new)
    assert not torch.equal(weights[0]["projection.0.weight"], weights[2]["projection.0.weight"])
    one.save_pretrained(tmp_path)
    loaded = dict(CoconutForCausalLM.from_pretrained(tmp_path).named_parameters())
    assert all(torch.equal(loaded[name], weights[0][name]) for name in new)


def views(
    answer_marker: bool, stages: tuple[int, ...] = (2,) * 6
) -> tuple[dict[str, ViewBatch], dict[str, list[Row]], int]:
    """What CODI reads of a question per stage, and how many words the tokenizer knows."""
    made = encoder(markers=False, answer_marker=answer_marker)
    schedule = Schedule(get_method("codi"), last=2)
    parts = made.segments(list(examples("prosqa-tiny", "train", count=len(stages), surface="symbolic")))
    read = {
        view: [made.row(one, schedule, stage, view=view) for one, stage in zip(parts, stages, strict=True)]
        for view in schedule.method.views
    }
    return _arranged(read), read, len(made.tokenizer)


def _arranged(read: dict[str, list[Row]]) -> dict[str, ViewBatch]:
    """The views as a model of full attention computes them."""
    ids, model = encoder(markers=False).ids, coconut("llama")
    model.config.latent_token_id = ids.latent
    return {view: view_of(model, found, ids.pad) for view, found in read.items()}


def layers_before_the_answer(model: CoconutForCausalLM, read: list[Row], latent: int) -> list[torch.Tensor]:
    """What every layer puts out at the token just before the answer, a row at a time, without a cache."""
    found = []
    for row in read:
        ids = torch.tensor(row.prompt + row.target[: -row.answer])
        inputs_TD = list(model.get_input_embeddings()(ids))
        decoder = model.base.get_decoder()
        for at in (ids == latent).nonzero().flatten().tolist():
            h_1TD = decoder(inputs_embeds=torch.stack(inputs_TD[:at])[None]).last_hidden_state
            inputs_TD[at] = model.projection(h_1TD[0, -1])
        out = decoder(inputs_embeds=torch.stack(inputs_TD)[None], output_hidden_states=True)
        found.append(torch.stack([*out.hidden_states[1:-1], out.last_hidden_state])[:, 0, -1])
    return list(torch.stack(found, dim=1))


@pytest.mark.parametrize("answer_marker", [True, False])
@pytest.mark.parametrize("architecture", CONFIGS)
def test_the_distilled_loss_is_its_three_parts_by_hand(architecture: str, answer_marker: bool) -> None:
    read, by_row, vocabulary = views(answer_marker)
    model = coconut(architecture, vocabulary=vocabulary, recurrence="projected")
    latent = encoder(markers=False).ids.latent
    model.config.latent_token_id = latent
    loss = get_objective("distillation")(model, read, None)
    assert list(loss.parts) == ["student", "teacher", "distance"]
    for view in ("student", "teacher"):
        batch = collate(by_row[view], encoder(markers=False).ids.pad)
        torch.testing.assert_close(loss.parts[view], model(*batch).loss)
    student, teacher = (layers_before_the_answer(model, by_row[view], latent) for view in by_row)
    by_hand = [F.smooth_l1_loss(s, t) / t.std() for s, t in zip(student, teacher, strict=True)]
    torch.testing.assert_close(loss.parts["distance"], torch.stack(by_hand).mean(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(loss.total, sum(loss.parts.values()))


@pytest.mark.parametrize("recurrence", ["projected", "jacobi"])
@pytest.mark.parametrize("architecture", CONFIGS)
def test_layers_computed_again_and_bf16_give_the_same_distilled_loss(
    architecture: str, recurrence: str
) -> None:
    read, _, vocabulary = views(answer_marker=True)
    slots = {"slots": 2, "sweeps": 1} if recurrence == "jacobi" else {}
    model = coconut(architecture, vocabulary=vocabulary, recurrence=recurrence, **slots).train()
    model.config.latent_token_id = encoder(markers=False).ids.latent
    objective = get_objective("distillation")
    kept = objective(model, read, None)
    expected = gradients(model, kept.total)
    model.gradient_checkpointing_enable()
    again = objective(model, read, None)
    torch.testing.assert_close(again.total, kept.total)
    for name, gradient in gradients(model, again.total).items():
        torch.testing.assert_close(gradient, expected[name], rtol=0, atol=1e-6, msg=name)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = objective(model, read, None)
    torch.testing.assert_close(mixed.total, kept.total, rtol=0.02, atol=0)


def test_a_halting_classifier_is_trained_with_the_distilled_thoughts() -> None:
    read, _, vocabulary = views(answer_marker=True)
    model = coconut("llama", vocabulary=vocabulary, recurrence="projected", halting=True)
    model.config.latent_token_id = encoder(markers=False).ids.latent
    loss = get_objective("distillation")(model, read, None)
    torch.testing.assert_close(loss.parts["halting"], model.labeled(read["student"].layout).halting_loss)
    assert gradients(model, loss.parts["halting"])["halting_head.weight"].abs().sum() > 0


def test_the_teacher_learns_nothing_from_the_student() -> None:
    student, teacher = ([torch.randn(4, 8, requires_grad=True) for _ in range(2)] for _ in range(2))
    layer_distance(student, teacher).backward()
    assert all(one.grad is not None for one in student)
    assert all(one.grad is None for one in teacher)


def test_the_shares_of_parts_add_up_to_the_batch() -> None:
    """Cross-entropies exactly; of the distances each part divides by a deviation of its own."""
    read, by_row, vocabulary = views(True, stages=(0, 1, 2, 2, 1, 2))  # as many thoughts
    model = coconut("llama", vocabulary=vocabulary, recurrence="projected", halting=True)
    torch.nn.init.normal_(model.halting_head.weight)
    model.config.latent_token_id = encoder(markers=False).ids.latent
    items = Items({view: sum(len(row.target) for row in found) for view, found in by_row.items()}, 6, 8)
    whole = get_objective("distillation")(model, read, None).parts
    parts = []
    for some in (slice(0, 2), slice(2, 6)):
        cut = _arranged({view: found[some] for view, found in by_row.items()})
        parts.append(get_objective("distillation")(model, cut, items).parts)
    for name in ("student", "teacher", "halting"):
        torch.testing.assert_close(sum(part[name] for part in parts), whole[name])
    assert encoder(markers=False).ids.pad == PAD
