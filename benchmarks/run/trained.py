"""A finished run, loaded from its folder: what controls and analyses look into."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...coconut.encoding import Encoder
from ...coconut.methods import Method, get_method
from ...coconut.modeling import CoconutForCausalLM
from ...coconut.thinking import Reasoner, Thinking
from ...generators.example import Example
from ...leaderboard.result import Result
from ..recipe import Recipe, load_recipe, recipe_names
from .data import open_data
from .evaluate import Evaluator
from .retest import load_evaluator
from .spec import RunSpec


@dataclass(frozen=True)
class TrainedRun:
    """A finished run.

    Attributes:
        folder: Where it is kept.
        spec: What it was asked to do.
        evaluator: Its model, ready to answer.
        result: What was recorded.
        mind: What reads, thinks and writes in place of its model, None for the model itself.
    """

    folder: Path
    spec: RunSpec
    evaluator: Evaluator
    result: Result
    mind: Reasoner | None = None

    @property
    def recipe(self) -> Recipe:
        return self.spec.recipe

    @property
    def method(self) -> Method:
        return get_method(self.spec.method)

    @property
    def model(self) -> CoconutForCausalLM:
        return self.evaluator.model

    @property
    def encoder(self) -> Encoder:
        return self.evaluator.encoder

    @property
    def stage(self) -> int:
        """The last stage, in which questions are answered."""
        return self.result.seeds[0].stages[-1].stage

    @property
    def thinking(self) -> Thinking:
        """What stands between a question and its answer, as trained."""
        return self.evaluator.thinking(self.stage)

    @property
    def thoughts(self) -> int:
        """Thoughts (or pauses) that a question has in the last stage; the most, if a classifier ends them."""
        return self.thinking.count

    def reasoner(self) -> Reasoner:
        """The model answering as trained."""
        return self.mind or self.evaluator.reasoner(self.stage)

    def questions(self, split: str = "test", n: int | None = None) -> list[Example]:
        """The first ``n`` held-out questions of the run's dataset, all of them without ``n``."""
        data = open_data(self.recipe.data)
        return list(data.test if split == "test" else data.valid)[:n]


def load_run(folder: Path) -> TrainedRun:
    """The run in ``folder``.

    Raises ValueError, or OSError, in one line, where there is no finished run or its recipe is not known.
    """
    path = folder / "result.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} must hold a finished run (result.json), and has none")
    result = Result.model_validate_json(path.read_bytes())
    spec = RunSpec(_recipe(folder, result), result.method, result.seeds[0].seed, result.quick)
    return TrainedRun(folder, spec, load_evaluator(spec, folder), result)


def _recipe(folder: Path, result: Result) -> Recipe:
    """The recipe saved with the run, or the shipped one of its name (older runs); checked by hash."""
    name = result.recipe.name
    if (folder / "recipe.yaml").is_file():
        recipe = load_recipe(str(folder / "recipe.yaml"))
    elif name in recipe_names():
        recipe = load_recipe(name).quick() if result.quick else load_recipe(name)
    else:
        raise ValueError(f"{folder} has no recipe.yaml, and {name} is no shipped recipe")
    if recipe.hash != result.recipe.hash:
        raise ValueError(
            f"the recipe {name} must have the hash {result.recipe.hash[:12]} of the run in {folder}, "
            f"got {recipe.hash[:12]}"
        )
    return recipe
