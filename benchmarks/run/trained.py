"""A finished run, loaded from its directory for controls and analyses."""

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
from .data import questions_of
from .evaluate import Evaluator
from .retest import load_evaluator
from .saved import check_data, read_recipe, read_result
from .spec import RunSpec


@dataclass(frozen=True)
class TrainedRun:
    """A finished run.

    Attributes:
        folder: Directory of the run.
        spec: Recipe, method and seed.
        evaluator: Model, ready to answer.
        result: The leaderboard's record.
        mind: What reads, thinks and writes instead of the model; None for the model itself.
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
        """The last stage, at which questions are answered."""
        return self.result.seeds[0].stage

    @property
    def thinking(self) -> Thinking:
        """Number and kind of thoughts as trained, and how they end."""
        return self.evaluator.thinking(self.stage)

    @property
    def thoughts(self) -> int:
        """Thoughts or pauses per question in the last stage; the maximum if a classifier ends them."""
        return self.thinking.count

    def reasoner(self) -> Reasoner:
        """Return the model (or its replacement) answering as trained."""
        return self.mind or self.evaluator.reasoner(self.stage)

    def questions(self, split: str = "test", n: int | None = None) -> list[Example]:
        """Return held-out questions of the run's dataset.

        Args:
            split: ``test`` or ``valid``.
            n: Number of questions, the first ones; None for all.

        Returns:
            Questions with their true answers.

        Raises:
            ValueError: The dataset's test questions are not those of the run any more, or are damaged.
            OSError: Files of its dataset are missing, and were not kept with the run.
        """
        return list(questions_of(self.recipe.data, self.folder, split, self.result.dataset))[:n]


def load_run(folder: Path) -> TrainedRun:
    """Load a finished run.

    Args:
        folder: Directory of the run.

    Returns:
        The run with its model, on the GPU if there is one.

    Raises:
        ValueError: The result, the model or the data are damaged, or the recipe is unknown or has changed.
        OSError: There is no finished run in ``folder``.
    """
    result = read_result(folder)
    check_data(folder)
    spec = RunSpec(_recipe(folder, result), result.method, result.seeds[0].seed, result.quick)
    return TrainedRun(folder, spec, load_evaluator(spec, folder), result)


def _recipe(folder: Path, result: Result) -> Recipe:
    """Load the recipe saved with the run, or for older runs the shipped one; its hash must match."""
    name = result.recipe.name
    if (folder / "recipe.yaml").is_file():
        recipe = read_recipe(folder / "recipe.yaml")
    elif name in recipe_names():
        recipe = load_recipe(name).quick() if result.quick else load_recipe(name)
    else:
        raise ValueError(f"{folder} has no recipe.yaml, and {name} is not a shipped recipe")
    if recipe.hash != result.recipe.hash:
        raise ValueError(
            f"the recipe {name} must have the hash {str(result.recipe.hash)[:12]} of the run in {folder}, "
            f"got {recipe.hash[:12]}"
        )
    return recipe
