"""Names from foreign rows as cells of a table that another program reads: text there, and nothing else.

>>> csv_cell("=1+1"), markdown_cell("<b>"), latex_cell("50 % & more")
("'=1+1", '&lt;b>', '50 \\\\% \\\\& more')
"""

from __future__ import annotations

import re

# What begins a tag, an entity, a link, code or an escape.
_MARKDOWN = re.compile(r"<(?=[A-Za-z/!?])|&(?=[A-Za-z#])|[\\`\[\]]")
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
    ord("["): "{[}",  # the end of a row before it, or a rule, would take it for the start of an argument
    ord("*"): "{*}",
    ord("…"): r"\dots{}",
    ord("×"): r"$\times$",
    ord("→"): r"$\to$",
    ord("`"): r"\textasciigrave{}",
}
_LAST_LETTER = "\u017f"
_UNPRINTED = frozenset("«»ÐðÞþĄąĐđĘęĦħĮįĸĿŀŉŊŋŦŧŲųſ")
"""LaTeX without packages prints the letters up to the last one but for these: pdfTeX stops at the others."""


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
    named = {"<": "&lt;", "&": "&amp;"}
    return _MARKDOWN.sub(lambda found: named.get(found[0], f"\\{found[0]}"), text)


def latex_cell(text: str) -> str:
    """Escape the characters that LaTeX gives a meaning.

    Args:
        text: The cell.

    Returns:
        LaTeX that prints the text; a letter that needs a package is shown as its number, ``[U+4E2D]``.
    """
    return "".join(map(_latex, text))


def _latex(sign: str) -> str:
    """One character in LaTeX."""
    known = _LATEX.get(ord(sign))
    if known is None and (sign > _LAST_LETTER or sign in _UNPRINTED):
        return f"{{[}}U+{ord(sign):04X}]"
    return known or sign
