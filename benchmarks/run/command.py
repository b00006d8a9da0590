"""The command `run`. What is slow to import is imported inside it."""

from __future__ import annotations

from pathlib import Path

import click

from ...generators.listing import PATH, ListingCommand


def run_tables() -> dict[str, list[tuple[str, str]]]:
    """The methods and the recipes, for the help of ``run``."""
    from ...coconut.methods import METHODS
    from ..recipe import load_recipe, recipe_names

    methods = [(method.name, method.description) for method in METHODS.values()]
    return {"Methods": methods, "Recipes": [(name, load_recipe(name).description) for name in recipe_names()]}


@click.command("run", cls=ListingCommand, tables=run_tables)
@click.option("--method", required=True, help="One of those below, several with commas, or all.")
@click.option("--recipe", default="tiny", show_default=True, help="A shipped recipe's name, or a YAML file.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="The training data's.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="How many, from --seed.")
@click.option("--dataset", help="Another than the recipe's: a name, or train,valid,test files.")
@click.option("--model", help="Another pretrained model than the recipe's: a name on the Hub, or a folder.")
@click.option("--halting", type=click.Choice(["constant", "classifier"]), help="What ends the thoughts.")
@click.option("--thoughts", multiple=True, type=click.IntRange(min=0), help="Test with so many as well.")
@click.option("--quick", is_flag=True, help="The same at about a hundredth of the work; the row says so.")
@click.option("--ood", is_flag=True, help="Test it on the dataset's out-of-distribution rows as well.")
@click.option("--track", help="Follow it with trackio, wandb or tensorboard.  [default: the run's log only]")
@click.option(
    "--cluster", type=click.Choice(["slurm", "local"]), help="A job there for each method and seed."
)
@click.option("--job", multiple=True, metavar="NAME=VALUE", help="What the cluster is told: timeout_min=60.")
@click.option("--out", type=PATH, help="Its folder.  [default: runs/RECIPE-METHOD-SEED]")
@click.option(
    "--leaderboard", type=PATH, default=Path("leaderboard.json"), show_default=True,
    help="The file that gets the row.",
)  # fmt: skip
@click.option("--replace", is_flag=True, help="Take the place of the seed's entry, if there is one.")
def run_command(
    method: str, recipe: str, seed: int, seeds: int, dataset: str | None, model: str | None,
    halting: str | None, thoughts: tuple[int, ...], quick: bool, ood: bool, track: str | None,
    cluster: str | None, job: tuple[str, ...], out: Path | None, leaderboard: Path, replace: bool,
) -> None:  # fmt: skip
    """Generate, train, evaluate, record: one method on one recipe, or many.

    Interrupted and started again with the same arguments, it goes on where it was.
    """
    from ...leaderboard.paper_table import render_paper_table
    from ...leaderboard.store import SHIPPED, read
    from ...leaderboard.table import render
    from ..recipe import load_recipe
    from .cluster import parse_cluster
    from .sweep import Grid, method_names, sweep

    chosen = load_recipe(recipe).changed(dataset=dataset, model=model, halting=halting)
    numbers = tuple(range(seed, seed + seeds))
    place = parse_cluster(cluster, job) if cluster else None
    chosen = chosen.quick() if quick else chosen
    grid = Grid(chosen, method_names(method), numbers, quick, ood, thoughts, track, place)
    if leaderboard.exists():
        read(leaderboard)  # a damaged file is found before the training, not after it
    rows = sweep(grid, leaderboard, replace=replace, say=click.echo, out=out)
    click.echo(render(rows))
    if len(grid.cells) > 1:
        click.echo("\n" + render_paper_table(rows, read(SHIPPED).quoted))
