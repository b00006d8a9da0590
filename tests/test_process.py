"""Process categories: each on a hand-drawn graph, all of them against an oracle that enumerates paths."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coconut_bench.generators import examples
from coconut_bench.generators.proof.process import Category, categorize, split_written
from coconut_bench.generators.wordings.reading import Reading, read_question

# 4 → 7 → 1 and 4 → 2 → 7; 7 → 3 leads away; 8 → 9 is not reached, 8 → 1 comes from outside.
SYMBOLIC = "4 7 . 7 1 . 4 2 . 2 7 . 7 3 . 8 9 . 8 1 . > 4 < 1 < 9"
NAMES = {"1": "lempus", "2": "impus", "3": "rompus", "7": "yumpus", "8": "wumpus", "9": "zumpus", "4": "Tom"}


def natural(edges: str) -> str:
    """The symbolic text in English, as a word-level tokenizer gives it back."""
    words = [sentence.split() for sentence in edges.split(".") if sentence.strip()]
    return " ".join(
        f"{'' if start == '4' else 'Every '}{NAMES[start]} is a {NAMES[end]} ." for start, end in words
    )


CASES = [
    # chain, answer, thoughts before it, category
    ("4 7 . 7 1 .", "1", False, Category.CORRECT_PATH),
    ("4 7 . 7 1 .", "9", False, Category.CORRECT_PATH),  # the process is judged, not the answer
    ("4 2 . 2 7 . 7 1 .", "1", False, Category.LONGER_PATH),
    ("4 1 .", "1", False, Category.HALLUCINATION),  # no such edge
    ("7 4 . 4 7 .", "1", False, Category.HALLUCINATION),  # an edge told backwards
    ("4 7 . 2 7 .", "1", False, Category.HALLUCINATION),  # disconnected
    ("7 1 .", "1", False, Category.HALLUCINATION),  # does not begin at the root, and nothing stands before it
    ("4 7 . 7 3 .", "9", False, Category.WRONG_TARGET),
    ("4 7 .", "1", False, Category.WRONG_TARGET),
    ("", "1", False, Category.CORRECT_LABEL),
    ("", "9", False, Category.INCORRECT_LABEL),
    ("7 1 .", "1", True, Category.CORRECT_PATH),  # completed by 4 → 7
    ("2 7 . 7 1 .", "1", True, Category.LONGER_PATH),  # the best completion is 4 → 2
    ("8 1 .", "1", True, Category.HALLUCINATION),  # nothing leads to 8
    ("7 3 .", "9", True, Category.WRONG_TARGET),
    ("", "1", True, Category.CORRECT_LABEL),
]


@pytest.mark.parametrize(("chain", "answer", "is_partial", "expected"), CASES)
def test_each_category_on_a_graph_drawn_by_hand_in_both_wordings(
    chain: str, answer: str, is_partial: bool, expected: Category
) -> None:
    told = natural(SYMBOLIC.partition(">")[0]).replace(" .", ".")
    wordings = (
        (SYMBOLIC, f"{chain} {answer}", "1", "."),
        (SYMBOLIC, f"{chain} ### {answer}", "1", "###"),
        (f"{told} Is Tom a lempus or zumpus?", f"{natural(chain)} ### Tom is a x.", "lempus", "###"),
    )
    for question, text, target, marker in wordings:
        written = split_written(text, marker)
        found = categorize(
            read_question(question), target, written.steps, is_right=answer == "1", is_partial=is_partial
        )
        assert found == expected, text


def test_what_is_no_sentence_is_a_hallucination_and_a_missing_marker_no_answer() -> None:
    reading = read_question(SYMBOLIC)
    for text in ("4 7 . 7 . 1", "4 . 7 1 . 1", ". 1", "4 7 7 1 . 1"):
        steps = split_written(text, ".").steps
        found = categorize(reading, "1", steps, is_right=True, is_partial=False)
        assert found == Category.HALLUCINATION, text
    assert split_written("4 7", ".") == ((), "4 7")
    assert split_written("4 7 . 7 1", "###") == (("4 7 .", "7 1"), "")


def test_a_prontoqa_question_is_refused() -> None:
    question = next(examples("prontoqa", "test"))
    with pytest.raises(ValueError, match="whose steps are premises, got prontoqa natural"):
        categorize(read_question(question.question), "x", question.steps, is_right=True, is_partial=False)


@pytest.mark.parametrize("name", ["prosqa", "prosqa-fair", "prosqa-tiny"])
def test_the_generated_chain_is_a_correct_path_and_so_is_what_is_left_of_it(name: str) -> None:
    for example in examples(name, "valid", count=20):
        reading, graph = read_question(example.question), example.graph
        assert graph is not None
        target = graph.symbols[graph.target]
        for start in range(len(example.steps)):
            found = categorize(reading, target, example.steps[start:], is_right=False, is_partial=start > 0)
            assert found == Category.CORRECT_PATH


def completions(graph: nx.DiGraph[str], root: str, chain: list[str], is_partial: bool) -> Iterator[list[str]]:
    """All paths that begin at the root and end with the chain, one by one."""
    if chain[0] == root:
        yield chain
    elif is_partial:
        for path in nx.all_simple_paths(graph, root, chain[0]):
            yield path[:-1] + chain


def oracle(reading: Reading, target: str, chain: list[str], is_partial: bool) -> set[Category]:
    """The categories whose definitions hold, by looking at every path there is."""
    graph, holds = reading.graph, set()
    told = all(graph.has_edge(*edge) for edge in pairwise(chain))
    paths = list(completions(graph, reading.root, chain, is_partial)) if told else []
    best = [list(path) for path in nx.all_shortest_paths(graph, reading.root, target)]
    if any(path in best for path in paths):
        holds.add(Category.CORRECT_PATH)
    elif paths and chain[-1] == target:
        holds.add(Category.LONGER_PATH)
    if paths and chain[-1] != target:
        holds.add(Category.WRONG_TARGET)
    if not paths:
        holds.add(Category.HALLUCINATION)
    return holds


@settings(max_examples=300, deadline=None)
@given(
    edges=st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda e: e[0] < e[1]), max_size=14),
    chain=st.lists(st.integers(0, 6), min_size=2, max_size=5),
    follows=st.booleans(),
    is_partial=st.booleans(),
)
def test_every_chain_on_every_graph_has_just_the_category_that_enumerating_paths_gives(
    edges: set[tuple[int, int]], chain: list[int], follows: bool, is_partial: bool
) -> None:
    if 6 not in nx.descendants(nx.DiGraph([(0, 0), *edges]), 0):
        edges = edges | {(0, 6)}  # the target is reached
    told = "".join(f"{u} {v} . " for u, v in sorted(edges))
    reading = read_question(f"{told}> 0 < 6 < 9")
    nodes = list(map(str, chain))
    if follows:  # a walk that exists, where the graph has one as long
        walks = nx.dfs_preorder_nodes(reading.graph, nodes[0]) if nodes[0] in reading.graph else iter(())
        last = list(walks)[-1:] or ["6"]
        ways = (
            list(nx.all_simple_paths(reading.graph, nodes[0], last[0])) if nodes[0] in reading.graph else []
        )
        nodes = max(ways, key=len, default=nodes)
    if len(nodes) < 2:
        return
    text = "".join(f"{u} {v} . " for u, v in pairwise(nodes)) + "6"
    steps = split_written(text, ".").steps
    found = categorize(reading, "6", steps, is_right=True, is_partial=is_partial)
    assert {found} == oracle(reading, "6", nodes, is_partial)
