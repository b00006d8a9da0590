"""Files written as a whole, folders replaced in one step, digests that are checked, leftovers of a kill."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from coconut_bench.cli import main
from coconut_bench.generators import files
from coconut_bench.generators.files import (
    SUMS,
    check_sums,
    owner,
    scratch_folder,
    sweep_temporary,
    write_sums,
)
from coconut_bench.generators.stored.manifest import MANIFEST
from coconut_bench.generators.stored.write import generate, plan

SMALL = plan("prosqa-tiny", sizes={"train": 6, "valid": 4, "test": 4})
LARGER = plan("prosqa-tiny", sizes={"train": 8, "valid": 4, "test": 4})


def dead_process() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def dead_owner() -> str:
    """The owner of files that a process of this machine left behind."""
    return f"{owner().rpartition('-')[0]}-{dead_process()}"


def flip(path: Path, at: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << bit
    path.write_bytes(content)


def test_one_flipped_bit_in_any_file_of_a_folder_is_found_and_named(tmp_path: Path) -> None:
    for name, content in {"a.json": b"{}\n", "b.bin": b"\0" * 9}.items():
        (tmp_path / name).write_bytes(content)
    write_sums(tmp_path)
    assert [path.name for path in check_sums(tmp_path, "restore it")] == ["a.json", "b.bin"]
    subprocess.run(["sha256sum", "--check", "--quiet", SUMS], cwd=tmp_path, check=True)
    for name in ("a.json", "b.bin", SUMS):
        whole = (tmp_path / name).read_bytes()
        for at in range(len(whole)):
            flip(tmp_path / name, at, at % 8)
            with pytest.raises(ValueError, match=r"damaged.*restore it|missing.*restore it"):
                check_sums(tmp_path, "restore it")
        (tmp_path / name).write_bytes(whole)
    (tmp_path / "b.bin").unlink()
    with pytest.raises(ValueError, match=r"b\.bin is missing"):
        check_sums(tmp_path, "restore it")


def test_what_a_killed_process_left_is_swept_and_what_a_running_one_has_is_kept(tmp_path: Path) -> None:
    dead, elsewhere = dead_owner(), f"another-{owner().rpartition('-')[2]}0"
    for name in (f".x.{dead}", f".x.{owner()}", f".x.{elsewhere}", f".y.{dead}"):
        (tmp_path / f"{name}.abcdefgh").mkdir()
    with scratch_folder(tmp_path, ".x") as scratch:
        assert scratch.is_dir()
        assert not (tmp_path / f".x.{dead}.abcdefgh").exists()
    kept = {f".x.{owner()}.abcdefgh", f".x.{elsewhere}.abcdefgh", f".y.{dead}.abcdefgh"}
    assert {path.name for path in tmp_path.iterdir()} == kept
    for name in (dead, owner(), elsewhere):
        (tmp_path / f".file.{name}.tmp").touch()
    sweep_temporary(tmp_path)
    assert {path.name for path in tmp_path.glob("*.tmp")} == {
        f".file.{owner()}.tmp",
        f".file.{elsewhere}.tmp",
    }


def test_generate_sweeps_the_hidden_folder_of_a_killed_one(tmp_path: Path) -> None:
    (tmp_path / f".out.{dead_owner()}.abcdefgh" / "new").mkdir(parents=True)
    generate(SMALL, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_force_replaces_only_what_generate_wrote(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("ten years")
    command = ["generate", "prosqa-tiny", "--train", "2", "--out", str(home), "--force"]
    for manifest in (None, '{"splits": {}}', '{"manifest_sha256": "0"}'):
        if manifest is not None:
            (home / MANIFEST).write_text(manifest)
        done = CliRunner().invoke(main, command)
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
        assert "out must be a folder that `generate` wrote for --force to replace it" in done.stderr
        assert (home / "thesis.tex").read_text() == "ten years"


@pytest.mark.parametrize("exchanges", [True, False])
def test_there_is_never_a_moment_without_the_old_or_the_new_folder(
    exchanges: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is killed at any rename leaves one of them, at the latest at the next start."""
    out = tmp_path / "out"
    generate(SMALL, out)
    if not exchanges:
        monkeypatch.setattr(files, "_exchange", lambda first, second: False)
    elif sys.platform != "linux":
        pytest.skip("folders are exchanged on Linux only")
    rename, seen = Path.rename, []

    def watched(path: Path, target: Path) -> Path:
        seen.append(out.is_dir())
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", watched)
    generate(LARGER, out, force=True)
    assert json.loads((out / MANIFEST).read_text())["splits"]["train"]["examples"] == 8
    assert seen == ([] if exchanges else [True, False, True])
    rename(out, tmp_path / ".out.old")  # killed after the first rename
    with pytest.raises(ValueError, match="--force replaces what `generate` wrote"):
        generate(SMALL, out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_audit_checks_the_manifest(tmp_path: Path) -> None:
    generate(plan("prosqa-tiny", sizes={"train": 8, "valid": 0, "test": 8}), tmp_path / "out")
    command = ["audit", str(tmp_path / "out"), "--no-learned"]
    assert CliRunner().invoke(main, command).exit_code == 0
    for name in (MANIFEST, "test.jsonl"):
        path = tmp_path / "out" / name
        whole = path.read_bytes()
        for at in range(1, len(whole), len(whole) // 20):
            if whole[at : at + 1].isspace():
                continue
            flip(path, at)
            done = CliRunner().invoke(main, command)
            assert (done.exit_code, done.stderr.count("\n")) == (2, 1), (name, at)
            assert name in done.stderr
        path.write_bytes(whole)
