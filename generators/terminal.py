r"""What inputs may do to a terminal and to a message: nothing, and not much.

Characters that are not printable (controls, marks of writing direction, unassigned ones) are written as
escapes (``\x1b``, ``\u202e``), values of inputs in messages are cut.
"""

from __future__ import annotations

import os
import re
import reprlib
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

LONGEST_VALUE = 200
"""Characters of an input that a message repeats."""
LONGEST_MESSAGE = 1_000
_DOUBTFUL = r"[^\n\t -~]"
"""Characters that may have to be escaped, as a pattern: all but those of plain English text."""
_MOVES = r"\r|\x1b\[A"  # what a progress bar writes

_repr = reprlib.Repr()
_repr.maxlevel = 3
_repr.maxstring = _repr.maxother = _repr.maxlong = LONGEST_VALUE


def counted(number: float, noun: str) -> str:
    """Return a number with its noun, as English says it: ``1 row``, ``2 rows``.

    Args:
        number: How many.
        noun: The word for one, whose plural ends in s.
    """
    return f"{number if isinstance(number, int) else format(number, 'g')} {noun}{'' if number == 1 else 's'}"


def say(line: str, *, error: bool = False) -> None:
    """Print a line; an output that is closed or full is no reason to stop the work.

    Args:
        line: The line.
        error: To standard error.
    """
    stream = sys.stderr if error else sys.stdout
    if stream is None:
        return
    try:
        print(line, file=stream, flush=True)
    except (OSError, ValueError):
        with suppress(OSError, ValueError, AttributeError):  # what is buffered must not fail at the exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def visible(text: str) -> str:
    """Replace the characters that are never printed by their escapes.

    Args:
        text: Any text.

    >>> print(visible("a\\x1b[31mb\\u202ec"))
    a\\x1b[31mb\\u202ec
    """
    return re.sub(_DOUBTFUL, _escape, text)


def shown(value: object) -> str:
    """Return the ``repr`` of a value from an input, cut to 200 characters, for a message.

    Args:
        value: Any value, however long or deeply nested.
    """
    try:
        text = _repr.repr(value)
    except (ValueError, RecursionError):  # a number of more digits than Python writes
        text = f"<{type(value).__name__}>"
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def terminal_width() -> int | None:
    """Return the columns of the terminal that standard output is; None where it is none."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    columns = os.environ.get("COLUMNS", "")
    try:
        return int(columns) if columns.isdecimal() else os.get_terminal_size(sys.stdout.fileno()).columns
    except OSError:
        return None


def one_line(message: str) -> str:
    """Return a message as one line of printable characters, cut to 1,000, and each word in it to 200.

    Args:
        message: Any text.
    """
    words = (_cut(visible(word), LONGEST_VALUE) for word in message.split())
    return _cut(" ".join(words), LONGEST_MESSAGE)


def _cut(text: str, most: int) -> str:
    """Cut out the middle of a text that is too long."""
    head = most * 3 // 4
    return text if len(text) <= most else f"{text[: head - 1]}…{text[head - most :]}"


@contextmanager
def visible_output() -> Iterator[None]:
    """Within the block, standard output and standard error show hidden characters as escapes."""
    before = sys.stdout, sys.stderr
    if sys.stdout is not None:
        sys.stdout = cast(Any, _Visible(sys.stdout))
    if sys.stderr is not None:
        sys.stderr = cast(Any, _Visible(sys.stderr, keeps=_MOVES))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class _Visible:
    """A text stream whose writes are made `visible`; ``keeps`` is a pattern of what may pass."""

    def __init__(self, stream: Any, keeps: str = "") -> None:
        self._stream = stream
        self._pattern = re.compile(f"(?P<kept>{keeps})|{_DOUBTFUL}" if keeps else _DOUBTFUL)

    def write(self, text: str) -> int:
        if not isinstance(text, str):  # click asks a stream this way whether it takes bytes
            raise TypeError(f"a text stream takes text, got {type(text).__name__}")
        self._stream.write(self._pattern.sub(_escape, text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if match.groupdict().get("kept") or char.isprintable() or unicodedata.category(char) == "Zs":
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
