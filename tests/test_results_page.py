"""docs/results.md shows what the shipped leaderboard holds, and compares methods in its verdicts' words.

The output of each `leaderboard table` on the page stands between two comments. After a change of the shipped
rows, ``python tests/test_results_page.py`` writes it again.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from click.testing import CliRunner

from coconut_bench.cli import main
from coconut_bench.leaderboard.paper_table import ORDER
from coconut_bench.leaderboard.store import SHIPPED

PAGE = Path(__file__).resolve().parents[1] / "docs" / "results.md"
COMMAND = r"^    coconut-bench (leaderboard table [^\n]+)\n"
SHOWN = re.compile(COMMAND + r"\n<!-- OUTPUT -->\n.*?^<!-- END -->$", re.MULTILINE | re.DOTALL)
TITLES = sorted((title.removeprefix("– ") for title in ORDER.values()), key=len, reverse=True)
TITLE = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, TITLES))})(?![\w-])", re.IGNORECASE)


def output(command: str) -> str:
    done = CliRunner().invoke(main, [*shlex.split(command), "--leaderboard", str(SHIPPED)])
    assert done.exit_code == 0, done.output
    return done.stdout


def filled(page: str) -> str:
    """The page with what each command prints now."""
    shown = "    coconut-bench {}\n\n<!-- OUTPUT -->\n\n{}\n<!-- END -->"
    return SHOWN.sub(lambda found: shown.format(found[1], output(found[1])), page)


def compared_by_hand(page: str) -> Iterator[str]:
    """Lines and sentences that name two methods and are not in the output of a command."""
    prose = re.sub(r"^    .*$|`[^`]*`", "", SHOWN.sub("", page), flags=re.MULTILINE)
    paragraphs = (" ".join(part.split()) for part in re.split(r"\n\s*\n", prose))
    sentences = [one for part in paragraphs for one in re.split(r"(?<=[.!?]) ", part)]
    for text in (*prose.splitlines(), *sentences):
        if len({name.lower() for name in TITLE.findall(text)}) > 1:
            yield text


def test_the_tables_and_sentences_are_what_the_commands_print() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(SHOWN.findall(page)) == len(re.findall(COMMAND, page, re.MULTILINE)) >= 1
    assert filled(page) == page


def test_no_sentence_compares_two_methods_by_hand() -> None:
    assert list(compared_by_hand(PAGE.read_text(encoding="utf-8"))) == []


def test_a_sentence_made_by_hand_would_be_found() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for text in ("Coconut is above CoT.", "No-CoT stays\nbelow Coconut.", "iCoT is a pause token."):
        assert list(compared_by_hand(f"{page}\n{text}\n")), text
    for text in ("CoT writes a chain.", "A No-CoT model: `run --method coconut,cot`."):
        assert list(compared_by_hand(f"{page}\n{text}\n")) == [], text


def test_an_output_that_is_out_of_date_would_be_found() -> None:
    page = PAGE.read_text(encoding="utf-8")
    changed = page.replace("<!-- OUTPUT -->\n", "<!-- OUTPUT -->\nCoconut is above CoT.\n", 1)
    assert changed != page and filled(changed) == filled(page)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
