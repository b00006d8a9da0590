"""What a person at a terminal sees: bars that leave the lines alone, tables that fit, and what to do next."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import sys
import termios
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from leaderboard_examples import result
from micro import write_recipe

from coconut_bench.benchmarks.run.ending import _comparison
from coconut_bench.cli import main
from coconut_bench.coconut.progress import progress_bar
from coconut_bench.generators.terminal import counted
from coconut_bench.leaderboard.store import add

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


class Screen:
    """The lines that a terminal shows, as far as a progress bar moves its cursor."""

    def __init__(self, columns: int) -> None:
        self.columns, self.lines, self.row, self.column = columns, [""], 0, 0
        self.frames: set[str] = set()

    def feed(self, text: str) -> None:
        for part in re.findall(r"\x1b\[A|[\r\n]|[^\r\n\x1b]+", text):
            if part == "\x1b[A":
                self.row -= 1
            elif part == "\n":
                self.row += 1
                self.lines += [""] * (self.row + 1 - len(self.lines))
            elif part == "\r":
                self.column = 0
            else:
                self.write(part)

    def write(self, part: str) -> None:
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[: self.column] + part + line[self.column + len(part) :]
        self.column += len(part)
        self.frames.add(self.lines[self.row].rstrip())

    @property
    def text(self) -> list[str]:
        return [line.rstrip() for line in self.lines]


def on_a_terminal(columns: int, call: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Call with a pseudo-terminal as standard output and standard error; return what it shows."""
    monkeypatch.delenv("COLUMNS", raising=False)
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    raw: list[bytes] = []

    def read() -> None:
        while chunk := os.read(master, 65536):
            raw.append(chunk)
            if chunk.endswith(b"\x04"):
                return

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(slave, "w", encoding="utf-8", newline="") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "stderr", stream)
        try:
            call()
        finally:
            stream.write("\x04")
            stream.flush()
            reader.join()
    os.close(master)
    screen = Screen(columns)
    screen.feed(b"".join(raw).decode().removesuffix("\x04"))
    return screen


def command(*arguments: str) -> Callable[[], object]:
    return lambda: main(list(arguments), standalone_mode=False)


def test_the_bars_of_a_run_leave_every_line_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    write_recipe(Path.cwd())
    monkeypatch.setenv("TQDM_MININTERVAL", "0")
    run = command("run", "--method", "coconut", "--recipe", "micro.yaml")
    screen = on_a_terminal(80, run, monkeypatch)
    assert not [line for line in screen.text if "elapsed" in line or "batch" in line]
    logged = [line for line in screen.text if "stage" in line]
    assert len(logged) == 5, screen.text
    pattern = r"stage \d, step \d \(\d+ in all\): loss \d\.\d{4}, validation accuracy \d+\.\d%"
    assert all(re.fullmatch(pattern, line) for line in logged), logged
    bars = [frame for frame in screen.frames if "elapsed" in frame]
    assert max(map(len, bars)) <= 80
    last = [bar for bar in bars if bar.startswith("stage 2 (3/3), loss ")]
    assert any(re.search(r": +\d+%\|.*\| \d\d:\d\d elapsed, \d\d:\d\d left$", bar) for bar in last), bars
    assert not any(bar.startswith("stage 0") and " 100%" in bar for bar in bars)  # of all stages, not of one


def test_the_time_left_is_that_of_all_stages() -> None:
    with progress_bar(30, 120, hidden=False) as bar:
        bar.start_t -= 60  # 60 s for the 30 steps after the first 30
        bar.n = 60
        bar.set_description_str("stage 1 (2/3)")
        bar.set_postfix_str("loss 0.5000")
        said = r"stage 1 \(2/3\), loss 0.5000:  50%\|.*\| 01:00 elapsed, 0[12]:\d\d left"
        assert re.fullmatch(said, str(bar))


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (
            150,
            r"stage 1 \(2/3\), loss 0.5000, 1.25 steps/s, 2,310 tokens/s, 41% of peak:"
            r"  50%\|.{40,}\| 01:00 elapsed, 0[12]:\d\d left",
        ),
        (90, r"stage 1 \(2/3\), loss 0.5000, 1.25 steps/s:  50%\|.{16}\| 01:00 elapsed, 0[12]:\d\d left"),
        (80, r"stage 1 \(2/3\), loss 0.5000, 1.25 steps/s:  50%\|.{6}\| 01:00 elapsed, 0[12]:\d\d left"),
        (60, r"stage 1 \(2/3\), loss 0.5000:  50%, 01:00 elapsed, 0[12]:\d\d left"),
        (45, r"stage 1 \(2/3\), loss 0.5000:  50%, 0[12]:\d\d left"),
        (10, r"stage 1 \(2"),
    ],
)
def test_the_time_left_fits_the_terminal(columns: int, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with progress_bar(30, 120, hidden=False) as bar:
        bar.dynamic_ncols = lambda _: (columns, 40)
        bar.start_t -= 60
        bar.n = 60
        bar.speed, bar.more = "1.25 steps/s", "2,310 tokens/s, 41% of peak"
        bar.set_description_str("stage 1 (2/3)")
        bar.set_postfix_str("loss 0.5000")
        assert re.fullmatch(line, str(bar)), str(bar)
        assert len(str(bar)) <= columns


def test_a_finished_run_says_where_its_model_is_and_what_to_do_next() -> None:
    write_recipe(Path.cwd())
    run = ["run", "--method", "no-cot,coconut", "--recipe", "micro.yaml"]
    done = CliRunner().invoke(main, run)
    assert done.exit_code == 0, done.output
    said = done.output.partition("Models: ")[2].splitlines()
    assert said[0] == "runs/micro-no-cot-0/model, runs/micro-coconut-0/model"
    commands = [line.removeprefix("Next:").split() for line in said[1:]]
    assert [words[:3] for words in commands] == [
        ["coconut-bench", "samples", "runs/micro-coconut-0"],
        ["coconut-bench", "controls", "runs/micro-coconut-0"],
        ["coconut-bench", "leaderboard", "compare"],
    ]
    for words in commands:
        done = CliRunner().invoke(main, words[1:])
        assert done.exit_code == 0, done.output
    assert done.output.startswith("no-cot (micro, ")
    for run in ("runs/micro-coconut-0", "runs/micro-no-cot-0/result.json"):  # a run is a source of rows, too
        added = CliRunner().invoke(main, ["leaderboard", "add", run, "--to", "other/leaderboard.json"])
        assert "other/leaderboard.json: 1 row added or changed" in added.output
    checked = CliRunner().invoke(main, ["leaderboard", "check", "--leaderboard", "other/leaderboard.json"])
    assert "2 measured and 24 quoted rows, 0 problems" in checked.output


def test_the_comparison_that_is_offered_is_with_a_row_of_the_same_recipe(tmp_path: Path) -> None:
    board, folder = tmp_path / "board.json", tmp_path / "predictions"
    for method, recipe in (("no-cot", "deep"), ("coconut", "tiny"), ("cot", "tiny")):
        mine = result(method=method, recipe=recipe, folder=folder)
        add(board, mine)
    [line] = _comparison([mine], board)
    assert line[-2:] == [mine.key, result(method="coconut", recipe="tiny").key]


def test_a_row_is_not_compared_with_itself() -> None:
    done = CliRunner().invoke(main, ["leaderboard", "compare", "coconut", "coconut"])
    assert done.exit_code == 2
    line = r"Error: coconut and coconut are the same row, [0-9a-f]{8}: name another one\n"
    assert re.fullmatch(line, done.stderr)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_tables_fit_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in (["show"], ["table"], ["compare", "coconut", "no-cot"]):
        screen = on_a_terminal(columns, command("leaderboard", *arguments), monkeypatch)
        assert max(map(len, screen.text)) <= columns, arguments
        if arguments == ["show"]:
            header = screen.text[0].split()
            assert {"rank", "row", "dataset", "method", "accuracy", "note"} <= set(header)
            assert columns < 120 or {"seed", "generated"} <= set(header)
            assert any(line.startswith("Left out to fit") for line in screen.text)


def test_an_audit_fits_the_terminal_and_ends_in_its_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    audit = command("audit", "prosqa", "--n", "20", "--no-learned")
    screen = on_a_terminal(80, audit, monkeypatch)
    assert max(map(len, screen.text)) <= 80
    verdict = [at for at, line in enumerate(screen.text) if line.startswith("best guess without reasoning: ")]
    assert len(verdict) == 1 and all(line.startswith("  ") for line in screen.text[verdict[0] + 1 :] if line)


def test_off_a_terminal_nothing_is_left_out_or_wrapped() -> None:
    done = CliRunner().invoke(main, ["leaderboard", "show"])
    assert "train s" in done.output and "Left out" not in done.output
    assert len({line.find("note") for line in done.output.splitlines()[:1]}) == 1


@pytest.mark.parametrize(
    ("number", "said"), [(1, "1 row"), (1.0, "1 row"), (2.5, "2.5 rows"), (10**7, "10000000 rows")]
)
def test_a_noun_is_as_many_as_its_number(number: float, said: str) -> None:
    assert counted(number, "row") == said
