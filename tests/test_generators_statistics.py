"""The generated data have the statistics of the published files, on 10,000 examples.

ProsQA: the means of the published splits and of the paper's table 2, with the tolerance to which the two
published splits agree. ProntoQA: the structure exactly, the shares within four standard deviations.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from statistics import fmean

import networkx as nx
import pytest

from coconut_bench.generators import Example, Graph, examples
from coconut_bench.generators.audit.puzzle import Puzzle
from coconut_bench.generators.audit.rules import RULES, credit
from coconut_bench.generators.families.prosqa import PublishedConfig
from coconut_bench.generators.families.vocabulary import (
    CONCEPTS,
    ENTITIES,
    PRONTOQA_CONCEPTS,
    PRONTOQA_ENTITIES,
    PROPERTY_FAMILIES,
)
from coconut_bench.generators.wordings.reading import read_question

COUNT = 10_000


@pytest.fixture(scope="module")
def prosqa() -> list[Example]:
    return list(examples("prosqa", "train", count=COUNT))


@pytest.fixture(scope="module")
def prontoqa() -> list[Example]:
    return list(examples("prontoqa", "train", count=COUNT))


def graph_of(example: Example) -> Graph:
    assert example.graph is not None
    return example.graph


def shortest_paths(example: Example) -> int:
    graph = nx.DiGraph(graph_of(example).edges)
    return sum(1 for _ in nx.all_shortest_paths(graph, graph_of(example).root, graph_of(example).target))


def parents(example: Example, node: int) -> int:
    return sum(end == node for _, end in graph_of(example).edges)


MEASURES: dict[str, tuple[Callable[[Example], float], float, float]] = {
    "nodes": (lambda one: len(graph_of(one).symbols), 22.8, 0.2),
    "edges": (lambda one: len(graph_of(one).edges), 36.0, 0.5),
    "path": (lambda one: one.hops, 3.78, 0.05),
    "shortest paths": (shortest_paths, 1.6, 0.05),
    "in-degree of the target": (lambda one: parents(one, graph_of(one).target), 1.47, 0.05),
    "in-degree of the negative": (lambda one: parents(one, graph_of(one).neg_target), 2.10, 0.05),
    "entities": (lambda one: sum(name in ENTITIES for name in graph_of(one).symbols), 2.56, 0.05),
    "words": (lambda one: len(one.question.split()), 179.5, 2.0),
}


@pytest.mark.parametrize("what", MEASURES)
def test_prosqa_has_the_published_means(what: str, prosqa: list[Example]) -> None:
    measure, published, tolerance = MEASURES[what]
    assert fmean(map(measure, prosqa)) == pytest.approx(published, abs=tolerance)


def test_prosqa_has_the_published_distributions(prosqa: list[Example]) -> None:
    """Shares of in-degrees (nodes from 2 on), of what reaches a node, and of the number of steps."""
    degrees: Counter[int] = Counter()
    reached: Counter[str] = Counter()
    for example in prosqa[:3000]:
        graph = nx.DiGraph(graph_of(example).edges)
        below = [nx.descendants(graph, node) | {node} for node in (0, 1)]
        degrees.update(graph.in_degree(node) for node in graph if node > 1)
        reached.update(
            {0: "none", 1: "first", 2: "second", 3: "both"}[(n in below[0]) + 2 * (n in below[1])]
            for n in graph
        )
    shares = [degrees[degree] / degrees.total() for degree in range(7)]
    assert shares == pytest.approx([0.027, 0.479, 0.304, 0.133, 0.042, 0.011, 0.002], abs=0.01)
    shares = [reached[group] / reached.total() for group in ("none", "first", "second", "both")]
    assert shares == pytest.approx([0.034, 0.390, 0.517, 0.060], abs=0.025)
    steps = Counter(len(example.steps) for example in prosqa)
    published = {3: 124 + 202, 4: 133 + 217, 5: 36 + 69, 6: 7 + 12}
    assert [steps[n] / COUNT for n in published] == pytest.approx(
        [n / 800 for n in published.values()], abs=0.04
    )
    assert sum(graph_of(one).root == 1 for one in prosqa) / COUNT == pytest.approx(509 / 800, abs=0.05)


def near(found: int, trials: int, share: float) -> bool:
    """Say whether a count is within four standard deviations of what it should be."""
    return abs(found - trials * share) < 4 * math.sqrt(trials * share * (1 - share)) + 1e-9


def uniform(found: Iterable[object], values: int) -> None:
    counts = Counter(found)
    assert len(counts) == values
    assert all(near(count, counts.total(), 1 / values) for count in counts.values()), counts


def test_prosqa_names_positions_and_paths_are_uniform(prosqa: list[Example]) -> None:
    uniform((graph_of(one).symbols[graph_of(one).root] for one in prosqa), len(ENTITIES))
    uniform((graph_of(one).symbols[graph_of(one).target] for one in prosqa), len(CONCEPTS))
    first = [one.question.rstrip("?").split()[-3] == one.answer.rstrip(".").split()[-1] for one in prosqa]
    uniform(first, 2)
    twenty = [one for one in prosqa if len(graph_of(one).edges) == 36]
    uniform((read_question(one.question).premises.index(one.steps[0]) for one in twenty), 36)


def test_prontoqa_has_the_published_shares(prontoqa: list[Example]) -> None:
    """Places in ``graph``: 0 entity, 1-5 chain, 7-11 sides, 12-13 the pair, 14 alone, 15-26 properties."""
    negated = {"C1": 91 / 193, "C2-C5": 13 / 47, "D, E": 1 / 3}
    places = {"C1": [19], "C2-C5": [15, 16, 17, 18], "D, E": [20, 21, 22, 23, 24, 25]}
    for what, share in negated.items():
        found = [graph_of(one).symbols[at].startswith("not ") for one in prontoqa for at in places[what]]
        assert near(sum(found), len(found), share), what
    uniform((graph_of(one).symbols[0] for one in prontoqa), len(PRONTOQA_ENTITIES))
    for at in (1, 5, 12, 14):
        uniform((graph_of(one).symbols[at] for one in prontoqa), len(PRONTOQA_CONCEPTS))
    families = {word: at for at, family in enumerate(PROPERTY_FAMILIES) for word in family}
    words = defaultdict(list)
    for one in prontoqa:
        word = graph_of(one).symbols[19].removeprefix("not ")
        words[families[word]].append(word)
    uniform((at for at, adjectives in words.items() for _ in adjectives), len(PROPERTY_FAMILIES))
    for at, adjectives in words.items():
        uniform(adjectives, len(PROPERTY_FAMILIES[at]))
    uniform((one.answer for one in prontoqa), 2)
    uniform((" not " in one.question.rpartition(":")[2] for one in prontoqa), 2)
    forms = Counter(
        {"Each": "Each", "Every": "Every"}.get(premise.split()[0], "plural")
        for one in prontoqa[:2000]
        for premise in read_question(one.question).premises[:23]
    )
    total = forms.total()
    assert near(forms["plural"], total, 0.5) and near(forms["Each"], total, 0.25)


def test_prontoqa_premises_stand_where_they_stood(prontoqa: list[Example]) -> None:
    """22 rules shuffled, the lone rule at a uniform slot among them, then the two facts in either order."""
    readings = [(one, read_question(one.question)) for one in prontoqa[:5000]]
    lone = [
        reading.edges.index(tuple(graph_of(one).symbols[at] for at in (14, 26))) for one, reading in readings
    ]
    uniform(lone, 23)
    first_rule = [
        reading.edges.index(tuple(graph_of(one).symbols[at] for at in (1, 2))) for one, reading in readings
    ]
    uniform(first_rule, 23)
    uniform((reading.edges[-1][1] == graph_of(one).symbols[1] for one, reading in readings), 2)
    assert all(reading.edges[23][0] == reading.edges[24][0] == reading.root for _, reading in readings)
    words = [len(one.question.split()) for one in prontoqa]
    assert min(words) >= 85 and max(words) <= 124  # 90 and 119 in 1,000 published records
    assert fmean(words) == pytest.approx(104.6, abs=0.5)


def test_the_small_leaky_dataset_leaks_as_the_published_one() -> None:
    """The size and the wording of ``prosqa-tiny``, and a rule that never looks at the query entity."""
    small = list(examples("prosqa-tiny-leaky", "train", count=4000))
    assert {one.hops for one in small} == {2}
    assert fmean(len(graph_of(one).edges) for one in small) == pytest.approx(11.0, abs=0.2)
    assert max(len(graph_of(one).symbols) for one in small) == 11
    puzzles = [Puzzle.read(one.question, one.answer) for one in small]
    assert fmean(credit(RULES["nearest-entity"], one) for one in puzzles) == pytest.approx(0.857, abs=0.02)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"nodes": 29}, "nodes must be in 4..28, got 29"),
        ({"min_hops": 7}, "min_hops must be in 1..6, got 7"),
        ({"nodes": 6}, "max_hops must be in 1..4, got 6"),
        ({"pool": 27}, "pool must be in 28..10000, got 27"),
    ],
)
def test_sizes_that_the_published_sampler_has_not_are_refused(changed: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        PublishedConfig(**changed)
