"""The command `run`; heavy imports are inside it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...generators import terminal
from ...generators.listing import PATH, SEED, ListingCommand, complete_dataset, completer, joined
from ...generators.outputs import require_folder
from ...leaderboard.commands import leaderboard_files

if TYPE_CHECKING:
    from ..recipe import Recipe


def run_tables() -> dict[str, list[tuple[str, str]]]:
    """Return the tables of methods and recipes, listed by ``run --help``."""
    from ...coconut.methods import METHODS
    from ..recipe import load_recipe, recipe_names

    methods = [(method.name, method.description) for method in METHODS.values()]
    return {"Methods": methods, "Recipes": [(name, load_recipe(name).description) for name in recipe_names()]}


def _methods() -> list[str]:
    from ...coconut.methods import METHODS

    return [*METHODS, "all"]


def _recipes() -> list[str]:
    from ..recipe import recipe_names

    return list(recipe_names())


def say(line: str) -> None:
    """Print a line above the progress bars; an output that is closed or full is no reason to stop a training.

    Args:
        line: The line.
    """
    from tqdm import tqdm

    with tqdm.external_write_mode():
        terminal.say(line)


@click.command("run", cls=ListingCommand, tables=run_tables)
@click.option(
    "--method",
    required=True,
    multiple=True,
    callback=joined,
    metavar="NAMES",
    shell_complete=completer(_methods),
    help="Methods to run: names separated by commas, or all.",
)
@click.option(
    "--recipe", metavar="NAME|PATH", shell_complete=completer(_recipes),
    show_default="tiny; scratch for your own files", help="Shipped recipe, or a YAML file.",
)  # fmt: skip
@click.option("--seed", default=0, type=SEED, metavar="N", help="Training seed.")
@click.option(
    "--seeds", default=1, type=click.IntRange(1, 10_000), metavar="N",
    help="Number of seeds, counted up from --seed.",
)  # fmt: skip
@click.option(
    "--dataset", metavar="NAME|PATHS", shell_complete=complete_dataset,
    help="Override the recipe's dataset: a name, or three files train,valid,test.",
)  # fmt: skip
@click.option(
    "--model", metavar="NAME|PATH",
    help="Override the recipe's pretrained model: a name on the Hub, or a directory.",
)  # fmt: skip
@click.option(
    "-o", "--override", "settings", multiple=True, metavar="KEY=VALUE",
    help="Change a setting of the recipe, such as optimizer.lr=3e-4 (repeatable).",
)  # fmt: skip
@click.option(
    "--halting", type=click.Choice(["constant", "classifier"]), show_default="the recipe's",
    help="What ends the thoughts: a constant number of them, or a classifier.",
)  # fmt: skip
@click.option(
    "--thoughts", multiple=True, type=click.IntRange(0, 10_000), metavar="N",
    help="Also evaluate with N thoughts (repeatable); with --ood on the variants too.",
)  # fmt: skip
@click.option(
    "--sweeps", type=click.IntRange(0, 10_000), metavar="T",
    help="How often pccot updates its thoughts: 0 (slots) to their number (as one after another).",
)  # fmt: skip
@click.option("--quick", is_flag=True, help="Smoke test at about 1 % of the work; its row is marked quick.")
@click.option("--ood", is_flag=True, help="Also evaluate on the dataset's out-of-distribution variants.")
@click.option(
    "--track", metavar="NAME", show_default="the run's log only",
    help="Also log to trackio, wandb or tensorboard.",
)  # fmt: skip
@click.option(
    "--device", multiple=True, callback=joined, metavar="NAMES", show_default="a GPU, if there is one",
    help="Device: cpu, mps or cuda:N; with --cluster local also several, separated by commas.",
)  # fmt: skip
@click.option(
    "--no-graphs",
    is_flag=True,
    help="On a GPU, compute every pass on its own instead of replaying CUDA graphs.",
)
@click.option(
    "--cluster", type=click.Choice(["slurm", "ray", "local"]),
    help="Run one job per method and seed; local: processes of this machine.",
)  # fmt: skip
@click.option(
    "--job", multiple=True, metavar="NAME=VALUE",
    help="Parameter of the cluster's jobs, such as timeout_min=60 (repeatable).",
)  # fmt: skip
@click.option(
    "--out", type=PATH, show_default="runs/RECIPE-METHOD-SEED[-OVERRIDES]", help="Output directory."
)
@click.option(
    "--leaderboard", type=PATH, default=Path("leaderboard.json"), help="Leaderboard file to add the rows to."
)
@click.option("--replace", is_flag=True, help="Replace the seed's recorded result, if there is one.")
def run_command(
    method: str, recipe: str | None, seed: int, seeds: int, dataset: str | None, model: str | None,
    settings: tuple[str, ...], halting: str | None, thoughts: tuple[int, ...], sweeps: int | None,
    quick: bool, ood: bool, track: str | None, device: str | None, no_graphs: bool, cluster: str | None,
    job: tuple[str, ...], out: Path | None, leaderboard: Path, replace: bool,
) -> None:  # fmt: skip
    """Generate data, train, evaluate and record the result: one or several methods on one recipe.

    An interrupted run resumes when it is started again with the same arguments. Several methods and seeds
    can be started in several terminals at once: they share the runs.
    """
    _check_places(out, leaderboard)
    from ...coconut.methods import method_names
    from .device import parse_devices, use_device

    method_names(method)  # each mistake is told before what only later ones need is imported
    if no_graphs:  # jobs of this machine inherit it
        os.environ["COCONUT_BENCH_GRAPHS"] = "0"
    devices = () if device is None else parse_devices(device)
    if devices and not cluster:
        if len(devices) > 1:
            raise ValueError(f"--device must be one without --cluster local, got {device}")
        use_device(devices[0])  # before anything looks for a GPU
    from ..overrides import short
    from ..recipe import load_recipe
    from .choice import check_dataset, default_recipe
    from .cluster import parse_cluster
    from .spec import overrides

    if dataset is not None:
        check_dataset(dataset)
    if recipe is None:
        recipe, why = default_recipe(dataset)
        if why:
            say(f"recipe {recipe}: {why}")
    settings = (*settings, *_dial(sweeps, method))
    own = load_recipe(recipe).with_settings(settings)
    chosen = own.changed(dataset=dataset, model=model, halting=halting)
    numbers = tuple(range(seed, seed + seeds))
    if job and not cluster:
        raise ValueError(f"--job needs --cluster, got {', '.join(job)}")
    place = parse_cluster(cluster, job, devices) if cluster else None
    label = short(settings) + overrides(own, chosen)
    chosen = chosen.quick() if quick else chosen
    from ...leaderboard.paper_table import render_paper_table
    from ...leaderboard.store import SHIPPED, read, side_files
    from ...leaderboard.table import render
    from .ending import ending
    from .sweep import Grid, sweep

    grid = Grid(chosen, _chosen_methods(method, chosen), numbers, quick, ood, thoughts, track, place, label)
    if leaderboard.exists():
        read(leaderboard)  # fail on a damaged file before training
    rows = sweep(grid, leaderboard, replace=replace, say=say, out=out)
    say(render(rows))
    if len(grid.methods) * len(grid.seeds) > 1:
        say("\n" + render_paper_table(rows, read(SHIPPED).quoted, side_files(leaderboard)))
    if rows:  # of several processes, only the first one has them
        say("\n" + ending(grid.cells(out), rows, leaderboard))


def _check_places(out: Path | None, leaderboard: Path) -> None:
    """Check that a run can be written, and its row; a finished run is only read."""
    if out is not None and not (out / "result.json").exists():
        require_folder("--out", out)
    require_folder("the folder of --leaderboard", leaderboard.absolute().parent)


def _dial(sweeps: int | None, text: str) -> list[str]:
    """``--sweeps`` as a setting of the recipe; ValueError where no method has sweeps."""
    from ...coconut.methods import method_names

    if sweeps is None:
        return []
    if "pccot" not in (names := method_names(text)):
        raise ValueError(f"--sweeps needs the method pccot, got {', '.join(names)}")
    return [f"curriculum.sweeps={sweeps}"]


def _chosen_methods(text: str, recipe: Recipe) -> tuple[str, ...]:
    """The methods that are named, or of all those that fit the data."""
    from ...coconut.methods import ALL, method_names

    names = method_names(text)
    if text != ALL:
        return names
    from .needs import fitting  # with torch

    fit = fitting(names, recipe)
    if len(fit) < len(names):
        left = ", ".join(name for name in names if name not in fit)
        say(f"left out: {left}, for which the data have no graphs, or concepts of several tokens")
    return fit


@click.command("reproduce")
@leaderboard_files
@click.argument("row")
@click.option("--seed", type=SEED, metavar="N", show_default="the row's first", help="Seed.")
@click.option("--out", type=PATH, show_default="runs/reproduce-KEY-SEED", help="Output directory.")
def reproduce_command(path: Path | None, row: str, seed: int | None, out: Path | None) -> None:
    """Train the run of a ROW again; exit with code 1 if any answer differs.

    Name the row by its key, or by its method. An interrupted command resumes when it is started again.
    """
    from .recorded import recorded_recipe, recorded_run

    if out is not None:
        require_folder("--out", out)
    recorded_recipe(recorded_run(path, row, seed).row)  # before torch is imported
    from .reproduce import reproduce

    found = reproduce(path, row, seed, out, say)
    say(str(found))
    sys.exit(0 if found.is_same else 1)
