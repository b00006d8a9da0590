"""The random stream of one example: a counter-based generator under a hashed key.

    >>> keys = example_keys("prosqa", "1.0.0", "test", seed=0, indices=range(3))
    >>> below(draws(keys, purpose=0, count=4), 10).shape
    (3, 4)

Draw number ``j`` of an example is a pure function of (dataset, version, split, seed, index, attempt,
purpose, j), so any order, batch size or number of workers gives the same bytes. Only wrapping 64-bit integer
arithmetic is used: library shuffles change between versions, and the last bit of ``exp`` or ``log`` between
platforms. The mixer is the finalizer of SplitMix64 (Steele, Lea and Flood, 2014); its counter is laid out as

    bits    63 .. 32   31 .. 16   15 .. 0
            attempt    purpose    j           word = mix(key + GAMMA * (counter + 1))

Axes: B examples, N draws.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .example import SPLITS

U64 = NDArray[np.uint64]
Indices = NDArray[np.int64]
Arrays = tuple[NDArray[Any], ...]

GAMMA = np.uint64(0x9E3779B97F4A7C15)  # SplitMix64's increment: odd, so the counter visits all 2^64 states
MAX_DRAWS = 1 << 16  # draws of one purpose, see the drawing above
MAX_ATTEMPTS = 1 << 14


def mix(x: U64) -> U64:
    """Scramble each 64-bit word: SplitMix64's finalizer, a bijection.

    Args:
        x: Words, any shape.

    Returns:
        Words of the same shape.
    """
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def example_keys(dataset: str, version: str, split: str, seed: int, indices: Iterable[int]) -> U64:
    """Return the 64-bit key of each example: a hash of everything that identifies it.

    Args:
        dataset: Name of the dataset.
        version: Version of the dataset.
        split: Name of the split.
        seed: Dataset seed.
        indices: B indices of examples in the split.

    Returns:
        The keys, shape [B].
    """
    prefix = hashlib.blake2b(f"{dataset}\0{version}\0{split}\0{seed}\0".encode(), digest_size=8)
    digests = bytearray()
    for index in indices:
        one = prefix.copy()
        one.update(b"%d" % index)
        digests += one.digest()
    return np.frombuffer(bytes(digests), dtype="<u8").astype(np.uint64)


def streams(keys: U64, *, purpose: int, attempt: U64 | int = 0) -> U64:
    """Return the stream of each key for one purpose; `word` reads its words one by one.

    Args:
        keys: Example keys [B].
        purpose: Keeps the draws for one thing (names, order) apart from those for another; below 2^16.
        attempt: Attempt of rejection sampling, one for all keys or one a key [B].

    Returns:
        The streams, shape [B].
    """
    block = (np.atleast_1d(np.asarray(attempt, np.uint64)) << np.uint64(32)) + np.uint64(purpose << 16)
    return keys + block * GAMMA


def word(stream: U64, number: Indices | int) -> U64:
    """Return one word of each stream.

    Args:
        stream: Streams, see `streams`.
        number: Number of the word, 0 to MAX_DRAWS - 1; its shape broadcasts with that of the streams.

    Returns:
        Words, the common shape.
    """
    return mix(stream + (np.atleast_1d(number) + 1).astype(np.uint64) * GAMMA)


def draws(keys: U64, *, purpose: int, count: int, first: int = 0, attempt: U64 | int = 0) -> U64:
    """Draw uniform 64-bit words for each key.

    Args:
        keys: Example keys [B].
        purpose: What the words are for, see `streams`.
        count: Number of words N for each key.
        first: Number of the first word.
        attempt: Attempt of rejection sampling, see `streams`.

    Returns:
        The words, shape [B, N].

    Raises:
        ValueError: More than MAX_DRAWS words of one purpose.
    """
    if first + count > MAX_DRAWS:
        raise ValueError(f"count must be at most {MAX_DRAWS - first}, got {count}")
    stream = streams(keys, purpose=purpose, attempt=attempt)
    return word(stream[:, None], np.arange(first, first + count))


def below(words: U64, bound: int | NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Map words to integers in [0, bound), with a bias of at most bound / 2^32.

    Args:
        words: Random words, any shape.
        bound: Below 2^31; its shape broadcasts with that of the words.

    Returns:
        Integers, the common shape.
    """
    # The upper 32 bits as a fraction of 2^32, times the bound: cheaper than a remainder.
    return (((words >> np.uint64(32)) * np.asarray(bound, np.uint64)) >> np.uint64(32)).astype(np.int64)


def shuffled(words: U64) -> NDArray[np.int64]:
    """Draw uniform permutations: the order that sorts each row of words.

    Args:
        words: Random words [B, N].

    Returns:
        A permutation of 0..N-1 in each row, shape [B, N].
    """
    return np.argsort(words, axis=1, kind="stable")


class NoCandidateError(ValueError):
    """A configuration that leaves nothing to draw, as far as can be told."""


def first_accepted(
    keys: U64, propose: Callable[[U64, U64], tuple[Arrays, NDArray[np.bool_]]], together: int = 512
) -> Arrays:
    """Sample by rejection for a whole batch: return the first accepted attempt of each key.

    Args:
        keys: Example keys [B].
        propose: ``propose(keys, attempts)`` returns arrays with one row for each (key, attempt) and a mask
            of the rows to accept; a row may depend on its own key and attempt only.
        together: Rows proposed at once: enough for numpy, few enough for the processor's cache.

    Returns:
        The arrays of ``propose`` with one accepted row for each key, first axis B.

    Raises:
        NoCandidateError: An example has no accepted attempt after MAX_ATTEMPTS.
    """
    pending = np.arange(len(keys))
    done = 0
    out: list[NDArray[Any]] = []
    while pending.size:
        if done >= MAX_ATTEMPTS:
            raise NoCandidateError(f"a configuration must leave candidates, got none in {done} attempts")
        # When few examples are left, several attempts of each are tried side by side; the earliest accepted
        # one is taken, so the width changes the speed and not the result.
        width = min(max(1, together // pending.size), 64) if done else 1
        left = []
        for first in range(0, pending.size, together):
            some = pending[first : first + together]
            attempts = np.tile(np.arange(done, done + width, dtype=np.uint64), some.size)
            rows, accepted = propose(np.repeat(keys[some], width), attempts)
            if not out:
                out = [np.zeros((len(keys), *row.shape[1:]), row.dtype) for row in rows]
            table = accepted.reshape(some.size, width)  # a row for each example, a column for each attempt
            found = table.any(axis=1)
            chosen = (np.arange(some.size) * width + table.argmax(axis=1))[found]  # argmax: the first True
            for whole, row in zip(out, rows, strict=True):
                whole[some[found]] = row[chosen]
            left.append(some[~found])
        pending = np.concatenate(left)
        done += width
    return tuple(out)


def split_mask(canonical: U64, split: str) -> NDArray[np.bool_]:
    """Return which graphs belong to a split: 2 of 4 to train, 1 each to valid and test.

    The hash alone decides, whatever the seed and the sizes requested, so no graph is in two splits.

    Args:
        canonical: Canonical hashes of graphs [B].
        split: Name of the split.

    Returns:
        A mask [B].

    Raises:
        ValueError: Unknown split.
    """
    quarter = mix(canonical) >> np.uint64(62)
    if split == "train":
        return quarter >= np.uint64(2)
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    return quarter == np.uint64(SPLITS.index(split) - 1)
