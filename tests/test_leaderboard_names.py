"""Which row a name means, and how a recipe that ``-o`` has changed is told from the plain one."""

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner
from leaderboard_examples import digest, predictions, provenance, result

from coconut_bench.cli import main
from coconut_bench.leaderboard import Recipe, Result, add, read
from coconut_bench.leaderboard.lineage import recorded_settings
from coconut_bench.leaderboard.page.site import write_page
from coconut_bench.leaderboard.query import find, find_all


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "leaderboard.json"
    for method in ("coconut", "no-cot"):
        row = result({0: predictions(lambda index: index > 3)}, method=method, folder=tmp_path / "run")
        add(target, row, predictions=tmp_path / "run")
    return target


def invoke(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["leaderboard", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def changed(path: Path, tmp_path: Path) -> list[Result]:
    """Two rows of coconut by recipes that -o has changed, beside the plain one."""
    plain = next(row for row in read(path).measured if row.method == "coconut")
    made = []
    for number, option in enumerate(("-o optimizer.lr=1", "--override='optimizer.lr=2 \n<b>'")):
        [seed] = plain.seeds
        source = provenance(f"coconut-bench run --out runs {option}")
        seeds = [seed.model_copy(update={"provenance": source})]
        recipe = Recipe(name="tiny", hash=digest(f"changed {number}"))
        made.append(plain.model_copy(update={"recipe": recipe, "seeds": seeds}))
        add(path, made[-1])
    return made


def test_a_method_means_the_recipe_as_it_stands(path: Path, changed: list[Result]) -> None:
    rows = read(path).measured
    assert len([row for row in rows if row.method == "coconut"]) == 3
    assert find(rows, "coconut").recipe.hash == digest("tiny")
    first, second = changed
    assert [find(rows, row.key) for row in changed] == changed
    with pytest.raises(ValueError, match="must name one row") as error:
        find(changed, "coconut")
    assert f"{first.key} (synthetic, tiny, changed: optimizer.lr=1, recipe hash " in str(error.value)
    for row in changed:
        assert row.recipe.hash and f"recipe hash {row.recipe.hash[:8]})" in str(error.value)
    assert find_all(rows, [second.key, "coconut"]) == [second, second]


def test_a_method_means_the_full_run_of_a_recipe_that_was_tried_quickly_before(path: Path) -> None:
    plain = next(row for row in read(path).measured if row.method == "coconut")
    quick = plain.model_copy(update={"recipe": Recipe(name="tiny", hash=digest("quick")), "quick": True})
    add(path, quick)
    rows = read(path).measured
    assert [row.quick for row in rows if row.method == "coconut"].count(True) == 1
    assert find_all(rows, ["coconut"]) == [plain]
    assert find_all(rows, [quick.key]) == [quick]
    assert find_all([quick], ["coconut"]) == [quick]


def test_a_method_means_the_questions_of_its_dataset_rather_than_those_of_a_variant() -> None:
    """``run --ood`` adds rows of as many seeds; they are named by their keys."""
    own, variant = (result(dataset=name) for name in ("prosqa-tiny", "prosqa-tiny-hops3"))
    for rows in ([own, variant], [variant, own]):
        assert find_all(rows, ["coconut"]) == [own]
        assert find_all(rows, [variant.key]) == [variant]
    assert find([variant], "coconut") == variant
    trained_there = result(dataset="prosqa-tiny-hops3", recipe="deeper")
    with pytest.raises(ValueError, match="coconut: must name one row"):
        find([own, trained_there], "coconut")


def test_a_changed_recipe_is_told_from_the_plain_one(
    path: Path, changed: list[Result], tmp_path: Path
) -> None:
    file = ["--leaderboard", str(path)]
    lines = csv.DictReader(invoke("show", *file, "--kind", "measured", "--format", "csv").splitlines())
    notes = {line["row"]: line["note"] for line in lines if line["method"] == "coconut"}
    first, second = changed
    assert notes.pop(first.key) == "changed: optimizer.lr=1"
    assert notes.pop(second.key) == "changed: optimizer.lr=2 <b>"
    assert list(notes.values()) == [""]
    assert "coconut (tiny, changed: optimizer.lr=1, " in invoke("compare", first.key, "no-cot", *file)
    html = write_page(path, tmp_path / "site").read_text(encoding="utf-8")
    assert html.count(">changed: optimizer.lr=1</span>") == 1
    assert html.count(">changed: optimizer.lr=2 &lt;b&gt;</span>") == 1
    assert "recipe tiny, changed: optimizer.lr=1, " in invoke("table", *file)


def test_a_command_that_cannot_be_read_changes_nothing() -> None:
    assert recorded_settings("coconut-bench run -o 'optimizer.lr=1") == []
    assert recorded_settings("coconut-bench run --out -o") == []
