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
    """Look inside a finished RUN: answers with fewer thoughts, its search tree, what its thoughts encode.

    RUN is a folder of `run`, of a method with thoughts or pauses on ProsQA-like questions. The same is read
    off an untrained model and off the baselines. Tables go to the screen, all of it to report.html,
    analysis.json and figures/ in the folder OUT. Interrupted and started again, it goes on with what is
    missing.
    """
    import json

    from ...generators.audit.plot import require_plot
    from ...generators.files import write_whole
    from ..controls.plot import plot
    from ..controls.report import REPORT, Report
    from .page import drawn, page
    from .plots import save
    from .report import analyze
    from .tables import tables

    require_plot("report.svg")  # found before the work, not after it
    out = out or run / "analysis"
    analysis = analyze(
        run, baselines, out, n=n, cases=cases, seed=seed, say=lambda line: click.echo(line, err=True)
    )
    pictures = {name: save(figure, out / "figures", name)[0] for name, figure in drawn(analysis)}
    controls = None
    if (run / REPORT).exists():
        controls = Report.from_json(json.loads((run / REPORT).read_bytes()))
        pictures["controls"] = out / "figures" / "controls.svg"
        for kind in (".svg", ".png"):
            plot(controls, pictures["controls"].with_suffix(kind))
    write_whole(out / "analysis.json", json.dumps(analysis.to_json(), indent=1).encode() + b"\n")
    write_whole(out / "report.html", page(analysis, pictures, controls).encode())
    found = tables(analysis)
    for name in ("interpolation", "frontier_values", "superposition", "lens"):
        click.echo(f"{found[name]}\n")
    click.echo(f"written to {out / 'report.html'}")
