"""What is fed in place of the thoughts: zeros, means, noise, other thoughts.

Axes: B questions, K thoughts, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from ...coconut.recurrence import Replace
from .pairs import Donor


class Materials(NamedTuple):
    """What a control may use.

    Attributes:
        fed_BKD: Vectors fed as thoughts, as trained.
        used: Number of thoughts of each question, as trained.
        generator: Random numbers.
        donors: For each kind of donor, its index in the batch for each question, -1 for none, [B].
    """

    fed_BKD: Tensor
    used: list[int]
    generator: torch.Generator
    donors: Mapping[Donor, Tensor]


Replacement = Callable[[Materials], Replace]


def zeros(materials: Materials) -> Replace:
    """Replace each thought by zeros; a `Replacement`."""
    return lambda k, fed_BD: torch.zeros_like(fed_BD)


def means(materials: Materials) -> Replace:
    """Replace each thought by the batch's mean thought at its position; a `Replacement`."""
    mean_KD = materials.fed_BKD.mean(0)
    return lambda k, fed_BD: mean_KD[k].expand_as(fed_BD)


def noise_up_to(last: int) -> Replacement:
    """Replace the first thoughts by noise of the same norm; the later ones follow from it.

    Args:
        last: Index of the last thought to replace.
    """

    def made(materials: Materials) -> Replace:
        return lambda k, fed_BD: _random(materials, fed_BD) if k <= last else fed_BD

    return made


def added_noise(sigma: float) -> Replacement:
    """Add a random vector to each thought.

    Args:
        sigma: Norm of the vector in units of the thought's norm.
    """

    def made(materials: Materials) -> Replace:
        return lambda k, fed_BD: fed_BD + sigma * _random(materials, fed_BD)

    return made


def permuted(materials: Materials) -> Replace:
    """Rotate the thoughts as trained by one position, the last becoming the first; a `Replacement`."""
    fed_BKD, used = materials.fed_BKD, materials.used
    rows = torch.arange(len(fed_BKD))

    def replace(k: int, fed_BD: Tensor) -> Tensor:
        before = torch.tensor([(k - 1) % count if k < count else k for count in used])
        return fed_BKD[rows, before]

    return replace


def transplanted(donor: Donor) -> Replacement:
    """Replace the thoughts by those of the donor, as trained.

    Args:
        donor: Kind of donor.
    """

    def made(materials: Materials) -> Replace:
        given_BKD = materials.fed_BKD[materials.donors[donor].clamp(min=0)]
        return lambda k, fed_BD: given_BKD[:, k]

    return made


def _random(materials: Materials, like_BD: Tensor) -> Tensor:
    """Draw Gaussian vectors scaled to the norms of ``like_BD``."""
    noise_BD = torch.randn(like_BD.shape, generator=materials.generator).to(like_BD)
    return noise_BD * (like_BD.norm(dim=-1, keepdim=True) / noise_BD.norm(dim=-1, keepdim=True))
