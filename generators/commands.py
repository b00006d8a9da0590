"""The commands `generate`, `verify` and `audit`. What is slow to import is imported inside them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from .listing import PATH, ListingCommand


def dataset_table() -> dict[str, list[tuple[str, str]]]:
    """The datasets, for the help of ``generate``."""
    from .datasets import DATASETS

    return {"Datasets": [(row.name, row.summary()) for row in DATASETS.values()]}


@click.command("generate", cls=ListingCommand, tables=dataset_table)
@click.argument("dataset")
@click.option("--out", required=True, type=PATH, help="The folder, new or empty.")
@click.option("--seed", default=0, show_default=True, type=int, help="Another seed, other examples.")
@click.option("--train", type=int, help="Examples of this split; 0 leaves it out.  [default: the dataset's]")
@click.option("--valid", type=int, help="The same for this split.")
@click.option("--test", type=int, help="The same for this split.")
@click.option("--surface", help="The wording: natural or symbolic.  [default: the dataset's first]")
@click.option("--workers", default=1, show_default=True, type=int, help="Processes; the bytes stay the same.")
@click.option(
    "--format", default="jsonl", show_default=True,
    help="jsonl, parquet, or published: the JSON list that the paper's code reads.",
)  # fmt: skip
@click.option("--shard", default="1/1", show_default=True, help="I/N writes only the I-th of N equal parts.")
@click.option("--force", is_flag=True, help="Replace a folder that is not empty.")
def generate_command(
    dataset: str, out: Path, seed: int, train: int | None, valid: int | None, test: int | None,
    surface: str | None, workers: int, format: str, shard: str, force: bool,
) -> None:  # fmt: skip
    """Write a dataset: one file a split and a manifest.

    The same arguments give the same bytes on any machine. No graph is in two splits, whatever the seed
    and the sizes.
    """
    from .stored.write import generate, plan

    sizes = {"train": train, "valid": valid, "test": test}
    planned = plan(dataset, seed=seed, sizes=sizes, surface=surface, format=format, shard=shard)
    manifest = generate(planned, out, workers=workers, force=force)
    if planned.dataset.leaks:
        click.echo(f"Note: {dataset} leaks: {planned.dataset.leak}.", err=True)
    for split, entry in manifest["splits"].items():
        click.echo(f"{split}: {entry['examples']} examples, rows sha256 {entry['rows_sha256']}")
    click.echo(f"{out} has {planned.dataset.name} {planned.dataset.version}, {planned.surface}")


@click.command("verify")
@click.argument("source")
@click.option("--token", help="For a private dataset on the Hub.  [default: the usual login]")
def verify_command(source: str, token: str | None) -> None:
    """Prove a generated folder, a data file or org/name@v1.0.0 on the Hub from its text.

    Every question is parsed and searched by code of its own; answer, steps, what the dataset promises,
    twins, disjoint splits and checksums are checked. The first thing that is wrong is reported with its
    place. What was published is loaded as anyone loads it, and its rows must have the manifest's hashes.
    """
    from .hub.verify import parse_address, verify_hub
    from .proof.verify import verify_dir, verify_file

    path, address = Path(source), parse_address(source)
    if address is not None:
        for report in verify_hub(address, token):
            click.echo(str(report))
    elif token is not None:
        raise ValueError(f"token must be left out for what is not on the Hub (org/name@v1.0.0), got {source}")
    elif path.is_dir():
        click.echo(str(verify_dir(path)))
    else:
        click.echo(f"{path.name}: {verify_file(path)} examples proved")


@click.command("audit")
@click.argument("source")
@click.option("--split", default="test", show_default=True, help="The split that is guessed.")
@click.option("--fit", default="train", show_default=True, help="The split that the models are fitted on.")
@click.option("--n", "examples", type=int, help="Questions.  [default: a file's all, a dataset's 10,000]")
@click.option("--seed", default=0, show_default=True, type=int, help="Of a dataset that is generated.")
@click.option("--surface", help="Of a dataset that is generated.  [default: the dataset's first]")
@click.option("--learned/--no-learned", default=True, help="With the fitted models (scikit-learn).")
@click.option("--json", "json_file", type=PATH, help="Write the findings there.")
@click.option("--plot", "plot_file", type=PATH, help="Draw them there (.png, .svg).")
@click.option(
    "--max", "limit", type=click.FloatRange(0.5, 1), metavar="SHARE",
    help="Exit code 1 if a zero-effort, root-blind or learned guess, or its opposite, is right more often.",
)  # fmt: skip
def audit_command(
    source: str, json_file: Path | None, plot_file: Path | None, limit: float | None, **options: Any
) -> None:
    """Guess the answers of SOURCE without reasoning: a dataset, a generated folder or a data file.

    On a single file the learned models are fitted on each half and scored on the other.
    """
    from .audit.plot import plot
    from .audit.report import audit
    from .figures import require_plot

    if plot_file:
        require_plot(plot_file)  # found before the work, not after it
    report = audit(source, **options)
    click.echo(str(report))
    if json_file:
        import json

        json_file.write_text(json.dumps(report.to_json(), indent=2) + "\n", encoding="utf-8")
    if plot_file:
        plot([report], plot_file)
    strongest = report.strongest()
    if limit is not None and strongest.strength > limit:
        click.echo(
            f"LEAK: {strongest.name} ({strongest.effort}) is right on {100 * strongest.accuracy:.1f} %; "
            f"at most {100 * limit:g} % or at least {100 - 100 * limit:g} % is asked for",
            err=True,
        )
        sys.exit(1)
