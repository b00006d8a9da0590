"""The command `speed`. What is slow to import is imported inside it."""

from __future__ import annotations

from pathlib import Path

import click

from ...generators.listing import PATH, ListingCommand


def speed_tables() -> dict[str, list[tuple[str, str]]]:
    """The parts and the sizes, for the help of ``speed``."""
    from .models import SIZES
    from .report import parts

    return {
        "Parts": [(name, part.summary) for name, part in parts().items()],
        "Sizes": [(size.name, size.description) for size in SIZES.values()],
    }


@click.command("speed", cls=ListingCommand, tables=speed_tables)
@click.option("--only", help="Some of the parts below, with commas.  [default: all]")
@click.option("--size", default="small", show_default=True, help="One of those below.")
@click.option("--batch", type=click.IntRange(1), help="Rows of a batch.  [default: the size's]")
@click.option("--device", default="cpu", show_default=True, type=click.Choice(["cpu", "cuda"]))
@click.option("--precision", default="fp32", show_default=True, type=click.Choice(["fp32", "bf16"]))
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Of the processor.")
@click.option("--repeats", default=5, show_default=True, type=click.IntRange(1), help="Of each measurement.")
@click.option("--quick", is_flag=True, help="Few points of each part, to see that it works.")
@click.option("--json", "json_file", type=PATH, help="Write the findings there, after each part again.")
@click.option("--plot", "plot_file", type=PATH, help="Draw them there (.png, .svg, .pdf).")
def speed_command(
    only: str | None, size: str, batch: int | None, device: str, precision: str, threads: int,
    repeats: int, quick: bool, json_file: Path | None, plot_file: Path | None,
) -> None:  # fmt: skip
    """Measure how fast training, answering, generating and starting are, as ratios within one run."""
    from tqdm import tqdm

    from ...generators.figures import require_plot
    from .findings import Setting
    from .models import get_size
    from .plot import plot
    from .report import speed

    if plot_file:
        require_plot(plot_file)  # found before the work, not after it
    names = [name.strip() for name in only.split(",")] if only else []
    with tqdm(disable=None, bar_format="{desc} ({elapsed})", leave=False) as bar:

        def say(line: str) -> None:
            bar.set_description_str(line)

        chosen = get_size(size) if batch is None else get_size(size).changed(batch=batch)
        setting = Setting(chosen, device, precision, threads, repeats, quick, say)
        report = speed(setting, names, json_file)
    click.echo(str(report))
    if plot_file:
        plot(report.findings, plot_file)
