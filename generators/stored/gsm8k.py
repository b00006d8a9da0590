"""GSM8k-Aug: grade-school arithmetic with equations as steps, from its text files or from the Hub.

    She had 3 pens and bought 4. How many?||<<3+4=7>> #### 7          (one line of a file: one record)

A step is one ``<<…>>`` group. The data are those of arXiv 2311.01460; 385,620 / 500 / 1,319 records.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..example import Example
from ..extras import require
from .formats import HUB_SPLITS

NAME = "gsm8k-aug"
HUB_REPOSITORY = "whynlp/gsm8k-aug"
STEP = re.compile(r"<<[^<>]*>>")


def parse_line(line: str) -> tuple[str, tuple[str, ...], str]:
    """Parse one line of a text file.

    >>> parse_line("How many?||<<1+1=2>> <<2*3=6>> #### 6")
    ('How many?', ('<<1+1=2>>', '<<2*3=6>>'), '6')

    Args:
        line: The line.

    Returns:
        Question, steps and answer (without thousands separators).

    Raises:
        ValueError: The line has another form.
    """
    question, bars, rest = line.strip().partition("||")
    chain, marker, answer = rest.rpartition("####")
    if not (bars and marker and question.strip() and answer.strip()):
        raise ValueError(f"must be question||<<a*b=c>> … #### answer, got {line.strip()[:60]!r}")
    left = STEP.sub("", chain).strip()
    if left:
        raise ValueError(f"must have nothing but <<…>> groups between || and ####, got {left[:60]!r}")
    return question.strip(), tuple(STEP.findall(chain)), answer.replace(",", "").strip()


def read_text(path: Path, prefix: str) -> Iterator[Example]:
    """Read a text file of GSM8k-Aug.

    Args:
        path: The file.
        prefix: Ids are ``<prefix>/<line from 0>``.

    Yields:
        The examples; empty lines are skipped.

    Raises:
        ValueError: A line has another form (with file and line).
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                question, steps, answer = parse_line(line.decode("utf-8"))
            except ValueError as error:  # also bytes that are not UTF-8
                raise ValueError(f"{path.name}:{number} {error}") from None
            yield Example(f"{prefix}/{number - 1}", question, steps, answer, hops=len(steps))


def read_hub(split: str, revision: str | None) -> Iterator[Example]:
    """Load a split of GSM8k-Aug from the Hub.

    Args:
        split: Name of the split: train, valid or test.
        revision: Commit or tag; None for the newest.

    Yields:
        The examples in order.

    Raises:
        OSError: The split cannot be fetched.
        ValueError: A record has other columns, or the package datasets is not installed.
    """
    require("datasets", NAME)
    from datasets import load_dataset  # type: ignore[import-untyped]

    try:
        rows: Any = load_dataset(HUB_REPOSITORY, split=HUB_SPLITS[split], revision=revision)
    except Exception as error:  # the client raises many types; each means that the data cannot be had
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise OSError(f"{HUB_REPOSITORY} cannot be fetched from the Hub ({reason}); {_FILES}") from error
    for index, row in enumerate(rows):
        try:
            answer = str(row["answer"]).replace(",", "").strip()
            record = {"question": row["question"].strip(), "steps": list(row["steps"]), "answer": answer}
            yield Example.from_json(record, default_id=f"{split}/{index}")
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            wanted = "question, steps (a list) and answer"
            raise ValueError(f"{HUB_REPOSITORY} {split}:{index} must have {wanted}: {error}") from None


_FILES = "give local files as --dataset train.txt,valid.txt,test.txt"
