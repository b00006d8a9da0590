"""What a right answer is: the one definition, for the leaderboard and every other tool.

    written                            answer               right
    4 7 . 7 1 . ### 1                  1                    yes: the text after the last ### counts
    Tom is a lempus                    Tom is a lempus.     yes: a full stop at the end is ignored
    ### 1,000                          1000                 yes: commas are removed
    Tom is a lempus or a scrompus.     Tom is a lempus.     no

This is the exact match of the published code (arXiv 2412.06769: after the last marker, commas removed), but
ignores full stops at the end and white space, which depend on the tokenizer.
"""

from __future__ import annotations

ANSWER_MARKER = "###"


def read_answer(text: str, marker: str = ANSWER_MARKER) -> str:
    """Return the answer in a text.

    Args:
        text: What a model wrote.
        marker: What stands before the answer; without it the whole text is the answer.

    Returns:
        The text after the last marker, without commas, one space between words.

    >>> read_answer("4 7 . 7 1 . ### 1,000 ")
    '1000'
    """
    return " ".join(text.split(marker)[-1].replace(",", "").split())


def is_right(written: str, answer: str) -> bool:
    """Whether two answers are equal up to commas, white space and full stops at the end.

    Args:
        written: The answer of a model, as `read_answer` returns it.
        answer: The right one.

    >>> is_right("Tom is a lempus", "Tom is a lempus .")
    True
    """
    return written == answer or _bare(written) == _bare(answer)


def _bare(answer: str) -> str:
    return " ".join(answer.replace(",", "").split()).rstrip(". ")
