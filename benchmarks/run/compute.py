"""The counted cost of a run: FLOPs of its training and of its base model's, parameters used when answering.

Data order is a function of the step, so the training of a run can be counted without training anything.
"""

from __future__ import annotations

from ...coconut.counting import Counter
from ...coconut.flops import Sizes, answering_parameters, single_pass
from ...coconut.methods import get_method
from ...coconut.modeling import CoconutForCausalLM
from ...leaderboard.measures import Compute
from ..recipe import Recipe
from .base_model import base_model, coconut_over
from .data import open_data
from .evaluate import Evaluator, recipe_encoder
from .spec import RunSpec
from .training import train_batches

UNTRAINED = {"name": "untrained", "hash": "", "weights": ""}


def compute_record(model: CoconutForCausalLM, recipe: Recipe, flops: int | None) -> Compute:
    """Return the leaderboard's record of a run's cost.

    Args:
        model: The model.
        recipe: The recipe.
        flops: The training's FLOPs, None where unknown.
    """
    return Compute(
        training_flops=flops, base_flops=base_flops(model, recipe), parameters=answering_parameters(model)
    )


def base_flops(model: CoconutForCausalLM, recipe: Recipe) -> int | None:
    """Count the training of a base model on premise recall.

    Args:
        model: A model over that base.
        recipe: The recipe.

    Returns:
        The operations; 0 for a base model with initial weights, None for a pretrained one.
    """
    part, sizes = recipe.base, Sizes.of(model)
    if recipe.model.pretrained is not None or sizes is None:
        return None
    if part is None:
        return 0
    sizes = sizes._replace(checkpoints=False)
    total = 0
    for step in range(part.steps):
        asked = part.premises_at(step)
        total += single_pass(part.batch_size, 6 * asked, asked * part.batch_size).flops(sizes)
    return total


def count_run(spec: RunSpec, processes: int = 1) -> Compute:
    """Count a run from recipe, method and seed, without training it.

    Args:
        spec: The run.
        processes: The number of processes that it was trained on.

    Returns:
        What the run records itself; the operations are unknown where the device decides how many examples are
        padded together (``micro_batch_size: auto``).

    Raises:
        ValueError: The recipe does not fit data or method.
        OSError: Data or a pretrained model cannot be read.
    """
    recipe, data = spec.recipe, open_data(spec.recipe.data)
    schedule = recipe.schedule(get_method(spec.method))
    base = base_model(recipe, data, spec.seed, UNTRAINED if recipe.base else None)
    model = coconut_over(base, recipe, schedule, spec.seed)
    evaluator = Evaluator(model, recipe_encoder(recipe, base.tokenizer), schedule, recipe)
    batches, plans = train_batches(spec, data, evaluator)
    if recipe.micro_batch_size == "auto":
        return compute_record(model, recipe, None)
    counter = Counter(model, schedule.method.objective, recipe.micro_batch_size, processes)
    total = step = 0
    for plan in plans:
        for _ in range(plan.steps):
            found = counter.step(batches.readings(step, plan, plans))
            if found is None:
                return compute_record(model, recipe, None)
            total, step = total + found, step + 1
    return compute_record(model, recipe, total)
