"""CoT2: thoughts that are mixtures of concepts, taught in one pass, against a plain loop over each row."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from micro import write_recipe
from test_coconut_methods import EXAMPLE
from test_frontier_labels import FORK
from tiny_models import CONFIGS, assert_agree, coconut, encoder, reasoner, write_literally

from coconut_bench.benchmarks.recipe import load_recipe
from coconut_bench.benchmarks.run.needs import fitting
from coconut_bench.cli import main
from coconut_bench.coconut.curriculum import Schedule
from coconut_bench.coconut.frontier import visited
from coconut_bench.coconut.methods import METHODS, get_method
from coconut_bench.coconut.mixtures import mixed
from coconut_bench.coconut.modeling import CoconutForCausalLM
from coconut_bench.coconut.objectives import items_of, mixtures, view_of
from coconut_bench.coconut.rows import Row
from coconut_bench.coconut.steps import MULTIPLES
from coconut_bench.generators import examples
from coconut_bench.generators.example import Graph

IDS = encoder(markers=False).ids


def mixing(architecture: str, **changes: object) -> CoconutForCausalLM:
    size = len(encoder(markers=False).tokenizer)
    model = coconut(architecture, vocabulary=size, recurrence="mixture", **changes)
    model.config.latent_token_id = IDS.latent
    return model


def rows(thoughts: list[int], markers: bool = False) -> list[Row]:
    """Rows with the given numbers of thoughts."""
    made = encoder(markers)
    parts = made.segments(list(examples("prosqa-tiny", "train", count=len(thoughts), surface="symbolic")))
    return [
        made.row(one, Schedule(get_method("cot2"), last=count), count)
        for one, count in zip(parts, thoughts, strict=True)
    ]


def literal(model: CoconutForCausalLM, row: Row) -> tuple[torch.Tensor, torch.Tensor]:
    """Summed cross-entropies of a row's thoughts and of its tokens, and the log-odds of its thoughts' end."""
    table_VD = model.get_input_embeddings().weight
    vectors, soft, thoughts = [], [], iter(row.mixtures)
    for token in row.prompt + row.target:
        concepts = next(thoughts) if token == IDS.latent else [token]
        weights_V = torch.zeros(len(table_VD))
        for concept in concepts:
            weights_V[concept] += 1 / len(concepts)
        vectors.append(weights_V @ table_VD)
        soft.append(weights_V)
    h_TD = model.base.get_decoder()(inputs_embeds=torch.stack(vectors)[None])[0][0]
    log_p_TV = model.get_output_embeddings()(h_TD).log_softmax(-1)
    found = torch.zeros(())
    for place in range(len(row.prompt), len(vectors)):
        found = found - (soft[place] * log_p_TV[place - 1]).sum()
    at = [t for t, token in enumerate(row.prompt + row.target) if token == IDS.latent]
    odds = model.halting_head(h_TD[at]).squeeze(-1) if model.halting_head is not None else torch.empty(0)
    return found, odds


@pytest.mark.parametrize("name", ["prosqa", "prosqa-fair", "prosqa-tiny"])
def test_thoughts_are_the_nodes_that_networkx_finds_and_the_last_is_the_answer(name: str) -> None:
    for example in examples(name, "train", count=10):
        graph, last = example.graph, len(example.steps)
        far = nx.single_source_shortest_path_length(nx.DiGraph(graph.edges), graph.root)
        assert far[graph.target] == last
        for step in range(1, last + 3):
            names = [graph.symbols[node] for node, distance in sorted(far.items()) if distance == step]
            answer = [graph.symbols[graph.target]]
            assert visited(graph, step, last) == (names if step < last else answer)
    assert visited(FORK, 1, 2) == ["b", "c"]
    assert visited(FORK, 3, 9) == [FORK.symbols[FORK.target]], "nothing is three edges away"


def test_thoughts_are_learned_in_their_place() -> None:
    made = encoder(markers=True)
    [parts] = made.segments([EXAMPLE])
    row = made.row(parts, Schedule(get_method("cot2"), last=3, thoughts_per_step=2), 3)
    words = made.tokenizer.convert_ids_to_tokens
    assert words(row.prompt) == [*EXAMPLE.question.split(), "<bot>"]
    assert words(row.target) == [*["<latent>"] * 6, "<eot>", "###", "1", "<eos>"]
    assert [words(one) for one in row.mixtures] == [["7"], ["7"], ["1"], ["1"], ["1"], ["1"]]


@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("multiples", [None, MULTIPLES], ids=["", "rounded"])
def test_loss_and_gradients_are_the_literal_ones(
    architecture: str, multiples: tuple[int, int] | None
) -> None:
    if architecture == "gpt2":
        multiples = multiples and (4, 4)  # it has 64 positions
    model, made = mixing(architecture, halting=True), rows([2, 2, 3, 1])
    torch.nn.init.normal_(model.halting_head.weight)
    model.defers = multiples is not None
    assert max(len(one) for row in made for one in row.mixtures) > 1
    sums, odds = zip(*(literal(model, row) for row in made), strict=True)
    last = torch.cat([torch.tensor([0.0] * (len(one) - 1) + [1.0]) for one in odds])
    expected = sum(sums) / sum(len(row.target) for row in made)
    expected = expected + F.binary_cross_entropy_with_logits(torch.cat(odds), last)
    found = mixtures(model, {"student": view_of(model, made, IDS.pad, multiples)}, None)
    assert list(found.parts) == ["words", "thoughts", "halting"]
    assert_agree(model, found.total, expected)
    items = items_of([{"student": row} for row in made], IDS.latent)
    parts = [
        mixtures(model, {"student": view_of(model, some, IDS.pad)}, items).parts
        for some in (made[:1], made[1:])
    ]
    for name, value in found.parts.items():
        torch.testing.assert_close(sum(part[name] for part in parts), value, msg=name)


@pytest.mark.parametrize("architecture", CONFIGS)
def test_an_answer_is_thought_of_in_the_model_s_own_mixtures(architecture: str) -> None:
    model = mixing(architecture)
    mind, questions = reasoner(model, 2), [[9, 10, 11], [12, 13]]
    found = mind.think(mind.read(questions))
    for b, question in enumerate(questions):
        vectors = list(model.get_input_embeddings()(torch.tensor(question)))
        for k in range(2):
            h_D = model.base.get_decoder()(inputs_embeds=torch.stack(vectors)[None])[0][0, -1]
            p_V = model.get_output_embeddings()(h_D).softmax(-1)
            table_VD = model.get_input_embeddings().weight
            vectors.append(sum(p * table_VD[token] for token, p in enumerate(p_V)))
            torch.testing.assert_close(found.fed_BKD[b, k], vectors[-1], rtol=1e-4, atol=1e-5)
    prompts = [[*question, IDS.latent, IDS.latent] for question in questions]
    assert mind.write(found.prompted, 5) == write_literally(model, prompts, 5)


def test_embeddings_that_are_scaled_are_mixed_as_they_are_fed() -> None:
    model = mixing("llama")

    class Scaled(torch.nn.Embedding):
        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return 3 * super().forward(ids)

    h_BD, plain = torch.randn(2, 32), model.get_input_embeddings()
    expected = 3 * mixed(model, h_BD)
    scaled = Scaled(*plain.weight.shape)
    scaled.weight = plain.weight
    model.base.set_input_embeddings(scaled)
    torch.testing.assert_close(mixed(model, h_BD), expected)


def test_examples_without_a_graph_and_concepts_of_several_tokens_are_refused() -> None:
    made, schedule = encoder(markers=False), Schedule(get_method("cot2"), last=2)
    [parts] = made.segments([EXAMPLE])
    with pytest.raises(ValueError, match="needs an example with a graph"):
        made.row(parts._replace(graph=None), schedule, 2)
    long = Graph(("4", "7 1", "1", "9"), EXAMPLE.graph.edges, 0, 2, 3)
    with pytest.raises(ValueError, match="concepts of one token each, got '7 1' of 2"):
        made.row(parts._replace(graph=long), schedule, 2)


@pytest.mark.usefixtures("in_an_empty_folder")
def test_data_whose_concepts_are_several_tokens_are_refused_and_all_leaves_the_method_out(
    tmp_path: Path,
) -> None:
    write_recipe(tmp_path, base=None, markers=True)
    arguments = ["run", "--method", "cot2", "--recipe", "micro.yaml", "--dataset", "prontoqa"]
    refused = CliRunner().invoke(main, [*arguments, "-o", "curriculum.stage_steps=[1,1,1,1,1,1,1]", "-o",
                                        "curriculum.lr_scales=null"])  # fmt: skip
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1), refused.output
    assert "method cot2: a mixture needs concepts of one token each, got 'not " in refused.stderr
    assert not list(Path("runs").rglob("*.json"))
    recipe = load_recipe("micro.yaml")
    assert set(METHODS) - set(fitting(tuple(METHODS), recipe.with_dataset("prontoqa"))) == {"cot2"}
