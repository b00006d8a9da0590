"""The verdict of a whole report, in one sentence.

    The thoughts are needed: with its twin's thoughts the model answers the twin's question in 98.2 % of
    cases, its own in 1.3 %; forced to answer without thoughts it is at chance (49.3 %).

It rests on two lines of the report: a transplant (is their content used?) and the thoughts removed (is
anything there needed?).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .battery import ANOTHER_ANSWER, AS_TRAINED, REMOVED_FORCED, REMOVED_MAY_WRITE, TWIN
from .verdict import Line, Outcome, Verdict, is_at_chance

_HEADS: Mapping[tuple[Verdict, Verdict], str] = {
    ("needed", "needed"): "The {noun} are needed",
    ("not needed", "not needed"): "The {noun} are not needed",
    ("needed", "not needed"): "The {noun} are used but not needed",
    ("harmful", "harmful"): "The {noun} are harmful",
    ("not needed", "needed"): "Something must stand where the {noun} stand, but which {noun} does not matter",
}
"""(Verdict on the content, on the removal) → what is said; with any other pair it is undecided."""


def conclude(
    lines: Sequence[Line],
    outcomes: Mapping[str, Outcome],
    *,
    is_guessing: bool,
    two_candidates: bool = True,
    noun: str,
) -> str:
    """Compose the verdict of a report.

    Args:
        lines: Its lines.
        outcomes: The answers behind them, "as trained" included, by name.
        is_guessing: Whether the run as trained is not above guessing.
        two_candidates: Whether a guess is one between two candidates; else it is never right.
        noun: What stands between question and answer, in the plural.

    Returns:
        One sentence.
    """
    if is_guessing:
        right = outcomes[AS_TRAINED].here
        share = _percent(sum(right) / len(right))
        what = "is no better than chance" if two_candidates else "hardly answers a question right"
        return f"As trained the model {what} ({share}), so the controls say nothing about what its {noun} do."
    found = {line.name: line for line in lines}
    content = found.get(TWIN) or found.get(ANOTHER_ANSWER)
    removal = found.get(REMOVED_FORCED) or found.get(REMOVED_MAY_WRITE)
    if removal is None:
        return f"Too few questions had {noun} to say whether they are needed."
    head = _HEADS.get(
        ((content or removal).verdict, removal.verdict), "Whether the {noun} are needed is undecided"
    )
    clauses = [] if content is None else [_transplanted(content)]
    clauses.append(_removed(removal, outcomes[removal.name], noun))
    return f"{head.format(noun=noun)}: {'; '.join(clauses)}."


def _transplanted(line: Line) -> str:
    is_twin = line.name == TWIN
    whose = "its twin's thoughts" if is_twin else "the thoughts of an unrelated question with another answer"
    question = "the twin's question" if is_twin else "that question"
    share = _percent((line.donor or 0) / line.n)
    return f"with {whose} the model answers {question} in {share} of cases, its own in {_percent(line.here)}"


def _removed(line: Line, outcome: Outcome, noun: str) -> str:
    if line.name != REMOVED_FORCED:
        return (
            f"without {noun}, free to write the chain instead, it is right in {_percent(line.here)} of cases"
        )
    if is_at_chance(outcome):
        return f"forced to answer without {noun} it is at chance ({_percent(line.here)})"
    return f"forced to answer without {noun} it is right in {_percent(line.here)} of cases"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
