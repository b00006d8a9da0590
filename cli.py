"""The command line: which commands there are, and where each of them lives.

A command's module is imported when the command is asked for, and what it needs is imported inside it: torch,
transformers and datasets take seconds each, and ``--help`` must not wait for them.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, NamedTuple

import click

from . import __version__


class Place(NamedTuple):
    """Where a command is, as ``module:attribute`` within the package, and what ``--help`` says of it."""

    target: str
    summary: str


COMMANDS = {
    "generate": Place(
        "generators.commands:generate_command", "Write a dataset: one file a split and a manifest."
    ),
    "verify": Place(
        "generators.commands:verify_command",
        "Prove a generated folder, a data file or org/name@v1.0.0 on the Hub from its text.",
    ),
    "audit": Place("generators.commands:audit_command", "Guess the answers of SOURCE without reasoning."),
    "run": Place("benchmarks.run.command:run_command", "Generate, train, evaluate, record."),
    "publish": Place(
        "benchmarks.publish.command:publish_command",
        "Put a dataset, or a finished run's model, on the Hugging Face Hub.",
    ),
    "speed": Place(
        "benchmarks.speed.command:speed_command",
        "Measure how fast training, answering, generating and starting are, as ratios.",
    ),
    "controls": Place(
        "benchmarks.controls.command:controls_command",
        "Are the thoughts used? Leave them out, replace and exchange them in finished RUNS.",
    ),
    "analyze": Place(
        "benchmarks.analysis.command:analyze_command",
        "Look inside a finished RUN: answers with fewer thoughts, its search tree, what its thoughts encode.",
    ),
    "leaderboard": Place(
        "leaderboard.commands:leaderboard", "Show, check, merge, compare and publish recorded results."
    ),
}


class LazyCommands(click.Group):
    """The commands of a table, imported one at a time; bad input is one line on stderr and exit code 2.

    The library raises ``ValueError`` for bad values and ``OSError`` for files; everything else is a
    defect of this package and keeps its traceback.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = COMMANDS[cmd_name].target.partition(":")
        command: click.Command = getattr(importlib.import_module(f".{module}", __package__), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.summary) for name, place in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ValueError, OSError) as error:
            message = str(error) or type(error).__name__
            click.echo("Error: " + " ".join(message.split()), err=True)
            sys.exit(2)


@click.group(
    cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="coconut-bench")
def main() -> None:
    """Latent reasoning on data that cannot be solved without reasoning."""
    # Read when torch is imported. Its threads otherwise spin while they wait for one that another process
    # keeps from running: beside two busy ones `run --quick` took 127 s and 33 s; like this 25 s and 40 s.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


if __name__ == "__main__":
    main()
