"""Guessing without reasoning: every rule scores the two candidates, the higher score is the guess.

``RULES`` is the table. ``effort`` is what a rule may look at:

zero-effort      the words, their positions and counts; nothing is followed
root-blind       the whole graph, but not the query entity
walk             one walk along premises, from the query entity or from a candidate, no search
search           a search of few steps
graph-algorithm  the whole graph from the query entity on, direction ignored: no guess, each has its cost
control          the search that the question asks for: right in 100 % unless the file is broken

Both candidates with the same score count half. A rule is as much of a leak when it is wrong too often, so
what matters is how far it is from one half.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from .graph import RESTART, common_ball, effective_resistance, random_walk_with_restart, walks
from .puzzle import FAR, Puzzle

EFFORTS: Mapping[str, str] = {
    "zero-effort": "words, positions and counts only",
    "root-blind": "the whole graph, but not the query entity",
    "walk": "one walk, no search",
    "search": "a search of few steps",
    "graph-algorithm": "the whole graph from the query entity on, direction ignored; not a guess, has a cost",
    "learned": "fitted to zero-effort and root-blind features, or to the words",
    "control": "the search that the question asks for",
}


class Rule(NamedTuple):
    """A row of ``RULES``.

    Attributes:
        name: Its name.
        effort: What it may look at, a key of ``EFFORTS``.
        description: The candidate that it guesses.
        score: (puzzle, option) -> how candidate 0 or 1 is rated; only the order of the two counts.
        random: Whether it is a random walk. The score is then the probability that the walk decides for this
            candidate, and the accuracy its expected value.
        cost: What computing it takes, with n nodes and m premises; stated for graph algorithms.
    """

    name: str
    effort: str
    description: str
    score: Callable[[Puzzle, int], float]
    random: bool = False
    cost: str = ""


def credit(rule: Rule, puzzle: Puzzle) -> float:
    """Return 1 where the guess is right, 0 where it is wrong, 1/2 where the rule is silent."""
    right, wrong = rule.score(puzzle, puzzle.right), rule.score(puzzle, 1 - puzzle.right)
    if rule.random:
        return (1 + right - wrong) / 2
    return 0.5 + 0.5 * (right > wrong) - 0.5 * (right < wrong)


def _affirmative(puzzle: Puzzle, option: int) -> float:
    return not puzzle.names[puzzle.candidates[option]].startswith("not ")


def _name(puzzle: Puzzle, option: int) -> str:
    return puzzle.names[puzzle.candidates[option]].removeprefix("not ")


def _alphabet(puzzle: Puzzle, option: int) -> float:
    return _name(puzzle, option) < _name(puzzle, 1 - option)


def _letters(puzzle: Puzzle, option: int) -> float:
    return len(set(puzzle.names[puzzle.root].lower()) & set(_name(puzzle, option)))


def _text_distance(puzzle: Puzzle, option: int) -> float:
    node = puzzle.candidates[option]
    asked = [at for at, edge in enumerate(puzzle.premises) if puzzle.root in edge]
    named = [at for at, edge in enumerate(puzzle.premises) if node in edge]
    return -min((abs(a - b) for a in asked for b in named), default=FAR)


def _order(puzzle: Puzzle, option: int) -> float:
    """Believe the candidate whose last mention comes after the first one of the query entity."""
    return puzzle.tellings[puzzle.candidates[option]].last > puzzle.tellings[puzzle.root].first


def _lookup(puzzle: Puzzle, option: int) -> float:
    """Look up the premises that end in the candidate: is one of their subjects mentioned elsewhere?"""
    return any(puzzle.mentions(parent) > 1 for parent in puzzle.parents[puzzle.candidates[option]])


def _subject_mentions(puzzle: Puzzle, option: int) -> float:
    return sum(puzzle.mentions(parent) for parent in puzzle.parents[puzzle.candidates[option]])


def _entity_distances(puzzle: Puzzle, option: int) -> list[int]:
    above = puzzle.up(puzzle.candidates[option])
    return [above[entity] for entity in puzzle.entities if entity in above]


def _siblings(puzzle: Puzzle, option: int) -> float:
    node = puzzle.candidates[option]
    return -len({child for parent in puzzle.parents[node] for child in puzzle.children[parent]} - {node})


def _ends_below(puzzle: Puzzle, option: int) -> float:
    below = puzzle.down(puzzle.candidates[option])
    return sum(not puzzle.children[node] for node in below)


def _within(puzzle: Puzzle, option: int, steps: int) -> float:
    return sum(far <= steps for far in puzzle.around(puzzle.candidates[option]).values())


def _ancestors_degree(puzzle: Puzzle, option: int) -> float:
    above = puzzle.up(puzzle.candidates[option])
    return sum(len(puzzle.children[node]) for node in above) / len(above)


def _forward_walk(puzzle: Puzzle, option: int) -> float:
    """Return the probability that a walk from the query entity, each child alike, passes the candidate."""
    return _walk(puzzle, puzzle.root, puzzle.candidates[option], puzzle.order, puzzle.children)


def _backward_walk(puzzle: Puzzle, option: int) -> float:
    """Return the probability that a walk back from the candidate ends at the query entity."""
    return _walk(puzzle, puzzle.candidates[option], puzzle.root, puzzle.order[::-1], puzzle.parents)


def _walk(puzzle: Puzzle, start: int, goal: int, order: Sequence[int], ways: list[list[int]]) -> float:
    chance = [0.0] * len(puzzle.names)
    chance[start] = 1.0
    for node in order:
        if chance[node] and node != goal:
            for other in ways[node]:
                chance[other] += chance[node] / len(ways[node])
    return chance[goal]


def _fixed_walk(puzzle: Puzzle, option: int, ways: str, sign: int = 0) -> float:
    """Walk to the child (or parent) told first at every node, or the first of the most mentioned ones.

    ``sign`` 0: told first, 1: mentioned most often, -1: mentioned least often.
    """
    node, goal = puzzle.root, puzzle.candidates[option]
    if ways == "parents":
        node, goal = goal, node
    lists: list[list[int]] = getattr(puzzle, ways)
    for _ in puzzle.names:
        if node == goal:
            return 1.0
        if not lists[node]:
            break
        node = max(lists[node], key=lambda other: sign * puzzle.mentions(other))
    return 0.0


def _reached(puzzle: Puzzle, option: int, steps: int) -> float:
    return puzzle.down(puzzle.root).get(puzzle.candidates[option], FAR) <= steps


def _shared_parent(puzzle: Puzzle, option: int) -> float:
    """Has a child of the query entity another parent that is a parent of the candidate too?"""
    others = {parent for child in puzzle.children[puzzle.root] for parent in puzzle.parents[child]}
    return not others.isdisjoint(set(puzzle.parents[puzzle.candidates[option]]) - {puzzle.root})


def _undirected(puzzle: Puzzle, option: int) -> float:
    return -puzzle.around(puzzle.root).get(puzzle.candidates[option], FAR)


def _connected(puzzle: Puzzle, option: int) -> float:
    return puzzle.candidates[option] in puzzle.around(puzzle.root)


def _at(attribute: str, sign: int) -> Callable[[Puzzle, int], float]:
    """Score by where the candidate is told."""
    return lambda puzzle, option: sign * float(getattr(puzzle.tellings[puzzle.candidates[option]], attribute))


def _of(measure: Callable[[Puzzle, int], float], sign: int = 1) -> Callable[[Puzzle, int], float]:
    """Score by a measure of the candidate's node."""
    return lambda puzzle, option: sign * measure(puzzle, puzzle.candidates[option])


_ZERO, _BLIND, _WALK, _SEARCH, _GRAPH = "zero-effort", "root-blind", "walk", "search", "graph-algorithm"

_ROWS = (
    Rule("first-option", _ZERO, "the candidate named first; True", lambda puzzle, option: 1 - option),
    Rule("affirmative", _ZERO, "the candidate without 'not'", _affirmative),
    Rule("alphabet", _ZERO, "the candidate first in the alphabet", _alphabet),
    Rule("longer-name", _ZERO, "the candidate with more letters", lambda p, option: len(_name(p, option))),
    Rule("shared-letters", _ZERO, "more letters in common with the query entity", _letters),
    Rule("fewer-mentions", _ZERO, "mentioned in fewer premises", _of(Puzzle.mentions, -1)),
    Rule("lower-in-degree", _ZERO, "at the end of fewer premises", _of(lambda p, v: -len(p.parents[v]))),
    Rule("lower-out-degree", _ZERO, "at the start of fewer premises", _of(lambda p, v: -len(p.children[v]))),
    Rule("told-early", _ZERO, "first mention earlier in the text", _at("first", -1)),
    Rule("told-late", _ZERO, "last mention later in the text", _at("last", 1)),
    Rule("told-late-mean", _ZERO, "mentions later on average", _at("mean", 1)),
    Rule("told-after", _ZERO, "mentioned after the query entity", _order),
    Rule("text-distance", _ZERO, "a mention nearer to one of the query entity", _text_distance),
    Rule("look-up", _ZERO, "a premise about it has a subject that occurs elsewhere", _lookup),
    Rule("subject-mentions", _ZERO, "the subjects of its premises occur more often", _subject_mentions),
    Rule("nearest-entity", _BLIND, "farther from the entity nearest to it",
         lambda p, option: min(_entity_distances(p, option))),
    Rule("farthest-ancestor", _BLIND, "its farthest ancestor is farther",
         _of(lambda p, v: max(p.up(v).values()))),
    Rule("mean-entity", _BLIND, "farther from the entities above it on average",
         lambda p, option: sum(_entity_distances(p, option)) / len(_entity_distances(p, option))),
    Rule("longest-depth", _BLIND, "a longer longest path leads to it", _of(lambda p, v: p.depths[v])),
    Rule("more-ancestors", _BLIND, "more nodes above it", _of(lambda p, v: len(p.up(v)))),
    Rule("fewer-entities", _BLIND, "fewer entities above it", lambda p, o: -len(_entity_distances(p, o))),
    Rule("more-descendants", _BLIND, "more nodes below it", _of(lambda p, v: len(p.down(v)))),
    Rule("more-ends", _BLIND, "more dead ends below it", _ends_below),
    Rule("fewer-siblings", _BLIND, "fewer other children of its parents", _siblings),
    Rule("more-paths", _BLIND, "more paths from entities", _of(lambda p, v: p.paths[v])),
    Rule("neighbors-2", _BLIND, "more nodes within 2 undirected steps", partial(_within, steps=2)),
    Rule("neighbors-4", _BLIND, "more nodes within 4 undirected steps", partial(_within, steps=4)),
    Rule("component", _BLIND, "more nodes connected to it", partial(_within, steps=FAR)),
    Rule("eccentricity", _BLIND, "nearer to everything, undirected",
         _of(lambda p, v: -max(p.around(v).values()))),
    Rule("ancestors-degree", _BLIND, "its ancestors have more children on average", _ancestors_degree),
    Rule("forward-walk", _WALK, "one random walk from the query entity", _forward_walk, random=True),
    Rule("backward-walk", _WALK, "one random walk back from a candidate", _backward_walk, random=True),
    Rule("forward-told", _WALK, "a walk along the premise told first", partial(_fixed_walk, ways="children")),
    Rule("backward-told", _WALK, "the same back from a candidate", partial(_fixed_walk, ways="parents")),
    Rule("forward-greedy", _WALK, "a walk to the child mentioned most often",
         partial(_fixed_walk, ways="children", sign=1)),
    Rule("backward-greedy", _WALK, "a walk to the parent mentioned most often",
         partial(_fixed_walk, ways="parents", sign=1)),
    Rule("forward-shy", _WALK, "a walk to the child mentioned least often",
         partial(_fixed_walk, ways="children", sign=-1)),
    Rule("backward-shy", _WALK, "a walk to the parent mentioned least often",
         partial(_fixed_walk, ways="parents", sign=-1)),
    Rule("search-1", _SEARCH, "reached in 1 step", partial(_reached, steps=1)),
    Rule("search-2", _SEARCH, "reached in at most 2 steps", partial(_reached, steps=2)),
    Rule("search-3", _SEARCH, "reached in at most 3 steps", partial(_reached, steps=3)),
    Rule("shared-parent", _SEARCH, "a child of the query entity has another parent, one of the candidate's",
         _shared_parent),
    Rule("undirected", _GRAPH, "connected to the query entity", _connected, cost="one search, O(m)"),
    Rule("undirected-nearer", _GRAPH, "nearer to the query entity", _undirected, cost="one search, O(m)"),
    Rule("effective-resistance", _GRAPH, "smaller effective resistance to the query entity",
         effective_resistance, cost="a linear system of the graph's Laplacian, O(n^3)"),
    Rule("walk-with-restart", _GRAPH, f"visited more often by a random walk with restart {RESTART}",
         random_walk_with_restart, cost="a linear system of the transition matrix, O(n^3)"),
    Rule("common-ball-3", _GRAPH, "more nodes within 3 steps of both it and the query entity",
         partial(common_ball, steps=3), cost="two searches of 3 steps, O(m)"),
    Rule("walks-8", _GRAPH, "more walks of 8 steps from the query entity", partial(walks, steps=8),
         cost="8 passes over all premises, O(8 m)"),
    Rule("walks-12", _GRAPH, "more walks of 12 steps from the query entity", partial(walks, steps=12),
         cost="12 passes over all premises, O(12 m)"),
    Rule("search", "control", "reached by a full search", partial(_reached, steps=FAR - 1)),
)  # fmt: skip

RULES: Mapping[str, Rule] = {row.name: row for row in _ROWS}
"""Name -> rule."""

STATIC = tuple(row for row in _ROWS if row.effort in (_ZERO, _BLIND))
"""The rules whose scores the learned models get as features."""
