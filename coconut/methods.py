"""The table of methods: what stands where the thoughts stand, and what is left of the chain at each stage.

The rows are those of Table 1 of arXiv 2412.06769, but for iCoT. Between question and answer, at stage s of S
with c thoughts a step, a chain of steps 1…n becomes (``L`` a continuous thought, ``P`` a pause token):

    method                  stages   at stage s
    cot                     one      1 2 3 … n                          nothing is replaced
    no-cot                  one                                         the answer only
    pause                   one      P × c·S                            pauses, then the answer
    coconut                 0…S      L × c·s, steps s+1 … n
    coconut-no-curriculum   one      L × c·S                            the last stage from the start
    coconut-no-thought      0…S      steps s+1 … n
    pause-as-thought        0…S      P × c·s, steps s+1 … n
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..generators.lookup import pick

Filler = Literal["none", "latent", "pause"]
Curriculum = Literal["none", "steps"]


@dataclass(frozen=True)
class Method:
    """One row: its names here and in the paper's table, what fills the thoughts' places, how the chain goes.

    ``curriculum`` is ``steps`` (one step fewer at each stage) or ``none`` (one stage, with the whole chain if
    ``writes_chain``, else without it).
    """

    name: str
    title: str
    description: str
    filler: Filler
    curriculum: Curriculum
    writes_chain: bool = False

    def stages(self, last: int) -> range:
        """The stages that are trained, in order, where the recipe's last one is ``last``."""
        if self.curriculum == "steps":
            return range(last + 1)
        return range(1) if self.writes_chain else range(last, last + 1)

    def steps_removed(self, stage: int, steps: int) -> int:
        """How many of a chain's ``steps`` are not written at ``stage``; a shorter chain loses all."""
        if self.curriculum == "steps":
            return min(stage, steps)
        return 0 if self.writes_chain else steps

    def fillers(self, stage: int, thoughts_per_step: int) -> int:
        """How many thoughts or pauses stand before what is written at ``stage``."""
        return 0 if self.filler == "none" else stage * thoughts_per_step


METHODS = {
    method.name: method
    for method in (
        Method("cot", "CoT", "writes the whole chain, then the answer", "none", "none", writes_chain=True),
        Method("no-cot", "No-CoT", "writes the answer only", "none", "none"),
        Method("pause", "Pause token", "reads pause tokens, then writes the answer", "pause", "none"),
        Method("coconut", "Coconut", "thoughts replace one step more a stage", "latent", "steps"),
        Method("coconut-no-curriculum", "– w/o curriculum", "its last stage at once", "latent", "none"),
        Method("coconut-no-thought", "– w/o thought", "its stages, nothing for the steps", "none", "steps"),
        Method("pause-as-thought", "– pause as thought", "its stages, with pause tokens", "pause", "steps"),
    )
}


def get_method(name: str) -> Method:
    """The method called ``name``; ValueError with the nearest known name otherwise."""
    return pick(METHODS, name, "method")
