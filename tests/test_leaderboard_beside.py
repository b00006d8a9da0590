"""Two datasets side by side: which rows stand in a line, and whether the interval covers."""

import random
from pathlib import Path

import pytest
from click.testing import CliRunner
from leaderboard_examples import predictions, result

from coconut_bench.cli import main
from coconut_bench.leaderboard.beside import beside, gap
from coconut_bench.leaderboard.measures import Controls, Score
from coconut_bench.leaderboard.result import Result
from coconut_bench.leaderboard.statistics import wilson
from coconut_bench.leaderboard.store import add


def row(dataset: str, *right: int, method: str = "coconut", recipe: str = "tiny") -> Result:
    """A row with so many of 200 questions right, a seed each."""
    seeds = {seed: predictions(lambda index, most=count: index < most) for seed, count in enumerate(right)}
    return result(seeds, method=method, recipe=recipe, dataset=dataset)


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """Coconut on both datasets, CoT on one; a second recipe with fewer rows on the second."""
    path = tmp_path / "board.json"
    rows = [
        row("leaky", 180),
        row("leaky", 170, method="cot"),
        row("fair", 100, 110),
        row("fair", 104, method="icot"),
        row("fair", 190, recipe="deeper"),
    ]
    for one in rows:
        add(path, one.model_copy(update={"seeds": [_unfiled(seed) for seed in one.seeds]}))
    return path


def _unfiled(entry: object) -> object:
    return entry.model_copy(update={"predictions": None})  # type: ignore[attr-defined]


def invoke(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["leaderboard", "beside", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_line_holds_the_rows_of_one_method(board: Path, tmp_path: Path) -> None:
    found = beside(board, "leaky", "fair")
    cells = {line[0]: line[1:] for line in found.cells()[1:]}
    assert found.recipes == ("tiny", "tiny")
    assert cells["Coconut"][:3] == ("90.0 (1)", "52.5 (2)", "+40.0")  # 90 and 50 %: the seed that both have
    assert cells["CoT"] == ("85.0 (1)", "–", "–", "–")
    assert cells["iCoT"][1] == "52.0 (1)"
    other = beside(board, "leaky", "fair:deeper")
    assert {line[0]: line[3] for line in other.cells()}["Coconut"] == "−5.0"
    figure = tmp_path / "figure.png"
    text = invoke("leaky", "fair", "--leaderboard", str(board), "--plot", str(figure))
    assert "+40.0" in text and figure.stat().st_size > 1000
    assert "| Coconut | 90.0 (1)" in invoke(
        "leaky", "fair", "--leaderboard", str(board), "--format", "markdown"
    )


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("leakx", "fair"), "unknown dataset 'leakx' (did you mean 'leaky'?)"),
        (("leaky",), "beside needs two different columns or more, got leaky"),
        (("leaky", "leaky"), "beside needs two different columns or more, got leaky, leaky"),
        (("leaky:tiny", "leaky"), "beside needs two different columns or more, got leaky:tiny, leaky"),
        (("leakx",), "unknown dataset 'leakx' (did you mean 'leaky'?)"),
        (
            ("leaky", "fair", "--method", "cocnut"),
            "unknown method of these rows 'cocnut' (did you mean 'coconut'?)",
        ),
        (("leaky", "fair", "--method", ""), "unknown method of these rows ''"),
        (("leaky", "fair:deep"), "unknown recipe on fair 'deep' (did you mean 'deeper'?)"),
    ],
)
def test_an_unknown_name_says_the_nearest(names: tuple[str, str], message: str, board: Path) -> None:
    done = CliRunner().invoke(main, ["leaderboard", "beside", *names, "--leaderboard", str(board)])
    assert done.exit_code == 2 and message in done.output and done.output.count("\n") == 1


def test_more_columns_have_no_difference_and_a_line_for_forced_answers(tmp_path: Path) -> None:
    path, figure = tmp_path / "board.json", tmp_path / "figure.png"
    for recipe, right, forced in (("shallow", 198, 101), ("tiny", 196, 120), ("deep", 194, None)):
        said = Controls(verdict="Needed.", seeds=[0], n=200, removed=forced and Score.of(forced, 200))
        one = row("fair", right, recipe=recipe).model_copy(update={"controls": said})
        add(path, one.model_copy(update={"seeds": [_unfiled(seed) for seed in one.seeds]}))
    other = row("fair", 100, recipe="deep", method="cot")
    add(path, other.model_copy(update={"seeds": [_unfiled(seed) for seed in other.seeds]}))
    columns = ("fair:shallow", "fair:tiny", "fair:deep")
    assert beside(path, *columns, removed=True).cells() == [
        ("method", *columns),
        ("CoT", "–", "–", "50.0 (1)"),
        ("Coconut", "99.0 (1)", "98.0 (1)", "97.0 (1)"),
        ("Coconut, thoughts removed", "50.5 (1)", "60.0 (1)", "–"),
    ]
    chosen = beside(path, *columns, methods=["coconut"]).cells()
    assert [line[0] for line in chosen] == ["method", "Coconut"]
    twice = invoke(*columns, "--leaderboard", str(path), "--method", "cot, cot", "--method", "coconut")
    assert (twice.count("CoT"), twice.count("Coconut")) == (1, 1), "each once, also if named again"
    text = invoke(*columns, "--leaderboard", str(path), "--removed", "--plot", str(figure))
    assert "at once" in text and "both have" not in text and figure.stat().st_size > 1000
    low, high = beside(path, *columns, removed=True).lines[2].shares[0].interval  # type: ignore[union-attr]
    pairs = row("fair", 0).seeds[0].twins.n  # type: ignore[union-attr]
    assert (low, high) == tuple(wilson(0.505 * (200 - pairs), 200 - pairs)), "twins count once"


def test_a_dataset_with_nothing_but_quick_rows_is_no_column(board: Path) -> None:
    quick = row("short", 100).model_copy(update={"quick": True})
    add(board, quick.model_copy(update={"seeds": [_unfiled(seed) for seed in quick.seeds]}))
    for command in (["beside", "leaky", "short"], ["thoughts", "short"]):
        done = CliRunner().invoke(main, ["leaderboard", *command, "--leaderboard", str(board)])
        assert done.exit_code == 2 and done.output.count("\n") == 1
        assert "rows of short must not all be quick or changed by -o" in done.output


def test_the_interval_covers_the_true_difference() -> None:
    """200 pairs of rows whose answers are drawn with known probabilities; no two questions are alike."""
    drawn, covered = random.Random(0), 0
    for _ in range(200):
        counts = [sum(drawn.random() < share for _ in range(200)) for share in (0.9, 0.5)]
        first, second = (row(name, count) for name, count in zip(("a", "b"), counts, strict=True))
        found = gap(first, second)
        assert found is not None and found.mean == pytest.approx((counts[0] - counts[1]) / 200)
        covered += found.interval.low <= 0.4 <= found.interval.high
    assert covered >= 185  # the counts of twins make it wider than 95 %


def test_seeds_that_disagree_make_the_interval_wider() -> None:
    narrow, wide = (gap(row("a", *right), row("b", 100, 100, 100)) for right in ((150,) * 3, (200, 150, 100)))
    assert narrow and wide and narrow.mean == pytest.approx(wide.mean) == pytest.approx(0.25)
    assert wide.interval.high - wide.interval.low > 2 * (narrow.interval.high - narrow.interval.low)
    assert gap(row("a", 5), row("b", 5)) is not None
