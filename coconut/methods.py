"""The table of methods; no torch.

A method is defined by 1. what replaces the steps of the chain (``filler``), 2. how steps are removed
(``curriculum``), 3. which *views* of an example a training step reads and which *objective* is minimized over
them, 4. how the thoughts are computed (``recurrence``). Between question and answer, at stage s of S with c
thoughts per step, a chain of steps 1…n becomes (``L`` a continuous thought, ``P`` a pause token):

    method                  stages   at stage s
    cot                     one      1 2 3 … n                          nothing is replaced
    no-cot                  one                                         the answer only
    icot                    0…S      the chain without its first tokens (`curriculum.TokenRemoval`)
    pause                   one      P × c·S                            pause tokens, then the answer
    coconut                 0…S      L × c·s, steps s+1 … n
    coconut-no-curriculum   one      L × c·S                            the last stage from the start
    coconut-no-thought      0…S      steps s+1 … n
    pause-as-thought        0…S      P × c·s, steps s+1 … n
    pause-cot               one      P × c·S, 1 2 3 … n                 pause tokens, then the chain
    codi                    one      L × c·S                            its teacher: 1 2 … n−1
    pccot                   one      L × c·S, updated together          its teacher: 1 2 … n−1
    coconut-mixed           0…S      L × c·i, steps i+1 … n             i ≤ s drawn with weight i + 1
    bottleneck              one      L × c·S                            the answer attends to them alone
    coconut-bfs             0…S      L × c·s, a concept s+1 edges away   the answer once no step is left
    sim-coconut             0…S      as coconut; a decoder must write steps 1 … s from their thoughts
    multimode               0…S      as coconut; besides, the whole chain alone, and the answer alone
    cot2                    one      L × c·S, each the mixture of the concepts that a search reaches

The first eight are Table 1 of arXiv 2412.06769; pause-cot is its CoT with as many positions before it writes
as Coconut has thoughts; codi is arXiv 2502.21074, pccot arXiv 2506.18582, coconut-mixed arXiv 2602.22441,
coconut-bfs arXiv 2505.12514, sim-coconut arXiv 2509.20317, multimode arXiv 2604.04902, cot2 arXiv 2505.23648.
A recipe may end with an extra stage (GSM8k's): as many thoughts as
in the previous stage, and no step left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..generators.lookup import pick
from ..generators.plugins import table
from .settings import Mixing

Filler = Literal["none", "latent", "pause"]
Curriculum = Literal["none", "steps", "tokens"]
Target = Literal["chain", "frontier", "mixture"]
"""What is to be learned besides the answer: while steps are left, the rest of the chain, or a concept of the
frontier; or in each thought's place the mixture of the concepts that a search has reached."""
View = Literal["student", "teacher", "chain", "direct"]
"""How a training step reads an example: as at inference, with the chain (but its last step) in words; and
where the marker after the question tells the mode, with the whole chain in words, or the answer alone."""


@dataclass(frozen=True)
class Method:
    """One row.

    Attributes:
        name: Name on the command line and in the leaderboard.
        title: Name in tables; the paper's where it has one.
        description: Shown by ``run --help``.
        filler: What replaces the removed steps: nothing, continuous thoughts or pause tokens.
        curriculum: Whether each stage removes one more step (``steps``), tokens are removed gradually
            (``tokens``), or there is one stage (``none``), with the whole chain if ``writes_chain``, else
            without it.
        writes_chain: Whether a method of one stage writes the chain.
        views: What a training step reads of an example; at inference, as in the first.
        objective: The row of `objectives.OBJECTIVES` that is minimized over the views.
        recurrence: The row of `recurrence.RECURRENCES` that computes the thoughts.
        mixing: How single examples are drawn from other stages, whatever the recipe says; None for as the
            recipe says.
        target: What is to be learned besides the answer.
        delimits: Whether the markers ``<bot>`` and ``<eot>`` stand around thoughts, and around none, whatever
            the recipe says.
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
    mixing: Mixing | None = None
    target: Target = "chain"
    delimits: bool = False

    @property
    def thinks(self) -> bool:
        """Whether there are thoughts or pause tokens between question and answer."""
        return self.filler != "none"

    @property
    def unit(self) -> str:
        """What stands between question and answer, one of them, for people."""
        return "pause" if self.filler == "pause" else "thought"

    @property
    def needs_graphs(self) -> bool:
        """Whether its training reads the graph behind each example."""
        return self.target != "chain"

    @property
    def mixes(self) -> bool:
        """Whether its thoughts are taught as mixtures of concepts, each of which must be one token."""
        return self.target == "mixture"

    @property
    def decodes_steps(self) -> bool:
        """Whether a decoder, which no question is answered with, must write steps from their thoughts."""
        return self.objective == "step-decoder"

    @property
    def shows_stage(self) -> bool:
        """Whether the prompt shows the stage: by its thoughts or pause tokens."""
        return self.thinks

    def stages(self, last: int) -> range:
        """Return the stages that are trained, in order.

        Args:
            last: The recipe's last stage.
        """
        if self.curriculum != "none":
            return range(last + 1)
        return range(1) if self.writes_chain and not self.thinks else range(last, last + 1)


_DISTILLED: tuple[View, ...] = ("student", "teacher")

_ROWS = (
    Method("cot", "CoT", "writes the chain of thought, then the answer", "none", "none",
           writes_chain=True),
    Method("no-cot", "No-CoT", "writes the answer only", "none", "none"),
    Method("icot", "iCoT", "CoT, its tokens removed gradually from the front", "none", "tokens"),
    Method("pause", "Pause token", "reads pause tokens, then writes the answer", "pause", "none"),
    Method("coconut", "Coconut", "thoughts replace one more step at each stage", "latent", "steps"),
    Method("coconut-no-curriculum", "– w/o curriculum", "Coconut trained on its last stage only",
           "latent", "none"),
    Method("coconut-no-thought", "– w/o thought", "Coconut's stages, removed steps not replaced",
           "none", "steps"),
    Method("pause-as-thought", "– pause as thought", "Coconut's stages, pause tokens as thoughts",
           "pause", "steps"),
    Method("pause-cot", "Pause, then CoT", "reads pause tokens, then writes the chain of thought", "pause",
           "none", writes_chain=True),
    Method("codi", "CODI", "thoughts distilled from the model's own chain of thought", "latent", "none",
           views=_DISTILLED, objective="distillation", recurrence="projected"),
    Method("pccot", "PCCoT", "CODI with all thoughts updated together, T times", "latent", "none",
           views=_DISTILLED, objective="distillation", recurrence="jacobi"),
    Method("coconut-mixed", "Coconut, stages mixed", "Coconut, earlier stages mixed into each stage",
           "latent", "steps", mixing=Mixing(probability=1.0, stages="earlier", weights="stage")),
    Method("coconut-bfs", "Coconut-BFS", "Coconut that writes a frontier concept instead of the chain",
           "latent", "steps", target="frontier"),
    Method("bottleneck", "Bottleneck", "thoughts and answers only; the answer cannot attend to the question",
           "latent", "none", recurrence="bottleneck"),
    Method("sim-coconut", "SIM-CoT, Coconut", "Coconut whose thoughts must be decodable into their steps",
           "latent", "steps", objective="step-decoder"),
    Method("multimode", "Multimode", "Coconut, CoT and No-CoT in one model, told apart by a marker",
           "latent", "steps", views=("student", "chain", "direct"), objective="modes", delimits=True),
    Method("cot2", "CoT2", "thoughts taught as mixtures of the concepts that a search reaches",
           "latent", "none", objective="mixtures", recurrence="mixture", target="mixture"),
)  # fmt: skip

METHODS = table("METHODS", {method.name: method for method in _ROWS}, Method)
"""Name -> row, those of plugins included."""


ALL = "all"
"""Names all methods."""
_ELSEWHERE = {
    "latent-only": "it is 'coconut-no-curriculum': K thoughts, answers only, no chain and no stages",
    "looped": "it is a recipe, so that any method can be run on it: --method no-cot --recipe tiny-looped",
}
"""Names that others give to something that is here under another one."""


def get_method(name: str) -> Method:
    """Return a method by name.

    Args:
        name: A name in `METHODS`.

    Raises:
        ValueError: No method has that name; names the nearest, or what others call by that name.
    """
    if name in _ELSEWHERE and name not in METHODS:
        raise ValueError(f"unknown method {name!r} ({_ELSEWHERE[name]}); known: {', '.join(METHODS)}")
    try:
        return pick(METHODS, name, "method")
    except ValueError as error:  # of a run, it may be a method of a plugin that is not loaded
        raise ValueError(f"{error}; --plugin FILE loads others") from None


def method_names(text: str) -> tuple[str, ...]:
    """Parse the command line's list of methods.

    Args:
        text: ``all``, or names separated by commas.

    Returns:
        Names without repetitions, in the given order.

    Raises:
        ValueError: A name is unknown.
    """
    if text == ALL:
        return tuple(METHODS)
    return tuple(dict.fromkeys(get_method(name.strip()).name for name in text.split(",")))
