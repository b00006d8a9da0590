"""``verify`` finds a single changed word anywhere, and says where and what where the text shows it."""

import json
import random
import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from coconut_bench.generators import DATASETS, Example, canonical_row, examples
from coconut_bench.generators.files import file_digest
from coconut_bench.generators.proof.records import VerificationError
from coconut_bench.generators.proof.verify import verify_dir
from coconut_bench.generators.stored.formats import FORMATS
from coconut_bench.generators.stored.manifest import MANIFEST, manifest_digest
from coconut_bench.generators.stored.write import generate, plan

SIZES = {"train": 8, "valid": 4, "test": 4}
Record = dict[str, Any]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """A small folder of each dataset and format, made once."""
    made: dict[tuple[str, str], Path] = {}

    def get(name: str, format: str) -> Path:
        if (name, format) not in made:
            made[name, format] = tmp_path_factory.mktemp("made") / f"{name}-{format}"
            generate(plan(name, sizes=SIZES, format=format), made[name, format])
        return made[name, format]

    return get


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", DATASETS)
def test_what_generate_writes_is_proved(
    name: str, format: str, generated: Callable[[str, str], Path]
) -> None:
    report = verify_dir(generated(name, format))
    assert str(report) == f"{name} 1.0.0: 16 examples proved (train 8, valid 4, test 4)"


def another(word: str) -> str:
    """Return a different word of the same kind."""
    if word.isdigit():
        return str(int(word) + 1)
    return {"wumpus": "yumpus", "Tom": "Max", "True": "False", "not": "now"}.get(word, word[::-1] + "x")


def one_word_changed(text: str, every: int) -> Iterator[str]:
    """Yield the text with one of its words changed, for every n-th word."""
    for at, match in enumerate(re.finditer(r"\w+", text)):
        if at % every == 0:
            yield text[: match.start()] + another(match[0]) + text[match.end() :]


@pytest.mark.parametrize("format", ["jsonl", "published"])
@pytest.mark.parametrize("name", [name for name, row in DATASETS.items() if not row.axis])
def test_any_changed_word_is_found(
    name: str, format: str, generated: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """All words of a manifest (in other datasets every 7th), 25 of the data, keys included."""
    folder = tmp_path / "copy"
    shutil.copytree(generated(name, format), folder)
    data = folder / f"test{FORMATS[format].suffix}"
    words = len(re.findall(r"\w+", data.read_text()))
    for file, step in ((folder / MANIFEST, 1 if name == "prosqa" else 7), (data, -(-words // 25))):
        original = file.read_text()
        for text in one_word_changed(original, step):
            file.write_text(text)
            with pytest.raises((ValueError, OSError)):
                verify_dir(folder)
        file.write_text(original)
    verify_dir(folder)


def test_changed_bytes_of_a_parquet_file_are_found(
    generated: Callable[[str, str], Path], tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(generated("prosqa", "parquet"), folder)
    file = folder / "test.parquet"
    original = file.read_bytes()
    for at in random.Random(0).sample(range(len(original)), 60):
        file.write_bytes(original[:at] + bytes([original[at] ^ 1]) + original[at + 1 :])
        with pytest.raises((ValueError, OSError)):
            verify_dir(folder)


def rewrite(folder: Path, split: str, change: Callable[[list[Record]], None]) -> None:
    """Change the records of a split and sign the folder anew, so that only the proof can object."""
    file = folder / f"{split}.jsonl"
    records = [json.loads(line) for line in file.read_text().splitlines()]
    change(records)
    file.write_bytes(b"".join(canonical_row(Example.from_json(record)) for record in records))
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["splits"][split] |= {"sha256": file_digest(file), "rows_sha256": file_digest(file)}
    manifest["manifest_sha256"] = manifest_digest(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def set_field(at: int, field: str, value: Any) -> Callable[[list[Record]], None]:
    def change(records: list[Record]) -> None:
        records[at][field] = value

    return change


def swap_order(at: int) -> Callable[[list[Record]], None]:
    def change(records: list[Record]) -> None:
        first, second, rest = re.fullmatch(
            r"(\d+ \d+ \.) (\d+ \d+ \.) (.*)", records[at]["question"]
        ).groups()  # type: ignore[union-attr]
        records[at]["question"] = f"{second} {first} {rest}"

    return change


ID = "prosqa-tiny/1.0.0/symbolic/test/0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_field(2, "answer", "99"), rf"^test.jsonl:3 {ID}/2: answer must be '\d+', got '99'$"),
        (set_field(1, "hops", 3), rf"^test.jsonl:2 {ID}/1: hops must be 2, got 3$"),
        (set_field(1, "id", f"{ID}/9"), rf"^test.jsonl:2 {ID}/9: id must be '{ID}/1'$"),
        (set_field(3, "twin", None), rf"^test.jsonl:4 {ID}/3: twin must be '{ID}/2'$"),
        (swap_order(1), rf"^test.jsonl:2 {ID}/1: twins must have the same premises in the same order$"),
        (lambda records: records.__setitem__(slice(0, 2), records[1::-1]), rf"^test.jsonl:1 {ID}/1: id must"),
        (lambda records: records.pop(), r"^test.jsonl holds 3 examples, manifest.json says 4$"),
    ],
)
def test_a_wrong_record_is_located_whatever_the_checksums_say(
    change: Callable[[list[Record]], None],
    message: str,
    generated: Callable[[str, str], Path],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(generated("prosqa-tiny", "jsonl"), folder)
    rewrite(folder, "test", lambda records: None)
    verify_dir(folder)
    rewrite(folder, "test", change)
    with pytest.raises(VerificationError, match=message):
        verify_dir(folder)


def test_any_number_of_workers_finds_the_same_first_error(
    tmp_path: Path,
) -> None:
    """Errors of three kinds, in blocks that are proved at once: the first in the file is named."""
    folder = tmp_path / "data"
    generate(plan("prosqa-tiny", sizes={"train": 4, "valid": 900, "test": 450}), folder)
    assert str(verify_dir(folder, workers=2)) == str(verify_dir(folder))
    file = folder / "valid.jsonl"
    lines = file.read_text().splitlines()
    for damage, message in (
        ({620: "{", 610: "answer"}, "valid.jsonl:611 prosqa-tiny/1.0.0/symbolic/valid/0/610: answer must"),
        ({610: "answer", 10: "twin"}, "valid.jsonl:11 prosqa-tiny/1.0.0/symbolic/valid/0/10: twin must"),
    ):
        changed = list(lines)
        for at, what in damage.items():
            changed[at] = what if what == "{" else json.dumps({**json.loads(changed[at]), what: "9"})
        file.write_text("\n".join(changed) + "\n")
        found = []
        for workers in (1, 2):
            with pytest.raises(ValueError, match=f"^{re.escape(message)}") as error:
                verify_dir(folder, workers)
            found.append(str(error.value))
        assert found[0] == found[1]


def test_a_graph_that_another_worker_found_in_another_split_is_found(tmp_path: Path) -> None:
    """The forms of graphs are the same in every process, also where they are made of words."""
    folder = tmp_path / "data"
    generate(plan("prontoqa", sizes={"train": 2, "valid": 0, "test": 4}), folder)
    train = json.loads((folder / "train.jsonl").read_text().splitlines()[0])
    rewrite(folder, "test", lambda records: records[1].update(train, id=records[1]["id"]))
    with pytest.raises(VerificationError, match=r"^test.jsonl:2 .*: the same graph is in train$"):
        verify_dir(folder, workers=2)


def test_a_graph_that_is_in_two_splits_is_found(
    generated: Callable[[str, str], Path], tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(generated("prosqa", "jsonl"), folder)
    train = json.loads((folder / "train.jsonl").read_text().splitlines()[0])
    rewrite(folder, "test", lambda records: records[1].update(train, id=records[1]["id"]))
    with pytest.raises(VerificationError, match=r"^test.jsonl:2 .*: the same graph is in train$"):
        verify_dir(folder)


def test_a_graph_that_breaks_the_promise_of_its_dataset_is_found(
    generated: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """A correct three-hop question in the two-hop dataset, and a solvable question with unlike components."""
    three = next(examples("prosqa-tiny-3hop", "test", count=2)).to_json()
    lopsided = {
        "question": "4 7 . 7 1 . 4 8 . 8 6 . 5 1 . 5 3 . 12 9 . 9 3 . 9 10 . 9 11 . > 4 < 1 < 3",
        "answer": "1",
        "steps": ["4 7 .", "7 1 ."],
        "idx_to_symbol": ["4", "7", "1", "8", "6", "5", "12", "9", "3", "10", "11"],
        "edges": [[0, 1], [1, 2], [0, 3], [3, 4], [5, 2], [5, 8], [6, 7], [7, 8], [7, 9], [7, 10]],
        "root": 0,
        "target": 2,
        "neg_target": 8,
    }
    three = {key: value for key, value in three.items() if key not in ("id", "twin")}
    for record, message in ((three, "hops must be 2, found 3"), (lopsided, r"components .* must be alike")):
        folder = tmp_path / message[:4]
        shutil.copytree(generated("prosqa-tiny", "jsonl"), folder)
        rewrite(folder, "test", partial(replace_first, record))
        with pytest.raises(VerificationError, match=rf"^test.jsonl:1 .*: .*{message}"):
            verify_dir(folder)


def replace_first(record: Record, records: list[Record]) -> None:
    records[0].update(record)


def cut(folder: Path) -> None:
    file = folder / "test.jsonl"
    file.write_bytes(file.read_bytes()[:-40])


def add_a_space(folder: Path) -> None:
    file = folder / "test.jsonl"
    file.write_text(file.read_text().replace(" .", " . ", 1))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / MANIFEST).write_text("{"), r"^manifest.json is not JSON"),
        (lambda folder: (folder / MANIFEST).write_text("[]"), r"^manifest.json must be an object"),
        (lambda folder: (folder / MANIFEST).unlink(), r"got one without manifest.json$"),
        (lambda folder: (folder / "test.jsonl").unlink(), r"^no such file"),
        (
            lambda folder: (folder / "more.jsonl").write_text(""),
            r"^more.jsonl is not listed in manifest.json$",
        ),
        (
            lambda folder: (folder / "test.jsonl").write_text("3\n"),
            r"^test.jsonl:1 must be a JSON object, got int$",
        ),
        (cut, r"^test.jsonl:4 is not JSON"),
        (add_a_space, r"^test.jsonl:1 .*: premises must be separated by single spaces$"),
    ],
)
def test_a_damaged_folder_is_refused(
    damage: Callable[[Path], object], message: str, generated: Callable[[str, str], Path], tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(generated("prosqa-tiny", "jsonl"), folder)
    damage(folder)
    with pytest.raises((ValueError, OSError), match=message):
        verify_dir(folder)


def test_a_manifest_that_is_signed_but_promises_less_is_refused(
    generated: Callable[[str, str], Path], tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(generated("prosqa-tiny", "jsonl"), folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["dataset"]["twins"] = False
    manifest["manifest_sha256"] = manifest_digest(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(VerificationError, match="split_by and twins are not those of prosqa-tiny"):
        verify_dir(folder)


def test_a_published_version_that_cannot_be_reached_was_not_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    from coconut_bench.generators.hub import verify

    def offline(*arguments: Any, **options: Any) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", offline)
    with pytest.raises(
        OSError, match=r"^no connection to the Hub \(no network\): a/b@v1.0.0 was not verified$"
    ):
        list(verify.verify_hub(verify.Address("a/b", "v1.0.0")))
