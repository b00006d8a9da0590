"""Names from foreign rows as cells of a table that another program reads: text there, and nothing else.

>>> csv_cell("=1+1"), markdown_cell("<b>"), latex_cell("50 % & more")
("'=1+1", '&lt;b&gt;', '50 \\\\% \\\\& more')
"""

from __future__ import annotations

_MARKDOWN = {
    **{ord(sign): f"\\{sign}" for sign in "\\`[]"},
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord("&"): "&amp;",
}
_LATEX = {
    **{ord(sign): f"\\{sign}" for sign in "&%$#_{}"},
    ord("\\"): r"\textbackslash{}",
    ord("~"): r"\textasciitilde{}",
    ord("^"): r"\textasciicircum{}",
    ord("–"): "--",
    ord("−"): "$-$",
    ord("±"): r"$\pm$",
    ord("<"): "$<$",
    ord(">"): "$>$",
    ord("|"): r"\textbar{}",
}


def csv_cell(text: str) -> str:
    """Keep a spreadsheet from reading a cell as a formula.

    Args:
        text: The cell.

    Returns:
        The cell, after an apostrophe where it begins like a formula.
    """
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def markdown_cell(text: str) -> str:
    """Escape HTML, links and code. A ``|`` is left to `generators.tables.markdown`.

    Args:
        text: The cell.

    Returns:
        Markdown that shows the text.
    """
    return text.translate(_MARKDOWN)


def latex_cell(text: str) -> str:
    """Escape the characters that LaTeX gives a meaning.

    Args:
        text: The cell.

    Returns:
        LaTeX that prints the text.
    """
    return text.translate(_LATEX)
