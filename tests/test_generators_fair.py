"""The fair sampler over its whole dial: proved, balanced, twins, and no guess helps."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields

import networkx as nx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from coconut_bench.generators import DATASETS, Example, examples
from coconut_bench.generators.families.fair import FairConfig, capacity, sample, shape
from coconut_bench.generators.proof.contracts import CONTRACTS, labels, two_alike_components
from coconut_bench.generators.proof.records import prove
from coconut_bench.generators.seeding import example_keys
from coconut_bench.generators.wordings.reading import Reading, read_question

configs = st.builds(
    lambda hops, forks, fork_at, joins, **rest: FairConfig(
        hops=hops,
        forks=min(forks, hops),
        fork_at=min(fork_at, hops - min(forks, hops)),
        joins=min(joins, hops),
        pool=2000,
        **rest,
    ),
    hops=st.integers(1, 12),
    branching=st.integers(2, 3),
    forks=st.integers(1, 12),
    fork_at=st.integers(0, 3),
    ways_in=st.integers(1, 3),
    joins=st.integers(0, 12),
    bridges=st.integers(1, 3),
    distractors=st.integers(0, 1),
)


def drawn(config: FairConfig, graphs: int, split: str = "test", surface: str = "symbolic") -> list[Example]:
    keys = example_keys("fair", "1", split, 0, range(graphs))
    return sample(config, keys, [str(index) for index in range(2 * graphs)], split, surface)


@settings(max_examples=25, deadline=None)
@given(configs)
def test_every_setting_of_the_dial_keeps_the_promises(config: FairConfig) -> None:
    for example in drawn(config, graphs=2):
        proved = prove(example)
        two_alike_components(proved, config.hops)
        graph = proved.reading.graph
        forks = range(config.fork_at, config.fork_at + config.forks)
        for depth, node in enumerate(proved.chain[:-1]):
            assert graph.out_degree(node) == (config.branching if depth in forks else 1)
        entities = [node for node, degree in graph.in_degree() if degree == 0]
        reach = [
            sum(nx.has_path(graph, one, end) for one in entities) for end in (proved.target, proved.other)
        ]
        assert reach == [1 + config.bridges + config.joins * (config.ways_in - 1)] * 2


@settings(max_examples=20, deadline=None)
@given(configs, st.integers(1, 6), st.data())
def test_an_example_does_not_depend_on_its_batch(
    config: FairConfig, graphs: int, data: st.DataObject
) -> None:
    whole = drawn(config, graphs)
    at = data.draw(st.integers(0, graphs - 1))
    keys = example_keys("fair", "1", "test", 0, [at])
    assert (
        sample(config, keys, [str(2 * at), str(2 * at + 1)], "test", "symbolic") == whole[2 * at : 2 * at + 2]
    )


# Few of the configurations are this small; the check would fail by chance.
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(configs)
def test_no_two_splits_share_a_labeled_graph(config: FairConfig) -> None:
    """A pool hardly larger than the graph, so that the same graph would come up again."""
    assume(len(shape(config).is_entity) < 40)
    seen: dict[object, str] = {}
    for split in ("train", "valid", "test"):
        for example in drawn(config, graphs=20, split=split):
            assert seen.setdefault(labels(prove(example)), split) == split


def test_a_pool_as_small_as_the_graph_still_separates_the_splits() -> None:
    config = FairConfig(hops=1, branching=1, forks=0, pool=5)
    assert (
        capacity(config) == 60
    )  # 5! labellings of a0 -> A <- u -> B <- b0; turning it around changes nothing
    forms = [
        {labels(prove(example)) for example in drawn(config, graphs=600, split=split)}
        for split in ("train", "valid", "test")
    ]
    assert len(set.union(*forms)) == sum(map(len, forms)) == 60


def test_the_shape_is_the_one_drawn_in_the_docs() -> None:
    edges, is_entity, paths = shape(FairConfig())
    assert edges == ((0, 1), (1, 2), (0, 3), (3, 4), (5, 6), (6, 7), (5, 8), (8, 9), (10, 2), (10, 7))
    assert [node for node, entity in enumerate(is_entity) if entity] == [0, 5, 10]
    assert paths == ((0, 1, 2), (5, 6, 7))
    late = shape(FairConfig(hops=3, fork_at=2))
    assert late.edges[:4] == ((0, 1), (1, 2), (2, 3), (2, 4))
    false_ways = shape(FairConfig(ways_in=2, joins=1, pool=30))
    assert sum(end == 2 for _, end in false_ways.edges) == 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hops": 0}, "hops must be in 1..12, got 0"),
        ({"hops": 13, "pool": 99}, "hops must be in 1..12, got 13"),
        ({"forks": 3}, "forks must be in 0..2, got 3"),
        ({"joins": -1}, "joins must be in 0..2, got -1"),
        ({"fork_at": 2}, "fork_at must be in 0..1, got 2"),
        ({"branching": 9}, "branching must be in 1..8, got 9"),
        ({"pool": 10}, r"pool must be in 11..10000 \(the graph has 11 nodes\), got 10"),
    ],
)
def test_impossible_configurations_are_refused(values: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        FairConfig(**values)


def test_a_graph_with_more_nodes_than_names_is_refused_in_english() -> None:
    with pytest.raises(ValueError, match=r"names for 17 entities and 38 concepts; this graph needs 3 and 50"):
        drawn(FairConfig(hops=5, branching=5, pool=99, forks=1), 1, surface="natural")


Rule = Callable[[Reading], Sequence[float]]
"""A score for each candidate; the higher one is the guess, a tie is half right."""


def mentions(reading: Reading) -> list[float]:
    return [sum(node in edge for edge in reading.edges) for node in reading.candidates]


def first_mention(reading: Reading) -> list[float]:
    return [next(at for at, edge in enumerate(reading.edges) if node in edge) for node in reading.candidates]


def order(reading: Reading) -> list[float]:
    return [0, 1]


def larger_id(reading: Reading) -> list[float]:
    return [float(node) for node in reading.candidates]


def nearest_entity(reading: Reading) -> list[float]:
    graph = reading.graph
    entities = {node for node, degree in graph.in_degree() if degree == 0}
    distance = nx.multi_source_dijkstra_path_length(graph, entities)
    return [distance[node] for node in reading.candidates]


def farthest_ancestor(reading: Reading) -> list[float]:
    backwards = reading.graph.reverse(copy=False)
    return [
        max(nx.single_source_shortest_path_length(backwards, node).values()) for node in reading.candidates
    ]


def accuracy(rule: Rule, sampled: Sequence[Example]) -> float:
    right = 0.0
    for example in sampled:
        reading = read_question(example.question)
        one, two = rule(reading)
        target = example.answer.removesuffix(".").split()[-1]
        right += 0.5 if one == two else target == reading.candidates[one < two]
    return right / len(sampled)


@pytest.mark.parametrize("name", ["prosqa-tiny", "prosqa-tiny-3hop"])
@pytest.mark.parametrize(
    "rule", [mentions, first_mention, order, larger_id, nearest_entity, farthest_ancestor]
)
def test_no_rule_that_ignores_who_is_asked_about_helps(name: str, rule: Rule) -> None:
    """Exactly one half on pairs of twins: the rule gives both the same answer, and one of them is wrong."""
    assert accuracy(rule, list(examples(name, "test", count=400))) == 0.5


@pytest.mark.parametrize(("rule", "published"), [(nearest_entity, 0.911), (farthest_ancestor, 0.902)])
def test_the_same_rules_solve_the_published_kind(rule: Rule, published: float) -> None:
    """What is known of ProsQA's published test split holds for these graphs too: the leak is reproduced."""
    assert accuracy(rule, list(examples("prosqa", "test", count=1000))) == pytest.approx(published, abs=0.03)


def test_positions_and_orders_are_balanced() -> None:
    sampled = list(examples("prosqa-tiny", "train", count=4000))
    readings = [read_question(example.question) for example in sampled]
    first = sum(one.candidates[0] == example.answer for one, example in zip(readings, sampled, strict=True))
    assert abs(first - 2000) < 140  # 4.4 standard deviations
    of_first_twin = sum(one.root < two.root for one, two in zip(readings[::2], readings[1::2], strict=True))
    assert abs(of_first_twin - 1000) < 100
    places = Counter(
        one.edges.index(edge) for one in readings[::2] for edge in one.edges if edge[0] == one.root
    )
    assert max(places.values()) - min(places.values()) < 120  # 400 in each of ten places, sd 18
    names = Counter(node for one in readings[::2] for node in one.graph)
    assert set(names) == {str(label) for label in range(16)}
    assert max(names.values()) - min(names.values()) < 160  # 1375 each, sd 21


TINY = {
    name: row.base or name
    for name, row in DATASETS.items()
    if name.startswith("prosqa-tiny") and not row.leak
}


def test_an_out_of_distribution_row_differs_in_its_axis_and_has_the_ids_of_its_base() -> None:
    """A model of the base knows no other ids; a pool that grew would hide the axis behind unknown words."""
    for name, base in TINY.items():
        row, own = DATASETS[name].sampler.args[0], DATASETS[base].sampler.args[0]  # type: ignore[attr-defined]
        changed = {
            field.name for field in fields(row) if getattr(row, field.name) != getattr(own, field.name)
        }
        axis = DATASETS[name].axis
        graphs = shape(row), shape(own)
        assert len({len(graph.edges) for graph in graphs}) == (1 if axis in ("", "hops") else 2)
        if axis == "hops":  # as large as the base: the chains of a component have other lengths
            assert len({len(graph.is_entity) for graph in graphs}) == 1
            assert row.hops != own.hops and changed < {"hops", "branching", "fork_at"}
        else:
            assert changed == ({"joins", "ways_in"} if axis == "joins" else {axis} - {""})
        assert name == base or name.startswith(f"{base}-{axis}")
        known = {str(number) for number in range(own.pool)}
        told = [example.graph for example in examples(name, "test", count=60)]
        assert {symbol for graph in told if graph for symbol in graph.symbols} <= known
    assert {DATASETS[name].axis for name, base in TINY.items() if base == "prosqa-tiny"} == {
        "", "hops", "branching", "joins", "distractors"
    }  # fmt: skip


@pytest.mark.parametrize("name", TINY)
def test_a_graph_of_another_row_is_not_taken_for_one_of_this(name: str) -> None:
    """But for rows of the two sizes that have the same settings, ids aside."""
    promise = CONTRACTS[name].check
    for other in TINY:
        proved = prove(next(examples(other, "test")))
        if CONTRACTS[other].check.keywords == promise.keywords:  # type: ignore[attr-defined]
            promise(proved)
        else:
            with pytest.raises(ValueError, match=r"hops must be|must have Counts|dead end as long"):
                promise(proved)
