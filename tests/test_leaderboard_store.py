"""Adding is atomic, safe with many writers, and refuses what conflicts."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from leaderboard_examples import predictions, result

from coconut_bench.leaderboard import QuotedResult, Result, add, lock, read
from coconut_bench.leaderboard import store as module
from coconut_bench.leaderboard.result import Base
from coconut_bench.leaderboard.store import SHIPPED, add_all, default_file, side_files
from coconut_bench.leaderboard.submit import rows_of

TESTS = Path(__file__).parent
# A writer in a process of its own: adds one seed after another and says so after each.
WRITER = """
import sys
sys.path.insert(0, {tests!r})
from leaderboard_examples import predictions, result
from coconut_bench.leaderboard import add
print("ready", flush=True)
sys.stdin.readline()
for seed in range({start}, {stop}):
    add({path!r}, result({{seed: predictions(lambda index: index % (2 + seed % 5) != 0, n=40)}}))
    print(seed, flush=True)
"""


def start_writer(path: Path, start: int, stop: int, before: str = "") -> subprocess.Popen[str]:
    code = before + WRITER.format(tests=str(TESTS), path=str(path), start=start, stop=stop)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def go(writer: subprocess.Popen[str]) -> None:
    assert writer.stdin and writer.stdout
    assert writer.stdout.readline() == "ready\n"
    writer.stdin.write("\n")
    writer.stdin.flush()


def seeds_in(path: Path) -> set[int]:
    return {entry.seed for row in read(path).measured for entry in row.seeds}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "leaderboard.json"


def test_a_new_file_begins_with_the_quoted_rows(path: Path) -> None:
    row = result()
    board = add(path, row)
    assert board.measured == [row]
    assert board.quoted == read(SHIPPED).quoted


def test_another_seed_joins_its_row_in_order(path: Path) -> None:
    for seed in (2, 0, 1):
        add(path, result({seed: predictions(lambda index, seed=seed: index % 10 != seed)}))
    (row,) = read(path).measured
    assert [entry.seed for entry in row.seeds] == [0, 1, 2]


@pytest.mark.parametrize(
    "other", [{"method": "cot"}, {"recipe": "large"}, {"quick": True}, {"dataset": "else"}]
)
def test_another_identity_is_another_row(other: dict[str, object], path: Path) -> None:
    add(path, result())
    assert len(add(path, result(**other)).measured) == 2  # type: ignore[arg-type]


def test_the_same_result_again_changes_nothing(path: Path) -> None:
    add(path, result())
    before = path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino
    add(path, result())
    assert (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) == before


def test_another_result_of_a_seed_is_refused_unless_replaced(path: Path) -> None:
    add(path, result())
    before = path.read_bytes()
    other = result({0: predictions(lambda index: index % 4 != 0)})
    with pytest.raises(
        ValueError, match=r"coconut on synthetic \(tiny\): seed 0 .* 180 of 200 .* 150 of 200"
    ):
        add(path, other)
    assert path.read_bytes() == before
    assert add(path, other, replace=True).measured == [other]


def test_rows_with_the_same_hashes_must_agree_on_what_they_are(path: Path) -> None:
    row = result()
    add(path, row)
    renamed = row.model_copy(update={"recipe": row.recipe.model_copy(update={"name": "renamed"})})
    with pytest.raises(ValueError, match="recipe must be that of the row with the same hashes"):
        add(path, renamed)


def test_the_name_of_a_folder_makes_no_other_row(tmp_path: Path) -> None:
    """Neither that of a base model's weights nor that of files of one's own."""

    def here(seed: int, name: str) -> Result:
        row = result()
        data = row.dataset.model_copy(update={"name": f"{name}-data", "seed": None})
        base = Base(name=name, parameters=400_000, revision="a" * 64)
        seeds = [row.seeds[0].model_copy(update={"seed": seed, "base_weights": "a" * 64})]
        return row.model_copy(update={"dataset": data, "base_model": base, "seeds": seeds})

    one, two = here(0, "mine"), here(1, "copied")
    assert one.key == two.key
    for name, rows in (("a.json", (one, two)), ("b.json", (two, one, one))):
        for row in rows:
            add(tmp_path / name, row)
    [row] = read(tmp_path / "a.json").measured
    assert ([entry.seed for entry in row.seeds], row.base_model.name) == ([0, 1], "copied")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_a_quoted_row_is_not_changed_silently(path: Path) -> None:
    quoted = read(SHIPPED).quoted[0]
    add(path, quoted)
    changed = quoted.model_copy(update={"accuracy": 0.5})
    with pytest.raises(ValueError, match="must equal the recorded row"):
        add(path, changed)
    assert changed in add(path, changed, replace=True).quoted


def test_the_order_of_adding_does_not_show(tmp_path: Path) -> None:
    rows: list[Result | QuotedResult] = [result(method=name) for name in ("cot", "coconut", "no-cot")]
    for name, order in (("a.json", rows), ("b.json", rows[::-1])):
        for row in order:
            add(tmp_path / name, row)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_sixteen_processes_at_once_lose_nothing(path: Path) -> None:
    writers = [start_writer(path, 3 * number, 3 * number + 3) for number in range(16)]
    for writer in writers:
        go(writer)
    for writer in writers:
        _, _ = writer.communicate(timeout=120)
        assert writer.returncode == 0
    assert seeds_in(path) == set(range(48))


def test_a_kill_at_any_time_leaves_a_whole_file_with_all_that_was_reported(path: Path) -> None:
    add(path, result({1000: predictions(lambda index: True, n=40)}))
    for number in range(4):
        writer = start_writer(path, 100 * number, 100 * number + 100)
        go(writer)
        time.sleep(0.05 + 0.04 * number)
        writer.send_signal(signal.SIGKILL)
        reported, _ = writer.communicate()
        assert writer.returncode == -signal.SIGKILL
        found = seeds_in(path)
        # The last one may have been written without being reported.
        expected = {int(line) for line in reported.split()} | {1000}
        assert expected <= found
        assert len([seed for seed in found if 100 * number <= seed < 1000]) <= len(expected)
    add(path, result({1001: predictions(lambda index: True, n=40)}))
    assert list(path.parent.glob(".*.tmp")) == []


@pytest.mark.parametrize(("call", "kept"), [("os.fsync", "old"), ("os.replace", "old"), ("os.close", "new")])
def test_a_death_at_each_step_leaves_the_old_file_or_the_new(call: str, kept: str, path: Path) -> None:
    """``os.close`` is called for the folder only, after the rename (files of `open` close themselves)."""
    add(path, result({1000: predictions(lambda index: True, n=40)}))
    old = path.read_bytes()
    die = (
        "import os, types, coconut_bench.generators.files as files\n"
        "files.os = types.SimpleNamespace(**vars(os))\n"
        f"files.{call} = lambda *arguments: os._exit(9)\n"
    )
    writer = start_writer(path, 0, 1, die)
    go(writer)
    writer.communicate(timeout=60)
    assert writer.returncode == 9
    assert (path.read_bytes() == old) == (kept == "old")
    assert seeds_in(path) == ({1000} if kept == "old" else {0, 1000})
    # The lock died with its holder, and what was left lying about is cleared away.
    add(path, result({2: predictions(lambda index: True, n=40)}))
    assert 2 in seeds_in(path)
    assert list(path.parent.glob(".*.tmp")) == []


def test_a_full_disk_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(path, result())
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        add(path, result(method="cot"))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir() if file.suffix == ".tmp"] == []


def test_a_held_lock_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "LOCK_SECONDS", 0.05)
    with lock.locked(path), pytest.raises(OSError, match="another process has held its lock"):
        add(path, result())


def test_the_mode_of_the_file_and_a_link_to_it_are_kept(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    add(real, result())
    real.chmod(0o640)
    link.symlink_to(real)
    add(link, result(method="cot"))
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert len(read(real).measured) == 2


def test_an_older_schema_is_migrated_with_a_backup(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 0 stands for any older one: here it had its rows under another name."""
    add(path, result())
    data = json.loads(path.read_text(encoding="utf-8"))
    old = json.dumps({"schema_version": 0, "results": data["rows"]}).encode()
    path.write_bytes(old)
    migration = {0: lambda data: {"schema_version": 1, "rows": data["results"]}}
    monkeypatch.setattr(module, "MIGRATIONS", {**module.MIGRATIONS, **migration})
    assert read(path).measured == [result()]
    assert path.read_bytes() == old, "reading changes nothing"
    board = add(path, result(method="cot"))
    assert len(board.measured) == 2
    assert read(path) == board
    assert path.with_name("leaderboard.json.v0.bak").read_bytes() == old


def test_side_files_come_along(tmp_path: Path) -> None:
    row = result(folder=tmp_path / "run")
    target = tmp_path / "board" / "leaderboard.json"
    with pytest.raises(FileNotFoundError, match="missing, the predictions of coconut, seed 0"):
        add(target, row)
    assert not target.exists()
    add(target, row, predictions=tmp_path / "run")
    (record,) = [entry.predictions for entry in row.seeds]
    assert record
    assert (side_files(target) / record.file).read_bytes() == (tmp_path / "run" / record.file).read_bytes()


def test_a_damaged_side_file_is_not_taken_over_but_is_mended(tmp_path: Path) -> None:
    row = result(folder=tmp_path / "run")
    target = tmp_path / "board" / "leaderboard.json"
    add(target, row, predictions=tmp_path / "run")
    (name,) = [entry.predictions.file for entry in row.seeds if entry.predictions]
    good = (tmp_path / "run" / name).read_bytes()
    (side_files(target) / name).write_bytes(good[:-1])
    add(target, row, predictions=tmp_path / "run")
    assert (side_files(target) / name).read_bytes() == good
    (tmp_path / "run" / name).write_bytes(good[:-1])
    with pytest.raises(ValueError, match="sha256 must be"):
        add(target, row, predictions=tmp_path / "run")


def test_a_training_made_again_that_came_out_the_same_is_no_conflict(tmp_path: Path) -> None:
    """Another date and other seconds of the same weights and answers; the recorded entry stays."""
    path = tmp_path / "leaderboard.json"
    row = result(folder=tmp_path / "run")
    add(path, row, predictions=tmp_path / "run")
    before = path.read_bytes()

    def made_again(**changes: object) -> Result:
        [first, *rest] = row.seeds
        later = first.provenance.model_copy(update={"date": "2030-01-01T00:00:00Z"})
        return row.model_copy(
            update={"seeds": [first.model_copy(update={"provenance": later, **changes}), *rest]}
        )

    add(path, made_again(), predictions=tmp_path / "run")
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match="--replace replaces it"):
        add(path, made_again(weights="0" * 64), predictions=tmp_path / "run")
    add(path, made_again(), predictions=tmp_path / "run", replace=True)
    assert read(path).measured[0].seeds[0].provenance.date == "2030-01-01T00:00:00Z"


def test_merging_files_takes_all_or_none(tmp_path: Path) -> None:
    ours, theirs, bad = (tmp_path / name / "leaderboard.json" for name in ("ours", "theirs", "bad"))
    add(ours, result())
    for path, row in (
        (theirs, result({1: predictions(lambda index: index % 5 != 0)}, folder=tmp_path / "run")),
        (bad, result({0: predictions(lambda index: False)})),
    ):
        add(path, row, predictions=tmp_path / "run")
    before = ours.read_bytes()
    with pytest.raises(ValueError, match="seed 0 is already recorded"):
        add_all(ours, rows_of([theirs, bad]))
    assert ours.read_bytes() == before
    assert add_all(ours, rows_of([theirs])) == 1
    assert add_all(ours, rows_of([theirs])) == 0
    assert seeds_in(ours) == {0, 1}
    assert len(list(side_files(ours).iterdir())) == 1


def test_the_default_file_is_the_one_here_or_the_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_file() == SHIPPED
    add(Path("leaderboard.json"), result())
    assert default_file() == Path("leaderboard.json")
