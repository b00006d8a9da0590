r"""The table of `paper_table` as text, Markdown, LaTeX or CSV.

    \begin{tabular}{lrrrr}
      \toprule
      method & seeds & accuracy \% & tokens & steps to 99 \% \\
      \midrule
      Coconut & 3 & \textbf{99.7 $\pm$ 0.2} & 4.0 & 2,300 (3/3) \\

LaTeX needs ``\usepackage{booktabs}``. In Markdown and LaTeX the accuracy of the best row is bold, and of
those that are as good by all that is known; a note says so.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..generators import tables
from ..generators.lookup import pick
from ..generators.terminal import terminal_width
from .escape import csv_cell, latex_cell, markdown_cell

ACCURACY = 2
"""The column of the accuracy."""
OPTIONAL = ("train FLOPs", "parameters", "passes")
"""Columns that are left out where the terminal is too narrow, the first one first."""
MOST_COLUMNS = 6
"""How many columns fit LaTeX's default text width in its default size."""
_NARROW = r"  \scriptsize\setlength{\tabcolsep}{2.5pt}"
NOTE = (
    "Bold: the best accuracy, and those significantly below neither it nor the best of the rows with most "
    "seeds (the verdict of compare, Holm over these pairs)."
)


class Table(NamedTuple):
    """One table.

    Attributes:
        title: What its rows share.
        about: Dataset, recipe and base model, for a format without a title.
        header: Names of the columns.
        lines: One line of cells per row.
        is_best: Per line, whether it is the best, or does not differ significantly from it.
        said: One sentence per declared pair.
    """

    title: str
    about: tuple[str, str, str]
    header: tuple[str, ...]
    lines: list[tuple[str, ...]]
    is_best: list[bool]
    said: list[str]

    def distinguished(self, hash: str) -> Table:
        """Return the table with its recipe's hash, where another one has the same title."""
        dataset, recipe, base = self.about
        return self._replace(
            title=f"{self.title}, recipe hash {hash}", about=(dataset, f"{recipe} {hash}", base)
        )


def render(made: Sequence[Table], format: str = "text") -> str:
    """Format tables.

    Args:
        made: The tables.
        format: A key of `FORMATS`.

    Returns:
        The text, without a newline at its end.

    Raises:
        ValueError: For an unknown format.
    """
    return pick(FORMATS, format, "format")(made)


def _text(made: Sequence[Table]) -> str:
    width = terminal_width()
    return "\n\n".join(
        "\n".join(
            [
                tables.folded(one.title, width),
                *tables.aligned([one.header, *one.lines], width=width, optional=OPTIONAL),
                *_below([tables.folded(text, width) for text in one.said]),
            ]
        )
        for one in made
    )


def _markdown(made: Sequence[Table]) -> str:
    return "\n\n".join(_one_markdown(one) for one in made)


def _one_markdown(one: Table) -> str:
    cells = [one.header, *_bold(one, markdown_cell, "**{}**")]
    said = [NOTE, "", *(f"- {markdown_cell(text)}" for text in one.said)] if any(one.is_best) else []
    said = said or [f"- {markdown_cell(text)}" for text in one.said]
    return "\n".join([markdown_cell(one.title), "", *tables.markdown(cells), *_below(said)])


def _latex(made: Sequence[Table]) -> str:
    return "\n\n".join(["% needs \\usepackage{booktabs}", *(_one_latex(one) for one in made)])


def _one_latex(one: Table) -> str:
    note = f" {NOTE}" if any(one.is_best) else ""
    return "\n".join(
        [
            *(f"% {text}" for text in one.said),
            r"\begin{table}",
            r"  \centering",
            *([_NARROW] if len(one.header) > MOST_COLUMNS else ()),
            rf"  \caption{{{latex_cell(f'{one.title}.{note}')}}}",
            rf"  \begin{{tabular}}{{l{'r' * (len(one.header) - 1)}}}",
            r"    \toprule",
            rf"    {' & '.join(map(latex_cell, one.header))} \\",
            r"    \midrule",
            *(rf"    {' & '.join(line)} \\" for line in _bold(one, latex_cell, r"\textbf{{{}}}")),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
        ]
    )


def _csv(made: Sequence[Table]) -> str:
    columns = list(dict.fromkeys(name for one in made for name in one.header))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["dataset", "recipe", "base", *columns, "ties with the best"])
    for one in made:
        for line, is_best in zip(one.lines, one.is_best, strict=True):
            named = dict(zip(one.header, line, strict=True))
            cells = [*one.about, *(named.get(name, "") for name in columns), "yes" if is_best else ""]
            writer.writerow([csv_cell(cell) for cell in cells])
    return text.getvalue().rstrip("\n")


def _bold(one: Table, escape: Callable[[str], str], bold: str) -> list[list[str]]:
    """The escaped lines, the best accuracies bold."""
    made = [[escape(cell) for cell in line] for line in one.lines]
    for line, is_best in zip(made, one.is_best, strict=True):
        line[ACCURACY] = bold.format(line[ACCURACY]) if is_best else line[ACCURACY]
    return made


def _below(said: Sequence[str]) -> list[str]:
    return ["", *said] if said else []


FORMATS: dict[str, Callable[[Sequence[Table]], str]] = {
    "text": _text,
    "markdown": _markdown,
    "csv": _csv,
    "latex": _latex,
}
