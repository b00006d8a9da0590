"""What is measured of a finished run beside its test: other questions, other numbers of thoughts, and both.

    ood/NAME.json               an out-of-distribution variant of the dataset, as trained
    thoughts/N.json             the run's own questions, with N thoughts
    ood/NAME/thoughts/N.json    a variant, with N thoughts

The variants are the rows of the table of datasets whose ``base`` is the recipe's dataset; their ``axis`` is
what differs. None is used in training or model selection. Each evaluation is a row of the leaderboard, under
the same recipe and method. No torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ...generators.terminal import counted
from .choice import ood_datasets


class Further(NamedTuple):
    """One evaluation of a finished run.

    Attributes:
        variant: Name of the variant that is asked; None for the run's own questions.
        thoughts: Constant number of thoughts or pauses; None for as trained.
    """

    variant: str | None = None
    thoughts: int | None = None

    def label(self, unit: str) -> str:
        """Say what is evaluated, for people.

        Args:
            unit: What a method has between question and answer: thought or pause.
        """
        number = [] if self.thoughts is None else [counted(self.thoughts, unit)]
        return ", ".join([*([self.variant] if self.variant else []), *number])

    def path(self, out: Path) -> Path:
        """Return the file of its result.

        Args:
            out: Directory of the run.
        """
        place = out / "ood" / self.variant if self.variant else out
        if self.thoughts is not None:
            place = place / "thoughts" / str(self.thoughts)
        return place.with_name(f"{place.name}.json")


def further(dataset: str, ood: bool, numbers: Sequence[int]) -> list[Further]:
    """List the further evaluations of a run.

    Args:
        dataset: Its dataset.
        ood: Whether its variants are asked.
        numbers: The other numbers of thoughts; each is also tried on every variant that is asked.

    Returns:
        The evaluations, those on the run's own questions first.

    Raises:
        ValueError: ``ood``, and the dataset has no variants.
    """
    variants = [None, *(row.name for row in ood_datasets(dataset))] if ood else [None]
    _, *others = [Further(variant, number) for variant in variants for number in (None, *numbers)]
    return others
