"""What fitted models guess from what the rules look at: words, or the scores of all static rules.

Fitted on one set of questions and scored on another. Every question is fitted in both orders of its two
candidates, so a model cannot do better than the rules by learning which one is named first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .puzzle import Puzzle
from .rules import STATIC

F64 = NDArray[np.float64]


class Model(NamedTuple):
    """A row of ``MODELS``.

    Attributes:
        name: Its name.
        description: What is fitted, on what.
        guess: (fitted on, scored on) -> which candidate of each question scored, 0 or 1.
    """

    name: str
    description: str
    guess: Callable[[Sequence[Puzzle], Sequence[Puzzle]], NDArray[np.bool_]]


def static_features(puzzles: Sequence[Puzzle]) -> F64:
    """Compute what needs no search from the query entity.

    Args:
        puzzles: The questions [B].

    Returns:
        [B, F] features: for every static rule the difference of its two scores and both scores, candidate 0
        first; then degrees, height and place in the text of the query entity, and the size of the graph.
    """
    rows = []
    for puzzle in puzzles:
        scores = np.array([[float(rule.score(puzzle, at)) for rule in STATIC] for at in (0, 1)])
        root = puzzle.root
        below = max(puzzle.depths[node] for node in puzzle.down(root))
        asked = [len(puzzle.children[root]), puzzle.mentions(root), len(puzzle.down(root)), below]
        size = [len(puzzle.names), len(puzzle.premises), len(puzzle.entities)]
        rows.append(np.concatenate([scores[0] - scores[1], *scores, asked, puzzle.tellings[root], size]))
    return np.array(rows)


def _swapped(features: F64) -> F64:
    """Return the features of the same questions with their candidates exchanged."""
    rules = len(STATIC)
    first, second = features[:, rules : 2 * rules], features[:, 2 * rules : 3 * rules]
    return np.hstack([-features[:, :rules], second, first, features[:, 3 * rules :]])


def _both_orders(features: F64, puzzles: Sequence[Puzzle]) -> tuple[F64, NDArray[np.int64]]:
    right = np.array([puzzle.right for puzzle in puzzles])
    return np.vstack([features, _swapped(features)]), np.concatenate([right, 1 - right])


def _logistic(fit: Sequence[Puzzle], test: Sequence[Puzzle]) -> NDArray[np.bool_]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    return _predict(model, fit, test)


def _trees(fit: Sequence[Puzzle], test: Sequence[Puzzle]) -> NDArray[np.bool_]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return _predict(HistGradientBoostingClassifier(max_iter=100, random_state=0), fit, test)


def _predict(model: Any, fit: Sequence[Puzzle], test: Sequence[Puzzle]) -> NDArray[np.bool_]:
    model.fit(*_both_orders(static_features(fit), fit))
    return np.asarray(model.predict(static_features(test)), bool)


def _words(fit: Sequence[Puzzle], test: Sequence[Puzzle]) -> NDArray[np.bool_]:
    """Logistic regression on word counts: those of the premises, the query entity, the candidates."""
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    vectors = DictVectorizer()
    swapped = [_counts(puzzle, 1) for puzzle in fit]
    x = vectors.fit_transform([_counts(puzzle, 0) for puzzle in fit] + swapped)
    right = np.array([puzzle.right for puzzle in fit])
    model = LogisticRegression(C=0.1, max_iter=1000).fit(x, np.concatenate([right, 1 - right]))
    return np.asarray(model.predict(vectors.transform([_counts(puzzle, 0) for puzzle in test])), bool)


def _counts(puzzle: Puzzle, swap: int) -> Mapping[str, float]:
    """Count words; a word weighs a candidate by where it stands, so the same word may count for either."""
    names, (one, two) = puzzle.names, puzzle.candidates[:: -1 if swap else 1]
    counts: Counter[str] = Counter()
    for edge in puzzle.premises:
        for end, node in zip(("if", "then"), edge, strict=True):
            counts.update(f"{end}:{word}" for word in re.findall(r"\w+", names[node]))
    counts[f"who:{names[puzzle.root]}"] = 1
    for sign, node in ((1, one), (-1, two)):
        counts[f"candidate:{names[node]}"] += sign
    return counts


MODELS: tuple[Model, ...] = (
    Model("bag-of-words", "logistic regression on the words", _words),
    Model("logistic-regression", "on the scores of all static rules", _logistic),
    Model("boosted-trees", "on the scores of all static rules", _trees),
)
