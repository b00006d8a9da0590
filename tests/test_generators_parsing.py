"""The verifier reads published records, and refuses text that no generator writes.

The ProsQA record is the first of the published validation split, the ProntoQA record the first that the
original generator emits for the paper's command; both are facts about files, quoted to check against.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from coconut_bench.generators.example import Example
from coconut_bench.generators.proof.contracts import published_prontoqa, published_prosqa
from coconut_bench.generators.proof.records import VerificationError, prove
from coconut_bench.generators.proof.verify import verify_file
from coconut_bench.generators.stored.formats import read_examples
from coconut_bench.generators.wordings import natural
from coconut_bench.generators.wordings.reading import read_question
from coconut_bench.generators.wordings.row import Asked, Premises

PROSQA: dict[str, Any] = {
    "question": (
        "Every shumpus is a rempus. Every shumpus is a yimpus. Every terpus is a fompus. Every terpus"
        " is a gerpus. Every gerpus is a brimpus. Alex is a rempus. Every rorpus is a scrompus. Every"
        " rorpus is a yimpus. Every terpus is a brimpus. Every brimpus is a lempus. Tom is a terpus. "
        "Every shumpus is a timpus. Every yimpus is a boompus. Davis is a shumpus. Every gerpus is a "
        "lorpus. Davis is a fompus. Every shumpus is a boompus. Every shumpus is a rorpus. Every "
        "terpus is a lorpus. Every boompus is a timpus. Every fompus is a yerpus. Tom is a dumpus. "
        "Every rempus is a rorpus. Is Tom a lempus or scrompus?"
    ),
    "answer": "Tom is a lempus.",
    "steps": ["Tom is a terpus.", "Every terpus is a brimpus.", "Every brimpus is a lempus."],
    "idx_to_symbol": [
        "Davis",
        "Tom",
        "shumpus",
        "terpus",
        "Alex",
        "rempus",
        "fompus",
        "rorpus",
        "gerpus",
        "lorpus",
        "yerpus",
        "yimpus",
        "boompus",
        "scrompus",
        "brimpus",
        "timpus",
        "lempus",
        "dumpus",
    ],
    "edges": [
        [0, 2],
        [1, 3],
        [2, 5],
        [4, 5],
        [3, 6],
        [0, 6],
        [5, 7],
        [2, 7],
        [3, 8],
        [8, 9],
        [3, 9],
        [6, 10],
        [7, 11],
        [2, 11],
        [2, 12],
        [11, 12],
        [7, 13],
        [8, 14],
        [3, 14],
        [12, 15],
        [2, 15],
        [14, 16],
        [1, 17],
    ],
    "root": 1,
    "target": 16,
    "neg_target": 13,
}
PRONTOQA: dict[str, Any] = {
    "question": (
        "Numpuses are not wooden. Vumpuses are lempuses. Rompuses are not dull. Each lorpus is a "
        "wumpus. Every gorpus is moderate. Each vumpus is not discordant. Zumpuses are not spicy. "
        "Shumpuses are windy. Brimpuses are grimpuses. Each grimpus is a rompus. Brimpuses are "
        "zumpuses. Each impus is not opaque. Lorpuses are not mean. Brimpuses are large. Grimpuses "
        "are shumpuses. Numpuses are impuses. Shumpuses are numpuses. Lempuses are hot. Numpuses are "
        "sterpuses. Shumpuses are gorpuses. Each yumpus is wooden. Every grimpus is orange. Each "
        "vumpus is a brimpus. Max is a vumpus. Max is a lorpus. True or false: Max is not wooden."
    ),
    "steps": [
        "Max is a vumpus. Each vumpus is a brimpus.",
        "Max is a brimpus. Brimpuses are grimpuses.",
        "Max is a grimpus. Grimpuses are shumpuses.",
        "Max is a shumpus. Shumpuses are numpuses.",
        "Max is a numpus. Numpuses are not wooden.",
        "Max is not wooden.",
    ],
    "answer": "True",
}


def test_the_published_prosqa_record_is_proved() -> None:
    proved = prove(Example.from_json(PROSQA))
    published_prosqa(proved, hops=(3, 6), nodes=28)
    assert proved.chain == ("Tom", "terpus", "brimpus", "lempus")
    assert proved.other == "scrompus"


def test_the_published_prontoqa_record_is_proved() -> None:
    proved = prove(Example.from_json({**PRONTOQA, "hops": 5}))
    published_prontoqa(proved)
    assert proved.chain == ("Max", "vumpus", "brimpus", "grimpus", "shumpus", "numpus", "not wooden")


def test_writing_the_published_graph_gives_the_published_text() -> None:
    """Byte for byte: the premises in the record's order, its candidates, its path."""
    symbols, edges = PROSQA["idx_to_symbol"], [tuple(edge) for edge in PROSQA["edges"]]
    told = read_question(PROSQA["question"]).edges
    premises = [edge for pair in told for edge in edges if (symbols[edge[0]], symbols[edge[1]]) == pair]
    path = [symbols.index(name) for name in ("Tom", "terpus", "brimpus", "lempus")]
    asked = Asked(PROSQA["root"], PROSQA["target"], PROSQA["neg_target"], path)
    is_entity = [all(node != end for _, end in edges) for node in range(len(symbols))]
    question, steps, answer = natural.write(Premises(symbols, is_entity, premises))(asked)
    assert (question, list(steps), answer) == (PROSQA["question"], PROSQA["steps"], PROSQA["answer"])


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("Every a is a b.", "question ends in no known form"),
        ("", "question ends in no known form"),
        ("4 7 . > 4 < 7", "question ends in no known form"),
        ("Tom is an impus. Is Tom a impus or lempus?", "premise not understood: 'Tom is an impus.'"),
        ("All terpus is a b. Is Tom a impus or lempus?", "premise not understood"),
        ("Tom is a b.  Tom is a c. Is Tom a b or c?", "premises must be separated by single spaces"),
        ("4 7 9 . > 4 < 7 < 9", "premise not understood: '4 7 9 .'"),
        ("Max is a impus. True or false: Max is hot.", "wrong article: 'Max is a impus.'"),
        ("Max is an rompus. True or false: Max is hot.", "wrong article"),
        ("Rompuses are a numpus. True or false: Max is hot.", "premise not understood"),
        ("Each rompus is numpuses. True or false: Max is hot.", "premise not understood"),
    ],
)
def test_text_that_no_generator_writes_is_refused(question: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_question(question)


def changed(**fields: Any) -> dict[str, Any]:
    return {"hops": 2, **TINY, **fields}


TINY: dict[str, Any] = {
    "question": "4 7 . 7 1 . 12 3 . 3 9 . > 4 < 1 < 9",
    "steps": ["4 7 .", "7 1 ."],
    "answer": "1",
    "idx_to_symbol": ["4", "7", "1", "12", "3", "9"],
    "edges": [[0, 1], [1, 2], [3, 4], [4, 5]],
    "root": 0,
    "target": 2,
    "neg_target": 5,
}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (changed(answer="9"), "answer must be '1', got '9'"),
        (changed(hops=3), "hops must be 2, got 3"),
        (changed(steps=["4 7 ."]), "steps end at '7' and must end at '1'"),
        (changed(steps=[]), "steps must not be empty"),
        (changed(steps=["4 7 .", "7 9 ."]), "step 2 is not a premise: '7 9 .'"),
        (changed(steps=["7 1 ."]), "step 1 starts at '7', the one before it ended at '4'"),
        (changed(question="4 7 . 7 1 . 1 9 . > 4 < 1 < 9"), "one candidate must follow, found 2"),
        (changed(question="4 7 . 7 2 . 3 9 . > 4 < 1 < 9"), "one candidate must follow, found 0"),
        (changed(question="4 7 . 7 1 . > 4 < 1 < 9"), "candidate '9' does not occur"),
        (changed(question="4 7 . 7 1 . 3 9 . 7 1 . > 4 < 1 < 9"), "1 premises are told twice"),
        (changed(question="4 7 . 7 1 . 3 9 . 9 3 . > 4 < 1 < 9"), "must have no cycle"),
        (changed(question="4 7 . 7 1 . 3 9 . > 7 < 1 < 9"), "query entity '7' must have no parents"),
        (
            changed(
                question="4 7 . 7 1 . 12 3 . 3 9 . 4 5 . 5 6 . 6 1 . > 4 < 1 < 9",
                steps=["4 5 .", "5 6 .", "6 1 ."],
            ),
            "steps take 3 edges, the shortest way 2",
        ),
        (changed(edges=[[0, 1], [1, 2], [3, 4], [4, 2]]), "edges and question differ"),
        (changed(edges=[[0, 1], [1, 2], [3, 4], [4, 5], [4, 5]]), "edges must not repeat an edge"),
        (changed(idx_to_symbol=["4", "7", "1", "12", "3", "9", "8"]), "must name every node once"),
        (changed(idx_to_symbol=["4", "7", "1", "12", "3", "9", "9"]), "must not repeat a symbol"),
        (changed(target=5, neg_target=2), "root, target and neg_target must be"),
        (changed(root=6), "must be indices below 6"),
        (changed(edges=[[0, 6]]), r"edges must be pairs of indices below 6, got \[0, 6\]"),
        (changed(answer=1), "answer must be a JSON str, got 1"),
        (changed(hops=True), "hops must be a JSON int, got True"),
        (changed(steps=[1]), "steps must be a list of strings"),
        (changed(twin=4), "twin must be an id or null, got 4"),
        ({"question": "x", "answer": "y"}, "the record has no field 'steps'"),
    ],
)  # fmt: skip
def test_every_part_of_a_record_is_checked(record: dict[str, Any], message: str) -> None:
    prove(Example.from_json(changed()))
    with pytest.raises(ValueError, match=message):
        prove(Example.from_json(record))


def test_prontoqa_steps_are_followed() -> None:
    steps = PRONTOQA["steps"]
    cases = {
        "is not a premise": [steps[0].replace("brimpus", "lempus"), *steps[1:]],
        "step 2 does not say what the one before it showed": [
            steps[0],
            "Max is a lorpus. Brimpuses are grimpuses.",
        ],
        "is not the conclusion": [*steps[:-1], "Max is wooden."],
    }
    for message, changed_steps in cases.items():
        rest = steps[len(changed_steps) :]
        with pytest.raises(ValueError, match=message):
            prove(Example.from_json({**PRONTOQA, "hops": 5, "steps": changed_steps + rest}))


def test_a_file_of_published_records_is_proved_without_a_manifest(tmp_path: Path) -> None:
    file = tmp_path / "mixed.json"
    file.write_text(json.dumps([PROSQA, PRONTOQA]))
    assert verify_file(file) == 2
    assert [example.id for example in read_examples(file)] == ["mixed/0", "mixed/1"]
    file.write_text(json.dumps([PROSQA, {**PRONTOQA, "answer": "False"}]))
    with pytest.raises(VerificationError, match=r"^mixed.json:2: answer must be 'True', got 'False'$"):
        verify_file(file)
