"""docs/results.md shows what the shipped leaderboard holds, to the last digit."""

from pathlib import Path

from coconut_bench.leaderboard.paper_table import paper_table
from coconut_bench.leaderboard.store import SHIPPED

PAGE = Path(__file__).resolve().parents[1] / "docs" / "results.md"


def test_the_table_of_the_results_is_what_the_command_prints() -> None:
    printed = paper_table(SHIPPED, dataset="prosqa-tiny", recipe="tiny", markdown=True)
    assert printed in PAGE.read_text(encoding="utf-8")
