"""Commands stay near-linear in rows: counted in comparisons, files and parsed rows, not in seconds."""

import gc
import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from leaderboard_boards import write_board
from leaderboard_examples import predictions, result
from scipy import special

from coconut_bench.leaderboard import Result, add, lock, read, splice, store
from coconut_bench.leaderboard import predictions as side
from coconut_bench.leaderboard.compare import Answers
from coconut_bench.leaderboard.merging import merge_rows
from coconut_bench.leaderboard.page.site import write_page
from coconut_bench.leaderboard.ranking import ranks
from coconut_bench.leaderboard.statistics import CONFIDENCE, NORMAL_QUANTILE
from coconut_bench.leaderboard.store import dump, record, side_files


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Leaderboards of one dataset, by their number of rows."""
    folder = tmp_path_factory.mktemp("boards")
    return {size: write_board(folder / str(size) / "b.json", size, questions=120) for size in (40, 160)}


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the slow steps are taken."""
    found: Counter[str] = Counter()

    def counted(owner: object, name: str) -> None:
        original = getattr(owner, name)

        def call(*arguments: object, **options: object) -> object:
            found[name] += 1
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, call)

    counted(Answers, "paired")
    counted(side.Prediction, "model_validate_json")
    counted(splice.Text, "row")
    counted(store, "_parse")
    return found


def test_ranking_takes_at_most_two_comparisons_a_row(
    boards: dict[int, Path], counts: Counter[str], tmp_path: Path
) -> None:
    for size, path in boards.items():
        counts.clear()
        places = ranks(read(path).measured, Answers(side_files(path)))
        assert len(set(places.values())) > 1
        assert 0 < counts["paired"] <= 2 * size
        assert counts["model_validate_json"] <= 120 * size
        seen = dict(counts)
        counts.clear()
        write_page(path, tmp_path / str(size))
        assert counts["_parse"] == 1
        assert counts["paired"] <= seen["paired"] + 28, "the page compares the eight best rows besides"
        assert counts["model_validate_json"] <= 2 * seen["model_validate_json"]


def test_rows_that_cannot_differ_are_ranked_without_their_answers(
    tmp_path: Path, counts: Counter[str]
) -> None:
    """Of 20 questions even 0 and 20 right is not significant among 1,225 pairs, whatever the answers say."""
    path = write_board(tmp_path / "b.json", 50)
    assert set(ranks(read(path).measured, Answers(side_files(path))).values()) == {1}
    assert counts["paired"] == 0
    assert counts["model_validate_json"] == 20, "only the first row's, which others would be compared with"


def test_the_same_answers_are_compared_once(tmp_path: Path, counts: Counter[str]) -> None:
    good, bad = (
        result({0: predictions(lambda index, most=most: index < most)}, method=str(most), folder=tmp_path)
        for most in (200, 20)
    )
    copies = [bad.model_copy(update={"method": f"copy {number}"}) for number in range(30)]
    places = ranks([good, *copies], Answers(tmp_path))
    assert {places[row.key] for row in copies} == {2}
    assert counts["paired"] <= 2


def test_without_an_effect_ranks_stay_one(tmp_path: Path) -> None:
    """Which pair is compared follows from the data: of 12 equal rows, the best and the worst differ most."""
    wrong = 0
    for trial in range(30):
        draw = random.Random(trial)
        rows = []
        for number in range(12):
            missed = set(draw.sample(range(60), 30))
            answers = {0: predictions(lambda index, missed=missed: index not in missed, 60)}
            rows.append(result(answers, method=str(number), folder=tmp_path))
        wrong += len(set(ranks(rows, Answers(tmp_path)).values())) > 1
    assert wrong <= 2


def test_a_row_without_answers_is_tied_and_does_not_tie_the_others(tmp_path: Path) -> None:
    best, good, bad = (
        result({0: predictions(lambda index, most=most: index < most)}, method=str(most), folder=folder)
        for most, folder in ((200, None), (190, tmp_path), (20, tmp_path))
    )
    assert [ranks([best, good, bad], Answers(tmp_path))[row.key] for row in (best, good, bad)] == [1, 1, 2]
    (tmp_path / str(good.seeds[0].predictions and good.seeds[0].predictions.file)).unlink()
    assert [ranks([good, bad], Answers(tmp_path))[row.key] for row in (good, bad)] == [1, 1]


def test_an_addition_parses_a_few_rows_of_a_file_that_was_written_here(
    boards: dict[int, Path], counts: Counter[str], tmp_path: Path
) -> None:
    for size, path in boards.items():
        target = tmp_path / str(size) / "b.json"
        target.parent.mkdir()
        target.write_bytes(path.read_bytes())
        record(target, result(recipe="first"))
        assert counts["_parse"] == 1, "it was written elsewhere"
        counts.clear()
        record(target, result(recipe="second"))
        record(target, result({1: predictions(lambda index: True)}, recipe="second"))
        assert counts["_parse"] == 0
        assert counts["row"] <= 2 * (size.bit_length() + 2)
        counts.clear()
        target.write_bytes(target.read_bytes().replace(b'"accuracy": 1.0', b'"accuracy": 2.0', 1))
        before = target.read_bytes()
        with pytest.raises(ValueError, match="accuracy"):
            record(target, result(recipe="third"))
        assert target.read_bytes() == before
        counts.clear()


def test_a_row_put_into_the_text_gives_the_bytes_of_all_rows_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    rows: list[Result] = []
    draw = random.Random(0)
    for number in range(25):
        right = draw.randrange(2, 9)
        row = result(
            {number: predictions(lambda index, right=right: index % right != 0, 8)},
            method=draw.choice(["cot", "coconut", 'quo"ted \\ ünï']),
            recipe=draw.choice(["tiny", "a", "z"]),
            dataset=draw.choice(["x", "y"]),
            quick=draw.random() < 0.3,
        )
        rows.append(row)
        merged = record(path, row)
        assert isinstance(merged, Result) and row.seeds[0] in merged.seeds
    expected, _ = merge_rows(read(store.SHIPPED).quoted, rows)
    assert path.read_bytes() == dump(read(path)).encode()
    assert read(path).rows == expected
    (tmp_path / ".b.json.checked").unlink()
    path.write_text(json.dumps(json.loads(path.read_bytes())), encoding="utf-8")
    before = path.read_bytes()
    add(path, rows[0])
    assert path.read_bytes() == before, "and left as it is where nothing changes"
    add(path, rows[0].model_copy(update={"method": "pause"}))
    assert path.read_bytes() == dump(read(path)).encode(), "a file of another form is written anew"


def test_who_waits_for_the_lock_waits_while_others_get_on(tmp_path: Path) -> None:
    """Its limit is for one holder: here two hold it in turn, together for longer than the limit."""
    path = tmp_path / "b.json"
    code = f"""
import sys, time
from pathlib import Path
from coconut_bench.leaderboard import lock
lock.TOLD_AFTER, lock.LOCK_SECONDS = 0.2, 1.2
print("ready", flush=True)
sys.stdin.readline()
with lock.locked(Path({str(path)!r})):
    pass
"""
    waiting = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert waiting.stdout and waiting.stdin
    assert waiting.stdout.readline() == "ready\n"
    with lock.locked(path):
        waiting.stdin.write("\n")
        waiting.stdin.flush()
        for turn in range(4):
            (tmp_path / ".b.json.holder").write_text(f"host-{turn} {turn}", encoding="utf-8")
            with pytest.raises(subprocess.TimeoutExpired):
                waiting.wait(timeout=0.7)
    _, said = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, said
    assert said.count("\n") == 1
    assert "waiting for another process to finish writing it (process " in said


def test_the_kept_quantile_is_the_normal_one() -> None:
    assert float(special.ndtri(0.5 + CONFIDENCE / 2)) == NORMAL_QUANTILE


def test_showing_rows_does_not_load_scipy() -> None:
    """The shipped rows have several seeds, so that they are ranked by t tests too."""
    code = (
        "import sys\nfrom coconut_bench.cli import main\n"
        "try: main(['leaderboard', 'show', '--leaderboard', sys.argv[1]])\n"
        "except SystemExit: print('LOADED', *{name.split('.')[0] for name in sys.modules})"
    )
    command = [sys.executable, "-c", code, str(store.SHIPPED)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    text, _, loaded = done.stdout.partition("LOADED")
    assert text.startswith("rank")
    assert "numpy" in loaded.split()
    assert "scipy" not in loaded.split()


def test_the_garbage_collector_runs_again_after_a_file_was_read_or_refused(
    boards: dict[int, Path], tmp_path: Path
) -> None:
    read(boards[40])
    assert gc.isenabled()
    damaged = tmp_path / "b.json"
    damaged.write_text("[]", encoding="utf-8")
    with pytest.raises(ValueError, match="schema_version"):
        read(damaged)
    assert gc.isenabled()
