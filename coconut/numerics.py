"""The version of the training numerics.

Whatever changes the weights that a training ends with (an initialization, the order of an addition, a random
stream, the optimizer) raises it. ``tests/golden/fingerprints.json`` pins short trainings of every method, so
that such a change cannot go unseen. The version is part of a base model's revision, of a checkpoint and of a
leaderboard row's identity: rows of different versions are never one row.
"""

from __future__ import annotations

NUMERICS = 2
"""Rows without a version are older than it, and not all of one base model."""
