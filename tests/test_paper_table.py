"""Table 1's form: mean and deviation over seeds, the paper's numbers, and what may be said of pairs."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from leaderboard_examples import predictions, result

from coconut_bench.benchmarks.recipe import recipe_names
from coconut_bench.cli import main
from coconut_bench.coconut.methods import METHODS
from coconut_bench.generators.wordings.table import PAPERS
from coconut_bench.leaderboard.compare import Answers
from coconut_bench.leaderboard.escape import latex_cell
from coconut_bench.leaderboard.paper_table import ORDER, render_paper_table
from coconut_bench.leaderboard.ranking import ranks
from coconut_bench.leaderboard.result import QuotedResult, Result
from coconut_bench.leaderboard.store import SHIPPED, read

QUOTED = read(SHIPPED).quoted
NOWHERE = Path("nowhere")
"""No predictions are there: without them rows are not compared."""


def row(method: str, *right: int, recipe: str = "gpt2-prosqa", folder: Path | None = None) -> Result:
    """A row of ``method`` with so many of 200 questions right, a seed each."""
    seeds = {seed: predictions(lambda index, most=count: index < most) for seed, count in enumerate(right)}
    return result(seeds, method=method, recipe=recipe, dataset="prosqa", folder=folder)


def sentences(rows: list[Result], folder: Path) -> list[str]:
    """What stands below the table."""
    return render_paper_table(rows, QUOTED, folder).partition("\n\n")[2].splitlines()


def test_every_method_has_its_line_in_the_paper_s_order_with_the_paper_s_title() -> None:
    assert {method: METHODS[method].title for method in METHODS} == ORDER
    rows = [row(method, 100) for method in reversed(METHODS)]
    _, _, *lines = render_paper_table(rows, QUOTED, NOWHERE).splitlines()
    assert [line.split("  ")[0] for line in lines[: len(ORDER)]] == list(ORDER.values())


def test_mean_deviation_tokens_and_the_paper_s_numbers_stand_side_by_side() -> None:
    lines = render_paper_table([row("coconut", 190, 194, 192)], QUOTED, NOWHERE).splitlines()
    assert lines[2].split()[:10] == ["Coconut", "3", "96.0", "±", "1.0", "4.0", "97.0", "±", "0.3", "14.2"]
    own = render_paper_table([row("coconut", 190, 194, 192, recipe="tiny")], QUOTED, NOWHERE).splitlines()
    assert own[2].split() == ["Coconut", "3", "96.0", "±", "1.0", "4.0", "4.0", "1.00e14", "495,872"]
    markdown = render_paper_table([row("coconut", 190)], QUOTED, NOWHERE, format="markdown").splitlines()
    assert markdown[-1] == "| Coconut | 1 | 95.0 | 4.0 |  | 97.0 ± 0.3 | 14.2 | 4.0 | 1.00e14 | 495,872 |"


def test_what_a_row_costs_stands_beside_it_where_it_is_known() -> None:
    made = row("coconut", 190, recipe="tiny")
    [entry] = made.seeds
    unknown = made.model_copy(update={"seeds": [entry.model_copy(update={"compute": None})]})
    header = render_paper_table([made], QUOTED, NOWHERE, format="csv").splitlines()[0]
    assert ",passes,train FLOPs,parameters," in header
    header = render_paper_table([unknown], QUOTED, NOWHERE, format="csv").splitlines()[0]
    assert ",passes," in header and "FLOPs" not in header and "parameters" not in header


def test_the_paper_s_order_is_told_where_both_are_beyond_their_noise(tmp_path: Path) -> None:
    """In the paper iCoT is above Coconut (98.2, 97.0), and CoT above No-CoT by less than their deviations."""
    counts = {"coconut": (190, 191), "icot": (100, 101), "cot": (100, 101), "no-cot": (150, 151)}
    rows = [row(method, *right, folder=tmp_path) for method, right in counts.items()]
    cot, no_cot, icot, control = sentences(rows, tmp_path)
    assert cot.startswith(
        "Coconut is above CoT: 95.2 % and 50.2 %, +45.0 points (95 % interval over 2 seeds "
    )
    assert no_cot.startswith("Coconut is above No-CoT: ")
    assert icot.startswith("Coconut is above iCoT: ")
    assert icot.endswith(" In the paper, on prosqa, it is below: 97.0 % and 98.2 %.")
    assert control.startswith("No-CoT is above CoT: 75.2 % and 50.2 %")
    assert not any("In the paper" in text for text in (cot, no_cot, control))


def test_no_order_is_told_where_the_rows_do_not_differ(tmp_path: Path) -> None:
    rows = [row("coconut", 190, 150, folder=tmp_path), row("icot", 140, 180, folder=tmp_path)]
    (text,) = sentences(rows, tmp_path)
    assert text.startswith("Coconut and iCoT: undecided")
    assert "In the paper" not in text


def test_ablations_have_a_name_of_their_own_in_a_sentence(tmp_path: Path) -> None:
    names = ("coconut", "coconut-no-thought", "pause-as-thought")
    rows = [row(method, 190 - 40 * place, folder=tmp_path) for place, method in enumerate(names)]
    first, second = sentences(rows, tmp_path)
    assert first.startswith("Coconut is above Coconut w/o thought: ")
    assert second.startswith("Coconut is above Pause as thought: ")


def test_rows_of_other_numerics_have_a_table_of_their_own(tmp_path: Path) -> None:
    old = row("cot", 100, folder=tmp_path)
    new = old.model_copy(update={"recipe": old.recipe.model_copy(update={"numerics": 2})})
    first, second = render_paper_table([old, new], QUOTED, tmp_path).split("\n\n")
    assert first.splitlines()[0] + ", numerics 2" == second.splitlines()[0]


def test_answers_with_another_number_of_thoughts_stay_out() -> None:
    forced = row("coconut", 20).model_copy(update={"thoughts": 0})
    assert "10.0" not in render_paper_table([row("coconut", 190), forced], QUOTED, NOWHERE)
    with pytest.raises(ValueError, match="at least 1 measured one"):
        render_paper_table([forced], QUOTED, NOWHERE)


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


def test_the_best_and_its_ties_are_bold_with_a_note(tmp_path: Path) -> None:
    rows = [row("coconut", 190, folder=tmp_path), row("cot", 188, folder=tmp_path)]
    rows.append(row("no-cot", 20, folder=tmp_path))
    text = render_paper_table(rows, QUOTED, tmp_path)
    markdown = render_paper_table(rows, QUOTED, tmp_path, format="markdown")
    assert [line for line in markdown.splitlines() if "**" in line] == [
        line for line in markdown.splitlines() if line.startswith(("| CoT", "| Coconut"))
    ]
    assert (
        "**95.0**" in markdown
        and "Bold: the best accuracy, and those significantly below neither" in markdown
    )
    assert "**" not in text and "Bold" not in text


def test_latex_has_the_cells_of_the_text_and_nothing_that_it_would_read_as_a_command(tmp_path: Path) -> None:
    rows = [row("coconut", 190, 194, folder=tmp_path), row(r"a_b & 50% #1 \x{~^}", 20, 30, folder=tmp_path)]
    latex = render_paper_table(rows, QUOTED, tmp_path, format="latex")
    lines = [line for line in latex.splitlines() if not line.startswith("%")]
    body = lines[lines.index(r"    \midrule") + 1 : lines.index(r"    \bottomrule")]
    assert len(body) == 2 and all(line.endswith(r" \\") for line in body)
    columns = re.search(r"\\begin\{tabular\}\{(\w+)\}", latex)
    assert columns and all(len(re.findall(r"(?<!\\)&", line)) == len(columns[1]) - 1 for line in body)
    assert r"\textbf{96.0 $\pm$ 1.4}" in body[0]
    escaped = r"a\_b \& 50\% \#1 \textbackslash{}x\{\textasciitilde{}\textasciicircum{}\}"
    assert body[1].startswith(f"    {escaped} & 2 & ")
    bare = re.sub(r"\\[\\&%$#_{}]", "", "\n".join(lines))
    assert bare.count("{") == bare.count("}")
    assert "%" not in bare and "_" not in bare and "#" not in bare
    assert bare.count("$") % 2 == 0
    for name in ("table", "tabular"):
        assert latex.count(rf"\begin{{{name}}}") == latex.count(rf"\end{{{name}}}") == 1
    assert latex.isascii()


def test_a_best_row_of_two_seeds_makes_no_tie_of_what_is_below_one_of_many(tmp_path: Path) -> None:
    counts = {
        "pause-cot": (200, 199),
        "coconut": (198, 199, 198, 197, 199),
        "no-cot": (100, 110, 90, 99, 101),
    }
    rows = [row(method, *right, folder=tmp_path) for method, right in counts.items()]
    table = render_paper_table(rows, QUOTED, tmp_path, format="markdown").splitlines()
    assert [line.split(" | ")[0] for line in table if "**" in line] == ["| Coconut", "| Pause, then CoT"]
    places = ranks(rows, Answers(tmp_path))
    assert [places[one.key] for one in rows] == [1, 1, 2]


def test_latex_is_not_stopped_by_a_name() -> None:
    """Compiled once with pdfTeX (TeX Live 2022): these, and each letter from U+00A0 to U+017F."""
    assert latex_cell("[x] *") == "{[}x] {*}"  # after the end of a row both would be its arguments
    assert latex_cell("中 → σ Đ «") == r"{[}U+4E2D] $\to$ {[}U+03C3] {[}U+0110] {[}U+00AB]"
    assert (
        latex_cell("é ß Ž ± × … `q`") == r"é ß Ž $\pm$ $\times$ \dots{} \textasciigrave{}q\textasciigrave{}"
    )
    assert latex_cell("\u200b") == "{[}U+200B]"


def test_csv_has_one_header_for_all_tables(tmp_path: Path) -> None:
    rows = [
        row("coconut", 190, folder=tmp_path),
        row("=cot", 20, folder=tmp_path),
        row("cot", 20, recipe="x"),
    ]
    lines = list(csv.DictReader(render_paper_table(rows, QUOTED, tmp_path, format="csv").splitlines()))
    assert [line["method"] for line in lines] == ["Coconut", "'=cot", "CoT"]
    assert [line["ties with the best"] for line in lines] == ["yes", "", ""]
    assert [line["recipe"] for line in lines] == ["gpt2-prosqa", "gpt2-prosqa", "x"]
    assert [line["paper %"] for line in lines] == ["97.0 ± 0.3", "", ""]
    with pytest.raises(ValueError, match=r"unknown format 'latx' \(did you mean 'latex'\?\)"):
        render_paper_table(rows, QUOTED, tmp_path, format="latx")


def test_the_paper_s_columns_are_left_out_where_it_has_no_such_line() -> None:
    assert "paper" not in render_paper_table([row("codi", 190)], QUOTED, NOWHERE).splitlines()[1]


def test_tables_of_a_recipe_and_its_changed_form_have_different_titles() -> None:
    plain, changed = row("cot", 100), row("cot", 90)
    changed = changed.model_copy(update={"recipe": plain.recipe.model_copy(update={"hash": "1" * 64})})
    drawn = render_paper_table([plain, changed], QUOTED, NOWHERE)
    assert drawn.count("recipe hash") == 2 and "recipe hash 11111111" in drawn
    assert "gpt2-prosqa 11111111" in render_paper_table([plain, changed], QUOTED, NOWHERE, format="csv")
    assert "recipe hash" not in render_paper_table([plain], QUOTED, NOWHERE)


def test_accuracy_is_drawn_against_each_cost_in_which_rows_differ(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = ["leaderboard", "table", "--dataset", "prosqa-tiny", "--leaderboard", str(SHIPPED)]
    figure = tmp_path / "costs.svg"
    done = CliRunner().invoke(main, [*rows, "--recipe", "tiny", "--plot", str(figure)])
    assert done.exit_code == 0, done.output
    drawn = figure.read_text(encoding="utf-8")
    for axis in (
        "generated tokens per question",
        "sequential forward passes per question",
        "FLOPs of training",
    ):
        assert f"<!-- {axis} -->" in drawn
    assert "<!-- parameters used when answering -->" in drawn  # CODI's thoughts have a projection
    assert all(f"<!-- {name} -->" in drawn for name in ("CoT", "Coconut", "pause as thought"))
    leaky = [*rows[:3], "prosqa-tiny-leaky", *rows[4:], "--plot", str(figure)]
    assert CliRunner().invoke(main, leaky).exit_code == 0
    assert "parameters" not in figure.read_text(encoding="utf-8")  # all have as many
    refused = CliRunner().invoke(main, [*rows, "--plot", str(tmp_path / "all.svg")])
    assert refused.exit_code == 2
    assert re.search(r"plot needs the rows of one table, got those of \d", refused.stderr)
    assert not (tmp_path / "all.svg").exists()
