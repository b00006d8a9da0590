"""What is right for other tools is right for the leaderboard, whatever a model writes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coconut_bench import score_answer
from coconut_bench.benchmarks.run.metrics import score
from coconut_bench.coconut.thinking import Generation
from coconut_bench.generators import Example
from coconut_bench.generators.answers import ANSWER_MARKER, is_right, read_answer

PIECES = st.sampled_from(
    ["Tom", "is", "a", "lempus", ".", ",", " ", "\n", "###", "1", "000", "True", "4 7 ."]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=8).map("".join), st.text(max_size=20))
ANSWERS = TEXTS.filter(lambda text: ANSWER_MARKER not in text)


@given(written=TEXTS, answer=ANSWERS)
@example(written="Tom is a lempus", answer="Tom is a lempus.")
@example(written="Tom is a lempus.", answer="Tom is a lempus")
@example(written="4 7 . 7 1 . ### 1,000", answer="1000")
@example(written="### Tom is a lempus or a scrompus.", answer="Tom is a lempus.")
@example(written="", answer="")
def test_every_tool_and_the_leaderboard_agree_on_any_text(written: str, answer: str) -> None:
    asked = Example("x/0", "question", (), answer, 1)
    recorded = score(asked, written, answer, Generation([], 0, 1))
    assert recorded.correct == bool(score_answer(written, {"answer": answer}))
    assert recorded.correct == is_right(recorded.prediction, recorded.answer)


@given(answer=ANSWERS, chain=TEXTS)
def test_the_answer_itself_is_right_after_any_chain_and_a_marker(answer: str, chain: str) -> None:
    assert is_right(read_answer(f"{chain} {ANSWER_MARKER} {answer}"), answer)
    assert is_right(read_answer(f"{answer} ."), answer)


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("Tom is a lempus", True),
        ("Tom is a lempus .", True),
        ("Tom is a", False),
        ("tom is a lempus.", False),
    ],
)
def test_a_full_stop_at_the_end_is_no_part_of_the_answer(written: str, right: bool) -> None:
    assert is_right(written, "Tom is a lempus.") is right
