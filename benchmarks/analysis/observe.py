"""What one model makes of a batch of questions: what it writes, and what its thoughts read out as.

    q q q q ┬─ write                     after 0 thoughts
            ├─ L ┬─ write                after 1
            │    └─ the value of every concept
            └─ L L ┬─ write              after 2: as trained
                   └─ …

Every model is looked at in the same way, a CoT model too: its own hidden states are fed back though it never
learned to use them, and an untrained one's as well. What a readout shows there as well is no evidence.

Axes: B questions, K thoughts, D width. A state is the hidden state after k thoughts, k = 0…K: what thought
k + 1 is fed, or what writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from ...coconut.decoding import Prompted, write
from ...coconut.encoding import Encoder
from ...coconut.modeling import CoconutForCausalLM
from ...coconut.prefix import read, think
from ...coconut.readout import attention_of_thoughts, continuation_values, inner_products, logit_lens
from ...generators.answers import is_right, read_answer
from ...generators.example import Example
from ...generators.wordings.reading import read_question
from ..controls.battery import expected
from ..run.evaluate import model_positions
from ..run.trained import TrainedRun

TOP = 5
UNTRAINED = "untrained"

Observation = dict[str, Any]
"""Of one question, ready for JSON. For k = 0…K: ``written`` (texts), ``values`` (k ≥ 1: of each node of the
graph, else none), ``products`` ``[node][k]``, ``norms``, ``lens`` (per k, pairs of token and probability);
``right`` (per k, whether the answer is); ``attention`` [layer][thought][premise], if it was looked at.
"""


@dataclass(frozen=True)
class Subject:
    """A model to look into: a finished run's, or the same configuration untrained.

    ``thoughts`` is how many it is given at the most, ``native`` how many it was trained to have; ``writes``
    for how many its text is asked. ``key`` tells it from any other in what is kept.
    """

    name: str
    run: TrainedRun
    model: CoconutForCausalLM
    thoughts: int
    native: int
    writes: tuple[int, ...]
    key: dict[str, Any] = field(default_factory=dict)

    @property
    def encoder(self) -> Encoder:
        return self.run.encoder

    @property
    def pause(self) -> int | None:
        """The token that stands in the thoughts' places, if it is one."""
        return self.encoder.ids.pause if self.run.method.filler == "pause" else None


def trained_subject(run: TrainedRun, thoughts: int, name: str, every_k: bool) -> Subject:
    """The model of ``run``; its text for every number of thoughts, or as it was trained to write.

    Raises ValueError for a run that was trained to have more thoughts than these.
    """
    weights = run.result.seeds[0].predictions
    native = run.thoughts
    if native > thoughts:
        raise ValueError(f"a baseline must have at most {thoughts} thoughts, as the run has, got {native}")
    key = {
        "recipe": run.recipe.hash, "method": run.method.name, "seed": run.spec.seed,
        "predictions": weights and weights.sha256,
    }  # fmt: skip
    writes = tuple(range(thoughts + 1)) if every_k else (native,)
    return Subject(name, run, run.model.eval(), thoughts, native, writes, key)


def untrained_subject(run: TrainedRun, seed: int) -> Subject:
    """A model of the run's configuration that has learned nothing, initialised from ``seed``."""
    torch.manual_seed(seed)
    base = AutoModelForCausalLM.from_config(run.model.base.config, dtype=torch.float32)
    base.to(run.model.device)
    model = CoconutForCausalLM.wrap(base, run.model.config.latent_token_id).eval()
    key = {"recipe": run.recipe.hash, "method": run.method.name, "untrained": seed}
    return Subject(UNTRAINED, run, model, run.thoughts, run.thoughts, (run.thoughts,), key)


def observe(subject: Subject, questions: Sequence[Example], with_attention: bool) -> list[Observation]:
    """Look at one batch of questions of one wording. Every question must have a graph."""
    opener = read_question(questions[0].question).wording.opener or ""
    encoder, model, ids = subject.encoder, subject.model, subject.encoder.ids
    segments = encoder.segments(questions)
    begin = [ids.begin_thought] if encoder.markers else []
    after = [ids.end_thought] if encoder.markers else []
    prompted = read(model, [[*parts.question, *begin] for parts in segments], ids.pad)
    bare = read(model, [parts.question for parts in segments], ids.pad) if begin else prompted
    whole = think(model, prompted, subject.thoughts, token=subject.pause)
    states_BKD = torch.cat([prompted.h_BD[:, None], whole.states_BKD], dim=1)
    concepts = _concepts(encoder, questions, opener)
    found = _states_read_out(subject, states_BKD, concepts)
    forced = _tokens(encoder, opener)
    answers = expected(subject.run, questions)
    limit = _limit(subject, prompted)
    for k in range(subject.thoughts + 1):
        thought = think(model, prompted if k else bare, k, token=subject.pause, after=after)
        if k:  # before the writing, which uses the cache up
            _keep(found, "values", k, continuation_values(model, thought.prompted, forced, concepts))
        if k in subject.writes:
            texts = _texts(subject, thought.prompted, limit)
            _keep(found, "written", k, texts)
            written = [read_answer(text, subject.run.evaluator.marker) for text in texts]
            _keep(found, "right", k, list(map(is_right, written, answers)))
    attention = attention_of_thoughts(model, prompted, whole.fed_BKD) if with_attention else None
    if attention is not None:
        for b, (example, entry) in enumerate(zip(questions, found, strict=True)):
            entry["attention"] = _by_premise(subject, example, attention[:, b])
    return found


def _keep(found: list[Observation], what: str, k: int, values: Sequence[Any]) -> None:
    """Enter one value a question; JSON wants its keys as text."""
    for entry, value in zip(found, values, strict=True):
        entry.setdefault(what, {})[str(k)] = value


def _states_read_out(
    subject: Subject, states_BKD: Tensor, concepts: Sequence[Sequence[list[int]]]
) -> list[Observation]:
    lens = logit_lens(subject.model, states_BKD, TOP)
    vocabulary = subject.encoder.tokenizer
    products = inner_products(subject.model, states_BKD, concepts)
    norms = states_BKD.norm(dim=-1).tolist()
    return [
        {
            "products": products[b],
            "norms": norms[b],
            "lens": [
                [[str(vocabulary.decode([token])).strip(), value] for token, value in zip(*row, strict=True)]
                for row in zip(lens.tokens[b].tolist(), lens.probabilities[b].tolist(), strict=True)
            ],
        }
        for b in range(len(states_BKD))
    ]


def _concepts(encoder: Encoder, questions: Sequence[Example], opener: str) -> list[list[list[int]]]:
    """The tokens of every node's name, as they follow what opens a step (the paper forces "Every")."""
    start = len(_tokens(encoder, opener))
    return [
        [_tokens(encoder, f"{opener} {symbol}".strip())[start:] for symbol in example.graph.symbols]
        for example in questions
        if example.graph is not None
    ]


def _tokens(encoder: Encoder, text: str) -> list[int]:
    return list(encoder.tokenizer(text, add_special_tokens=False)["input_ids"]) if text else []


def _limit(subject: Subject, prompted: Prompted) -> int:
    """How many tokens may be written: the recipe's number, or what the model has positions for."""
    limit = subject.run.recipe.max_new_tokens
    positions = model_positions(subject.model)
    used = prompted.mask_BT.shape[1] + subject.thoughts + 1
    return limit if positions is None else max(1, min(limit, positions - used))


def _texts(subject: Subject, prompted: Prompted, limit: int) -> list[str]:
    encoder = subject.encoder
    rows = write(subject.model, prompted, end=encoder.ids.end, max_new_tokens=limit)
    return [str(encoder.tokenizer.decode(row, skip_special_tokens=True)) for row in rows]


def _by_premise(subject: Subject, example: Example, attention_NHKT: Tensor) -> list[list[list[float]]]:
    """What each thought's attention, the mean of the heads, sums to on each premise: ``[layer][k][premise]``.

    Premises are in the order of telling; each has its tokens up to its full stop.
    """
    tokens = subject.encoder.segments([example])[0].question
    width = attention_NHKT.shape[-1] - subject.thoughts - (1 if subject.encoder.markers else 0)
    mean_NKT = attention_NHKT.mean(1)[:, :, width - len(tokens) : width]
    count, premise, places = len(read_question(example.question).premises), 0, []
    for token in tokens:
        places.append(min(premise, count))
        premise += str(subject.encoder.tokenizer.decode([token])).strip().endswith(".")
    sums_NKP = mean_NKT.new_zeros((*mean_NKT.shape[:2], count + 1))
    sums_NKP.index_add_(2, torch.tensor(places, device=mean_NKT.device), mean_NKT)
    shares: list[list[list[float]]] = sums_NKP[:, :, :count].tolist()
    return shares
