"""HTML and SVG from nested calls; whatever is not `Markup` already is escaped.

>>> tag("p", "1 < 2, ", tag("b", "always"), class_="note")
'<p class="note">1 &lt; 2, <b>always</b></p>'
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from html import escape

VOID = frozenset({"br", "hr", "input", "link", "meta"})


class Markup(str):
    """Text that is markup and must not be escaped again."""

    __slots__ = ()


def tag(name: str, /, *content: str, **attributes: str | float | bool | None) -> Markup:
    """Build an element.

    Args:
        name: The element's name.
        *content: Its content, escaped unless it is markup.
        **attributes: Names lose a trailing underscore, other underscores become hyphens. None and False omit
            the attribute, True writes it without a value; numbers get at most two decimals.

    Returns:
        The markup.
    """
    written = "".join([_attribute(key, value) for key, value in attributes.items()]) if attributes else ""
    if name in VOID:
        return Markup(f"<{name}{written}>")
    parts = [part if type(part) is Markup else escape(part, quote=False) for part in content]
    return Markup("".join([f"<{name}{written}>", *parts, f"</{name}>"]))  # copied once, however long it is


def join(*content: str) -> Markup:
    """Concatenate parts; those that are not markup are escaped.

    Args:
        *content: The parts.

    Returns:
        The markup.
    """
    return Markup(_escaped(content))


def definitions(*pairs: tuple[str, str]) -> Markup:
    """Build a list of names and their values, each pair in an element of its own.

    Most of a page's elements are in these lists, so they are written at once rather than by `tag`.

    Args:
        *pairs: The names and values, escaped unless they are markup.

    Returns:
        The markup.
    """
    written = [f"<div><dt>{_recurring(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in pairs]
    return Markup(f"<dl>{''.join(written)}</dl>")


def table_row(columns: Iterable[tuple[str, str]], cells: Iterable[str]) -> Markup:
    """Build a line of a table; written at once, as `definitions` is.

    Args:
        columns: The label and the class of each column.
        cells: A cell for each, escaped unless it is markup.

    Returns:
        The markup.
    """
    written = [
        f"<td{_attribute('data_label', label)}{_attribute('class', name)}><div>{_text(cell)}</div></td>"
        for (label, name), cell in zip(columns, cells, strict=True)
    ]
    return Markup(f"<tr>{''.join(written)}</tr>")


def plain_row(cells: Iterable[str]) -> Markup:
    """Build a line of a table whose cells have no attributes; written at once, as `definitions` is.

    Args:
        cells: The cells, escaped unless they are markup.

    Returns:
        The markup.
    """
    return Markup(f"<tr>{''.join([f'<td>{_text(cell)}</td>' for cell in cells])}</tr>")


def _escaped(content: tuple[str, ...]) -> str:
    # A page of ten thousand rows has millions of elements: a list is joined faster than a generator.
    return "".join([part if type(part) is Markup else escape(part, quote=False) for part in content])


def _text(part: str) -> str:
    return part if type(part) is Markup else escape(part, quote=False)


_recurring = lru_cache(maxsize=1 << 10, typed=True)(_text)  # typed, as markup equals its text


def unbroken(text: str) -> str:
    """Keep numbers together with their signs: no line ends before ``%`` or around ``=`` and ``<``.

    Args:
        text: The text.

    Returns:
        The text, with no-break spaces.
    """
    return re.sub(r" (?=[%=<])|(?<=[=<]) ", "\u00a0", text)


@lru_cache(maxsize=1 << 12, typed=True)  # most attributes recur in every row; typed, as True equals 1
def _attribute(key: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-") if "_" in key else key
    if value is True:
        return f" {name}"
    if isinstance(value, str):
        return f' {name}="{escape(value)}"'
    number = f"{value:.2f}".rstrip("0").rstrip(".")
    return f' {name}="{number}"'
