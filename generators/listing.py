"""What the commands of all floors share: the type of a path, and help that ends with tables of names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

PATH = click.Path(path_type=Path)


class ListingCommand(click.Command):
    """A command whose help ends with tables of names, read only when the help is asked for."""

    def __init__(self, *args: Any, tables: Callable[[], dict[str, list[tuple[str, str]]]], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.tables = tables

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, rows in self.tables().items():
            with formatter.section(title):
                formatter.write_dl(rows)
