"""The commands of `leaderboard`. What is slow to import is imported inside them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ..generators.listing import PATH


@click.group()
def leaderboard() -> None:
    """Show, check, merge, compare and publish recorded results."""


def default_leaderboard(ctx: click.Context, option: click.Parameter, path: Path | None) -> Path:
    """The file that the option names, or the one that is read without it."""
    from .store import default_file

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
    from .report import table

    click.echo(table(path, **chosen))


@leaderboard.command("table")
@leaderboard_file
@click.option("--dataset", help="Only rows of this dataset.")
@click.option("--recipe", help="Only rows of this recipe.")
@click.option("--markdown", is_flag=True, help="As Markdown.")
def table_command(path: Path, dataset: str | None, recipe: str | None, markdown: bool) -> None:
    """Print measured rows as the paper's Table 1: mean and deviation over seeds, tokens, its own numbers."""
    from .paper_table import paper_table

    click.echo(paper_table(path, dataset=dataset, recipe=recipe, markdown=markdown))


@leaderboard.command()
@leaderboard_file
def check(path: Path) -> None:
    """Recompute every number from the predictions; exit code 1 if one is not as recorded."""
    from .report import check_report

    report = check_report(path)
    click.echo(report.text)
    sys.exit(0 if report.is_clean else 1)


@leaderboard.command()
@click.argument("sources", nargs=-1, required=True, type=PATH)
@click.option("--to", "path", type=PATH, default="leaderboard.json", show_default=True)
@click.option("--replace", is_flag=True, help="Where a seed has another result already, take the new one.")
def add(sources: tuple[Path, ...], path: Path, replace: bool) -> None:
    """Merge the rows of other leaderboard files, with the predictions beside them: all of them, or none."""
    from .store import merge_files

    click.echo(f"{path}: {merge_files(path, sources, replace=replace)} new or changed rows")


@leaderboard.command()
@leaderboard_file
@click.argument("rows", nargs=-1, required=True)
@click.option("--dataset", help="Only rows of this dataset, where a method has several.")
@click.option("--recipe", help="Only rows of this recipe.")
def compare(path: Path, rows: tuple[str, ...], dataset: str | None, recipe: str | None) -> None:
    """Compare ROWS of one dataset, question by question; a row is named by its method or its key."""
    from .report import comparison

    click.echo(comparison(path, rows, dataset=dataset, recipe=recipe))


@leaderboard.command()
@leaderboard_file
@click.option("--out", type=PATH, required=True, help="The folder to make the site in.")
def page(path: Path, out: Path) -> None:
    """Make a static page: tables, charts, and what every row needs to be run again."""
    from .page.site import write_page

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
    from .export.formats import write_export
    from .export.target import Target

    for file in write_export(path, out, format, rows, Target(**target)):
        click.echo(file)
