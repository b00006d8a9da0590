"""The fair datasets: the dial of their graphs, their promises, out-of-distribution rows, and no leak."""

from collections import Counter
from dataclasses import replace

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coconut_bench.generators import DATASETS, Example, canonical_row, examples, get_dataset
from coconut_bench.generators.audit.report import audit
from coconut_bench.generators.example import SPLITS
from coconut_bench.generators.families import prontoqa_fair
from coconut_bench.generators.families import prosqa_fair as fair
from coconut_bench.generators.families.layered import LayeredConfig
from coconut_bench.generators.families.prosqa_fair import FairSpec
from coconut_bench.generators.families.symmetric import SymmetricConfig
from coconut_bench.generators.families.vocabulary import NAMES
from coconut_bench.generators.proof.contracts import CONTRACTS
from coconut_bench.generators.proof.mirrored import Mirrored
from coconut_bench.generators.proof.proved import Proved, shape
from coconut_bench.generators.proof.records import prove
from coconut_bench.generators.seeding import example_keys
from coconut_bench.generators.wordings.reading import read_question

BASES = ("prosqa-fair", "prontoqa-fair", "prosqa-symmetric")
FAIR = [name for name in DATASETS if name.startswith(BASES)]


def depths(deepest: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.integers(3, deepest), min_size=1, max_size=3, unique=True).map(tuple)


@st.composite
def dials(draw: st.DrawFn) -> LayeredConfig:
    """Settings over the whole dial; the deepest graphs need nodes enough to have several ways."""
    hops = draw(depths(12))
    ends = draw(st.integers(5, 7))
    nodes = 2 * ends + max(hops) + 2 + draw(st.integers(0, 3))
    return LayeredConfig(hops, nodes, (5 * nodes) // 4 + 1, ends, draw(st.integers(0, 1)))


def drawn(spec: FairSpec, graphs: int, split: str = "test", surface: str = "symbolic") -> list[Example]:
    keys = example_keys("fair", "1", split, 0, range(graphs))
    return fair.sample(spec, keys, [str(index) for index in range(2 * graphs)], split, surface)


@settings(max_examples=20, deadline=None)
@given(dials(), st.sampled_from(SPLITS), st.sampled_from(fair.ORDERS), st.sampled_from(sorted(NAMES)))
def test_every_setting_of_the_dial_keeps_the_promises(
    config: LayeredConfig, split: str, order: str, names: str
) -> None:
    spec = FairSpec(config, names, order)
    promise = Mirrored(
        config.hops, config.size, config.components * config.edges + 8, names, order == "backward"
    )
    pair = drawn(spec, 1, split)
    for example in pair:
        promise(prove(example))
    assert pair[0].answer != pair[1].answer
    assert pair[0].question.split(">")[0] == pair[1].question.split(">")[0]


@st.composite
def symmetric_dials(draw: st.DrawFn) -> SymmetricConfig:
    hops = draw(depths(6))
    nodes = 10 + 2 * max(hops) + draw(st.integers(0, 2))
    return SymmetricConfig(hops, nodes, nodes + 4 + draw(st.integers(0, 2)))


@settings(max_examples=10, deadline=None)
@given(symmetric_dials(), st.sampled_from(SPLITS), st.sampled_from(fair.ORDERS))
def test_every_symmetric_setting_keeps_the_promises(config: SymmetricConfig, split: str, order: str) -> None:
    promise = Mirrored(
        config.hops, config.size, 4 * config.edges, backward=order == "backward", undirected=True
    )
    for example in drawn(FairSpec(config, order=order), 1, split):
        promise(prove(example))


@settings(max_examples=10, deadline=None)
@given(st.one_of(dials(), symmetric_dials()))
def test_any_order_and_any_batch_give_the_same_bytes(config: LayeredConfig) -> None:
    whole = b"".join(map(canonical_row, drawn(FairSpec(config), 4)))
    keys = example_keys("fair", "1", "test", 0, range(4))
    for at in (3, 0, 2, 1):
        pair = fair.sample(
            FairSpec(config), keys[at : at + 1], [f"{2 * at}", f"{2 * at + 1}"], "test", "symbolic"
        )
        assert b"".join(map(canonical_row, pair)) in whole


def test_hops_are_mixed_in_equal_shares_and_sizes_do_not_tell_them() -> None:
    found = list(examples("prosqa-fair", "test", count=800))
    hops = Counter(example.hops for example in found)
    assert hops.keys() == {3, 4, 5, 6}
    assert all(abs(count - 200) < 4 * (400 * 0.25 * 0.75) ** 0.5 * 2 for count in hops.values())
    for example in found[:100]:
        graph = example.graph
        assert graph is not None
        assert (len(graph.symbols), len(graph.edges)) == (54, 72)


def test_shapes_vary() -> None:
    """Names forgotten there are as many graphs as pairs of twins."""
    forms = {shape(prove(example)) for example in examples("prosqa-fair", "test", count=200)}
    assert len(forms) == 100


def test_an_out_of_distribution_row_differs_in_its_axis_only() -> None:
    for name in FAIR:
        row = get_dataset(name)
        if not row.axis:
            continue
        assert row.name == f"{row.base}-{row.axis}"
        mine, base = CONTRACTS[name].check, CONTRACTS[row.base].check
        assert isinstance(mine, Mirrored) and isinstance(base, Mirrored)
        changed = {
            field for field in Mirrored.__dataclass_fields__ if getattr(mine, field) != getattr(base, field)
        }
        expected = {
            "hops": {"hops"}, "density": {"premises"}, "branching": {"nodes", "premises"},
            "distractors": {"nodes", "premises"}, "names": {"names"}, "order": {"backward"},
        }  # fmt: skip
        assert changed == expected[row.axis], name
    axes = {row.axis for row in DATASETS.values() if row.base == "prosqa-fair"}
    assert axes == {"hops", "density", "branching", "distractors", "names", "order"}


def test_no_test_graph_of_an_axis_is_a_training_graph() -> None:
    train = {shape(prove(example)) for example in examples("prosqa-fair", "train", count=400)}
    for name in ("prosqa-fair", "prosqa-fair-names", "prosqa-fair-order"):
        test = {shape(prove(example)) for example in examples(name, "test", count=200)}
        assert not train & test


def test_unseen_names_are_unseen() -> None:
    for surface in ("natural", "symbolic"):
        known = {
            symbol
            for example in examples("prosqa-fair", "train", count=400, surface=surface)
            for symbol in example.graph.symbols  # type: ignore[union-attr]
        }
        for example in examples("prosqa-fair-names", "test", count=20, surface=surface):
            assert not known & set(example.graph.symbols)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", BASES)
def test_nothing_without_a_search_helps(name: str) -> None:
    """A pair of twins has one right answer for any root-blind guess, so those shares are exactly one half."""
    report = audit(name, examples=600)
    for finding in report.findings:
        if finding.effort == "root-blind":
            assert finding.accuracy == 0.5, finding
        elif finding.effort in ("zero-effort", "learned"):
            assert finding.low <= 0.52 and finding.high >= 0.48, finding
    for walk in ("forward-walk", "backward-walk"):
        assert report[walk].accuracy <= 0.6
    assert report["undirected-nearer"].accuracy == 0.5
    assert report["search"].accuracy == 1
    graph = {row.name: row.accuracy for row in report.findings if row.effort == "graph-algorithm"}
    if name == "prosqa-symmetric":
        assert set(graph.values()) == {0.5}
    else:
        assert graph["effective-resistance"] > 0.97 and report["walk-with-restart"].accuracy > 0.97


@pytest.mark.slow
@pytest.mark.parametrize("name", FAIR)
def test_nothing_without_a_search_helps_on_10000_records(name: str) -> None:
    """The figures of docs/data.md: nothing above 52 % (four standard errors), and walks at most 60 %."""
    report = audit(name)
    assert report.examples == 10_000
    assert report.strongest().strength <= 0.52, report.strongest()
    assert max(row.accuracy for row in report.findings if row.effort == "walk") <= 0.6


def test_the_contradicting_rule_has_the_profile_of_the_true_one() -> None:
    for example in examples("prontoqa-fair", "test", count=40):
        proved = prove(example)
        graph, degrees = proved.reading.graph, []
        for literal in (proved.target, proved.other):
            bearers = graph.pred[literal]
            degrees.append(sorted((graph.in_degree(one), graph.out_degree(one)) for one in bearers))
            assert {nx.has_path(graph, proved.reading.root, one) for one in bearers} >= {
                literal == proved.target
            }
        assert degrees[0] == degrees[1]


def test_prontoqa_answers_and_polarity_are_balanced() -> None:
    found = list(examples("prontoqa-fair", "test", count=400))
    negated = [example.question.split(" is ")[-1].startswith("not ") for example in found]
    assert sum(example.answer == "True" for example in found) == 200
    assert 130 < sum(negated) < 270  # 200 pairs of twins share their query: four standard errors
    told = Counter(word for example in found for word in example.question.split())
    assert told["are"] > 0.8 * (told["Each"] + told["Every"])


def broken(promise: str) -> tuple[Proved, Mirrored]:
    """A question of prosqa-fair and a promise that it does not keep."""
    proved = prove(next(examples("prosqa-fair", "test", surface="symbolic")))
    check = CONTRACTS["prosqa-fair"].check
    assert isinstance(check, Mirrored)
    changes = {"hops": (12,), "nodes": 55, "premises": 71, "names": "unseen", "backward": True}
    return proved, replace(check, **{promise: changes[promise]})


def test_a_fair_graph_is_not_symmetric() -> None:
    """The promise of ``prosqa-symmetric`` is one that ``prosqa-fair`` does not keep."""
    check = CONTRACTS["prosqa-fair"].check
    assert isinstance(check, Mirrored)
    for example in examples("prosqa-fair", "test", count=6):
        with pytest.raises(ValueError, match="must look alike from the query entity"):
            replace(check, undirected=True)(prove(example))


def test_a_symmetric_graph_is_four_copies_of_one_component_if_direction_is_ignored() -> None:
    """Every inner node comes four times, every entity and leaf twice, or a multiple of that."""
    for example in examples("prosqa-symmetric", "test", count=20):
        graph = prove(example).reading.graph
        ends = {node for node in graph if not graph.in_degree(node) or not graph.out_degree(node)}
        assert len(ends) == 20
        undirected = graph.to_undirected()
        nx.set_node_attributes(undirected, {node: str(node in ends) for node in graph}, "end")
        colors = nx.weisfeiler_lehman_subgraph_hashes(undirected, node_attr="end", iterations=8)
        for nodes, times in ((ends, 2), (set(graph) - ends, 4)):
            counts = Counter(colors[node][-1] for node in nodes).values()
            assert all(count % times == 0 for count in counts)


@pytest.mark.parametrize("promise", ["hops", "nodes", "premises", "names", "backward"])
def test_a_broken_promise_is_found(promise: str) -> None:
    proved, check = broken(promise)
    with pytest.raises(ValueError):
        check(proved)


@pytest.mark.parametrize("seed", range(12))
def test_a_premise_turned_to_another_node_breaks_the_mirror(seed: int) -> None:
    """One edge of one component moved, all counts kept: the candidates are no longer alike."""
    example = next(examples("prosqa-fair", "test", seed=seed, surface="symbolic"))
    proved = prove(example)
    told = list(proved.reading.edges)
    off_path = [at for at, (u, v) in enumerate(told) if u not in proved.chain and v not in proved.chain]
    graph = proved.reading.graph
    at = next(at for at in off_path if graph.out_degree(told[at][0]) > 1 and graph.in_degree(told[at][1]) > 1)
    start, end = told[at]
    other = next(v for u, v in told if v != end and u != start and (start, v) not in told and v != start)
    text = example.question.replace(f"{start} {end} .", f"{start} {other} .", 1)
    reading = read_question(text)
    with pytest.raises(ValueError):
        CONTRACTS["prosqa-fair"].check(replace(proved, reading=reading))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hops": (2,)}, "hops must be in 3..12"),
        ({"hops": ()}, "hops must be in 3..12"),
        ({"nodes": 14}, "nodes must be in 15..64, got 14"),
        ({"edges": 23}, "edges must be in 24..48, got 23"),
        ({"ends": 4}, "ends must be in 5..16, got 4"),
        ({"distractors": 9}, "distractors must be in 0..8, got 9"),
    ],
)
def test_impossible_settings_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        LayeredConfig(**arguments)  # type: ignore[arg-type]


def test_symmetric_graphs_have_no_distractors() -> None:
    with pytest.raises(ValueError, match="distractors must be 0, got 1"):
        SymmetricConfig(distractors=1)


def test_a_graph_needs_names_enough() -> None:
    with pytest.raises(ValueError, match="concepts must be at most 96"):
        FairSpec(LayeredConfig(distractors=4))
    with pytest.raises(ValueError, match="unknown set of names 'unsen'"):
        FairSpec(names="unsen")
    with pytest.raises(ValueError, match="unknown order 'sorted'"):
        FairSpec(order="sorted")
    keys = example_keys("fair", "1", "test", 0, range(1))
    with pytest.raises(ValueError, match="ends must be small enough for 13 families"):
        prontoqa_fair.sample(
            FairSpec(LayeredConfig(nodes=34, edges=45, ends=8)), keys, ["0", "1"], "test", "natural"
        )
