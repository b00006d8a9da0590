"""Accuracy by thoughts and hops: which rows make a curve, and what is refused."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from leaderboard_examples import entry, predictions, result

from coconut_bench.cli import main
from coconut_bench.leaderboard.measures import Answered
from coconut_bench.leaderboard.result import Result
from coconut_bench.leaderboard.store import add
from coconut_bench.leaderboard.thoughts import curves, plot

Right = dict[int, int]
"""Seed → answers that are right of 200."""


def row(
    right: Right, hops: int, dataset: str = "prosqa-tiny", thoughts: int | None = None, **which: str
) -> Result:
    """A row of a run that was trained with two thoughts, tested on questions of one number of hops."""
    given = 2 if thoughts is None else thoughts
    seeds = []
    for seed, most in right.items():
        asked = [one.model_copy(update={"hops": hops}) for one in predictions(lambda at, n=most: at < n)]
        answered = Answered(stage=2, thoughts=given, halting="constant")
        seeds.append(entry(seed, asked).model_copy(update={"answered": answered, "predictions": None}))
    return result(dataset=dataset, **which).model_copy(update={"seeds": seeds, "thoughts": thoughts})


BOARD = [
    row({0: 200, 1: 190}, 2),
    row({0: 100}, 2, thoughts=0),
    row({0: 120}, 2, thoughts=3),
    row({0: 20}, 3, "prosqa-tiny-hops3"),
    row({0: 90}, 3, "prosqa-tiny-hops3", thoughts=3),
    row({0: 199}, 1, "prosqa-tiny-hops1", thoughts=1),
    row({0: 7}, 2, "prosqa-tiny-joins", thoughts=3),  # another axis
    row({0: 8}, 3, "prosqa-tiny-hops3", thoughts=0, recipe="deeper"),
    row({0: 9}, 3, "prosqa-tiny-hops3", thoughts=1, method="pause"),
    row({0: 10}, 4, "prosqa-tiny-3hop-hops4", thoughts=3),  # a variant of another dataset
]


def board(folder: Path, rows: list[Result]) -> Path:
    path = folder / "board.json"
    for one in rows:
        add(path, one)
    return path


def invoke(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["leaderboard", "thoughts", *arguments])
    return done.exit_code, done.output


def test_a_curve_has_the_rows_of_one_run_and_of_one_number_of_hops(tmp_path: Path) -> None:
    found = curves(board(tmp_path, BOARD), "prosqa-tiny")
    assert found.cells() == [
        ("hops", "0", "1", "2", "3"),
        ("1", "–", "99.5", "–", "–"),
        ("2", "50.0", "–", "100.0", "60.0"),
        ("3", "–", "–", "10.0", "45.0"),
    ]
    assert (found.hops, found.thoughts, found.seeds) == ((2,), 2, (0,))  # seed 1 has no other row
    low, high = found.points[2][3].right.interval
    assert (low, high) == pytest.approx((0.531, 0.665), abs=0.001)  # Wilson's, 120 of 200


def test_several_seeds_have_the_interval_of_their_mean(tmp_path: Path) -> None:
    right = {0: 100, 1: 110, 2: 120}
    found = curves(board(tmp_path, [row(right, 2), row(right, 2, thoughts=0)]), "prosqa-tiny:tiny")
    mean, (low, high) = found.points[2][0].right
    half = 4.302653 * 0.05 / 3**0.5  # t of two degrees of freedom, standard deviation .05
    assert (mean, low, high) == pytest.approx((0.55, 0.55 - half, 0.55 + half), abs=1e-6)
    assert found.seeds == (0, 1, 2)


def test_a_row_that_was_asked_for_counts_before_one_as_trained(tmp_path: Path) -> None:
    """The first may be of another training of the seed; the others are of one command."""
    rows = [row({0: 200}, 2), row({0: 180}, 2, thoughts=2), row({0: 100}, 2, thoughts=0)]
    assert curves(board(tmp_path, rows), "prosqa-tiny").cells()[1] == ("2", "50.0", "90.0")


def test_answers_that_are_no_candidate_are_told_from_those_that_are_the_wrong_one(tmp_path: Path) -> None:
    """Twins 2 n and 2 n + 1 have the answers 2 n and 2 n + 1: a twin's answer is the other candidate."""
    path = tmp_path / "board.json"
    for thoughts, wrong in ((None, lambda at: at ^ 1), (0, lambda at: at + 1000)):
        asked = []
        for at, one in enumerate(predictions(lambda _: False)):
            is_right = at % 4 == 0
            said = {"answer": str(at), "prediction": str(at if is_right else wrong(at)), "correct": is_right}
            asked.append(one.model_copy(update={**said, "hops": 2}))
        filed = entry(0, asked, tmp_path / "predictions")
        filed = filed.model_copy(update={"answered": Answered(stage=2, thoughts=2, halting="constant")})
        one_row = result(dataset="prosqa-tiny").model_copy(update={"seeds": [filed], "thoughts": thoughts})
        add(path, one_row, predictions=tmp_path / "predictions")
    assert curves(path, "prosqa-tiny").cells()[1] == ("2", "25.0 (25)", "25.0 (100)")


def test_the_command_prints_and_draws(tmp_path: Path) -> None:
    path, figure = board(tmp_path, BOARD), tmp_path / "figure.svg"
    code, output = invoke("prosqa-tiny", "--leaderboard", str(path), "--plot", str(figure))
    assert code == 0, output
    assert "trained on 2 hops with 2 thoughts" in " ".join(output.split())
    drawn = figure.read_text(encoding="utf-8")
    for label in ("1 hop", "2 hops, trained on", "3 hops", "chance, 50 %", "thoughts in training"):
        assert f"<!-- {label} -->" in drawn
    code, output = invoke("prosqa-tiny", "--leaderboard", str(path), "--format", "markdown")
    assert code == 0 and "| 3 | – | – | 10.0 | 45.0 |" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prosqa-tin"], "unknown dataset 'prosqa-tin' (did you mean 'prosqa-tiny'?)"),
        (["prosqa-tiny", "--method", "coconat"], "unknown method on prosqa-tiny 'coconat'"),
        (
            ["prosqa-tiny-hops3:tiny"],
            "prosqa-tiny-hops3 tests models that were trained on prosqa-tiny:",
        ),
        (["prosqa-tiny:tine"], "unknown recipe of coconut on prosqa-tiny 'tine' (did you mean 'tiny'?)"),
        (["prosqa-tiny", "--plot", "figure.jpg"], "--plot must be a .png, .svg or .pdf file, got figure.jpg"),
    ],
)
def test_what_is_unknown_is_told_in_a_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    code, output = invoke(*arguments, "--leaderboard", str(board(tmp_path, BOARD)))
    assert (code, output.count("\n")) == (2, 1), output
    assert message in output


def test_rows_that_say_nothing_of_thoughts_are_refused(tmp_path: Path) -> None:
    lone, other = row({0: 200}, 2), row({1: 100}, 2, thoughts=0)
    bare = lone.seeds[0].model_copy(update={"answered": None})
    for name, rows, message in (
        ("alone", [lone], "must have rows with other numbers of thoughts, got none"),
        ("apart", [lone, other], "must share a seed, got none that all 2 have"),
        ("bare", [lone.model_copy(update={"seeds": [bare]})], "must record hops and thoughts"),
    ):
        (tmp_path / name).mkdir()
        with pytest.raises(ValueError, match=message):
            curves(board(tmp_path / name, rows), "prosqa-tiny")


def test_as_many_curves_as_the_largest_dataset_has_hops_are_drawn(tmp_path: Path) -> None:
    found = curves(board(tmp_path, BOARD), "prosqa-tiny")
    many = found._replace(points=dict.fromkeys(range(3, 13), found.points[2]))  # prosqa-fair's
    plot(many, tmp_path / "many.svg")
    drawn = (tmp_path / "many.svg").read_text(encoding="utf-8")
    assert all(f"<!-- {hops} hops -->" in drawn for hops in range(3, 13))
