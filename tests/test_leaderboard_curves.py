"""Learning curves: steps to 99 % in the tables, and the curve of each seed on the page."""

import csv
from pathlib import Path

import pytest
from leaderboard_examples import predictions, result

from coconut_bench.leaderboard import Result, add, render
from coconut_bench.leaderboard.aggregate import aggregate
from coconut_bench.leaderboard.measures import Curve
from coconut_bench.leaderboard.page.site import write_page

# Two stages; only the last one counts, and its first validation at 99 %.
FAST = Curve(stages=[0, 0, 1, 1], steps=[100, 200, 1000, 2100], accuracy=[1.0, 0.7, 0.98, 0.99])
SLOW = Curve(stages=[0, 1, 1, 1], steps=[100, 1000, 2500, 2600], accuracy=[0.5, 0.6, 0.995, 0.98])
NEVER = Curve(stages=[1, 1], steps=[100, 2600], accuracy=[0.5, 0.7])
EMPTY = Curve(stages=[], steps=[], accuracy=[])


def row(*curves: Curve | None) -> Result:
    made = result({seed: predictions(lambda _: True) for seed in range(len(curves))})
    seeds = [
        entry.model_copy(update={"curve": curve}) for entry, curve in zip(made.seeds, curves, strict=True)
    ]
    return made.model_copy(update={"seeds": seeds})


@pytest.mark.parametrize(
    ("curves", "cell"),
    [
        ((FAST, FAST, SLOW), "2,100 (3/3)"),
        ((FAST, SLOW), "2,300 (2/2)"),
        ((FAST, NEVER, NEVER), "2,100 (1/3)"),
        ((NEVER, NEVER), "– (0/2)"),
        ((FAST, None), "2,100 (1/1)"),
        ((None, EMPTY), ""),
    ],
)
def test_the_table_counts_the_seeds_that_get_there_and_their_median_steps(
    curves: tuple[Curve | None, ...], cell: str
) -> None:
    made = row(*curves)
    assert str(aggregate(made).reached or "") == cell
    (line,) = csv.DictReader(render([made], "csv").splitlines())
    assert line["steps to 99 %"] == cell
    for format in ("text", "markdown"):
        assert cell in render([made], format)


def test_the_page_draws_the_curve_of_each_seed_that_has_one(tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.json"
    add(path, row(FAST, None, NEVER))
    html = write_page(path, tmp_path / "site").read_text(encoding="utf-8")
    assert html.count('aria-label="Learning curve, seed') == 2
    assert 'aria-label="Learning curve, seed 0: 99.0 % after 2,100 steps"' in html
    assert 'data-steps="2100"' in html
    assert "2,100 (1/2)" in html
