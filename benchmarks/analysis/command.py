"""The command `analyze`. What is slow to import is imported inside it."""

from __future__ import annotations

from pathlib import Path

import click

from ...generators.listing import PATH, SEED


@click.command("analyze")
@click.argument("run", type=PATH)
@click.option(
    "--baseline", "baselines", multiple=True, type=PATH,
    help="Also analyze this finished run on the same questions (repeatable).",
)  # fmt: skip
@click.option("--out", type=PATH, help="Output directory.  [default: RUN/analysis]")
@click.option("--n", type=click.IntRange(min=2), help="Number of test questions.  [default: all]")
@click.option(
    "--case", "cases", multiple=True, default=(0,), show_default=True, type=int,
    help="Show this test question in detail (repeatable).",
)  # fmt: skip
@click.option("--seed", default=0, show_default=True, type=SEED, help="Seed of the untrained model.")
def analyze_command(
    run: Path, baselines: tuple[Path, ...], out: Path | None, n: int | None, cases: tuple[int, ...], seed: int
) -> None:
    """Look inside a finished RUN: answers with fewer thoughts, its search tree, what its thoughts encode.

    RUN is a directory written by `run`, of a method with thoughts or pauses, on ProsQA-like questions. An
    untrained model and the baselines are analyzed in the same way. Tables are printed; report.html has
    everything, with analysis.json and figures/ beside it in the output directory. If interrupted, the same
    command continues with what is missing.
    """
    from ...coconut.methods import get_method
    from ...generators.figures import require_plot
    from ...generators.outputs import require_folder
    from ..run.choice import check_thinks
    from ..run.saved import read_result

    out = out or run / "analysis"
    require_folder("--out", out)
    require_plot("report.svg")  # found before the work, not after it
    check_thinks(read_result(run).method, "analyze needs")  # before torch is imported
    for folder in baselines:
        get_method(read_result(folder).method)
    from ..controls.report import read_report
    from .page import write_report
    from .report import analyze
    from .views import VIEWS

    controls = read_report(run)
    analysis = analyze(
        run, baselines, out, n=n, cases=cases, seed=seed, say=lambda line: click.echo(line, err=True)
    )
    page = write_report(analysis, controls, out, baselines)
    for view in VIEWS:
        if view.printed:
            click.echo(f"{view.table(analysis.found(view))}\n")
    click.echo(f"written to {page}")
