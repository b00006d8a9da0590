"""What a right answer is: the one definition, used by the leaderboard and by every other tool.

    written                            answer               right
    4 7 . 7 1 . ### 1                  1                    yes: what stands after the last ### counts
    Tom is a lempus                    Tom is a lempus.     yes: a full stop at the end is no part of it
    ### 1,000                          1000                 yes: commas are removed
    Tom is a lempus or a scrompus.     Tom is a lempus.     no

This is the published code's exact match (arXiv 2412.06769: after the last marker, commas removed) but for the
full stop and the white space, which tokenizers write in their own ways.
"""

from __future__ import annotations

ANSWER_MARKER = "###"


def read_answer(text: str, marker: str = ANSWER_MARKER) -> str:
    """The answer in a text: after the last ``marker`` (all of it without one), commas removed.

    >>> read_answer("4 7 . 7 1 . ### 1,000 ")
    '1000'
    """
    return " ".join(text.split(marker)[-1].replace(",", "").split())


def is_right(written: str, answer: str) -> bool:
    """Whether two answers are the same but for commas, white space and full stops at the end.

    >>> is_right("Tom is a lempus", "Tom is a lempus .")
    True
    """
    return _bare(written) == _bare(answer)


def _bare(answer: str) -> str:
    return " ".join(answer.replace(",", "").split()).rstrip(". ")
