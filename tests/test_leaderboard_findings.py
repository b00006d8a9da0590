"""What the page says beyond numbers: the best row, why rows are tied, what a guess reaches, samples."""

import re
import shlex
from html import escape
from pathlib import Path

import click
import pytest
from leaderboard_examples import predictions, result

from coconut_bench.cli import main
from coconut_bench.generators import DATASETS
from coconut_bench.generators.audit import audit
from coconut_bench.leaderboard import Result, add, read, read_predictions
from coconut_bench.leaderboard.aggregate import aggregate
from coconut_bench.leaderboard.compare import Answers
from coconut_bench.leaderboard.measures import Controls
from coconut_bench.leaderboard.page.audited import AUDITED, audited
from coconut_bench.leaderboard.page.axes import spread
from coconut_bench.leaderboard.page.findings import COMPARED, comparisons, find, headline, tied_with
from coconut_bench.leaderboard.page.guide import ADDING
from coconut_bench.leaderboard.page.marks import Series
from coconut_bench.leaderboard.page.site import write_page
from coconut_bench.leaderboard.ranking import ranks
from coconut_bench.leaderboard.samples import regenerate
from coconut_bench.leaderboard.store import SHIPPED, side_files


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of the shipped leaderboard."""
    return write_page(SHIPPED, tmp_path_factory.mktemp("site")).read_text(encoding="utf-8")


def series(folder: Path, **right: int) -> list[Series]:
    """Rows of one seed by method, which answer so many questions of 200 right, the best first."""
    rows = [
        result({0: predictions(lambda index, n=n: index < n)}, method=method, folder=folder)
        for method, n in sorted(right.items(), key=lambda item: -item[1])
    ]
    return [Series(row, aggregate(row), number, row.method) for number, row in enumerate(rows)]


def text(markup: str) -> str:
    return re.sub("<[^>]*>", "", markup).replace("\u00a0", " ")


def test_the_headline_says_which_row_is_best_and_which_are_tied_with_it(tmp_path: Path) -> None:
    found = find(series(tmp_path, a=190, b=100, c=80), Answers(tmp_path))
    assert text(headline(found)).startswith("Best: a (95.0 %), significantly above all 2 other rows.")
    assert tied_with(found, found.series[0].row.key) == ""
    found = find(series(tmp_path, a=190, b=188, c=80), Answers(tmp_path))
    said = text(headline(found))
    assert said.startswith(
        "No row is significantly the best: a (95.0 %) does not differ significantly from b (94.0 %; "
    )
    assert ". It is significantly above the other row." in said
    assert re.fullmatch(
        r"a \((undecided|equivalent, TOST), p .+\)", tied_with(found, found.series[1].row.key)
    )
    first, second = comparisons(found, found.series[0].row.key)
    assert " b" in first and "a is above c" in second and "Holm over 3 pairs" in second
    [alone] = series(tmp_path, a=190)
    said = text(headline(find([alone], Answers(tmp_path))))
    assert said == "Only one row of a model: a (95.0 %). There is none to compare it with."
    rule = alone._replace(row=alone.row.model_copy(update={"kind": "rule"}))
    said = text(headline(find([rule], Answers(tmp_path))))
    assert said == "No row of a model. The rule a (95.0 %) does not read the query entity."


def test_a_tie_is_told_with_the_accuracy_on_the_seeds_that_were_compared(tmp_path: Path) -> None:
    """Of five seeds the first alone is as good as the best row, which has no other."""
    right = {0: 190, 1: 100, 2: 100, 3: 100, 4: 100}
    seeds = {seed: predictions(lambda index, n=n: index < n) for seed, n in right.items()}
    rows = [
        result({0: predictions(lambda index: index < 192)}, method="a", folder=tmp_path),
        result(seeds, method="b", folder=tmp_path),
    ]
    both = [Series(row, aggregate(row), number, row.method) for number, row in enumerate(rows)]
    said = text(headline(find(both, Answers(tmp_path))))
    assert "does not differ significantly from b (95.0 % on the 1 seed that both have; " in said


def test_the_page_counts_rules_and_rows_from_elsewhere_apart(shipped: str, tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.json"
    row = result({0: predictions(lambda index: index < 100), 1: predictions(lambda index: index < 90)})
    add(path, row)
    add(path, row.model_copy(update={"kind": "external", "method": "other"}))
    html = write_page(path, tmp_path / "site").read_text(encoding="utf-8")
    assert "1 measured row (2 training runs), 1 row made elsewhere, 24 rows quoted from papers." in html
    rules = sum(row.kind == "rule" for row in read(SHIPPED).measured)
    assert f", {rules} rules without a model, " in shipped


def test_rows_without_predictions_are_said_not_to_be_compared(tmp_path: Path) -> None:
    found = find(series(tmp_path, a=190, b=80), Answers(tmp_path / "nowhere"))
    said = text(headline(found))
    assert "from b (40.0 %; not compared, " in said and "is missing or not readable" in said


def test_the_number_of_pairs_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    many = {f"m{number}": 199 - number for number in range(COMPARED + 5)}
    found = find(series(tmp_path, **many), Answers(tmp_path))
    assert len(found.pairs) == COMPARED and {len(pairs) for pairs in found.pairs.values()} == {COMPARED - 1}
    assert "The 5 least accurate rows are not compared here." in text(headline(found))


def test_a_reason_for_a_tie_agrees_with_the_rank() -> None:
    rows = sorted(read(SHIPPED).measured, key=lambda row: -aggregate(row).accuracy)
    found = find(
        [Series(row, aggregate(row), number, row.method) for number, row in enumerate(rows)],
        Answers(side_files(SHIPPED)),
    )
    places = ranks(rows, Answers(side_files(SHIPPED)))
    for pair in (pair for pairs in found.pairs.values() for pair in pairs):
        if pair.order:
            assert places[pair.order[0].key] < places[pair.order[1].key]
        elif places[pair.a.key] == places[pair.b.key]:
            assert pair.b.method in tied_with(found, pair.a.key)


def test_marks_that_fall_together_are_moved_apart() -> None:
    places = [(100.0, 50.0)] * 5 + [(100.0, 200.0), (300.0, 50.0)]
    moved = spread(places, 10, 80, 400)
    assert moved[0] == moved[5] == 100 and moved[6] == 300
    assert sorted(moved[:5]) == [80, 90, 100, 110, 120]
    assert min(spread(places, 10, 95, 400)) >= 95


def test_every_dataset_has_an_audit_of_its_version() -> None:
    wanted = {(name, data.version, data.surfaces[0]) for name, data in DATASETS.items()}
    assert wanted <= AUDITED.keys(), "run coconut-bench audit and add the line"
    known = {(name, data.version, surface) for name, data in DATASETS.items() for surface in data.surfaces}
    assert AUDITED.keys() <= known
    assert str(AUDITED["prosqa", "1.0.0", "natural"]).startswith("leaks 9")
    assert str(AUDITED["prosqa-fair", "1.0.0", "natural"]) == "fair 50.6 %"


@pytest.mark.parametrize("name", ["prontoqa", "prosqa-tiny"])
def test_the_recorded_audit_is_that_of_a_sample(name: str) -> None:
    key = (name, DATASETS[name].version, DATASETS[name].surfaces[0])
    recorded = AUDITED[key]
    sample = audit(name, examples=600, learned=False)
    assert sample[recorded.guess.removeprefix("not ")].strength == pytest.approx(recorded.share, abs=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("key", sorted(AUDITED))
def test_the_recorded_audit_is_what_the_command_finds(key: tuple[str, str, str]) -> None:
    name, version, surface = key
    assert version == DATASETS[name].version
    guess = audit(name, surface=surface).strongest()
    recorded = AUDITED[key]
    learned = guess.effort == "learned"  # the fits depend on the version of scikit-learn
    assert guess.strength == pytest.approx(recorded.share, abs=0.01 if learned else 0.0001)
    assert learned or str(guess).endswith(f"({recorded.guess})")


def test_every_chart_has_the_line_of_chance(shipped: str) -> None:
    charts = re.findall(r"<svg [^>]*role=\"img\".*?</svg>", shipped)
    assert len(charts) > 20
    assert all("chance 50 %" in text(chart) for chart in charts)
    assert '<span class="badge fair"' in shipped and ">fair 50.7 %</span>" in shipped


def test_a_dataset_that_leaks_is_marked_and_an_unknown_one_is_said_not_to_be_audited(tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.json"
    row = result(dataset="prontoqa")
    natural = row.dataset.model_copy(update={"surface": "natural"})
    for changed in (row.model_copy(update={"dataset": natural}), result(dataset="my-own")):
        add(path, changed)
    html = write_page(path, tmp_path / "site").read_text(encoding="utf-8")
    assert ">leaks 100.0 %</span>" in html and ">not audited</span>" in html
    assert "best guess 100 %" in text(html)
    found = audited(natural)
    assert found and found.guess == "look-up"


def test_a_row_shows_the_verdict_of_its_controls(tmp_path: Path) -> None:
    path, row = tmp_path / "leaderboard.json", result()
    add(path, row)
    assert ">controls: not run</span>" in write_page(path, tmp_path / "site").read_text(encoding="utf-8")
    said = "The thoughts are needed: forced to answer without thoughts it is at chance (49.3 %)."
    add(path, row.model_copy(update={"controls": Controls(verdict=said, seeds=[0], n=1000)}))
    html = write_page(path, tmp_path / "site").read_text(encoding="utf-8")
    assert ">controls: The thoughts are needed</span>" in html
    assert f"<p>{said} (Seeds 0; 1,000 questions each.)</p>" in html


def test_a_verdict_outlives_new_seeds_but_not_another_training(tmp_path: Path) -> None:
    path, said = tmp_path / "leaderboard.json", Controls(verdict="Needed.", seeds=[0], n=200)
    row = result({0: predictions(lambda index: index % 10 != 0)})
    assert "controls" not in row.model_dump(mode="json"), "rows without a verdict are written as before"
    add(path, row.model_copy(update={"controls": said}))
    add(path, row)  # the same run, filed again
    more = result({1: predictions(lambda index: index % 10 != 0)})
    assert add(path, more).measured[0].controls == said
    other = result({0: predictions(lambda index: index % 5 != 0)})
    assert add(path, other, replace=True).measured[0].controls is None
    with pytest.raises(ValueError, match=r"controls must be of the row's seeds \[0\], got \[3\]"):
        Result.model_validate({**row.model_dump(), "controls": {"verdict": "x", "seeds": [3], "n": 1}})


def test_samples_are_the_recorded_answers_to_the_generated_questions(shipped: str) -> None:
    row = next(row for row in read(SHIPPED).measured if row.method == "no-cot" and row.recipe.name == "tiny")
    named = "no-cot (tiny, llama, premise recall)"  # other recipes have the method too
    questions, record = regenerate(row.dataset), row.seeds[0].predictions
    assert record
    given = {one.id: one for one in read_predictions(record, side_files(SHIPPED))}
    found = re.findall(r'<article data-wrong="([^"]*)"><h3>(prosqa-tiny/\S+?)<span', shipped)
    shown = {name: wrong.split("\n") for wrong, name in found}
    assert 10 < len(shown) == len(found) < 50
    for name, wrong in shown.items():
        assert (named in wrong) is not given[name].correct
        assert f"<code>{escape(questions[name].question, quote=False)}</code>" in shipped
    first = [name for name in questions if not given[name].correct][:2]
    assert set(first) | set(list(questions)[:6]) <= shown.keys()
    counts = [len([one for one in wrong.split("\n") if one]) for wrong, _ in found]
    assert counts == sorted(counts, reverse=True)


def test_the_commands_that_the_page_shows_have_their_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _, line in ADDING:
        command: click.Command = main
        context, rest = click.Context(main), shlex.split(line)[1:]
        while rest and isinstance(command, click.Group):
            command = command.get_command(context, rest.pop(0)) or pytest.fail(line)
        if line:
            command.make_context(str(command.name), rest)
