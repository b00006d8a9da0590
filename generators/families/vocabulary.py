"""The names that appear in questions, in the order of the published lists.

    >>> len(ENTITIES), len(CONCEPTS)
    (17, 38)

ProsQA: Hao et al. 2024 (arXiv 2412.06769), read off the published files. ProntoQA: Saparov and He 2023
(arXiv 2210.01240). The order is part of every dataset's version: a draw is an index into these lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ENTITIES: tuple[str, ...] = _words(
    "Alex Bob Carol Davis Eva Fae Gabriel Jack Max Oliver Polly Rex Sally Sam Stella Tom Wren"
)
"""Names of ProsQA's entities: the nodes without parents."""

CONCEPTS: tuple[str, ...] = _words(
    """bompus boompus brimpus chorpus dumpus felpus fompus gerpus gorpus grimpus gwompus hilpus impus jelpus
    jompus kerpus lempus lorpus numpus quimpus rempus rompus rorpus scrompus shumpus sterpus storpus terpus
    timpus tumpus vumpus worpus wumpus yerpus yimpus yumpus zhorpus zumpus"""
)
"""Names of ProsQA's concepts: the nodes with parents."""

PRONTOQA_CONCEPTS: tuple[str, ...] = _words(
    """wumpus yumpus zumpus dumpus rompus numpus tumpus vumpus impus jompus gorpus shumpus lempus sterpus
    grimpus lorpus brimpus"""
)

PRONTOQA_ENTITIES: tuple[str, ...] = _words("Fae Rex Sally Max Alex Sam Polly Stella Wren")

PROPERTY_FAMILIES: tuple[tuple[str, ...], ...] = tuple(
    _words(family)
    for family in (
        "blue red brown orange",
        "small large",
        "metallic wooden luminous liquid",
        "transparent opaque",
        "nervous happy feisty shy",
        "bright dull",
        "sweet sour spicy bitter",
        "floral fruity earthy",
        "hot cold temperate",
        "kind mean angry amenable aggressive",
        "melodic muffled discordant loud",
        "slow moderate fast",
        "windy sunny overcast rainy snowy",
    )
)
"""ProntoQA's properties; those of one family exclude one another, so a graph uses at most one of each."""

MORE_ENTITIES: tuple[str, ...] = _words(
    """Ada Ben Cora Dan Ella Finn Gus Hana Ivan June Karl Lena Milo Nora Otto
    Paul Rosa Sven Tara Uma Vera Will Xena Yann Zoe Amir Bea Carl Dora Emil Flora Greta Hugo Iris Jonas Kira
    Leo Mona Nils Olga Pia Rolf Sara Theo Ulla Viktor Wanda"""
)
"""More first names, for graphs with more entities than the published ones."""

_ONSETS = _words("b d f g h j k l m n p r s t v w y z")
_RHYMES = _words("an el in on ul am en il ol un ar")
MORE_CONCEPTS: tuple[str, ...] = tuple(
    name for rhyme in _RHYMES for onset in _ONSETS if (name := f"{onset}{rhyme}pus") not in CONCEPTS
)
"""More concepts in the style of the published ones (danpus, helpus): every onset with every rhyme."""


class Names(NamedTuple):
    """Names for the nodes of a graph; ``ids`` are those of the symbolic surface."""

    entities: tuple[str, ...]
    concepts: tuple[str, ...]
    ids: tuple[str, ...]


_IDS = tuple(str(number) for number in range(256))

NAMES: Mapping[str, Names] = {
    "seen": Names(ENTITIES + MORE_ENTITIES[:15], CONCEPTS + MORE_CONCEPTS[:58], _IDS[:128]),
    "unseen": Names(MORE_ENTITIES[15:47], MORE_CONCEPTS[58:154], _IDS[128:]),
}
"""Two disjoint sets of equal sizes (32 entities, 96 concepts, 128 ids)."""
