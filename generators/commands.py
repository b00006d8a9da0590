"""The commands `generate`, `verify` and `audit`; slow imports stand inside them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .listing import PATH, ListingCommand, complete_dataset


def dataset_table() -> dict[str, list[tuple[str, str]]]:
    """The datasets, listed in the help of ``generate``."""
    from .datasets import DATASETS

    return {"Datasets": [(row.name, row.summary()) for row in DATASETS.values()]}


def split_option(name: str, title: str) -> Callable[[Any], Any]:
    """The option for the size of a split."""
    text = f"{title} examples; 0 skips the split."
    return click.option(f"--{name}", type=int, metavar="N", show_default="the dataset's", help=text)


@click.command("generate", cls=ListingCommand, tables=dataset_table)
@click.argument("dataset", shell_complete=complete_dataset)
@click.option("--out", required=True, type=PATH, help="Output directory, new or empty.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE",
    help="Change the difficulty, such as hops=4 (repeatable); the version says so.",
)  # fmt: skip
@click.option("--seed", default=0, type=int, metavar="N", help="Data seed.")
@split_option("train", "Training")
@split_option("valid", "Validation")
@split_option("test", "Test")
@click.option(
    "--surface", metavar="NAME", show_default="the dataset's first", help="Wording: natural or symbolic."
)
@click.option(
    "--workers", default=1, type=int, metavar="N", help="Worker processes; any number gives the same bytes."
)
@click.option(
    "--format", default="jsonl", metavar="NAME",
    help="File format: jsonl, parquet, or published (the JSON list that the paper's code reads).",
)  # fmt: skip
@click.option("--shard", default="1/1", metavar="I/N", help="Write only the I-th of N equal parts.")
@click.option("--force", is_flag=True, help="Replace an output directory that `generate` wrote.")
def generate_command(
    dataset: str, out: Path, settings: tuple[str, ...], seed: int, train: int | None, valid: int | None,
    test: int | None, surface: str | None, workers: int, format: str, shard: str, force: bool,
) -> None:  # fmt: skip
    """Generate a dataset: one file per split and a manifest.

    The same arguments give the same bytes on any machine. Splits share no graph, whatever the seed and the
    sizes. A "twin" in the table below is a contrast pair: same premises, other query entity, other answer.
    """
    from .stored.write import generate, plan

    sizes = {"train": train, "valid": valid, "test": test}
    planned = plan(
        "+".join([dataset, *settings]), seed=seed, sizes=sizes, surface=surface, format=format, shard=shard
    )
    manifest = generate(planned, out, workers=workers, force=force)
    if planned.dataset.leak:
        click.echo(f"Note: {dataset} leaks: {planned.dataset.leak}.", err=True)
    for split, entry in manifest["splits"].items():
        click.echo(f"{split}: {entry['examples']} examples, rows sha256 {entry['rows_sha256']}")
    click.echo(f"Wrote {planned.dataset.name} {planned.dataset.version}, {planned.surface}, to {out}")


@click.command("verify")
@click.argument("source")
@click.option("--token", show_default="the saved login", help="Hub token, for a private dataset.")
@click.option(
    "--workers", default=1, type=int, metavar="N", help="Worker processes; any number gives the same result."
)
def verify_command(source: str, token: str | None, workers: int) -> None:
    """Verify data from its text: a generated directory, a data file or org/name@v1.0.0 on the Hub.

    Parse and search every question with code independent of the generators, then check the answer, the
    steps, the properties the dataset guarantees, twins (contrast pairs: same premises, other query entity,
    other answer), disjoint splits and checksums. Stop at the first error and report its file, line and id. A
    published dataset is loaded with `load_dataset`, and its rows must have the hashes of its manifest. Of
    questions that a run keeps of your own files (RUN/data), digests, rows and what can be proved are checked.
    """
    from .hub.verify import parse_address, verify_hub
    from .proof.kept import is_kept, verify_kept
    from .proof.verify import verify_dir, verify_file

    path, address = Path(source), parse_address(source)
    if address is not None:
        for report in verify_hub(address, token, workers):
            click.echo(str(report))
    elif token is not None:
        raise ValueError(f"token must be omitted unless SOURCE is on the Hub (org/name@v1.0.0), got {source}")
    elif path.is_dir():
        click.echo(str(verify_kept(path) if is_kept(path) else verify_dir(path, workers)))
    else:
        click.echo(f"{path.name}: {verify_file(path, workers)} examples proved")


@click.command("audit")
@click.argument("source", shell_complete=complete_dataset)
@click.option("--split", default="test", metavar="NAME", help="Split to guess.")
@click.option("--fit", default="train", metavar="NAME", help="Split to fit the learned models on.")
@click.option(
    "--n", "examples", type=int, metavar="N", show_default="all of a file, 10,000 of a dataset",
    help="Number of questions.",
)  # fmt: skip
@click.option("--seed", default=0, type=int, metavar="N", help="Data seed, for a named dataset.")
@click.option(
    "--surface",
    metavar="NAME",
    show_default="the dataset's first",
    help="Wording, for a named dataset.",
)
@click.option(
    "--learned/--no-learned", default=None, show_default="if scikit-learn is installed",
    help="Also guess with fitted models.",
)  # fmt: skip
@click.option("--json", "json_file", type=PATH, help="Write the report as JSON.")
@click.option("--plot", "plot_file", type=PATH, help="Plot the report (.png, .svg).")
@click.option(
    "--max", "limit", type=click.FloatRange(0.5, 1), metavar="SHARE",
    help="Exit with code 1 if a zero-effort, root-blind or learned guess, or its opposite, beats SHARE.",
)  # fmt: skip
def audit_command(
    source: str, learned: bool | None, json_file: Path | None, plot_file: Path | None,
    limit: float | None, **options: Any,
) -> None:  # fmt: skip
    """Measure how far guessing without reasoning gets on SOURCE.

    SOURCE is the name of a dataset, a generated directory or a data file. Rules are grouped by effort:
    zero-effort (words, positions, counts), root-blind (the whole graph, but not the query entity), walk,
    search, and undirected graph algorithms, which are stated with their cost and never a leak. Learned models
    are fitted on the scores of the first two; those of a single file are fitted on each half and scored on
    the other. The last line is the verdict.
    """
    from .audit.plot import plot
    from .audit.report import audit
    from .extras import MissingExtraError, check_installed
    from .figures import require_plot
    from .outputs import require_file
    from .tables import folded
    from .terminal import terminal_width

    if json_file:
        require_file("--json", json_file)  # fail before the work
    if plot_file:
        require_plot(plot_file, "--plot")
    if learned is None:
        try:
            learned = True
            check_installed("sklearn", "a guess by fitted models")
        except MissingExtraError as missing:
            learned = False
            click.echo(f"Note: fitted models are left out; {missing}.", err=True)
    report = audit(source, learned=learned, **options)
    click.echo(folded(str(report), terminal_width()))
    if json_file:
        import json

        json_file.write_text(json.dumps(report.to_json(), indent=2) + "\n", encoding="utf-8")
    if plot_file:
        plot([report], plot_file)
    strongest = report.strongest()
    if limit is not None and strongest.strength > limit:
        click.echo(
            f"LEAK: {strongest.name} ({strongest.effort}) is right on {100 * strongest.accuracy:.1f} %; "
            f"--max requires {100 - 100 * limit:g} % to {100 * limit:g} %",
            err=True,
        )
        sys.exit(1)
