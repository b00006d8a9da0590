"""The table of wordings: a new row is all it takes, readers share nothing with writers, nothing else asks."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from coconut_bench.cli import main
from coconut_bench.generators import DATASETS, Example, canonical_row, examples
from coconut_bench.generators.audit.report import audit, shortcut_status
from coconut_bench.generators.audit.rules import RULES
from coconut_bench.generators.proof.contracts import CONTRACTS
from coconut_bench.generators.proof.process import Category, categorize, split_written
from coconut_bench.generators.proof.records import VerificationError, prove
from coconut_bench.generators.proof.verify import verify_dir
from coconut_bench.generators.wordings import parsed
from coconut_bench.generators.wordings.reading import read_question
from coconut_bench.generators.wordings.row import Wording
from coconut_bench.generators.wordings.table import PAPERS, WORDINGS

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("generators", "coconut", "leaderboard", "benchmarks")
FAMILY_DATASETS = ("prosqa", "prosqa-fair", "prosqa-tiny")


def worked_example() -> Wording:
    """The row that docs/extending.md adds to the table."""
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    [code] = [
        block for block in re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S) if "arrows" in block
    ]
    made: dict[str, Any] = {}
    exec(compile(code, "extending.md", "exec"), made)
    row = made["row"]
    assert isinstance(row, Wording)
    return row


@pytest.fixture
def arrows(monkeypatch: pytest.MonkeyPatch) -> Wording:
    """A third wording of ProsQA, in the table and offered by its datasets."""
    row = worked_example()
    monkeypatch.setitem(WORDINGS, (row.family, row.surface), row)  # type: ignore[arg-type]
    for name in FAMILY_DATASETS:
        offered = replace(DATASETS[name], surfaces=(*DATASETS[name].surfaces, row.surface))
        monkeypatch.setitem(DATASETS, name, offered)  # type: ignore[arg-type]
    return row


@pytest.mark.parametrize("name", FAMILY_DATASETS)
def test_a_new_row_is_generated_proved_and_audited(name: str, arrows: Wording, tmp_path: Path) -> None:
    out = tmp_path / "data"
    sizes = ["--train", "20", "--valid", "10", "--test", "40"]
    for command in (
        ["generate", name, "--out", str(out), *sizes, "--surface", arrows.surface],
        ["verify", str(out)],
        ["audit", str(out), "--no-learned"],
    ):
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 0, done.output
    assert audit(name, examples=40, surface=arrows.surface, learned=False)["search"].accuracy == 1
    rows = list(examples(name, "test", count=40, surface=arrows.surface))
    assert re.fullmatch(r"(\w+ > \w+\. )+\w+: \w+ \| \w+\?", rows[0].question)
    told_in_english = examples(name, "test", count=40, surface=WORDINGS["prosqa", "natural"].surface)
    for example, english in zip(rows, told_in_english, strict=True):
        assert prove(example).reading.wording is arrows
        assert shortcut_status(example) == shortcut_status(english)
        record = json.loads(canonical_row(example))
        assert Example.from_json(record) == example
        del record["hops"]
        assert Example.from_json(record).hops == example.hops
        written = split_written(f"{' '.join(example.steps)} ### {example.answer}", "###")
        reading = read_question(example.question)
        found = categorize(reading, example.answer, written.steps, is_right=True, is_partial=False)
        assert found is Category.CORRECT_PATH


def test_a_folder_told_in_another_wording_is_refused(arrows: Wording, tmp_path: Path) -> None:
    out = tmp_path / "data"
    sizes = ["--train", "0", "--valid", "0", "--test", "4"]
    arguments = ["generate", "prosqa", "--out", str(out), *sizes, "--surface", arrows.surface]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    rows = [canonical_row(example) for example in examples("prosqa", "test", count=4)]
    ids = [f"prosqa/1.0.0/{arrows.surface}/test/0/{index}" for index in range(4)]
    told = [json.dumps({**json.loads(row), "id": name}) for row, name in zip(rows, ids, strict=True)]
    (out / "test.jsonl").write_text("\n".join(told) + "\n")
    with pytest.raises(VerificationError, match="wording must be prosqa arrows, found prosqa natural"):
        verify_dir(out)


def test_every_row_is_complete_and_every_dataset_has_its_family_s_wordings() -> None:
    for key, row in WORDINGS.items():
        assert key == (row.family, row.surface)
        assert row.paper is PAPERS[row.family]
        assert row.shortcut in RULES
        assert not row.concludes or row.fixed_answers
    assert CONTRACTS.keys() == DATASETS.keys()
    for name, dataset in DATASETS.items():
        assert CONTRACTS[name].family == dataset.family
        assert {(dataset.family, surface) for surface in dataset.surfaces} <= WORDINGS.keys()


@pytest.mark.parametrize("key", list(WORDINGS), ids=" ".join)
def test_a_question_is_read_by_the_reader_of_its_wording_and_by_no_other(key: tuple[str, str]) -> None:
    family, surface = key
    for name, dataset in DATASETS.items():
        if dataset.family != family:
            continue
        for example in examples(name, "valid", count=4, surface=surface):
            readers = [at for at, row in WORDINGS.items() if row.read(example.question) is not None]
            assert readers == [key]


def definitions(module: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """What a module defines at its top level, apart from its docstrings and imports."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Assign):
            yield from ((target.id, node) for target in node.targets if isinstance(target, ast.Name))


def reached(source: str, start: set[str]) -> set[str]:
    """The names that the definitions called ``start`` use, directly or through others of the module."""
    defined = dict(definitions(ast.parse(source)))
    found, waiting = set[str](), list(start)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            used = ast.walk(defined[name]) if name in defined else ()
            waiting += [node.id for node in used if isinstance(node, ast.Name)]
    return found


def shared(source: str) -> set[str]:
    """What writer and reader of a wording's file both use, of what is defined there or for readers."""
    tree = ast.parse(source)
    own = {name for name, _ in definitions(tree)}
    of_readers = {name for name, _ in definitions(ast.parse(inspect.getsource(parsed)))}
    writes, reads = reached(source, {"write"}), reached(source, {"read", "chain", "answer"} & own)
    return (writes & reads & own) | (writes & of_readers)


def test_a_reader_shares_nothing_with_its_writer() -> None:
    files = {inspect.getsourcefile(row.write) for row in WORDINGS.values()}
    assert files == {inspect.getsourcefile(row.read) for row in WORDINGS.values()}
    for file in files:
        assert file is not None and shared(Path(file).read_text(encoding="utf-8")) == set(), file
    stolen = "A = 1\ndef _f(): return A\ndef write(): return _f()\ndef read(): return A\n"
    assert shared(stolen) == {"A"}
    assert shared("def write(): return follow\ndef read(): return 0\n") == {"follow"}


def package_imports(path: Path) -> set[Path]:
    """The files of the package that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            candidates = [base.with_suffix(".py"), *(base / f"{alias.name}.py" for alias in node.names)]
            found |= {file for file in candidates if file.exists()}
    return found


def test_the_proof_shares_no_code_with_the_samplers() -> None:
    """No module that the verifier is made of imports one that makes examples, directly or through another."""
    reached, waiting = set[Path](), [ROOT / "generators" / "proof" / "verify.py"]
    while waiting:
        file = waiting.pop()
        if file not in reached:
            reached.add(file)
            waiting += package_imports(file)
    names = {str(file.relative_to(ROOT / "generators").with_suffix("")) for file in reached}
    assert {"proof/contracts", "proof/mirrored", "wordings/prontoqa", "wordings/parsed"} < names
    assert {name for name in names if name.startswith("families/")} == {"families/vocabulary"}
    assert not names & {"datasets", "seeding", "stored/write"}


def names_decided_by(source: str) -> set[str]:
    """The constants by which code decides what a row should: surfaces, fixed answers, families."""
    surfaces = {surface for _, surface in WORDINGS}
    answers = {answer for row in WORDINGS.values() for answer in row.fixed_answers}
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and node.value in surfaces | answers:
            found.add(str(node.value))
        if isinstance(node, ast.Compare):
            inside = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
            found |= {str(value) for value in inside if value in PAPERS}
    return found


def test_nothing_outside_the_table_tests_for_a_wording() -> None:
    allowed = {*(ROOT / "generators" / "wordings").glob("*.py"), ROOT / "generators" / "datasets.py"}
    allowed.add(ROOT / "leaderboard" / "page" / "audited.py")  # measured figures of each dataset and surface
    files = {path for floor in FLOORS for path in (ROOT / floor).rglob("*.py")} - allowed
    found = {
        str(path.relative_to(ROOT)): names_decided_by(path.read_text(encoding="utf-8")) for path in files
    }
    assert {path: names for path, names in found.items() if names} == {}
    assert names_decided_by('if kind == "prontoqa" or answer in ("True", "No"): pass') == {"prontoqa", "True"}
