"""The names that questions are written with, in the order that the published lists have them.

    >>> len(ENTITIES), len(CONCEPTS)
    (17, 38)

ProsQA: Hao et al. 2024 (arXiv 2412.06769), read off the published files. ProntoQA: Saparov and He 2023
(arXiv 2210.01240). The order is part of every dataset's version: a draw is an index into these lists.
"""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ENTITIES: tuple[str, ...] = _words(
    "Alex Bob Carol Davis Eva Fae Gabriel Jack Max Oliver Polly Rex Sally Sam Stella Tom Wren"
)
"""Who a ProsQA question may ask about: the nodes without parents."""

CONCEPTS: tuple[str, ...] = _words(
    """bompus boompus brimpus chorpus dumpus felpus fompus gerpus gorpus grimpus gwompus hilpus impus jelpus
    jompus kerpus lempus lorpus numpus quimpus rempus rompus rorpus scrompus shumpus sterpus storpus terpus
    timpus tumpus vumpus worpus wumpus yerpus yimpus yumpus zhorpus zumpus"""
)
"""What a ProsQA entity may be: the nodes with parents."""

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
"""ProntoQA's properties; the adjectives of one family exclude one another, so one graph uses one of each."""
