"""The commands of `leaderboard`; slow imports stand inside them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ..generators.listing import PATH, complete_dataset, completer, joined
from ..generators.outputs import require_folder
from .collector import collector_paused


class SummaryGroup(click.Group):
    """A group that lists the whole summary of each command; click would cut it to one line."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            commands = sorted(self.commands.items())
            formatter.write_dl([(name, (found.help or "").partition("\n")[0]) for name, found in commands])


@click.group(cls=SummaryGroup)
def leaderboard() -> None:
    """Show, check, merge, compare and export recorded results."""


def default_leaderboard(ctx: click.Context, option: click.Parameter, path: Path | None) -> Path:
    """The file given by the option, or the default one."""
    from .store import default_file

    return path or default_file()


leaderboard_file = click.option(
    "--leaderboard", "path", type=PATH, callback=default_leaderboard,
    show_default="./leaderboard.json, or the shipped one if there is none", help="Leaderboard file.",
)  # fmt: skip


leaderboard_files = click.option(
    "--leaderboard", "path", type=PATH, show_default="the shipped one and ./leaderboard.json",
    help="Leaderboard file.",
)  # fmt: skip


def _row_names() -> list[str]:
    from .own import read_boards

    return sorted({row.method for row in read_boards().measured})


of_dataset = click.option(
    "--dataset", metavar="NAME", shell_complete=complete_dataset, help="Only rows of this dataset."
)
of_recipe = click.option("--recipe", metavar="NAME", help="Only rows of this recipe.")


@leaderboard.command()
@leaderboard_files
@of_dataset
@click.option("--method", metavar="NAME", help="Only rows of this method.")
@of_recipe
@click.option(
    "--kind", type=click.Choice(["measured", "external", "rule", "quoted", "all"]), default="all",
    help="Only rows measured here, answered elsewhere, of rules, or quoted from papers.",
)  # fmt: skip
@click.option("--quick/--no-quick", default=True, help="Include rows of quick runs.")
@click.option(
    "--sort",
    default="accuracy",
    metavar="COLUMN",
    help="Sort by accuracy, generated, passes, seconds, flops or parameters.",
)
@click.option("--ascending", is_flag=True, help="Sort in ascending order.")
@click.option(
    "--format", type=click.Choice(["text", "markdown", "csv", "json"]), default="text", help="Output format."
)
@collector_paused()
def show(path: Path | None, **chosen: Any) -> None:
    """Print the rows with their ranks. Tied rows do not differ significantly."""
    from .report import table

    click.echo(table(path, **chosen))


@leaderboard.command("table")
@leaderboard_files
@of_dataset
@of_recipe
@click.option(
    "--format", type=click.Choice(["text", "markdown", "csv", "latex"]), default="text", help="Output format."
)
@click.option("--plot", "figure", type=PATH, metavar="FILE", help="Also save accuracy against each cost.")
@collector_paused()
def table_command(
    path: Path | None, dataset: str | None, recipe: str | None, format: str, figure: Path | None
) -> None:
    """Print measured rows in the form of the paper's Table 1, with the verdict on each declared pair."""
    from ..generators.figures import require_plot
    from .paper_table import paper_table, plot_table

    if figure is not None:
        require_plot(figure, "--plot")
        plot_table(path, figure, dataset=dataset, recipe=recipe)
    click.echo(paper_table(path, dataset=dataset, recipe=recipe, format=format))


@leaderboard.command()
@leaderboard_file
@collector_paused()
def check(path: Path) -> None:
    """Recompute every number from the predictions, compare base weights; exit with code 1 on any mismatch."""
    from .report import check_report

    report = check_report(path)
    click.echo(report.text)
    sys.exit(0 if report.is_clean else 1)


@leaderboard.command()
@click.argument("sources", nargs=-1, type=PATH)
@click.option("--to", "path", type=PATH, default="leaderboard.json", help="Leaderboard file to merge into.")
@click.option("--replace", is_flag=True, help="Replace recorded results of the same seed.")
@click.option(
    "--rule", "rules", multiple=True, metavar="DATASET",
    help="Also add the audit's best rule on the dataset, as a row (repeatable).",
)  # fmt: skip
@click.option("--n", type=click.IntRange(4), metavar="N", show_default="the dataset's",
              help="Number of questions that a rule answers.")  # fmt: skip
@collector_paused()
def add(sources: tuple[Path, ...], path: Path, replace: bool, rules: tuple[str, ...], n: int | None) -> None:
    """Merge the rows of other leaderboard files, or of finished runs, and their predictions: all, or none.

    A shipped run made again, with other answers, is filed as a reproduction: a row of yours beside it.
    """
    from .submit import submit, submit_rule

    if not sources and not rules:
        raise ValueError("SOURCES or --rule must be given, got neither")
    for line in submit(path, sources, replace=replace) if sources else []:
        click.echo(line)
    for name in rules:
        click.echo(submit_rule(path, name, n=n, replace=replace))


@leaderboard.command()
@leaderboard_files
@click.argument("rows", nargs=-1, required=True, shell_complete=completer(_row_names))
@of_dataset
@of_recipe
@collector_paused()
def compare(path: Path | None, rows: tuple[str, ...], dataset: str | None, recipe: str | None) -> None:
    """Test whether ROWS of one dataset differ, question by question. Name a row by its method or key.

    A name means a shipped row, if one fits; yours:NAME means one of your own leaderboard.json.
    """
    from .report import comparison

    click.echo(comparison(path, rows, dataset=dataset, recipe=recipe))


@leaderboard.command("beside")
@leaderboard_files
@click.argument("names", nargs=-1, required=True, metavar="DATASET[:RECIPE]...")
@click.option(
    "--method",
    "methods",
    multiple=True,
    callback=joined,
    metavar="NAMES",
    help="Only these methods, in this order: names separated by commas.",
)
@click.option(
    "--removed",
    is_flag=True,
    help="Also the answers forced without thoughts, where controls has counted them.",
)
@click.option("--format", type=click.Choice(["text", "markdown"]), default="text", help="Output format.")
@click.option("--plot", "figure", type=PATH, metavar="FILE", help="Also save a figure: .png, .svg or .pdf.")
@collector_paused()
def beside_command(
    path: Path | None,
    names: tuple[str, ...],
    methods: str | None,
    removed: bool,
    format: str,
    figure: Path | None,
) -> None:
    """Put the methods of datasets or recipes side by side; two with their difference and its interval.

    Without a RECIPE, the one that most of the dataset's rows have is taken.
    """
    from ..generators.figures import require_plot
    from .beside import beside, text
    from .beside_plot import plot

    if figure is not None:
        require_plot(figure, "--plot")
    found = beside(
        path,
        *names,
        methods=() if methods is None else list(dict.fromkeys(name.strip() for name in methods.split(","))),
        removed=removed,
    )
    if figure is not None:
        plot(found, figure)
    click.echo(text(found, format))


@leaderboard.command("thoughts")
@leaderboard_files
@click.argument("name", metavar="DATASET[:RECIPE]")
@click.option("--method", default="coconut", metavar="NAME", show_default=True, help="Method.")
@click.option("--format", type=click.Choice(["text", "markdown"]), default="text", help="Output format.")
@click.option("--plot", "figure", type=PATH, metavar="FILE", help="Also save a figure: .png, .svg or .pdf.")
def thoughts_command(path: Path | None, name: str, method: str, format: str, figure: Path | None) -> None:
    """Print accuracy by number of thoughts and by number of hops, those of the dataset's variants included.

    The rows are made by run --ood --thoughts N.
    """
    from ..generators.figures import require_plot
    from .thoughts import curves, plot, text

    if figure is not None:
        require_plot(figure, "--plot")
    found = curves(path, name, method)
    if figure is not None:
        plot(found, figure)
    click.echo(text(found, format))


@leaderboard.command()
@leaderboard_files
@click.option("--out", type=PATH, required=True, help="Output directory.")
@collector_paused()
def page(path: Path | None, out: Path) -> None:
    """Build a static page: tables, charts, and how to reproduce each row."""
    from .page.site import write_page

    require_folder("--out", out)
    click.echo(f"{write_page(path, out)} is ready to open or serve")


@leaderboard.command()
@leaderboard_file
@click.argument("rows", nargs=-1)
@click.option(
    "--format", required=True, metavar="FORMAT",
    help="Format: hub (model card), lm-eval (lm-evaluation-harness) or eee (Every Eval Ever).",
)  # fmt: skip
@click.option("--out", type=PATH, required=True, help="Output directory.")
@click.option("--organization", default="unknown", metavar="NAME", help="Organization reporting the results.")
@click.option("--dataset-repo", metavar="ORG/NAME", help="Repository of the dataset on the Hub.")
@collector_paused()
def export(path: Path, rows: tuple[str, ...], format: str, out: Path, **target: Any) -> None:
    """Export measured ROWS (default: all) in the format of another tool."""
    from .export.formats import write_export
    from .export.target import Target

    require_folder("--out", out)
    for file in write_export(path, out, format, rows, Target(**target)):
        click.echo(file)
