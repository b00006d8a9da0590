"""The table of methods: what stands where the thoughts stand, and what is left of the chain at each stage.

The rows are those of Table 1 of arXiv 2412.06769. Between question and answer, at stage s of S with c
thoughts a step, a chain of steps 1…n becomes (``L`` a continuous thought, ``P`` a pause token):

    method                  stages   at stage s
    cot                     one      1 2 3 … n                          nothing is replaced
    no-cot                  one                                         the answer only
    icot                    0…S      the chain without its first tokens (`curriculum.TokenRemoval`)
    pause                   one      P × c·S                            pauses, then the answer
    coconut                 0…S      L × c·s, steps s+1 … n
    coconut-no-curriculum   one      L × c·S                            the last stage from the start
    coconut-no-thought      0…S      steps s+1 … n
    pause-as-thought        0…S      P × c·s, steps s+1 … n

A recipe may end with an extra stage (GSM8k's): as many thoughts as in the stage before it, and no step left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..generators.lookup import pick

Filler = Literal["none", "latent", "pause"]
Curriculum = Literal["none", "steps", "tokens"]


@dataclass(frozen=True)
class Method:
    """One row: its names here and in the paper's table, what fills the thoughts' places, how the chain goes.

    ``curriculum`` is ``steps`` (one step fewer at each stage), ``tokens`` (a token fewer again and again) or
    ``none`` (one stage, with the whole chain if ``writes_chain``, else without it).
    """

    name: str
    title: str
    description: str
    filler: Filler
    curriculum: Curriculum
    writes_chain: bool = False

    def stages(self, last: int) -> range:
        """The stages that are trained, in order, where the recipe's last one is ``last``."""
        if self.curriculum != "none":
            return range(last + 1)
        return range(1) if self.writes_chain else range(last, last + 1)

    def steps_removed(self, stage: int, steps: int, latent_stages: int | None = None) -> int:
        """How many of a chain's ``steps`` are not written at ``stage``; a shorter chain loses all.

        A stage beyond ``latent_stages`` is the extra one, where none is written.
        """
        if self.curriculum == "tokens":
            return 0
        if self.curriculum == "steps":
            return steps if latent_stages is not None and stage > latent_stages else min(stage, steps)
        return 0 if self.writes_chain else steps

    def fillers(self, stage: int, thoughts_per_step: int, latent_stages: int | None = None) -> int:
        """How many thoughts or pauses stand before what is written at ``stage``."""
        stage = stage if latent_stages is None else min(stage, latent_stages)
        return 0 if self.filler == "none" else stage * thoughts_per_step


METHODS = {
    method.name: method
    for method in (
        Method("cot", "CoT", "writes the whole chain, then the answer", "none", "none", writes_chain=True),
        Method("no-cot", "No-CoT", "writes the answer only", "none", "none"),
        Method("icot", "iCoT", "the chain's first tokens removed, more and more", "none", "tokens"),
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
