"""The random streams: known values, independence of the batch, uniformity, rejection."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coconut_bench.generators.lookup import pick
from coconut_bench.generators.seeding import (
    MAX_DRAWS,
    NoCandidateError,
    below,
    draws,
    example_keys,
    first_accepted,
    mix,
    shuffled,
    split_mask,
)

KEYS = [3172151077584413620, 14229170166414634672]
WORDS = [[12268107642831030740, 18136719101954606863], [14210417025775436210, 7982986030977447183]]


def test_the_generator_is_splitmix64() -> None:
    """The five values that implementations of SplitMix64 are usually checked with, for the seed 1234567."""
    words = draws(np.array([1234567], np.uint64), purpose=0, count=5)
    assert words.tolist() == [
        [
            6457827717110365317,
            3203168211198807973,
            9817491932198370423,
            4593380528125082431,
            16408922859458223821,
        ]
    ]


def test_a_key_is_a_hash_of_all_that_names_an_example() -> None:
    names = [("a", "1", "test", 0), ("b", "1", "test", 0), ("a", "2", "test", 0), ("a", "1", "train", 0)]
    names += [("a", "1", "test", 1), ("a", "11", "test", 0)]
    keys = np.concatenate([example_keys(*name, indices=range(50)) for name in names])
    assert len(set(keys.tolist())) == keys.size
    assert (
        example_keys("a", "1", "test", 0, [7]).tolist()
        == example_keys("a", "1", "test", 0, range(8))[7:].tolist()
    )


def test_keys_and_words_do_not_change() -> None:
    """Pinned: a change here changes every dataset."""
    keys = example_keys("prosqa", "1.0.0", "test", 0, [0, 1])
    assert keys.tolist() == KEYS
    assert draws(keys, purpose=3, count=2, attempt=7).tolist() == WORDS


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20), st.integers(0, 30), st.integers(1, 40))
def test_draws_depend_on_their_own_key_only(keys: list[int], purpose: int, count: int) -> None:
    together = draws(np.array(keys, np.uint64), purpose=purpose, count=count)
    for row, key in zip(together, keys, strict=True):
        alone = draws(np.array([key], np.uint64), purpose=purpose, count=count + 3)
        assert alone[0, :count].tolist() == row.tolist()


def test_attempts_and_purposes_have_draws_of_their_own() -> None:
    keys = np.zeros(1, np.uint64)
    words = {
        word
        for purpose in range(8)
        for attempt in range(50)
        for word in draws(keys, purpose=purpose, count=30, attempt=attempt)[0].tolist()
    }
    assert len(words) == 8 * 50 * 30
    with pytest.raises(ValueError, match=f"count must be at most {MAX_DRAWS}"):
        draws(keys, purpose=0, count=MAX_DRAWS + 1)


@given(st.integers(1, 1000))
def test_below_stays_below(bound: int) -> None:
    extremes = np.array([0, 2**63, 2**64 - 1], np.uint64)
    assert below(extremes, bound).tolist() == [0, bound // 2, bound - 1]


def test_below_and_shuffled_are_uniform() -> None:
    words = draws(example_keys("x", "1", "train", 0, range(60_000)), purpose=0, count=3)
    counts = np.bincount(below(words[:, 0], 6), minlength=6)
    orders = np.bincount(shuffled(words) @ np.array([9, 3, 1]))
    for observed in (counts, orders[orders > 0]):
        assert len(observed) == 6
        assert abs(observed - 10_000).max() < 400  # 4.4 standard deviations


def test_a_split_gets_its_share_and_no_hash_is_in_two() -> None:
    hashes = mix(np.arange(40_000, dtype=np.uint64))
    masks = np.stack([split_mask(hashes, split) for split in ("train", "valid", "test")])
    assert (masks.sum(axis=0) == 1).all()
    assert abs(masks.mean(axis=1) - [0.5, 0.25, 0.25]).max() < 0.01
    with pytest.raises(ValueError, match="split must be one of train, valid, test, got 'dev'"):
        split_mask(hashes, "dev")


@settings(max_examples=50)
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30, unique=True), st.integers(1, 40))
def test_rejection_takes_the_first_accepted_attempt_of_each_key(keys: list[int], rarity: int) -> None:
    def propose(keys, attempt):  # type: ignore[no-untyped-def]
        words = draws(keys, purpose=1, count=1, attempt=attempt)[:, 0]
        return (words, attempt), below(words, rarity) == 0

    words, attempts = first_accepted(np.array(keys, np.uint64), propose)
    for key, word, attempt in zip(keys, words.tolist(), attempts.tolist(), strict=True):
        tried = [
            draws(np.array([key], np.uint64), purpose=1, count=1, attempt=at)[0, 0]
            for at in range(attempt + 1)
        ]
        accepted = [bool(below(np.array([one]), rarity)[0] == 0) for one in tried]
        assert accepted == [False] * attempt + [True]
        assert int(tried[-1]) == word


def test_a_sampler_without_candidates_raises() -> None:
    def nothing(keys, attempt):  # type: ignore[no-untyped-def]
        return (keys,), np.zeros(len(keys), bool)

    with pytest.raises(NoCandidateError, match="must leave candidates, got none in"):
        first_accepted(np.zeros(1, np.uint64), nothing)


def test_an_unknown_name_lists_the_nearest_and_all() -> None:
    table = {"natural": 1, "symbolic": 2}
    assert pick(table, "natural", "surface") == 1
    with pytest.raises(
        ValueError,
        match=r"^unknown surface 'natrual' \(did you mean 'natural'\?\); known: natural, symbolic$",
    ):
        pick(table, "natrual", "surface")
    with pytest.raises(ValueError, match=r"^unknown surface 'zzz'; known: natural, symbolic$"):
        pick(table, "zzz", "surface")
