"""The commands `import` and `leaderboard import`; heavy imports are inside them."""

from __future__ import annotations

from pathlib import Path

import click

from ...generators.listing import PATH
from ...generators.outputs import require_folder


@click.command("import")
@click.argument("answers", type=PATH)
@click.option("--dataset", required=True, metavar="NAME|PATHS", help="Dataset whose test split is answered.")
@click.option("--method", required=True, metavar="NAME", help="Name of the method in the leaderboard.")
@click.option("--model", required=True, metavar="NAME", help="Name of the model in the leaderboard.")
@click.option("--surface", metavar="NAME", show_default="the dataset's first", help="Wording.")
@click.option(
    "--n", type=click.IntRange(1), metavar="N", show_default="the dataset's", help="Number of questions."
)
@click.option("--data-seed", default=0, type=click.IntRange(0), metavar="N", help="Seed of the questions.")
@click.option("--seed", default=0, type=click.IntRange(0), metavar="N", help="Number of this set of answers.")
@click.option(
    "--leaderboard", "path", type=PATH, default=Path("leaderboard.json"), help="Leaderboard file to add to."
)
@click.option("--replace", is_flag=True, help="Replace a recorded result of the same seed.")
def import_answers_command(
    answers: Path, dataset: str, method: str, model: str, surface: str | None, n: int | None,
    data_seed: int, seed: int, path: Path, replace: bool,
) -> None:  # fmt: skip
    """Score ANSWERS made elsewhere and add a row marked external.

    ANSWERS has one JSON object a line: id, text and, where known, the numbers of thoughts and tokens. Ids are
    those of the questions of the test split, as `generate` writes them. What is unknown stays unknown.
    """
    from ...leaderboard.measures import check_name
    from ...leaderboard.store import record, side_files
    from ...leaderboard.table import render
    from ..recipe_parts import DataPart
    from ..run.choice import check_dataset
    from ..run.data import open_data
    from .answers import score_answers

    check_name("--method", method)
    check_name("--model", model)
    _check_file(answers)
    check_dataset(dataset)
    data = open_data(DataPart(name=dataset, surface=surface, seed=data_seed, test=n))
    row = score_answers(answers, data, method=method, model=model, seed=seed, folder=side_files(path))
    record(path, row, replace=replace)
    click.echo(render([row]))


@click.command("import")
@click.argument("checkpoint", type=PATH)
@click.option(
    "--base", required=True, metavar="NAME|PATH",
    help="Model that was trained (configuration and tokenizer): a directory, or a name on the Hub.",
)  # fmt: skip
@click.option("--recipe", default="gpt2-prosqa", metavar="NAME|PATH", help="Recipe that it was trained by.")
@click.option(
    "--method", metavar="NAME", show_default="coconut, or cot if there are no thoughts", help="Its method."
)
@click.option(
    "--dataset",
    metavar="NAME|PATHS",
    show_default="the recipe's",
    help="Dataset to answer the test split of.",
)
@click.option(
    "--stage", type=click.IntRange(0), metavar="N", show_default="the last", help="Stage to answer at."
)
@click.option("--out", type=PATH, show_default="runs/imported-NAME", help="Output directory.")
def import_command(
    checkpoint: Path, base: str, recipe: str, method: str | None, dataset: str | None, stage: int | None,
    out: Path | None,
) -> None:  # fmt: skip
    """Import a CHECKPOINT of the published code (facebookresearch/coconut) as a finished run.

    Load the state dict (tensors only, no code), evaluate it on the test split, and write a run's directory,
    which `samples`, `controls` and `analyze` read.
    """
    from ...coconut.methods import get_method
    from ..recipe import load_recipe
    from ..run.choice import check_dataset

    _check_file(checkpoint)
    own = load_recipe(recipe).changed(dataset=dataset, model=base)
    check_dataset(own.data.name)
    if method is not None:
        get_method(method)
    folder = out or Path("runs") / f"imported-{checkpoint.stem}"
    require_folder("--out", folder)
    from .checkpoint import import_checkpoint  # with torch, after all that needs none

    result = import_checkpoint(checkpoint, own, folder, method=method, stage=stage)
    score = result.seeds[0].test
    click.echo(f"{result.method}: {score.counts} right ({score.accuracy:.1%}) on {result.dataset.name}")
    click.echo(f"{folder} is ready for `coconut-bench samples`, `controls` and `analyze`")


def _check_file(path: Path) -> None:
    """Raise FileNotFoundError unless there is such a file."""
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
