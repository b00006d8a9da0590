"""The command `controls`; heavy imports are inside it."""

from __future__ import annotations

from pathlib import Path

import click

from ...generators.listing import PATH, SEED


@click.command("controls")
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option(
    "--n", type=click.IntRange(min=4), metavar="N", show_default="all", help="Number of test questions."
)
@click.option("--seed", default=0, type=SEED, metavar="N", help="Seed of the noise and permutations.")
@click.option(
    "--json",
    "json_file",
    type=PATH,
    show_default="in RUN, for a single run",
    help="Write the report as JSON.",
)
@click.option("--plot", "plot_file", type=PATH, help="Plot the report (.png, .svg, .pdf).")
@click.option(
    "--leaderboard", type=PATH, default=Path("leaderboard.json"), show_default=True,
    help="Leaderboard file; the verdict is added to the row of RUNS, if it has one.",
)  # fmt: skip
def controls_command(
    runs: tuple[Path, ...],
    n: int | None,
    seed: int,
    json_file: Path | None,
    plot_file: Path | None,
    leaderboard: Path,
) -> None:
    """Ablate the thoughts of finished RUNS: remove, zero, add noise, permute, swap.

    RUNS are output directories of `run`, of one method and recipe: its seeds. Accuracy under each ablation
    is compared with accuracy as trained, question by question; the last line is the verdict. An interrupted
    command resumes when it is started again.
    """
    import json

    from ...generators.figures import require_plot
    from ...generators.files import write_sealed, write_whole
    from ...generators.outputs import require_file
    from ...generators.tables import folded
    from ...generators.terminal import terminal_width
    from ..run.choice import check_thinks
    from ..run.saved import read_result

    if json_file:
        require_file("--json", json_file)  # fail before the work
    if plot_file:
        require_plot(plot_file, "--plot")
    for run in runs:
        check_thinks(read_result(run).method, "controls need")  # before torch is imported
    from .plot import plot
    from .record import record_verdict
    from .report import REPORT, controls

    report = controls(runs, n=n, seed=seed, say=lambda line: click.echo(line, err=True))
    click.echo(folded(str(report), terminal_width()))
    content = json.dumps(report.to_json(), indent=2).encode() + b"\n"
    if json_file:
        write_whole(json_file, content)
    elif len(runs) == 1:  # where `analyze` reads it
        write_sealed(runs[0] / REPORT, content)
    if plot_file:
        plot(report, plot_file)
    if record_verdict(report, runs, leaderboard):
        click.echo(f"{leaderboard}: the verdict was added to the row", err=True)
