"""The command `speed`. Slow imports stand inside it."""

from __future__ import annotations

from pathlib import Path

import click

from ...generators.listing import PATH, ListingCommand, joined


def speed_tables() -> dict[str, list[tuple[str, str]]]:
    """The parts and the sizes, listed in the help of ``speed``."""
    from .models import SIZES
    from .report import parts

    return {
        "Parts": [(name, part.summary) for name, part in parts().items()],
        "Sizes": [(size.name, size.description) for size in SIZES.values()],
    }


@click.command("speed", cls=ListingCommand, tables=speed_tables)
@click.option(
    "--only",
    multiple=True,
    callback=joined,
    metavar="NAMES",
    show_default="all",
    help="Parts to measure: names separated by commas.",
)
@click.option("--size", default="small", metavar="NAME", help="Model and data size.")
@click.option("--batch", type=click.IntRange(1), metavar="N", show_default="the size's", help="Batch size.")
@click.option("--device", default="cpu", type=click.Choice(["cpu", "cuda"]), help="Device to measure on.")
@click.option("--precision", default="fp32", type=click.Choice(["fp32", "bf16"]), help="Numeric precision.")
@click.option("--threads", default=1, type=click.IntRange(1), metavar="N", help="CPU threads.")
@click.option("--repeats", default=5, type=click.IntRange(1), metavar="N", help="Repeats per measurement.")
@click.option("--quick", is_flag=True, help="Smoke test: measure a few points of each part.")
@click.option("--json", "json_file", type=PATH, help="Write the report as JSON, updated after each part.")
@click.option("--plot", "plot_file", type=PATH, help="Plot the ratios (.png, .svg, .pdf).")
def speed_command(
    only: str | None, size: str, batch: int | None, device: str, precision: str, threads: int,
    repeats: int, quick: bool, json_file: Path | None, plot_file: Path | None,
) -> None:  # fmt: skip
    """Benchmark training, decoding, data generation and startup; report ratios.

    Both sides of a ratio are measured in turn within one run: ratios compare across machines better than
    seconds do.
    """
    from tqdm import tqdm

    from ...generators.figures import require_plot
    from ...generators.outputs import require_file
    from .findings import Setting
    from .models import get_size
    from .plot import plot
    from .report import speed

    if json_file:
        require_file("--json", json_file)  # fail before the work
    if plot_file:
        require_plot(plot_file, "--plot")
    names = [] if only is None else [name.strip() for name in only.split(",")]
    with tqdm(disable=None, bar_format="{desc} ({elapsed})", leave=False) as bar:

        def say(line: str) -> None:
            bar.set_description_str(line)

        chosen = get_size(size) if batch is None else get_size(size).changed(batch=batch)
        setting = Setting(chosen, device, precision, threads, repeats, quick, say)
        report = speed(setting, names, json_file)
    click.echo(str(report))
    if plot_file:
        plot(report.findings, plot_file)
