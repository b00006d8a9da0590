"""The command line: the table of commands, where each one lives, and what becomes of their errors.

The module of a command is imported when the command is called, and its libraries inside the command: torch,
transformers and datasets take seconds each, and ``--help`` must not wait for them.

An error is one line on stderr and exit code 2. ``COCONUT_BENCH_TRACEBACK=1`` shows where it was raised.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import click

from . import __version__
from .coconut import launch
from .generators.lookup import nearest
from .generators.plugins import load_plugins
from .generators.stopping import stopping
from .generators.terminal import one_line, shown, visible_output

TRACEBACK = "COCONUT_BENCH_TRACEBACK"
"""Environment variable that lets errors keep their traceback."""


class Place(NamedTuple):
    """A command's ``module:attribute`` in the package, its summary in ``--help``, and what a stop leaves."""

    target: str
    summary: str
    stopped: str = "nothing was written"


COMMANDS = {
    "generate": Place(
        "generators.commands:generate_command",
        "Generate a dataset: one file per split and a manifest.",
        "the output directory is as it was; the same command begins again",
    ),
    "verify": Place(
        "generators.commands:verify_command",
        "Verify data from its text: a generated directory, a data file or org/name@v1.0.0 on the Hub.",
    ),
    "audit": Place(
        "generators.commands:audit_command", "Measure how far guessing without reasoning gets on SOURCE."
    ),
    "run": Place(
        "benchmarks.run.command:run_command",
        "Generate data, train, evaluate and record the result.",
        "the same command resumes what is saved",
    ),
    "import": Place(
        "benchmarks.external.command:import_command",
        "Import a CHECKPOINT of the published code (facebookresearch/coconut) as a finished run.",
    ),
    "publish": Place(
        "benchmarks.publish.command:publish_command",
        "Publish a dataset or the model of a finished run on the Hugging Face Hub.",
        "the same command begins again",
    ),
    "speed": Place(
        "benchmarks.speed.command:speed_command",
        "Benchmark training, decoding, data generation and startup; report ratios.",
    ),
    "samples": Place(
        "benchmarks.inspection.command:samples_command",
        "Show what a finished RUN wrote: question, chain, answer, whole text, and a readout of its thoughts.",
    ),
    "plot": Place(
        "benchmarks.inspection.command:plot_command",
        "Plot the training curves of RUNS: validation accuracy, loss, and test accuracy by hops.",
    ),
    "controls": Place(
        "benchmarks.controls.command:controls_command",
        "Ablate the thoughts of finished RUNS: remove, zero, add noise, permute, swap.",
        "finished batches are kept in RUN; the same command does the others",
    ),
    "analyze": Place(
        "benchmarks.analysis.command:analyze_command",
        "Look inside a finished RUN: answers with fewer thoughts, its search tree, what its thoughts encode.",
        "finished batches are kept in the output directory; the same command does the others",
    ),
    "leaderboard": Place(
        "leaderboard.commands:leaderboard",
        "Show, check, merge, compare and export recorded results.",
        "every file is whole, the old one or the new one; the same command goes on",
    ),
    "docs": Place(
        "leaderboard.manual:docs_command", "Print a PAGE of the documentation; without one, list the pages."
    ),
}

SUBCOMMANDS = {
    "leaderboard": {
        "import": "benchmarks.external.command:import_answers_command",
        "reproduce": "benchmarks.run.command:reproduce_command",
    }
}
"""Commands of a group that live on a higher floor than the group."""


def _load_plugins(ctx: click.Context, option: click.Parameter, files: tuple[Path, ...]) -> None:
    if files:
        load_plugins(files)


PLUGIN = click.Option(
    ["--plugin"], type=click.Path(path_type=Path), multiple=True, metavar="FILE", is_eager=True,
    expose_value=False, callback=_load_plugins,
    help="Python file with methods, datasets or controls (repeatable).",
)  # fmt: skip
"""An option of every command; eager, so that ``--help`` after it lists the plugin's rows."""


class LazyCommands(click.Group):
    """A group that imports its commands one at a time; an error is one line on stderr and exit code 2.

    The library raises ``ValueError`` for bad values and ``OSError`` for files. Any other exception is a
    defect, or an input that no reader knows: its line begins with its type.
    """

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command; hidden characters of inputs are printed as escapes (called by click)."""
        with visible_output():
            return super().main(*args, **kwargs)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        command = _load(COMMANDS[cmd_name].target)
        for name, target in SUBCOMMANDS.get(cmd_name, {}).items():
            assert isinstance(command, click.Group)
            command.add_command(_load(target), name)
        for one in (command, *getattr(command, "commands", {}).values()):
            if PLUGIN not in one.params:
                one.params.append(PLUGIN)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name[:1] != "-" and name not in self.list_commands(ctx) and not ctx.resilient_parsing:
            ctx.fail(f"No such command {shown(name)}{nearest(COMMANDS, name)}.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.summary) for name, place in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with stopping(lambda: COMMANDS[ctx.invoked_subcommand or "run"].stopped):
                return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort, BrokenPipeError):  # click's own ways to end
            raise
        except click.ClickException as error:
            if launch.is_told():
                sys.exit(2)
            error.message = one_line(error.message)  # type: ignore[misc]
            raise
        except Exception as error:
            if os.environ.get(TRACEBACK):
                raise
            if not launch.is_told():
                click.echo(f"Error: {_told(error)}", err=True)
            sys.exit(2)


def _told(error: Exception) -> str:
    """What is wrong, in one line."""
    message = one_line(str(error))
    if isinstance(error, OSError) and error.strerror:
        names = " -> ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
        said = f"{error.strerror[:1].lower()}{error.strerror[1:]}"
        return one_line(f"{names}: {said}" if names else said)  # standard output has no name
    is_loop = message.startswith("Symlink loop")  # pathlib raises a RuntimeError up to Python 3.12
    if isinstance(error, ValueError | OSError) or is_loop:
        return message or type(error).__name__
    if isinstance(error, MemoryError):
        return f"out of memory: {message}".rstrip(": ")
    return f"{type(error).__name__}: {message} (unexpected; {TRACEBACK}=1 shows where)"


def _load(target: str) -> click.Command:
    """Import a command."""
    module, _, attribute = target.partition(":")
    command: click.Command = getattr(importlib.import_module(f".{module}", __package__), attribute)
    return command


# Every command inherits these.
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True}


@click.group(cls=LazyCommands, context_settings=SETTINGS)
@click.version_option(__version__, prog_name="coconut-bench")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Benchmark and train latent reasoning (Coconut) on data that cannot be solved without reasoning."""
    # torch reads this when it is imported. By default its threads spin while they wait for one that another
    # process has preempted: beside two busy ones `run --quick` took 127 s and 33 s; like this 25 s and 40 s.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    launch.check(ctx.invoked_subcommand or "")
    if launch.rank() > 0:  # process 0 prints
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    load_plugins()


if __name__ == "__main__":
    main()
