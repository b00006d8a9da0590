"""The command `analyze`. What is slow to import is imported inside it."""

from __future__ import annotations

from pathlib import Path

import click

from ...generators.listing import PATH


@click.command("analyze")
@click.argument("run", type=PATH)
@click.option(
    "--baseline", "baselines", multiple=True, type=PATH,
    help="A finished run on the same questions, looked at in the same way; several times.",
)  # fmt: skip
@click.option("--out", type=PATH, help="Where the report goes.  [default: RUN/analysis]")
@click.option("--n", type=click.IntRange(min=2), help="So many test questions.  [default: all]")
@click.option(
    "--case", "cases", multiple=True, default=(0,), show_default=True, type=int,
    help="Show this test question close up; several times.",
)  # fmt: skip
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of the untrained model."
)
def analyze_command(
    run: Path, baselines: tuple[Path, ...], out: Path | None, n: int | None, cases: tuple[int, ...], seed: int
) -> None:
    """Look into a finished RUN: with fewer thoughts, at its search tree, at what its thoughts hold.

    RUN is a folder of `run`, of a method with thoughts or pauses on ProsQA-like questions. The same is read
    off an untrained model and off the baselines. Tables go to the screen, all of it to report.html,
    analysis.json and figures/ in the folder OUT. Interrupted and started again, it goes on with what is
    missing.
    """
    from ...generators.figures import require_plot
    from .page import write_report
    from .report import analyze
    from .views import VIEWS

    require_plot("report.svg")  # found before the work, not after it
    out = out or run / "analysis"
    analysis = analyze(
        run, baselines, out, n=n, cases=cases, seed=seed, say=lambda line: click.echo(line, err=True)
    )
    page = write_report(analysis, out)
    for view in VIEWS:
        if view.printed:
            click.echo(f"{view.table(analysis.found(view))}\n")
    click.echo(f"written to {page}")
