"""Coconut-BFS: what is written after s thoughts is a concept s + 1 edges away, drawn uniformly."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import networkx as nx
import pytest
from click.testing import CliRunner
from micro import write_recipe
from test_coconut_training import SETTINGS, trainer

from coconut_bench.benchmarks.recipe import load_recipe
from coconut_bench.benchmarks.run.needs import fitting
from coconut_bench.cli import main
from coconut_bench.coconut.curriculum import StagePlan
from coconut_bench.coconut.frontier import drawn, levels
from coconut_bench.coconut.methods import METHODS
from coconut_bench.generators import examples
from coconut_bench.generators.example import Graph

FORK = Graph(("a", "b", "c", "d", "e", "f"), ((0, 1), (0, 2), (1, 3), (2, 3), (3, 1), (5, 4)), 0, 3, 4)


@pytest.mark.parametrize("name", ["prosqa", "prosqa-fair", "prosqa-tiny", "prontoqa"])
def test_levels_are_the_distances_that_networkx_finds(name: str) -> None:
    for example in examples(name, "train", count=20):
        graph = example.graph
        assert graph is not None
        found = nx.single_source_shortest_path_length(nx.DiGraph(graph.edges), graph.root)
        mine = {node: distance for distance, nodes in enumerate(levels(graph)) for node in nodes}
        assert mine == dict(found)


def test_a_concept_is_drawn_uniformly_and_there_may_be_none() -> None:
    words = [(i << 64) // 400 for i in range(400)]
    assert Counter(drawn(FORK, 1, word) for word in words) == {"b": 200, "c": 200}
    assert [drawn(FORK, distance, 0) for distance in range(4)] == ["a", "b", "d", None]


def test_the_labels_of_a_batch_are_frontier_concepts_then_the_answer(tmp_path: Path) -> None:
    made = trainer(tmp_path, SETTINGS, method="coconut-bfs", batch_size=64)
    asked, decode = list(made.batches.source(3 * 64, 64)), made.batches.encoder.tokenizer.decode
    for stage in range(3):
        now = StagePlan(stage, 1, 1.0)
        rows = [reading["student"] for reading in made.batches.readings(3, now, made.plans)]
        assert rows == [reading["student"] for reading in made.batches.readings(3, now, made.plans)]
        written = [decode(row.target, skip_special_tokens=True) for row in rows]
        chosen = Counter()
        for example, text in zip(asked, written, strict=True):
            graph = example.graph
            if stage == 2:
                assert text == f"### {example.answer}"
                continue
            far = nx.single_source_shortest_path_length(nx.DiGraph(graph.edges), graph.root)
            frontier = [node for node, distance in far.items() if distance == stage + 1]
            assert text in {graph.symbols[node] for node in frontier}
            chosen[text == example.steps[stage].split()[1], len(frontier) > 1] += 1
        if stage < 2:  # not only the steps of the chain
            assert chosen[True, True] > 5
            assert chosen[False, True] > 5


@pytest.mark.usefixtures("in_an_empty_folder")
def test_data_without_graphs_are_refused_and_all_leaves_the_method_out(tmp_path: Path) -> None:
    """GSM8k-Aug's text lines have chains but no graphs."""
    for name in ("train", "valid", "test"):
        lines = [f"What is {a} plus {a} ?||<<{a}+{a}={2 * a}>> #### {2 * a}\n" for a in range(1, 9)]
        Path(f"{name}.txt").write_text("".join(lines))
    files = "train.txt,valid.txt,test.txt"
    write_recipe(tmp_path, base=None, markers=True)
    refused = CliRunner().invoke(
        main, ["run", "--method", "coconut-bfs", "--recipe", "micro.yaml", "--dataset", files]
    )
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1), refused.output
    assert "method coconut-bfs needs examples with graphs" in refused.stderr
    assert not Path("runs").exists()
    recipe = load_recipe("micro.yaml")
    left = set(METHODS) - set(fitting(tuple(METHODS), recipe.with_dataset(files)))
    assert left == {name for name, method in METHODS.items() if method.needs_graphs} >= {"coconut-bfs"}
    assert fitting(tuple(METHODS), recipe) == tuple(METHODS)
