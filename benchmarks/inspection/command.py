"""The commands `samples` and `plot`; heavy imports are inside them."""

from __future__ import annotations

from pathlib import Path

import click

from ...generators.listing import PATH


@click.command("samples")
@click.argument("run", type=PATH)
@click.option("--wrong", is_flag=True, help="Show wrong answers only.")
@click.option("--n", default=20, type=click.IntRange(min=1), metavar="N", help="Number of samples.")
@click.option("--top", default=3, type=click.IntRange(1, 50), metavar="N", help="Tokens per readout.")
def samples_command(run: Path, wrong: bool, n: int, top: int) -> None:
    """Show what a finished RUN wrote: question, chain, answer, whole text, and a readout of its thoughts.

    RUN is an output directory of `run`; its model answers again. A thought's readout is the LM head applied
    to its hidden state. It shows which tokens are near, not that the model uses them.
    """
    from ...coconut.methods import get_method
    from ...generators.terminal import terminal_width
    from ..run.saved import read_result

    get_method(read_result(run).method)  # before torch is imported
    from ..run.trained import load_run
    from .samples import read_transcripts, render

    loaded = load_run(run)
    found = read_transcripts(loaded, n, wrong=wrong, top=top)
    width = max(40, terminal_width() or 100)
    for transcript in found:
        click.echo(render(transcript, width) + "\n")
    score = loaded.result.seeds[0].test
    right = sum(transcript.sample.prediction.correct for transcript in found)
    shown = f"{len(found)} wrong answers shown" if wrong else f"{right} of the {len(found)} shown are right"
    click.echo(f"{shown}; recorded: {score.accuracy:.1%} of {score.n} test questions")


@click.command("plot")
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option("--out", type=PATH, default=Path("curves.png"), help="Figure to write (.png, .svg, .pdf).")
def plot_command(runs: tuple[Path, ...], out: Path) -> None:
    """Plot the training curves of RUNS: validation accuracy, loss, and test accuracy by hops.

    RUNS are output directories of `run`, finished or not. Seeds of one method and recipe are drawn as their
    mean and range; stages are shaded.
    """
    from ...generators.figures import require_plot

    require_plot(out, "--out")  # fail before the work
    from .curves import read_training
    from .plot import plot

    plot([read_training(run) for run in runs], out)
    click.echo(f"written to {out}")
