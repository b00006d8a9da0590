"""Print how many examples per second each dataset generates on one core.

    $ python -m coconut_bench.benchmarks.speed.generators
    dataset            surface    split    examples/s  rows/s
    prosqa             natural    train         9,800   8,100
    ...

"examples" are `Example` objects, "rows" their canonical JSON as ``generate`` writes it. Each figure is the
best of the repetitions, in processor time of one thread: other load on the machine can only lower it.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable

import click
import numpy as np

from ...generators import DATASETS, Example, canonical_row, examples
from ...generators.example import SPLITS


def rate(
    count: int,
    repeat: int,
    consume: Callable[[Iterable[Example]], object],
    name: str,
    split: str,
    surface: str,
) -> float:
    """Return examples per second of processor time, the best of several runs over different seeds.

    Args:
        count: Examples per run.
        repeat: Number of runs.
        consume: Iterates over the examples.
        name: Name of the dataset.
        split: Name of the split.
        surface: Surface of the text.
    """
    best = 0.0
    for seed in range(repeat):
        stream = examples(name, split, seed=seed, count=count, surface=surface)
        start = time.process_time()
        consume(stream)
        best = max(best, count / (time.process_time() - start))
    return best


@click.command()
@click.option(
    "--count", default=4000, show_default=True, type=click.IntRange(min=2), help="Examples per run."
)
@click.option(
    "--repeat",
    default=3,
    show_default=True,
    type=click.IntRange(min=1),
    help="Runs; the best one is reported.",
)
def main(count: int, repeat: int) -> None:
    """Print examples per second and core for every dataset, surface and split."""
    count -= count % 2  # twins come in pairs
    click.echo(f"python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}, one core")
    click.echo(f"{'dataset':18} {'surface':9} {'split':6} {'examples/s':>11} {'rows/s':>8}")
    for name, row in DATASETS.items():
        for surface in row.surfaces:
            for split in SPLITS:
                request = name, split, surface
                objects = rate(count, repeat, lambda stream: sum(1 for _ in stream), *request)
                rows = rate(
                    count, repeat, lambda stream: sum(len(canonical_row(one)) for one in stream), *request
                )
                click.echo(f"{name:18} {surface:9} {split:6} {objects:11,.0f} {rows:8,.0f}")


if __name__ == "__main__":
    main()
