"""Every method's token layout, drawn, and the schedule it is trained with."""

from __future__ import annotations

import pytest
import torch
from tiny_models import encoder

from coconut_bench.coconut.curriculum import lr_factor, plan
from coconut_bench.coconut.encoding import IGNORE, Row, collate
from coconut_bench.coconut.methods import METHODS, get_method
from coconut_bench.generators import Example

EXAMPLE = Example(
    id="x",
    question="4 7 . 7 1 . > 4 < 1 < 9",
    steps=("4 7 .", "7 1 ."),
    answer="1",
    hops=2,
    twin=None,
    graph=None,
)
Q, STEP1, STEP2, ANSWER = "4 7 . 7 1 . > 4 < 1 < 9", "4 7 .", "7 1 .", "### 1 <eos>"
L, P = "<latent>", "<pause>"

# method → stage → what is given | what is to be written. Two steps, one thought a step.
LAYOUTS = {
    "cot": {0: f"{Q} | {STEP1} {STEP2} {ANSWER}"},
    "no-cot": {2: f"{Q} | {ANSWER}"},
    "pause": {2: f"{Q} {P} {P} | {ANSWER}"},
    "coconut": {
        0: f"{Q} | {STEP1} {STEP2} {ANSWER}",
        1: f"{Q} {L} | {STEP2} {ANSWER}",
        2: f"{Q} {L} {L} | {ANSWER}",
    },
    "coconut-no-curriculum": {2: f"{Q} {L} {L} | {ANSWER}"},
    "coconut-no-thought": {
        0: f"{Q} | {STEP1} {STEP2} {ANSWER}",
        1: f"{Q} | {STEP2} {ANSWER}",
        2: f"{Q} | {ANSWER}",
    },
    "pause-as-thought": {
        0: f"{Q} | {STEP1} {STEP2} {ANSWER}",
        1: f"{Q} {P} | {STEP2} {ANSWER}",
        2: f"{Q} {P} {P} | {ANSWER}",
    },
}


def draw(row: Row, markers: bool) -> str:
    words = encoder(markers).tokenizer.convert_ids_to_tokens
    return f"{' '.join(words(row.prompt))} | {' '.join(words(row.target))}"


def test_every_method_is_drawn() -> None:
    assert set(LAYOUTS) == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_gives_and_asks_for_what_is_drawn_at_each_stage(name: str) -> None:
    method, made = get_method(name), encoder(markers=False)
    assert list(method.stages(2)) == list(LAYOUTS[name])
    [parts] = made.segments([EXAMPLE])
    for stage, layout in LAYOUTS[name].items():
        assert draw(made.row(parts, method, stage, 1), markers=False) == layout


def test_markers_stand_around_thoughts_and_only_there() -> None:
    made, coconut = encoder(markers=True), get_method("coconut")
    [parts] = made.segments([EXAMPLE])
    row = made.row(parts, coconut, 1, 2)
    assert draw(row, markers=True) == f"{Q} <bot> {L} {L} <eot> | {STEP2} {ANSWER}"
    assert row.prompt[row.first_filler] == made.ids.latent
    assert "<bot>" not in draw(made.row(parts, coconut, 0, 2), markers=True)


def test_without_the_answer_marker_the_last_thought_predicts_the_answer() -> None:
    made = encoder(markers=False, answer_marker=False)
    [parts] = made.segments([EXAMPLE])
    assert draw(made.row(parts, get_method("coconut"), 2, 1), markers=False) == f"{Q} {L} {L} | 1 <eos>"
    assert draw(made.row(parts, get_method("cot"), 0, 1), markers=False) == f"{Q} | {STEP1} {STEP2} 1 <eos>"


def test_a_chain_shorter_than_the_stage_loses_all_its_steps_and_keeps_the_thoughts() -> None:
    made = encoder(markers=False)
    [parts] = made.segments([EXAMPLE])
    assert (
        draw(made.row(parts, get_method("coconut"), 4, 1), markers=False) == f"{Q} {L} {L} {L} {L} | {ANSWER}"
    )


def test_thoughts_of_a_batch_stand_in_one_column_and_labels_are_what_is_written() -> None:
    rows = [Row([8, 9, 3, 3], [10, 1], 2), Row([8, 9, 8, 9, 3], [10, 11, 1], 4)]
    batch = collate(rows, pad=0)
    assert batch.input_ids.tolist() == [[0, 0, 8, 9, 3, 3, 10, 1], [8, 9, 8, 9, 3, 10, 11, 1]]
    assert batch.attention_mask.tolist() == [[0, 0, 1, 1, 1, 1, 1, 1], [1] * 8]
    written = torch.where(batch.labels == IGNORE, 0, batch.labels)
    assert written.tolist() == [[0, 0, 0, 0, 0, 0, 10, 1], [0, 0, 0, 0, 0, 10, 11, 1]]


def test_an_unknown_word_is_refused() -> None:
    with pytest.raises(ValueError, match="vocabulary, got 'blorpus'"):
        encoder(markers=False).segments([Example("x", "blorpus", (), "1", 0, None, None)])


def test_every_method_gets_the_same_steps_and_learning_rates() -> None:
    plans = {name: plan(method, (5, 7, 9), (1, 1, 0.5)) for name, method in METHODS.items()}
    schedules = {tuple((p.steps, p.lr_scale) for p in made) for made in plans.values()}
    assert schedules == {((5, 1), (7, 1), (9, 0.5))}
    assert [p.stage for p in plans["coconut"]] == [0, 1, 2]
    assert [p.stage for p in plans["no-cot"]] == [2, 2, 2]
    assert [p.stage for p in plans["cot"]] == [0, 0, 0]


def test_the_learning_rate_rises_and_falls_within_a_stage() -> None:
    factors = [lr_factor(step, 100, warmup=10, final=0.1) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) == factors[9]
    assert factors[99] == pytest.approx(0.109)


def test_the_nearest_method_is_named() -> None:
    with pytest.raises(ValueError, match="did you mean 'coconut'"):
        get_method("cocnut")
