"""``generate`` writes a folder as a whole or not at all, in every format, and says what was wrong."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from coconut_bench.cli import main
from coconut_bench.generators import DATASETS, content_hash, examples, files
from coconut_bench.generators.proof import verify
from coconut_bench.generators.stored import write
from coconut_bench.generators.stored.formats import FORMATS, read_examples, read_rows
from coconut_bench.generators.stored.manifest import MANIFEST
from coconut_bench.generators.stored.write import generate, plan


def entries(folder: Path) -> dict[str, str]:
    """Every file below the folder with its text, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", DATASETS)
def test_every_format_holds_the_same_examples(name: str, format: str, tmp_path: Path) -> None:
    sizes = {"train": 6, "valid": 4, "test": 2}
    manifest = generate(plan(name, sizes=sizes, format=format, seed=3), tmp_path / "out")
    for split, count in sizes.items():
        file = tmp_path / "out" / manifest["splits"][split]["file"]
        read = [(example.question, example.graph) for example in read_examples(file)]
        assert read == [(one.question, one.graph) for one in examples(name, split, count=count, seed=3)]
        assert manifest["splits"][split]["rows_sha256"] == content_hash(name, split, seed=3, count=count)


def test_the_published_format_has_the_published_fields_in_their_order(tmp_path: Path) -> None:
    generate(plan("prosqa", sizes={"train": 3, "valid": 0, "test": 1}, format="published"), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [MANIFEST, "test.json", "train.json"]
    records = json.loads((tmp_path / "out/train.json").read_text())
    fields = ["question", "answer", "steps", "idx_to_symbol", "edges", "root", "target", "neg_target"]
    assert [list(record) for record in records] == [fields] * 3


def test_row_groups_and_blocks_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block boundary in the middle of a split leaves no trace in the rows."""
    whole = list(examples("prosqa-tiny", "train", count=50))
    monkeypatch.setattr(write, "_BLOCK", 7)
    for format, row in FORMATS.items():
        generate(
            plan("prosqa-tiny", sizes={"train": 50, "valid": 0, "test": 0}, format=format), tmp_path / format
        )
        read = list(read_examples(tmp_path / format / f"train{row.suffix}"))
        assert [example.question for example in read] == [example.question for example in whole]


def test_a_folder_that_is_not_empty_is_kept_without_force(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    small = plan("prosqa-tiny", sizes={"train": 2, "valid": 0, "test": 0})
    generate(small, out)
    before = entries(tmp_path)
    with pytest.raises(ValueError, match=r"out must be an empty folder, .* is not"):
        generate(small, out)
    assert entries(tmp_path) == before
    generate(small, out, force=True)
    assert entries(tmp_path) == before
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match=r"thesis.txt is not of `generate`"):
        generate(small, out, force=True)
    assert (out / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_nothing_half_written_is_left(error: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the second split fails or the last rename does: what was there stays, nothing else is there."""
    out = tmp_path / "out"
    generate(plan("prosqa-tiny", sizes={"train": 2, "valid": 0, "test": 0}), out)
    before = entries(tmp_path)
    larger = plan("prosqa-tiny", sizes={"train": 4, "valid": 2, "test": 2})

    def fail(*arguments: object) -> None:
        raise error

    for name in ("_manifest", "file_digest"):
        with monkeypatch.context() as patch:
            patch.setattr(write, name, fail)
            with pytest.raises((KeyboardInterrupt, OSError)):
                generate(larger, out, force=True)
        assert entries(tmp_path) == before
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
    rename = Path.rename

    def fail_once(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise error
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail_once)
        patch.setattr(files, "_exchange", lambda first, second: False)  # which is one step where it is there
        with pytest.raises((KeyboardInterrupt, OSError)):
            generate(larger, out, force=True)
    assert entries(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("workers", "stop", "code"),
    [("1", signal.SIGINT, 130), ("2", signal.SIGINT, 130), ("2", signal.SIGTERM, 143)],
)
def test_a_stopped_run_leaves_nothing_behind(
    workers: str, stop: signal.Signals, code: int, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "coconut_bench", "generate", "prosqa", "--out", str(out)]
    process = subprocess.Popen(
        [*command, "--train", "100000000", "--workers", workers],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if any(path.stat().st_size for path in tmp_path.rglob("train.jsonl")):
                break
            time.sleep(0.05)
        if stop == signal.SIGINT:
            os.killpg(process.pid, stop)  # what a terminal does: the whole group hears it
        else:
            process.send_signal(stop)
        _, errors = process.communicate(timeout=30)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whatever happened, nothing generates on
    said = "Stopped: the output directory is as it was; the same command begins again"
    assert (process.returncode, errors.strip()) == (code, said)
    assert not list(tmp_path.iterdir())


def test_memory_does_not_grow_with_the_count(tmp_path: Path) -> None:
    """The peak of a run of 40,000 examples is that of a run of 10,000, give or take a block."""
    code = (
        "import resource, sys; from coconut_bench.generators.stored.write import generate, plan\n"
        "sizes = {'train': int(sys.argv[1]), 'valid': 0, 'test': 0}\n"
        "generate(plan('prosqa-tiny', sizes=sizes), sys.argv[2])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = []
    for count in ("10000", "40000"):
        arguments = [sys.executable, "-c", code, count, str(tmp_path / count)]
        peaks.append(int(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout))
    assert peaks[1] < peaks[0] * 1.1


def test_the_commands_end_to_end(tmp_path: Path) -> None:
    out = tmp_path / "out"
    sizes = ["--train", "6", "--valid", "2", "--test", "2"]
    done = CliRunner().invoke(
        main, ["generate", "prosqa", "--out", str(out), *sizes, "--surface", "symbolic"]
    )
    assert done.exit_code == 0, done.output
    assert "Note: prosqa leaks" in done.stderr
    assert f"Wrote prosqa 1.0.0, symbolic, to {out}" in done.stdout
    assert [number for number, _ in read_rows(out / "train.jsonl")] == [1, 2, 3, 4, 5, 6]
    done = CliRunner().invoke(main, ["verify", str(out)])
    assert done.stdout == "prosqa 1.0.0: 10 examples proved (train 6, valid 2, test 2)\n"
    done = CliRunner().invoke(main, ["verify", str(out / "train.jsonl")])
    assert done.stdout == "train.jsonl: 6 examples proved\n"


def test_help_lists_the_datasets_and_which_leak() -> None:
    text = " ".join(CliRunner().invoke(main, ["generate", "--help"]).stdout.split())
    for name, row in DATASETS.items():
        assert f"{name} {row.summary()}" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prosqa-tny"], "unknown dataset 'prosqa-tny' (did you mean 'prosqa-tiny'?)"),
        (["prosqa", "--surface", "natrual"], "unknown surface of prosqa 'natrual' (did you mean 'natural'?)"),
        (["prosqa", "--format", "parket"], "unknown format 'parket' (did you mean 'parquet'?)"),
        (["prosqa", "--test", "-5"], "count must be in 0.."),
        (["prosqa-tiny", "--test", "5"], "count must be even for prosqa-tiny test"),
        (["prosqa-tiny", "--train", "99999999999999"], "count must be in 0.."),
        (
            ["prosqa", "--train", "0", "--valid", "0", "--test", "0"],
            "at least one split must have a size above 0",
        ),
        (["prosqa", "--workers", "0"], "workers must be in 1..1024, got 0"),
        (["prosqa", "--seed", "-1"], "seed must be in 0..2^63-1, got -1"),
    ],
)
def test_bad_arguments_are_one_line_and_leave_nothing(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    done = CliRunner().invoke(main, ["generate", *arguments, "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert done.stderr.startswith(f"Error: {message}")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for out, message in (
        (file, "out must be a folder"),
        (file / "below", "file: file exists"),
        (Path("/proc/x"), "no such file or directory"),
    ):
        done = CliRunner().invoke(main, ["generate", "prosqa-tiny", "--train", "2", "--out", str(out)])
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
        assert message in done.stderr
    assert entries(tmp_path) == {"file": "mine"}


@pytest.mark.parametrize(("name", "test"), [("prosqa", 7), ("prosqa-fair", 14)])
def test_shards_concatenate_to_the_whole(name: str, test: int, tmp_path: Path) -> None:
    sizes = {"train": 41, "valid": 0, "test": test}
    generate(plan(name, sizes=sizes), tmp_path / "whole")
    for count in (1, 3, 10):
        shards = [tmp_path / f"{count}-{at}" for at in range(1, count + 1)]
        for at, folder in enumerate(shards, start=1):
            generate(plan(name, sizes=sizes, shard=f"{at}/{count}"), folder)
            verify.verify_dir(folder)
        for split in ("train", "test"):
            parts = [(folder / f"{split}.jsonl").read_bytes() for folder in shards]
            assert b"".join(parts) == (tmp_path / "whole" / f"{split}.jsonl").read_bytes()
            lines = [part.count(b"\n") for part in parts]
            assert max(lines) - min(lines) <= 2


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1/0", "1", "a/b", "-1/3", ""])
def test_an_impossible_shard_is_refused(shard: str) -> None:
    with pytest.raises(ValueError, match=f"shard must be i/n with i in 1..n, got {shard}"):
        plan("prosqa", shard=shard)
