"""The command `controls`. What is slow to import is imported inside it."""

from __future__ import annotations

from pathlib import Path

import click

from ...generators.listing import PATH


@click.command("controls")
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option("--n", type=click.IntRange(min=4), help="So many test questions.  [default: the run's all]")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of noise and permutations."
)
@click.option(
    "--json", "json_file", type=PATH, help="Write the report there.  [default: RUN/controls of one run]"
)
@click.option("--plot", "plot_file", type=PATH, help="Draw it there (.png, .svg, .pdf).")
def controls_command(
    runs: tuple[Path, ...], n: int | None, seed: int, json_file: Path | None, plot_file: Path | None
) -> None:
    """Are the thoughts used? Leave them out, replace and exchange them in finished RUNS.

    Answers are compared question by question with those as trained. RUNS are folders of `run`, of one method
    and recipe: its seeds. Interrupted and started again, it goes on with the batches that are missing.
    """
    import json

    from ...generators.figures import require_plot
    from ...generators.files import write_whole
    from .report import REPORT, controls, plot

    if plot_file:
        require_plot(plot_file)  # found before the work, not after it
    report = controls(runs, n=n, seed=seed, say=lambda line: click.echo(line, err=True))
    click.echo(str(report))
    target = json_file or (runs[0] / REPORT if len(runs) == 1 else None)
    if target:
        write_whole(target, json.dumps(report.to_json(), indent=2).encode() + b"\n")
    if plot_file:
        plot(report, plot_file)
