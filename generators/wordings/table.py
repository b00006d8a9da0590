"""THE TABLE of wordings, (family, surface) -> row, and what is asked of it before a question is read.

    >>> WORDINGS["prosqa", "symbolic"].uses_ids, PAPERS["prosqa"].recipe
    (True, 'gpt2-prosqa')

A new wording is its file and its row here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from . import natural, prontoqa, symbolic
from .parsed import follow
from .row import Paper, Wording

_HAO = """@article{hao2024coconut,
  title   = {Training Large Language Models to Reason in a Continuous Latent Space},
  author  = {Hao, Shibo and Sukhbaatar, Sainbayar and Su, DiJia and Li, Xian and Hu, Zhiting and
             Weston, Jason and Tian, Yuandong},
  journal = {arXiv preprint arXiv:2412.06769},
  year    = {2024}
}"""
_SAPAROV = """@article{saparov2022prontoqa,
  title   = {Language Models Are Greedy Reasoners: A Systematic Formal Analysis of Chain-of-Thought},
  author  = {Saparov, Abulhair and He, He},
  journal = {arXiv preprint arXiv:2210.01240},
  year    = {2022}
}"""

PAPERS: Mapping[str, Paper] = {
    "prosqa": Paper("prosqa", "gpt2-prosqa", (_HAO,)),
    "prontoqa": Paper("prontoqa", "gpt2-prontoqa", (_HAO, _SAPAROV)),
    "gsm8k": Paper("gsm8k", "gpt2-gsm8k", (_HAO,)),  # not generated, and so without a wording
}
"""Family -> where it was published."""

PLAIN = "natural"
"""The surface of text that is of no wording of the table, a user's own or GSM8k's."""
SYMBOLIC = "symbolic"
"""The surface that tells graphs in ids; premise recall is trained on it."""

_ROWS = (
    Wording(
        family="prosqa",
        surface="natural",
        paper=PAPERS["prosqa"],
        write=natural.write,
        read=natural.read,
        chain=follow,
        answer=natural.answer,
        shortcut="nearest-entity",
        opener="Every",
    ),
    Wording(
        family="prosqa",
        surface="symbolic",
        paper=PAPERS["prosqa"],
        write=symbolic.write,
        read=symbolic.read,
        chain=follow,
        answer=symbolic.answer,
        shortcut="nearest-entity",
        uses_ids=True,
        needs_marker=False,
        opener="",
    ),
    Wording(
        family="prontoqa",
        surface="natural",
        paper=PAPERS["prontoqa"],
        write=prontoqa.write,
        read=prontoqa.read,
        chain=prontoqa.chain,
        answer=prontoqa.answer,
        shortcut="look-up",
        forms=prontoqa.FORMS,
        concludes=True,
        fixed_answers=("True", "False"),
    ),
)

WORDINGS: Mapping[tuple[str, str], Wording] = {(row.family, row.surface): row for row in _ROWS}


def surfaces(family: str, first: str | None = None) -> tuple[str, ...]:
    """Return the surfaces of a family.

    Args:
        family: A family of the table.
        first: The surface that stands before the others; None keeps the table's order.
    """
    known = [surface for of_family, surface in WORDINGS if of_family == family]
    return tuple(sorted(known, key=lambda surface: surface != first))


def needs_marker(surface: str | None) -> bool:
    """Whether only a marker before it tells an answer from a step; True for a surface not in the table."""
    rows = [row for row in WORDINGS.values() if row.surface == surface]
    return not rows or any(row.needs_marker for row in rows)


def surface_like(questions: Iterable[str]) -> str:
    """Return the surface that a user's own questions look like, though no reader may understand them."""
    return "symbolic" if all(map(symbolic.is_like, questions)) else PLAIN


def hops_of(steps: Sequence[str], answer: str) -> int:
    """Count the hops of a record that does not state them.

    Args:
        steps: Its chain.
        answer: Its answer, which alone tells whether the last step is the conclusion.
    """
    concludes = any(row.concludes and answer in row.fixed_answers for row in WORDINGS.values())
    return len(steps) - (bool(steps) and concludes)
