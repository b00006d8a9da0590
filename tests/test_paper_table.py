"""Table 1's form: mean and deviation over seeds, the paper's numbers, and where the order differs from it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from leaderboard_examples import predictions, result

from coconut_bench.benchmarks.recipe import recipe_names
from coconut_bench.cli import main
from coconut_bench.coconut.methods import METHODS
from coconut_bench.generators.wordings.table import PAPERS
from coconut_bench.leaderboard.paper_table import ORDER, render_paper_table
from coconut_bench.leaderboard.result import QuotedResult, Result
from coconut_bench.leaderboard.store import SHIPPED, read

QUOTED = read(SHIPPED).quoted


def row(method: str, *right: int, recipe: str = "gpt2-prosqa", thoughts: int = 2) -> Result:
    """A row of ``method`` with so many of 200 questions right, a seed each."""
    seeds = {
        seed: predictions(lambda index, most=count: index < most, thoughts=thoughts)
        for seed, count in enumerate(right)
    }
    return result(seeds, method=method, recipe=recipe, dataset="prosqa")


def test_every_method_has_its_line_in_the_paper_s_order_with_the_paper_s_title() -> None:
    assert {method: METHODS[method].title for method in METHODS} == ORDER
    rows = [row(method, 100) for method in reversed(METHODS)]
    _, _, *lines = render_paper_table(rows, QUOTED).splitlines()
    assert [line.split("  ")[0] for line in lines[: len(ORDER)]] == list(ORDER.values())


def test_mean_deviation_tokens_and_the_paper_s_numbers_stand_side_by_side() -> None:
    lines = render_paper_table([row("coconut", 190, 194, 192)], QUOTED).splitlines()
    assert lines[2].split() == ["Coconut", "3", "96.0", "±", "1.0", "4.0", "97.0", "±", "0.3", "14.2"]
    own = render_paper_table([row("coconut", 190, 194, 192, recipe="tiny")], QUOTED).splitlines()
    assert own[2].split() == ["Coconut", "3", "96.0", "±", "1.0", "4.0"]
    markdown = render_paper_table([row("coconut", 190)], QUOTED, markdown=True).splitlines()
    assert markdown[-1] == "| Coconut | 1 | 95.0 | 4.0 | 97.0 ± 0.3 | 14.2 |"


def test_an_order_that_differs_beyond_the_noise_is_said_and_no_other() -> None:
    """In the paper iCoT is above Coconut (98.2, 97.0), and CoT above No-CoT by less than their deviations."""
    rows = [row("coconut", 190, 191), row("icot", 100, 101), row("cot", 100, 101), row("no-cot", 150, 151)]
    text = render_paper_table(rows, QUOTED)
    said = [line for line in text.splitlines() if "above" in line]
    assert said == [
        "No-CoT is above iCoT, 75.2 % and 50.2 %; in the paper, on prosqa, below it, 76.7 % and 98.2 %.",
        "Coconut is above iCoT, 95.2 % and 50.2 %; in the paper, on prosqa, below it, 97.0 % and 98.2 %.",
    ]
    near = [row("coconut", 190, 150), row("icot", 180, 140)]
    assert "above" not in render_paper_table(near, QUOTED)


def test_answers_with_another_number_of_thoughts_stay_out() -> None:
    forced = row("coconut", 20).model_copy(update={"thoughts": 0})
    assert "10.0" not in render_paper_table([row("coconut", 190), forced], QUOTED)
    with pytest.raises(ValueError, match="at least 1 measured one"):
        render_paper_table([forced], QUOTED)


def test_the_recipes_of_the_paper_name_datasets_that_it_has() -> None:
    quoted = {row.dataset for row in QUOTED if isinstance(row, QuotedResult)}
    assert {paper.dataset for paper in PAPERS.values()} == quoted
    assert {paper.recipe for paper in PAPERS.values()} <= set(recipe_names())


def test_the_command_prints_the_shipped_rows() -> None:
    done = CliRunner().invoke(
        main, ["leaderboard", "table", "--recipe", "tiny", "--leaderboard", str(SHIPPED)]
    )
    assert done.exit_code == 0, done.output
    assert done.output.startswith("prosqa-tiny 1.0.0 symbolic, 1000 test questions; recipe tiny")
