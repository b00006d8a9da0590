"""The command line: parses, calls, prints.

Every command imports what it needs inside its own function: torch, transformers and datasets take
seconds each, and ``--help`` must not wait for them.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from . import __version__


class OneLineErrors(click.Group):
    """A group that turns bad input into one line on stderr and exit code 2.

    The library raises ``ValueError`` for bad values and ``OSError`` for files; everything else is a
    defect of this package and keeps its traceback.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ValueError, OSError) as error:
            message = str(error) or type(error).__name__
            click.echo("Error: " + " ".join(message.split()), err=True)
            sys.exit(2)


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="coconut-bench")
def main() -> None:
    """Latent reasoning on data that cannot be solved without reasoning."""


if __name__ == "__main__":
    main()
