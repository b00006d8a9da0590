"""The table of methods; no torch. A method is four answers.

1. What stands where the thoughts stand (``filler``), 2. how the chain goes away (``curriculum``), 3. which
*views* of an example a step reads and which *objective* is minimized over them, 4. how the thoughts follow
from the question (``recurrence``). Between question and answer, at stage s of S with c thoughts a step, a
chain of steps 1…n becomes (``L`` a continuous thought, ``P`` a pause token):

    method                  stages   at stage s
    cot                     one      1 2 3 … n                          nothing is replaced
    no-cot                  one                                         the answer only
    icot                    0…S      the chain without its first tokens (`curriculum.TokenRemoval`)
    pause                   one      P × c·S                            pauses, then the answer
    coconut                 0…S      L × c·s, steps s+1 … n
    coconut-no-curriculum   one      L × c·S                            the last stage from the start
    coconut-no-thought      0…S      steps s+1 … n
    pause-as-thought        0…S      P × c·s, steps s+1 … n
    codi                    one      L × c·S                            and its teacher: 1 2 … n−1
    pccot                   one      L × c·S, updated together          and its teacher: 1 2 … n−1

The first eight are Table 1 of arXiv 2412.06769; codi is arXiv 2502.21074, pccot arXiv 2506.18582. A recipe
may end with an extra stage (GSM8k's): as many thoughts as in the stage before it, and no step left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..generators.lookup import pick

Filler = Literal["none", "latent", "pause"]
Curriculum = Literal["none", "steps", "tokens"]
View = Literal["student", "teacher"]
"""How a step reads an example: as the method answers it, or with its chain (but the last step) in words."""


@dataclass(frozen=True)
class Method:
    """One row.

    Attributes:
        name: On the command line and in the leaderboard.
        title: In tables; the paper's name where it has one.
        filler: What stands in the thoughts' places.
        curriculum: One step fewer at each stage (``steps``), a token fewer again and again (``tokens``), or
            one stage (``none``), with the whole chain if ``writes_chain``, else without it.
        views: What a training step reads of an example; questions are answered as in the first.
        objective: The row of `objectives.OBJECTIVES` that is minimized over the views.
        recurrence: The row of `recurrence.RECURRENCES` that makes the thoughts.
    """

    name: str
    title: str
    description: str
    filler: Filler
    curriculum: Curriculum
    writes_chain: bool = False
    views: tuple[View, ...] = ("student",)
    objective: str = "labels"
    recurrence: str = "sequential"

    @property
    def thinks(self) -> bool:
        """Whether something stands in the thoughts' places."""
        return self.filler != "none"

    def stages(self, last: int) -> range:
        """The stages that are trained, in order, where the recipe's last one is ``last``."""
        if self.curriculum != "none":
            return range(last + 1)
        return range(1) if self.writes_chain else range(last, last + 1)


_DISTILLED: tuple[View, ...] = ("student", "teacher")

METHODS = {
    method.name: method
    for method in (
        Method("cot", "CoT", "writes the whole chain, then the answer", "none", "none", writes_chain=True),
        Method("no-cot", "No-CoT", "writes the answer only", "none", "none"),
        Method("icot", "iCoT", "the chain's first tokens are removed, more and more", "none", "tokens"),
        Method("pause", "Pause token", "reads pause tokens, then writes the answer", "pause", "none"),
        Method("coconut", "Coconut", "thoughts replace one more step at each stage", "latent", "steps"),
        Method("coconut-no-curriculum", "– w/o curriculum", "its last stage only", "latent", "none"),
        Method("coconut-no-thought", "– w/o thought", "its stages, nothing for the steps", "none", "steps"),
        Method("pause-as-thought", "– pause as thought", "its stages, with pause tokens", "pause", "steps"),
        Method("codi", "CODI", "thoughts distilled from the model's own chain of thought", "latent", "none",
               views=_DISTILLED, objective="distillation", recurrence="projected"),
        Method("pccot", "PCCoT", "CODI with all thoughts updated together, a few times", "latent", "none",
               views=_DISTILLED, objective="distillation", recurrence="jacobi"),
    )
}  # fmt: skip


def get_method(name: str) -> Method:
    """The method called ``name``; ValueError with the nearest known name otherwise."""
    return pick(METHODS, name, "method")
