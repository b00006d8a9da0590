"""The documentation is part of the package: it is printed, and what is written links to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from coconut_bench.benchmarks.analysis.page import MORE
from coconut_bench.cli import main
from coconut_bench.leaderboard.manual import YOUR_ROW, manual, read_page
from coconut_bench.leaderboard.page.site import write_page
from coconut_bench.leaderboard.store import SHIPPED

ROOT = Path(__file__).resolve().parents[1]


def docs(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["docs", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_every_page_is_listed_and_printed() -> None:
    listed = docs()
    for path in (ROOT / "docs").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert re.search(rf"^{path.stem} +{re.escape(text.splitlines()[0][2:])}$", listed, re.MULTILINE)
        assert docs(path.stem) == docs(f"docs/{path.name}") == text.rstrip("\n") + "\n"
    assert listed.splitlines()[1].startswith("index ")


@pytest.mark.parametrize(("name", "near"), [("leaderbord", "leaderboard"), ("trainig.md", "training")])
def test_a_page_that_is_not_there_is_one_line_with_the_nearest(name: str, near: str) -> None:
    done = CliRunner().invoke(main, ["docs", name])
    assert done.exit_code == 2
    assert f"(did you mean {near!r}?)" in done.stderr and done.stderr.count("\n") == 1


def test_the_links_of_the_leaderboards_page_lead_somewhere_without_a_network(tmp_path: Path) -> None:
    html = write_page(SHIPPED, tmp_path / "site").read_text(encoding="utf-8")
    links = set(re.findall(r'href="(docs/[^"]+)"', html))
    assert f"docs/{YOUR_ROW}" in links and {"docs/training.md", "docs/controls.md"} < links
    for link in links:
        assert (tmp_path / "site" / link.partition("#")[0]).is_file(), link
    heading = YOUR_ROW.partition("#")[2].replace("-", " ")
    assert f"## {heading}" in read_page("leaderboard").lower()
    assert 'href="#docs"' in html and 'id="docs"' in html


def test_the_report_names_pages_that_are_there() -> None:
    assert {page for _, page in MORE} < set(manual())
