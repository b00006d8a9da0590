"""results.md and leak.md show what the shipped leaderboard holds; results.md compares in its verdicts' words.

The output of each `leaderboard table`, `beside` and `thoughts` on a page stands between two comments. After a
change of the shipped rows, ``python tests/test_results_page.py`` writes it again, and the figures.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from coconut_bench.cli import main
from coconut_bench.leaderboard.paper_table import ORDER
from coconut_bench.leaderboard.store import SHIPPED

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "results.md"
PAGES = (PAGE, DOCS / "leak.md")
FIGURES = (
    "leaderboard beside prosqa-tiny-leaky prosqa-tiny --plot docs/figures/leak.png",
    "leaderboard table --dataset prosqa-tiny --recipe tiny --plot docs/figures/costs.png",
    "leaderboard beside prosqa-tiny:tiny-2layers prosqa-tiny:tiny prosqa-tiny:tiny-4layers "
    "prosqa-tiny:tiny-6layers --method cot,pause-cot,no-cot,coconut,pause-as-thought,rule --removed "
    "--plot docs/figures/depth.png",
    "leaderboard thoughts prosqa-tiny --plot docs/figures/hops.png",
    "leaderboard thoughts prosqa-tiny-3hop --plot docs/figures/hops-3hop.png",
)
COMMAND = r"^    coconut-bench (leaderboard (?:table|beside|thoughts) [^\n]+ --format markdown)\n"
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


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_tables_and_sentences_are_what_the_commands_print(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
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
    for path in PAGES:
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
    for figure in FIGURES:
        output(figure.replace("docs", str(DOCS)))
