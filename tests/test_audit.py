"""The audit: rules checked by hand on small graphs, shares and intervals, sources, the command."""

import json
import math
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from coconut_bench.cli import main
from coconut_bench.generators import Example, examples
from coconut_bench.generators.audit.puzzle import Puzzle
from coconut_bench.generators.audit.report import Finding, Report, audit, shortcut_status, wilson
from coconut_bench.generators.audit.rules import EFFORTS, RULES, credit
from coconut_bench.generators.stored.write import generate, plan

# Root 1; the right candidate 9 is three steps away along 1-2-3-9, the wrong one 8 is one step from entity 5.
CHAIN = "5 8 . 2 3 . 1 2 . 2 6 . 3 9 . 7 8 . > 1 < 8 < 9"


def chain() -> Puzzle:
    return Puzzle.read(CHAIN, "9")


def scores(name: str, puzzle: Puzzle) -> tuple[float, float]:
    """The scores of the right and of the wrong candidate."""
    return RULES[name].score(puzzle, puzzle.right), RULES[name].score(puzzle, 1 - puzzle.right)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("first-option", 0, 1),
        ("fewer-mentions", -1, -2),
        ("lower-in-degree", -1, -2),
        ("lower-out-degree", 0, 0),
        ("told-early", -4, 0),
        ("told-late", 4, 5),
        ("told-late-mean", 4, 2.5),
        ("text-distance", -2, -2),
        ("subject-mentions", 2, 2),
        ("look-up", 1, 0),
        ("nearest-entity", 3, 1),
        ("farthest-ancestor", 3, 1),
        ("mean-entity", 3, 1),
        ("longest-depth", 3, 1),
        ("more-ancestors", 4, 3),
        ("fewer-entities", -1, -2),
        ("fewer-siblings", 0, 0),
        ("more-paths", 1, 2),
        ("neighbors-2", 3, 3),
        ("neighbors-4", 5, 3),
        ("component", 5, 3),
        ("eccentricity", -3, -1),
        ("forward-walk", 0.5, 0),
        ("backward-walk", 1, 0),
        ("forward-told", 1, 0),
        ("backward-told", 1, 0),
        ("forward-greedy", 1, 0),
        ("forward-shy", 0, 0),
        ("backward-greedy", 1, 0),
        ("backward-shy", 1, 0),
        ("search-1", 0, 0),
        ("search-2", 0, 0),
        ("search-3", 1, 0),
        ("undirected", 1, 0),
        ("undirected-nearer", -3, -99),
        ("shared-parent", 0, 0),
        ("effective-resistance", -3, -math.inf),
        ("common-ball-3", 5, 0),
        ("walks-8", 0, 0),
        ("search", 1, 0),
    ],
)
def test_a_rule_scores_what_it_says(name: str, right: float, wrong: float) -> None:
    assert scores(name, chain()) == (right, wrong)


def test_graph_algorithms_against_sums_over_all_walks() -> None:
    """Root 1, both candidates 3 away; 8 is on a chain, 9 at the end of a square: two parallel resistors."""
    puzzle = Puzzle.read("1 2 . 2 3 . 3 8 . 1 4 . 5 4 . 1 5 . 5 6 . 4 7 . 6 9 . 7 9 . > 1 < 8 < 9", "8")
    names = puzzle.names
    steps = [[names.index(a), names.index(b)] for a, b in ("12", "23", "38", "14", "54", "15", "56", "47")]
    steps += [[names.index("6"), names.index("9")], [names.index("7"), names.index("9")]]
    assert sorted(map(tuple, steps)) == sorted(puzzle.premises)
    near: list[list[int]] = [[] for _ in names]
    for one, two in steps:
        near[one].append(two)
        near[two].append(one)
    count = visited = [float(node == puzzle.root) for node in range(len(names))]
    share = [0.03 * chance for chance in visited]
    for step in range(1, 1500):
        visited = [sum(visited[v] / len(near[v]) for v in near[node]) for node in range(len(names))]
        share = [old + 0.03 * 0.97**step * new for old, new in zip(share, visited, strict=True)]
        if step <= 12:
            count = [sum(count[v] for v in near[node]) for node in range(len(names))]
        if step in (8, 12):
            for option, node in enumerate(puzzle.candidates):
                assert RULES[f"walks-{step}"].score(puzzle, option) == count[node]
    for option, node in enumerate(puzzle.candidates):
        assert math.isclose(RULES["walk-with-restart"].score(puzzle, option), share[node], abs_tol=2e-9)
    # Two ways of 1 + 1 + 1 ohm from 1 to 9, bridged by 4-5, which carries nothing: 3 / 2 in all.
    assert scores("effective-resistance", puzzle) == (-3, -1.5)
    assert scores("common-ball-3", puzzle) == (4, 6)


def test_a_shared_parent_is_found() -> None:
    puzzle = Puzzle.read("1 2 . 7 2 . 7 8 . 2 9 . > 1 < 8 < 9", "9")
    assert scores("shared-parent", puzzle) == (0, 1)


@pytest.mark.parametrize(
    ("guess", "low", "graph", "verdict"),
    [
        (0.94, 0.9, 0.6, "best guess without reasoning: 94.0 % (mean): leaks; best undirected graph "
                         "algorithm: 60.0 % (ohms), O(n^3)"),
        (0.51, 0.5, 0.997, "best guess without reasoning: 51.0 % (mean): fair; best undirected graph "
                           "algorithm: 99.7 % (ohms), O(n^3)"),
        (0.54, 0.5, 0.2, "best guess without reasoning: 54.0 % (mean): undecided on 10 questions; best "
                         "undirected graph algorithm: 80.0 % (not ohms), O(n^3)"),
    ],
)  # fmt: skip
def test_graph_algorithms_are_stated_and_never_a_leak(
    guess: float, low: float, graph: float, verdict: str
) -> None:
    rows = (
        Finding("mean", "root-blind", "", guess, low, 1, 0),
        Finding("ohms", "graph-algorithm", "", graph, 0, 1, 0, "O(n^3)"),
    )
    assert Report("x", 10, "", rows).verdict() == verdict


def test_every_graph_algorithm_states_its_cost() -> None:
    assert all(bool(rule.cost) == (rule.effort == "graph-algorithm") for rule in RULES.values())


def test_a_tie_counts_half_and_a_walk_its_chance() -> None:
    puzzle = chain()
    assert credit(RULES["nearest-entity"], puzzle) == 1
    assert credit(RULES["more-paths"], puzzle) == 0
    assert credit(RULES["search-1"], puzzle) == 0.5
    assert credit(RULES["forward-walk"], puzzle) == 0.75


def test_prontoqa_polarity_and_look_up() -> None:
    text = "Each wumpus is not shy. Each jompus is shy. Max is a wumpus. True or false: Max is shy."
    puzzle = Puzzle.read(text, "False")
    assert scores("look-up", puzzle) == (1, 0)
    assert scores("affirmative", puzzle) == (0, 1)
    assert scores("first-option", puzzle) == (0, 1)


def test_the_table_has_at_least_twenty_rules_of_known_efforts() -> None:
    shortcuts = [rule for rule in RULES.values() if rule.effort in ("zero-effort", "root-blind")]
    assert len(shortcuts) >= 20
    assert {rule.effort for rule in RULES.values()} | {"learned"} == set(EFFORTS)


def test_wilson_is_the_root_of_its_quadratic() -> None:
    """The bounds p solve (share - p)^2 = z^2 p (1 - p) / n."""
    for right, total in ((50, 100), (3, 10), (9, 12), (911, 1000)):
        for bound in wilson(right, total):
            distance = abs(right / total - bound)
            assert math.isclose(distance, 1.959963984540054 * math.sqrt(bound * (1 - bound) / total))
    assert wilson(20, 20)[1] == 1.0


def test_shortcut_status() -> None:
    def example(question: str, answer: str) -> Example:
        return Example("x/0", question, (), answer, 1)

    assert shortcut_status(example(CHAIN, "9")) == "right"
    assert shortcut_status(example("1 2 . 2 8 . 5 9 . > 5 < 8 < 9", "9")) == "wrong"
    assert shortcut_status(example("1 8 . 5 9 . > 5 < 8 < 9", "9")) == "silent"
    assert {shortcut_status(row) for row in examples("prontoqa", "test", count=50)} == {"right"}
    assert {shortcut_status(row) for row in examples("prosqa-tiny", "test", count=50)} == {"silent"}


def test_the_published_kinds_leak_as_published() -> None:
    """92.5 and 91.3 on the published validation file; the margins are four standard errors of 600."""
    prosqa = audit("prosqa", examples=600, learned=False)
    assert abs(prosqa["nearest-entity"].accuracy - 0.915) < 0.045
    assert abs(prosqa["farthest-ancestor"].accuracy - 0.905) < 0.045
    assert abs(prosqa["lower-in-degree"].accuracy - 0.665) < 0.07
    prontoqa = audit("prontoqa", examples=200, learned=False)
    assert prontoqa["look-up"].accuracy == 1
    assert prosqa["search"].accuracy == prontoqa["search"].accuracy == 1


def test_a_file_without_a_second_split_is_fitted_half_on_half(tmp_path: Path) -> None:
    generate(plan("prosqa", sizes={"train": 0, "valid": 0, "test": 300}, format="published"), tmp_path / "d")
    report = audit(tmp_path / "d" / "test.json")
    assert report.examples == 300
    assert "half" in report.fitted_on
    assert report["logistic-regression"].accuracy > 0.85
    assert report["boosted-trees"].accuracy > 0.8
    assert 0.35 < report["bag-of-words"].accuracy < 0.65
    assert report.strongest().accuracy >= report["nearest-entity"].accuracy
    with pytest.raises(FileNotFoundError, match=r"no file train\.jsonl or train\.parquet"):
        audit(tmp_path / "d")


def test_a_folder_is_fitted_on_another_split(tmp_path: Path) -> None:
    generate(plan("prosqa", sizes={"train": 300, "valid": 40, "test": 40}), tmp_path / "d")
    report = audit(tmp_path / "d", split="valid")
    assert (report.examples, report.fitted_on) == (40, "fitted on train")
    assert report.source.endswith("valid")


def test_strongest_counts_a_rule_that_is_always_wrong() -> None:
    def finding(name: str, effort: str, accuracy: float) -> Finding:
        return Finding(name, effort, "", accuracy, 0, 1, 0)

    rows = (finding("a", "zero-effort", 0.6), finding("b", "root-blind", 0.1), finding("c", "walk", 1.0))
    assert Report("x", 10, "", rows).strongest().name == "b"


def test_the_command_prints_writes_and_draws(tmp_path: Path) -> None:
    out, picture = tmp_path / "a.json", tmp_path / "a.png"
    arguments = ["audit", "prosqa", "--n", "100", "--json", str(out), "--plot", str(picture)]
    done = CliRunner().invoke(main, [*arguments, "--no-learned"])
    assert done.exit_code == 0
    assert "nearest-entity" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("best guess without reasoning: ")
    assert json.loads(out.read_text())["verdict"] == done.stdout.splitlines()[-1]
    findings = {row["name"]: row for row in json.loads(out.read_text())["findings"]}
    assert findings.keys() == RULES.keys()
    assert 0.8 < findings["nearest-entity"]["low"] < findings["nearest-entity"]["accuracy"]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_command_fails_with_code_1_above_the_limit() -> None:
    fair = CliRunner().invoke(main, ["audit", "prosqa-tiny", "--n", "40", "--no-learned", "--max", "0.75"])
    assert fair.exit_code == 0, fair.output
    leaking = CliRunner().invoke(main, ["audit", "prosqa", "--n", "40", "--no-learned", "--max", "0.52"])
    assert leaking.exit_code == 1
    assert leaking.stderr.startswith("LEAK: ")
    assert leaking.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prosqq"], "unknown dataset 'prosqq' (did you mean 'prosqa'?)"),
        (["no/such.json"], "no such file: no/such.json"),
        (["prosqa", "--n", "2"], "examples must be at least 4, got 2"),
        (["prosqa", "--split", "train"], "fit must be another split than train"),
        (["prosqa", "--split", "tset"], "unknown split 'tset' (did you mean 'test'?)"),
        (["prosqa", "--plot", "x.gif"], "--plot must be a .png, .svg or .pdf file, got x.gif"),
    ],
)
def test_bad_input_is_one_line_and_code_2(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(main, ["audit", *arguments])
    assert done.exit_code == 2
    assert done.stderr.startswith(f"Error: {message}")
    assert done.stderr.count("\n") == 1


def test_a_question_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    rows = [{"question": CHAIN, "steps": [], "answer": "9"}] * 4 + [
        {"question": "What?", "steps": [], "answer": "9"}
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(ValueError, match="bad/4: question ends in no known form"):
        audit(path, learned=False)
    rows[4] = {"question": "1 2 . 2 3 . 3 2 . 8 9 . > 1 < 3 < 9", "steps": [], "answer": "3"}
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(ValueError, match="bad/4: the premises must have no cycle"):
        audit(path, learned=False)


def test_without_the_libraries_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sklearn", "matplotlib"):
        monkeypatch.setitem(sys.modules, name, None)
    for options, extra in ((["--learned"], "audit"), (["--plot", "x.png"], "plots")):
        done = CliRunner().invoke(main, ["audit", "prosqa-tiny", *options])
        assert done.exit_code == 2
        assert f"pip install '.[{extra}]'" in done.stderr
    done = CliRunner().invoke(main, ["audit", "prosqa-tiny", "--n", "8"])
    assert done.exit_code == 0
    assert "learned" not in done.stdout
    assert done.stderr.startswith(
        "Note: fitted models are left out; a guess by fitted models needs scikit-learn"
    )
