"""Where a result comes from: the command, the commit, and whether the code was that commit's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from coconut_bench.leaderboard.provenance import command, processor, source_commit

# The package also has a function of this name.
module = sys.modules[source_commit.__module__]
FILES = {
    "__init__.py": "",
    "cli.py": "print()\n",
    "leaderboard/store.py": "a = 1\n",
    "benchmarks/recipes/tiny.yaml": "steps: 1\n",
    "leaderboard/leaderboard.json": "{}\n",
    "tests/test_x.py": "",
    "README.md": "",
}


def make(folder: Path) -> Path:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git repository with the files of a package, committed."""
    folder = make(tmp_path / "checkout")
    names = {"NAME": "tests", "EMAIL": "tests@localhost"}
    people = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in names.items()}
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", folder, *arguments], check=True, env={**os.environ, **people})
    return folder


def head(checkout: Path) -> str:
    done = subprocess.run(
        ["git", "-C", checkout, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_an_unchanged_checkout_is_clean(checkout: Path) -> None:
    assert source_commit(checkout) == (head(checkout), False)


@pytest.mark.parametrize("name", ["cli.py", "leaderboard/store.py", "benchmarks/recipes/tiny.yaml"])
def test_a_changed_missing_or_new_source_file_is_dirty(name: str, checkout: Path) -> None:
    (checkout / name).write_text("changed\n", encoding="utf-8")
    assert source_commit(checkout) == (head(checkout), True)
    (checkout / name).unlink()
    assert source_commit(checkout) == (head(checkout), True)
    (checkout / name).write_text(FILES[name], encoding="utf-8")
    assert source_commit(checkout) == (head(checkout), False)
    (checkout / name).with_name("new" + Path(name).suffix).write_text("", encoding="utf-8")
    assert source_commit(checkout) == (head(checkout), True)


@pytest.mark.parametrize(
    "name", ["leaderboard/leaderboard.json", "tests/test_x.py", "README.md", "runs/x.py"]
)
def test_what_does_not_decide_a_result_may_change(name: str, checkout: Path) -> None:
    (checkout / name).parent.mkdir(exist_ok=True)
    (checkout / name).write_text("changed\n", encoding="utf-8")
    assert source_commit(checkout) == (head(checkout), False)


def test_an_installed_copy_is_held_against_the_checkout_it_came_from(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Installed:
        def read_text(self, name: str) -> str:
            assert name == "direct_url.json"
            return json.dumps({"url": checkout.as_uri(), "dir_info": {}})

    monkeypatch.setattr(module, "distribution", lambda name: Installed())
    copy = make(tmp_path / "site-packages" / "coconut_bench")
    assert source_commit(copy) == (head(checkout), False)
    (copy / "cli.py").write_text("changed\n", encoding="utf-8")
    assert source_commit(copy) == (head(checkout), True)


def test_without_a_checkout_nothing_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_installed_from", lambda: None)
    assert source_commit(make(tmp_path / "copy")) == (None, None)
    (tmp_path / "copy" / ".git").mkdir()
    assert source_commit(tmp_path / "copy") == (None, None)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["/x/bin/coconut-bench", "run", "--out", "my runs"], "coconut-bench run --out 'my runs'"),
        (["/x/coconut_bench/__main__.py", "run"], "coconut-bench run"),
    ],
)
def test_the_command_can_be_typed_again(arguments: list[str], expected: str) -> None:
    assert command(arguments) == expected


def test_the_processor_has_a_name_and_cores() -> None:
    name, _, cores = processor().rpartition(", ")
    assert name
    assert int(cores.split()[0]) >= 1


@pytest.mark.parametrize(
    ("flags", "name"),
    [("fpu avx2 avx512f", "Zen with AVX-512"), ("fpu avx avx2", "Zen with AVX2"), ("fpu avx", "Zen")],
)
def test_a_processor_is_named_with_the_instructions_that_decide_the_last_bits(
    monkeypatch: pytest.MonkeyPatch, flags: str, name: str
) -> None:
    text = f"processor\t: 0\nmodel name\t: Zen\nflags\t\t: {flags}\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: text)
    assert processor().rpartition(", ")[0] == name
