"""Every method's token layout, drawn, and the schedule it is trained with."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import encoder

from coconut_bench.coconut.curriculum import ALL, Schedule, TokenRemoval, lr_factor, mixed_stages
from coconut_bench.coconut.encoding import IGNORE, Encoder, Row, collate
from coconut_bench.coconut.methods import METHODS, View, get_method
from coconut_bench.coconut.settings import Mixing
from coconut_bench.generators import Example
from coconut_bench.generators.example import Graph
from coconut_bench.generators.seeding import example_keys

EXAMPLE = Example(
    id="x",
    question="4 7 . 7 1 . > 4 < 1 < 9",
    steps=("4 7 .", "7 1 ."),
    answer="1",
    hops=2,
    twin=None,
    graph=Graph(("4", "7", "1", "9"), ((0, 1), (1, 2)), root=0, target=2, neg_target=3),
)
Q, STEP1, STEP2, ANSWER = "4 7 . 7 1 . > 4 < 1 < 9", "4 7 .", "7 1 .", "### 1 <eos>"
L, P = "<latent>", "<pause>"

# method → stage → what is given | what is to be written. Two steps, one thought a step.
LAYOUTS = {
    "cot": {0: f"{Q} | {STEP1} {STEP2} {ANSWER}"},
    "no-cot": {2: f"{Q} | {ANSWER}"},
    "icot": dict.fromkeys(range(3), f"{Q} | {STEP1} {STEP2} {ANSWER}"),
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
    "pause-cot": {2: f"{Q} {P} {P} | {STEP1} {STEP2} {ANSWER}"},
    "codi": {2: f"{Q} {L} {L} | {ANSWER}"},
    "pccot": {2: f"{Q} {L} {L} | {ANSWER}"},
    "bottleneck": {2: f"{Q} {L} {L} | {ANSWER}"},
    "coconut-bfs": {
        0: f"{Q} | 7 <eos>",
        1: f"{Q} {L} | 1 <eos>",
        2: f"{Q} {L} {L} | {ANSWER}",
    },
    "sim-coconut": {
        0: f"{Q} | {STEP1} {STEP2} {ANSWER}",
        1: f"{Q} {L} | {STEP2} {ANSWER}",
        2: f"{Q} {L} {L} | {ANSWER}",
    },
    "multimode": {
        0: f"{Q} <bot> <eot> | {STEP1} {STEP2} {ANSWER}",
        1: f"{Q} <bot> {L} <eot> | {STEP2} {ANSWER}",
        2: f"{Q} <bot> {L} {L} <eot> | {ANSWER}",
    },
    "cot2": {2: f"{Q} | {L} {L} {ANSWER}"},
    "coconut-mixed": {
        0: f"{Q} | {STEP1} {STEP2} {ANSWER}",
        1: f"{Q} {L} | {STEP2} {ANSWER}",
        2: f"{Q} {L} {L} | {ANSWER}",
    },
}
TEACHER = f"{Q} | {STEP1} {ANSWER}"
"""What the teacher of a distilled method reads: the chain without the step that has the answer."""
VIEWS = {
    "teacher": TEACHER,
    "chain": f"{Q} <bot> | {STEP1} {STEP2} <eot> {ANSWER}",
    "direct": f"{Q} <eot> | {ANSWER}",
}
"""What a step reads of an example besides: view → its layout, the same at every stage."""


def drawn(made: Encoder, method: str, stage: int, view: View = "student", **schedule: Any) -> str:
    """The example's row, drawn."""
    [parts] = made.segments([EXAMPLE])
    last = schedule.pop("last", stage)
    row = made.row(parts, Schedule(get_method(method), last=last, **schedule), stage, view=view)
    return draw(row, made.markers)


def draw(row: Row, markers: bool) -> str:
    words = encoder(markers).tokenizer.convert_ids_to_tokens
    return f"{' '.join(words(row.prompt))} | {' '.join(words(row.target))}"


def test_every_method_is_drawn() -> None:
    assert set(LAYOUTS) == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_gives_and_asks_for_what_is_drawn_at_each_stage(name: str) -> None:
    method, made = get_method(name), encoder(markers=False)
    assert list(method.stages(2)) == list(LAYOUTS[name])
    for stage, layout in LAYOUTS[name].items():
        assert drawn(made, name, stage, last=2) == layout
        for view in method.views[1:]:
            assert drawn(made, name, stage, view, last=2) == VIEWS[view]


def test_markers_stand_around_thoughts_and_only_there() -> None:
    made = encoder(markers=True)
    [parts] = made.segments([EXAMPLE])
    row = made.row(parts, Schedule(get_method("coconut"), last=1, thoughts_per_step=2), 1)
    assert draw(row, markers=True) == f"{Q} <bot> {L} {L} <eot> | {STEP2} {ANSWER}"
    assert row.prompt[row.first_filler] == made.ids.latent
    assert "<bot>" not in drawn(made, "coconut", 0)


def test_empty_markers_stand_around_no_thoughts_of_a_method_that_thinks() -> None:
    made = encoder(markers=True, empty_markers=True)
    assert drawn(made, "coconut", 0) == f"{Q} <bot> <eot> | {STEP1} {STEP2} {ANSWER}"
    assert drawn(made, "coconut", 1) == f"{Q} <bot> {L} <eot> | {STEP2} {ANSWER}"
    assert drawn(made, "pause-as-thought", 0) == f"{Q} <bot> <eot> | {STEP1} {STEP2} {ANSWER}"
    for method in ("cot", "no-cot", "icot", "coconut-no-thought"):
        assert "<bot>" not in drawn(made, method, 0)
    assert drawn(made, "codi", 2, view="teacher") == TEACHER
    assert drawn(encoder(markers=False, empty_markers=True), "coconut", 0) == LAYOUTS["coconut"][0]


def test_the_question_alone_begins_with_the_tokenizer_s_bos() -> None:
    plain, made = encoder(markers=False), encoder(markers=False, bos="<s>")
    [bare], [parts] = plain.segments([EXAMPLE]), made.segments([EXAMPLE])
    assert parts == bare._replace(question=[made.tokenizer.bos_token_id, *bare.question])
    assert plain.leading == []


@pytest.mark.parametrize("answer_marker", [True, False])
@pytest.mark.parametrize("view", ["student", *VIEWS])
def test_a_row_knows_which_of_its_tokens_are_the_answer(answer_marker: bool, view: View) -> None:
    made = encoder(markers=True, answer_marker=answer_marker)
    [parts] = made.segments([EXAMPLE])
    row = made.row(parts, Schedule(get_method("codi"), last=2), 2, view=view)
    assert made.tokenizer.convert_ids_to_tokens(row.target[-row.answer :]) == ["1", "<eos>"]


def test_without_the_answer_marker_the_last_thought_predicts_the_answer() -> None:
    made = encoder(markers=False, answer_marker=False)
    assert drawn(made, "coconut", 2) == f"{Q} {L} {L} | 1 <eos>"
    assert drawn(made, "cot", 0) == f"{Q} | {STEP1} {STEP2} 1 <eos>"


def test_a_chain_shorter_than_the_stage_loses_all_its_steps_and_keeps_the_thoughts() -> None:
    assert drawn(encoder(markers=False), "coconut", 4) == f"{Q} {L} {L} {L} {L} | {ANSWER}"


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
    plans = {name: Schedule(m, last=2).plan((5, 7, 9), (1, 1, 0.5)) for name, m in METHODS.items()}
    schedules = {tuple((p.steps, p.lr_scale) for p in made) for made in plans.values()}
    assert schedules == {((5, 1), (7, 1), (9, 0.5))}
    assert [p.stage for p in plans["coconut"]] == [0, 1, 2]
    assert [p.stage for p in plans["no-cot"]] == [2, 2, 2]
    assert [p.stage for p in plans["cot"]] == [0, 0, 0]


def test_icot_loses_the_first_tokens_of_its_chain_and_then_all() -> None:
    made = encoder(markers=False)
    [parts] = made.segments([EXAMPLE])
    chain = f"{STEP1} {STEP2}".split()
    for removed in (0, 1, 4, 6, 9):
        row = made.row(parts, Schedule(get_method("icot"), last=2), 1, removed)
        assert draw(row, markers=False) == f"{Q} | {' '.join([*chain[removed:], ANSWER])}"


def test_icot_s_schedule_grows_a_token_at_a_time_and_ends_with_all() -> None:
    schedule = TokenRemoval(first_step=10, steps_per_token=5, all_from=40)
    assert [schedule.scheduled(step) for step in (0, 9, 10, 14, 15, 39, 40)] == [0, 0, 1, 1, 2, 6, ALL]
    published = TokenRemoval(first_step=2, steps_per_token=2, all_at=3)
    assert [published.scheduled(step) for step in range(8)] == [0, 0, 1, 1, 2, 2, ALL, ALL]


def test_icot_s_smoothing_is_the_exponential_of_its_paper() -> None:
    keys = example_keys("x", "1", "train", 0, range(40_000))
    more = TokenRemoval(first_step=100, steps_per_token=5, smoothing=1.0).draw(keys, 0)
    shares = np.bincount(more, minlength=4)[:4] / len(more)
    expected = [(1 - math.exp(-1)) * math.exp(-o) for o in range(4)]
    assert shares == pytest.approx(expected, abs=0.01)
    none = TokenRemoval(first_step=100, steps_per_token=5, smoothing=0.0)
    assert not none.draw(keys, 0).any()
    other = TokenRemoval.smoothed(1.0)
    assert (other.draw(keys, 0) == more).all()
    assert other.scheduled(10**6) == 0


@pytest.mark.parametrize(
    ("mixing", "expected"),
    [
        ({"probability": 0.4}, {0: 0.1, 1: 0.1, 2: 0.7, 3: 0.1}),
        ({"probability": 0.3, "stages": "earlier"}, {0: 0.1, 1: 0.1, 2: 0.8}),
        ({"probability": 0.6, "stages": "earlier", "weights": "stage"}, {0: 0.1, 1: 0.2, 2: 0.7}),
        ({"probability": 0.0}, {2: 1.0}),
    ],
)
def test_mixing_draws_each_example_s_stage_with_its_weight(
    mixing: dict[str, Any], expected: dict[int, float]
) -> None:
    keys = example_keys("x", "1", "train", 0, range(40_000))
    steps = [4] * 40_000
    drawn = Counter(mixed_stages(Mixing(**mixing), keys, current=2, first=0, last=3, steps=steps).tolist())
    assert {stage: count / 40_000 for stage, count in drawn.items()} == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [(3, {0: 0.25, 1: 0.25, 2: 0.25, 3: 0.25}), (1, {0: 0.5, 1: 0.5}), (0, {0: 1.0}), (4, {4: 0.2}),
     (6, {3: 1 / 7, 4: 3 / 7})],
)  # fmt: skip
def test_the_published_mixing_draws_from_the_steps_of_the_sample_itself(
    steps: int, expected: dict[int, float]
) -> None:
    """Of 0 to 6 a chain of 3 steps would have none left at 4 stages of 7; a longer one is cut at the last."""
    keys = example_keys("x", "1", "train", 0, range(40_000))
    mixing, lengths = Mixing(probability=1.0, stages="sample"), [steps, 2] * 20_000
    drawn = Counter(mixed_stages(mixing, keys, current=2, first=0, last=4, steps=lengths)[::2].tolist())
    assert max(drawn) == min(steps, 4)
    shares = {stage: drawn[stage] / 20_000 for stage in expected}
    assert shares == pytest.approx(expected, abs=0.01)


def test_an_extra_stage_has_the_thoughts_of_the_one_before_and_no_step() -> None:
    made = encoder(markers=False)
    extra: dict[str, Any] = {"last": 2, "thoughts_per_step": 2, "extra_stage": True}
    assert drawn(made, "coconut", 1, **extra) == f"{Q} {L} {L} | {STEP2} {ANSWER}"
    assert drawn(made, "coconut", 2, **extra) == f"{Q} {L} {L} | {ANSWER}"
    assert drawn(made, "pause", 2, **extra) == f"{Q} {P} {P} | {ANSWER}"


def test_with_a_classifier_a_short_chain_has_its_own_number_of_thoughts() -> None:
    assert drawn(encoder(markers=False), "coconut", 5, halting=True) == f"{Q} {L} {L} | {ANSWER}"


def test_the_learning_rate_rises_and_falls_within_a_stage() -> None:
    factors = [lr_factor(step, 100, warmup=10, final=0.1) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) == factors[9]
    assert factors[99] == pytest.approx(0.109)


def test_the_nearest_method_is_named() -> None:
    with pytest.raises(ValueError, match="did you mean 'coconut'"):
        get_method("cocnut")
    with pytest.raises(ValueError, match="it is 'coconut-no-curriculum': K thoughts, answers only"):
        get_method("latent-only")
    with pytest.raises(ValueError, match="--recipe tiny-looped"):
        get_method("looped")
