"""The pages of the documentation, which are part of the package, and the command `docs` that prints them.

$ coconut-bench docs
leaderboard  The leaderboard
training     Training and testing
…
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from ..generators.listing import completer
from ..generators.lookup import pick
from ..generators.tables import aligned

PAGES = Path(__file__).parents[1] / "docs"
YOUR_ROW = "leaderboard.md#your-row-in-the-shipped-leaderboard"
"""Where it says how a row gets into the shipped leaderboard."""


def manual() -> dict[str, Path]:
    """Return the pages, name → Markdown file, the first page first."""
    found = {path.stem: path for path in sorted(PAGES.glob("*.md"))}
    return {name: found[name] for name in sorted(found, key=lambda name: (name != "index", name))}


def read_page(name: str) -> str:
    """Read a page.

    Args:
        name: Its name, also as it is written in links: ``leaderboard``, ``docs/leaderboard.md``.

    Returns:
        Its Markdown, without a newline at its end.

    Raises:
        ValueError: There is no such page; the nearest one is named.
    """
    path = pick(manual(), name.removeprefix("docs/").removesuffix(".md"), "page")
    return path.read_text(encoding="utf-8").rstrip("\n")


def title(page: str) -> str:
    """Return the title of a page, its first heading.

    Args:
        page: Its Markdown.
    """
    return page.partition("\n")[0].removeprefix("# ")


def copy_manual(folder: Path) -> None:
    """Write the pages into a folder, for links that need no network.

    Args:
        folder: The folder, created if missing.

    Raises:
        OSError: It cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in manual().values():
        shutil.copyfile(path, folder / path.name)


@click.command("docs")
@click.argument("page", required=False, shell_complete=completer(lambda: list(manual())))
def docs_command(page: str | None) -> None:
    """Print a PAGE of the documentation; without one, list the pages."""
    if page is not None:
        click.echo(read_page(page))
        return
    rows = [("page", "about"), *((name, title(read_page(name))) for name in manual())]
    click.echo("\n".join(aligned(rows)))
    click.echo("\ncoconut-bench docs PAGE prints one.")
