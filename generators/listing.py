"""Shared by all commands: the types of paths and seeds, and help that ends with tables of names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

PATH = click.Path(path_type=Path)
SEED = click.IntRange(0, 2**63 - 1)


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
