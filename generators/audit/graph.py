"""Graph algorithms that ignore the direction of the premises: no zero-effort guess, and no reasoning either.

Each starts from the query entity and rates both candidates. numpy only.

Axes: N nodes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .puzzle import Puzzle

RESTART = 0.03  # the chance that a random walk jumps back to the query entity, at every step
_DIGITS = 9  # scores are rounded, so that candidates which differ by rounding errors only are a tie


def effective_resistance(puzzle: Puzzle, option: int) -> float:
    """Rate by minus the resistance between query entity and candidate if every premise is a 1-ohm resistor.

    Args:
        puzzle: The question.
        option: The candidate, 0 or 1.

    Returns:
        Minus the resistance in ohms; minus infinity where the two are not connected.
    """
    return _resistances(puzzle).get(puzzle.candidates[option], -np.inf)


def random_walk_with_restart(puzzle: Puzzle, option: int) -> float:
    """Rate by how often an endless random walk from the query entity, with restarts, is at the candidate."""
    return float(_restarting(puzzle)[puzzle.candidates[option]])


def common_ball(puzzle: Puzzle, option: int, steps: int) -> float:
    """Count the nodes within ``steps`` undirected steps of both the query entity and the candidate."""
    one, two = (
        {node for node, far in puzzle.around(center).items() if far <= steps}
        for center in (puzzle.root, puzzle.candidates[option])
    )
    return len(one & two)


def walks(puzzle: Puzzle, option: int, steps: int) -> float:
    """Count the undirected walks of exactly ``steps`` steps from the query entity to the candidate."""
    return float(_walks(puzzle, steps)[puzzle.candidates[option]])


def _adjacency(puzzle: Puzzle) -> NDArray[np.float64]:
    adjacent_NN = np.zeros((len(puzzle.names),) * 2)
    for start, end in puzzle.premises:
        adjacent_NN[start, end] = adjacent_NN[end, start] = 1
    return adjacent_NN


# Both candidates are rated one after the other: the last question is remembered.
@lru_cache(maxsize=1)
def _resistances(puzzle: Puzzle) -> dict[int, float]:
    """Return minus the resistance from the query entity to every node that is connected to it.

    With the query entity at 0 volts the Laplacian of the others is regular, and its inverse has their
    resistances on the diagonal.
    """
    others = [node for node in puzzle.around(puzzle.root) if node != puzzle.root]
    adjacent_NN = _adjacency(puzzle)
    laplacian_NN = np.diag(adjacent_NN.sum(axis=1)) - adjacent_NN
    ohms = np.linalg.inv(laplacian_NN[np.ix_(others, others)]).diagonal()
    return dict(zip(others, (-ohms).round(_DIGITS).tolist(), strict=True))


@lru_cache(maxsize=1)
def _restarting(puzzle: Puzzle) -> NDArray[np.float64]:
    """Return the share of time [N] at each node: x = RESTART e + (1 - RESTART) W^T x."""
    adjacent_NN = _adjacency(puzzle)
    step_NN = adjacent_NN / np.maximum(adjacent_NN.sum(axis=1, keepdims=True), 1)
    start_N = np.eye(len(adjacent_NN))[puzzle.root]
    system_NN = np.eye(len(adjacent_NN)) - (1 - RESTART) * step_NN.T
    return np.linalg.solve(system_NN, RESTART * start_N).round(_DIGITS)


@lru_cache(maxsize=1)
def _walks(puzzle: Puzzle, steps: int) -> NDArray[np.float64]:
    """Count the walks to each node [N]; floats hold the whole numbers exactly up to 2^53."""
    adjacent_NN = _adjacency(puzzle)
    count_N = np.eye(len(adjacent_NN))[puzzle.root]
    for _ in range(steps):
        count_N = adjacent_NN @ count_N
    return count_N
