"""Shared by all commands: the types of paths and seeds, and help that lists names, and their completion."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
PATH = click.Path(path_type=Path)
SEED = click.IntRange(0, 2**63 - 1)


def completer(names: Callable[[], Iterable[str]]) -> Completer:
    """Return what completes a name in the shell, also the last of a list with commas; else file names.

    Args:
        names: Returns the names; only called when the shell asks.
    """

    def complete(ctx: click.Context, option: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, start = incomplete.rpartition(",")
        found = [CompletionItem(before + comma + name) for name in names() if name.startswith(start)]
        return found or [CompletionItem(incomplete, type="file")]

    return complete


def joined(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> str | None:
    """Callback of a repeatable option that takes names separated by commas: all of them as one list.

    Args:
        ctx: Of the command.
        option: The option.
        values: What it was given, once or several times.

    Returns:
        The names separated by commas; None where it was not given.
    """
    return ",".join(values) if values else None


def _datasets() -> Iterable[str]:
    from .datasets import DATASETS

    return DATASETS


complete_dataset = completer(_datasets)


class ListingCommand(click.Command):
    """A command whose help ends with tables of names, which are built only when help is shown."""

    def __init__(self, *args: Any, tables: Callable[[], dict[str, list[tuple[str, str]]]], **kwargs: Any):
        """Take what `click.Command` takes, and the tables.

        Args:
            *args: Passed on.
            tables: Returns title -> rows of (name, description).
            **kwargs: Passed on.
        """
        super().__init__(*args, **kwargs)
        self.tables = tables

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the tables (called by click)."""
        for title, rows in self.tables().items():
            with formatter.section(title):
                formatter.write_dl(rows)
