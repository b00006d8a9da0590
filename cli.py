"""The command line: parses, calls, prints.

Every command imports what it needs inside its own function: torch, transformers and datasets take
seconds each, and ``--help`` must not wait for them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from . import __version__

PATH = click.Path(path_type=Path)


class OneLineErrors(click.Group):
    """A group that turns bad input into one line on stderr and exit code 2.

    The library raises ``ValueError`` for bad values and ``OSError`` for files; everything else is a
    defect of this package and keeps its traceback.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ValueError, OSError) as error:
            message = str(error) or type(error).__name__
            click.echo("Error: " + " ".join(message.split()), err=True)
            sys.exit(2)


@click.group(
    cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="coconut-bench")
def main() -> None:
    """Latent reasoning on data that cannot be solved without reasoning."""


class ListingCommand(click.Command):
    """A command whose help ends with tables of names, read only when the help is asked for."""

    def __init__(self, *args: Any, tables: Callable[[], dict[str, list[tuple[str, str]]]], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.tables = tables

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, rows in self.tables().items():
            with formatter.section(title):
                formatter.write_dl(rows)


def dataset_table() -> dict[str, list[tuple[str, str]]]:
    """The datasets, for the help of ``generate``."""
    from .generators.datasets import DATASETS

    return {"Datasets": [(row.name, row.summary()) for row in DATASETS.values()]}


def run_tables() -> dict[str, list[tuple[str, str]]]:
    """The methods and the recipes, for the help of ``run``."""
    from .benchmarks.recipe import load_recipe, recipe_names
    from .coconut.methods import METHODS

    methods = [(method.name, method.description) for method in METHODS.values()]
    return {"Methods": methods, "Recipes": [(name, load_recipe(name).description) for name in recipe_names()]}


@main.command("run", cls=ListingCommand, tables=run_tables)
@click.option("--method", required=True, help="One of those below, several with commas, or all.")
@click.option("--recipe", default="tiny", show_default=True, help="A shipped recipe's name, or a YAML file.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="The training data's.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="How many, from --seed.")
@click.option("--quick", is_flag=True, help="The same at about a hundredth of the work; the row says so.")
@click.option("--ood", is_flag=True, help="Test it on the dataset's out-of-distribution rows as well.")
@click.option("--out", type=PATH, help="Its folder.  [default: runs/RECIPE-METHOD-SEED]")
@click.option(
    "--leaderboard", type=PATH, default=Path("leaderboard.json"), show_default=True,
    help="The file that gets the row.",
)  # fmt: skip
@click.option("--replace", is_flag=True, help="Take the place of the seed's entry, if there is one.")
def run_command(
    method: str, recipe: str, seed: int, seeds: int, quick: bool, ood: bool, out: Path | None,
    leaderboard: Path, replace: bool,
) -> None:  # fmt: skip
    """Generate, train, evaluate, record: one method on one recipe, or many.

    Interrupted and started again with the same arguments, it goes on where it was.
    """
    from .benchmarks.recipe import load_recipe
    from .benchmarks.sweep import Grid, method_names, sweep
    from .leaderboard.store import read
    from .leaderboard.table import render

    chosen = load_recipe(recipe)
    numbers = tuple(range(seed, seed + seeds))
    grid = Grid(chosen.quick() if quick else chosen, method_names(method), numbers, quick, ood)
    if leaderboard.exists():
        read(leaderboard)  # a damaged file is found before the training, not after it
    click.echo(render(sweep(grid, leaderboard, replace=replace, say=click.echo, out=out)))


@main.command("generate", cls=ListingCommand, tables=dataset_table)
@click.argument("dataset")
@click.option("--out", required=True, type=PATH, help="The folder, new or empty.")
@click.option("--seed", default=0, show_default=True, type=int, help="Another seed, other examples.")
@click.option("--train", type=int, help="Examples of this split; 0 leaves it out.  [default: the dataset's]")
@click.option("--valid", type=int, help="The same for this split.")
@click.option("--test", type=int, help="The same for this split.")
@click.option("--surface", help="The wording: natural or symbolic.  [default: the dataset's first]")
@click.option("--workers", default=1, show_default=True, type=int, help="Processes; the bytes stay the same.")
@click.option(
    "--format", default="jsonl", show_default=True,
    help="jsonl, parquet, or published: the JSON list that the paper's code reads.",
)  # fmt: skip
@click.option("--shard", default="1/1", show_default=True, help="I/N writes only the I-th of N equal parts.")
@click.option("--force", is_flag=True, help="Replace a folder that is not empty.")
def generate_command(
    dataset: str, out: Path, seed: int, train: int | None, valid: int | None, test: int | None,
    surface: str | None, workers: int, format: str, shard: str, force: bool,
) -> None:  # fmt: skip
    """Write a dataset: one file a split and a manifest.

    The same arguments give the same bytes on any machine. No graph is in two splits, whatever the seed
    and the sizes.
    """
    from .generators.write import generate, plan

    sizes = {"train": train, "valid": valid, "test": test}
    planned = plan(dataset, seed=seed, sizes=sizes, surface=surface, format=format, shard=shard)
    manifest = generate(planned, out, workers=workers, force=force)
    if planned.dataset.leaks:
        click.echo(f"Note: {dataset} leaks: {planned.dataset.leak}.", err=True)
    for split, entry in manifest["splits"].items():
        click.echo(f"{split}: {entry['examples']} examples, rows sha256 {entry['rows_sha256']}")
    click.echo(f"{out} has {planned.dataset.name} {planned.dataset.version}, {planned.surface}")


@main.command("verify")
@click.argument("path", type=PATH)
def verify_command(path: Path) -> None:
    """Prove a generated folder from its text, or the records of one data file.

    Every question is parsed and searched by code of its own; answer, steps, what the dataset promises,
    twins, disjoint splits and checksums are checked. The first thing that is wrong is reported with its
    place.
    """
    from .generators.verify import verify_dir, verify_file

    if path.is_dir():
        click.echo(str(verify_dir(path)))
    else:
        click.echo(f"{path.name}: {verify_file(path)} examples proved")


@main.command("audit")
@click.argument("source")
@click.option("--split", default="test", show_default=True, help="The split that is guessed.")
@click.option("--fit", default="train", show_default=True, help="The split that the models are fitted on.")
@click.option("--n", "examples", type=int, help="Questions.  [default: a file's all, a dataset's 10,000]")
@click.option("--seed", default=0, show_default=True, type=int, help="Of a dataset that is generated.")
@click.option("--surface", help="Of a dataset that is generated.  [default: the dataset's first]")
@click.option("--learned/--no-learned", default=True, help="With the fitted models (scikit-learn).")
@click.option("--json", "json_file", type=PATH, help="Write the findings there.")
@click.option("--plot", "plot_file", type=PATH, help="Draw them there (.png, .svg).")
@click.option(
    "--max", "limit", type=click.FloatRange(0.5, 1), metavar="SHARE",
    help="Exit code 1 if a zero-effort, root-blind or learned guess, or its opposite, is right more often.",
)  # fmt: skip
def audit_command(
    source: str, json_file: Path | None, plot_file: Path | None, limit: float | None, **options: Any
) -> None:
    """Guess the answers of SOURCE without reasoning: a dataset, a generated folder or a data file.

    On a single file the learned models are fitted on each half and scored on the other.
    """
    from .generators.audit import audit
    from .generators.audit_plot import plot, require_plot

    if plot_file:
        require_plot(plot_file)  # found before the work, not after it
    report = audit(source, **options)
    click.echo(str(report))
    if json_file:
        import json

        json_file.write_text(json.dumps(report.to_json(), indent=2) + "\n", encoding="utf-8")
    if plot_file:
        plot([report], plot_file)
    strongest = report.strongest()
    if limit is not None and strongest.strength > limit:
        click.echo(
            f"LEAK: {strongest.name} ({strongest.effort}) is right on {100 * strongest.accuracy:.1f} %; "
            f"at most {100 * limit:g} % or at least {100 - 100 * limit:g} % is asked for",
            err=True,
        )
        sys.exit(1)


@main.group()
def leaderboard() -> None:
    """Show, check, merge, compare and publish recorded results."""


def default_leaderboard(ctx: click.Context, option: click.Parameter, path: Path | None) -> Path:
    """The file that the option names, or the one that is read without it."""
    from .leaderboard.store import default_file

    return path or default_file()


leaderboard_file = click.option(
    "--leaderboard", "path", type=PATH, callback=default_leaderboard,
    help="The file.  [default: leaderboard.json here, else the one that comes with the package]",
)  # fmt: skip


@leaderboard.command()
@leaderboard_file
@click.option("--dataset", help="Only rows of this dataset.")
@click.option("--method", help="Only rows of this method.")
@click.option("--recipe", help="Only rows of this recipe.")
@click.option("--kind", type=click.Choice(["measured", "quoted", "all"]), default="all", show_default=True)
@click.option("--quick/--no-quick", default=True, help="With the rows of quick runs.  [default: with]")
@click.option("--sort", default="accuracy", show_default=True, help="accuracy, generated, passes or seconds.")
@click.option("--ascending", is_flag=True, help="The smallest first.")
@click.option("--format", type=click.Choice(["text", "markdown", "csv", "json"]), default="text")
def show(path: Path, **chosen: Any) -> None:
    """Print the rows; rows of one rank cannot be told apart."""
    from .leaderboard.report import table

    click.echo(table(path, **chosen))


@leaderboard.command()
@leaderboard_file
def check(path: Path) -> None:
    """Recompute every number from the predictions; exit code 1 if one is not as recorded."""
    from .leaderboard.report import check_report

    report = check_report(path)
    click.echo(report.text)
    sys.exit(0 if report.is_clean else 1)


@leaderboard.command()
@click.argument("sources", nargs=-1, required=True, type=PATH)
@click.option("--to", "path", type=PATH, default="leaderboard.json", show_default=True)
@click.option("--replace", is_flag=True, help="Where a seed has another result already, take the new one.")
def add(sources: tuple[Path, ...], path: Path, replace: bool) -> None:
    """Merge the rows of other leaderboard files, with the predictions beside them: all of them, or none."""
    from .leaderboard.store import merge_files

    click.echo(f"{path}: {merge_files(path, sources, replace=replace)} new or changed rows")


@leaderboard.command()
@leaderboard_file
@click.argument("rows", nargs=-1, required=True)
def compare(path: Path, rows: tuple[str, ...]) -> None:
    """Compare ROWS of one dataset, question by question; a row is named by its method or its key."""
    from .leaderboard.report import comparison

    click.echo(comparison(path, rows))


@leaderboard.command()
@leaderboard_file
@click.option("--out", type=PATH, required=True, help="The folder to make the site in.")
def page(path: Path, out: Path) -> None:
    """Make a static page: tables, charts, and what every row needs to be run again."""
    from .leaderboard.page import write_page

    click.echo(f"{write_page(path, out)} is ready to open or to serve")


@leaderboard.command()
@leaderboard_file
@click.argument("rows", nargs=-1)
@click.option("--to", "format", required=True, help="hub, lm-eval or eee.")
@click.option("--out", type=PATH, required=True, help="The folder to write into.")
@click.option("--organization", default="unknown", show_default=True, help="Who reports the results.")
@click.option("--dataset-repo", help="The dataset's repository on the Hub, org/name.")
def export(path: Path, rows: tuple[str, ...], format: str, out: Path, **target: Any) -> None:
    """Write measured ROWS (all, if none is named) in a form that others read."""
    from .leaderboard.export import write_export
    from .leaderboard.export_target import Target

    for file in write_export(path, out, format, rows, Target(**target)):
        click.echo(file)


if __name__ == "__main__":
    main()
