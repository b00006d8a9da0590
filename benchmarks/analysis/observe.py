"""What one model makes of a batch of questions: the text that it writes, and readouts of its thoughts.

    q q q q ┬─ write                     after 0 thoughts
            ├─ L ┬─ write                after 1
            │    └─ the value of every concept
            └─ L L ┬─ write              after 2: as trained
                   └─ …

Every model is observed in the same way. The hidden states of a CoT or an untrained model are fed back too,
though it never learned to use them: what such a readout shows as well is no evidence.

Axes: B questions, K thoughts, D width. A state is the hidden state after k thoughts, k = 0…K: the input of
thought k + 1, or that of the first written token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from ...coconut.decoding import Prompted
from ...coconut.encoding import Encoder
from ...coconut.modeling import CoconutForCausalLM
from ...coconut.readout import attention_of_thoughts, continuation_values, inner_products, logit_lens
from ...coconut.thinking import Reasoner, Thinking
from ...generators.answers import is_right, read_answer
from ...generators.example import Example
from ...generators.wordings.reading import read_question
from ..controls.battery import expected
from ..run.evaluate import model_positions
from ..run.trained import TrainedRun
from .observation import HALTED, Observation

TOP = 5
UNTRAINED = "untrained"


@dataclass(frozen=True)
class Subject:
    """A model to analyze: a finished run's, or an untrained one of the same configuration.

    Attributes:
        name: Its name in the report.
        run: The run whose encoder, recipe and method it shares.
        model: The model.
        thoughts: Thoughts that it is given at most.
        native: Thoughts that it was trained to have; `HALTED` where a classifier ends them.
        writes: The numbers of thoughts after which its text is asked for.
        key: What tells it from any other subject in the kept parts.
        mind: What reads, thinks and writes in place of the model, None for the model itself.
    """

    name: str
    run: TrainedRun
    model: CoconutForCausalLM
    thoughts: int
    native: int
    writes: tuple[int, ...]
    key: dict[str, Any] = field(default_factory=dict)
    mind: Reasoner | None = None

    @property
    def encoder(self) -> Encoder:
        return self.run.encoder

    @property
    def is_marked(self) -> bool:
        """Whether the markers stand around its thoughts."""
        return self.encoder.marks(self.run.method)

    @property
    def reasoner(self) -> Reasoner:
        """The model with room for all its thoughts; without a number it ends them as trained."""
        is_pause, halts = self.run.method.filler == "pause", HALTED in self.writes
        markers, empty_markers = self.is_marked, self.encoder.keeps_markers(self.run.method)
        thinking = Thinking(self.thoughts, is_pause, halts, markers, empty_markers)
        return self.mind or Reasoner(self.model, self.encoder.ids, thinking)


def trained_subject(run: TrainedRun, thoughts: int, name: str, every_k: bool) -> Subject:
    """Make a subject of a finished run's model.

    Args:
        run: The finished run.
        thoughts: Thoughts that the model is given at most.
        name: Its name in the report.
        every_k: Ask for its text after every number of thoughts, not only after those it was trained to have.

    Raises:
        ValueError: The run was trained to have more thoughts.
    """
    weights = run.result.seeds[0].predictions
    if run.thoughts > thoughts:
        raise ValueError(
            f"a baseline must have at most {thoughts} thoughts, as the run has, got {run.thoughts}"
        )
    native = HALTED if run.thinking.halts else run.thoughts
    key = {
        "recipe": run.recipe.hash, "method": run.method.name, "seed": run.spec.seed,
        "predictions": weights and weights.sha256,
    }  # fmt: skip
    writes = tuple(dict.fromkeys([*range(thoughts + 1), native])) if every_k else (native,)
    return Subject(name, run, run.model.eval(), thoughts, native, writes, key)


def untrained_subject(run: TrainedRun, seed: int) -> Subject:
    """Make a subject of an untrained model.

    Args:
        run: The finished run whose configuration the model has.
        seed: Initializes the weights.
    """
    torch.manual_seed(seed)
    base = AutoModelForCausalLM.from_config(run.model.base.config, dtype=torch.float32)
    base.to(run.model.device)
    config = run.model.config
    model = CoconutForCausalLM.wrap(
        base, config.latent_token_id, seed, recurrence=config.recurrence, slots=config.slots,
        sweeps=config.sweeps,
    ).eval()  # fmt: skip
    key = {"recipe": run.recipe.hash, "method": run.method.name, "untrained": seed}
    return Subject(UNTRAINED, run, model, run.thoughts, run.thoughts, (run.thoughts,), key)


def observe(subject: Subject, questions: Sequence[Example], with_attention: bool) -> list[Observation]:
    """Observe one batch of questions.

    Args:
        subject: The model.
        questions: Examples of one wording, all with graphs.
        with_attention: Whether to observe attention too, which is made layer by layer.
    """
    opener = read_question(questions[0].question).wording.opener or ""
    model, mind, evaluator = subject.model, subject.reasoner, subject.run.evaluator
    readings = mind.read([parts.question for parts in subject.encoder.segments(questions)])
    whole = mind.think(readings, subject.thoughts)
    states_BKD = torch.cat([readings.opened.h_BD[:, None], whole.states_BKD], dim=1)
    forced, concepts = _tokens(subject.encoder, opener), _concepts(subject.encoder, questions, opener)
    limit = _limit(subject, readings.opened)
    values, written, used = {}, {}, None
    for k in dict.fromkeys([*range(subject.thoughts + 1), *subject.writes]):
        thought = mind.think(readings, None if k == HALTED else k)
        if k == HALTED:
            used = thought.used
        if k > 0:  # before the writing, which uses the cache up
            values[k] = continuation_values(model, thought.prompted, forced, concepts)
        if k in subject.writes:
            written[k] = list(map(evaluator.text, mind.write(thought.prompted, limit)))
    attention = attention_of_thoughts(model, readings.opened, whole.fed_BKD) if with_attention else None
    products, norms = inner_products(model, states_BKD, concepts), states_BKD.norm(dim=-1).tolist()
    lens, marker = _lens(subject, states_BKD), evaluator.marker
    return [
        Observation(
            products[b], norms[b], lens[b],
            values={k: rows[b] for k, rows in values.items()},
            written={k: texts[b] for k, texts in written.items()},
            right={k: is_right(read_answer(texts[b], marker), answer) for k, texts in written.items()},
            attention=None if attention is None else _by_premise(subject, example, attention[:, b]),
            used=None if used is None else used[b],
        )
        for b, (example, answer) in enumerate(zip(questions, expected(subject.run, questions), strict=True))
    ]  # fmt: skip


def _lens(subject: Subject, states_BKD: Tensor) -> list[list[list[tuple[str, float]]]]:
    """The most probable next tokens with their probabilities, ``[question][k]``."""
    lens, vocabulary = logit_lens(subject.model, states_BKD, TOP), subject.encoder.tokenizer
    return [
        [
            [(str(vocabulary.decode([token])).strip(), value) for token, value in zip(*state, strict=True)]
            for state in zip(*question, strict=True)
        ]
        for question in zip(lens.tokens.tolist(), lens.probabilities.tolist(), strict=True)
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


def _by_premise(subject: Subject, example: Example, attention_NHKT: Tensor) -> list[list[list[float]]]:
    """What each thought's attention, the mean of the heads, sums to on each premise: ``[layer][k][premise]``.

    Premises are in the order of telling; each has its tokens up to its full stop.
    """
    tokens = subject.encoder.segments([example])[0].question
    width = attention_NHKT.shape[-1] - subject.thoughts - (1 if subject.is_marked else 0)
    mean_NKT = attention_NHKT.mean(1)[:, :, width - len(tokens) : width]
    count, premise, leading = len(read_question(example.question).premises), 0, subject.encoder.leading
    places = [count] * len(leading)
    for token in tokens[len(leading) :]:
        places.append(min(premise, count))
        premise += str(subject.encoder.tokenizer.decode([token])).strip().endswith(".")
    sums_NKP = mean_NKT.new_zeros((*mean_NKT.shape[:2], count + 1))
    sums_NKP.index_add_(2, torch.tensor(places, device=mean_NKT.device), mean_NKT)
    shares: list[list[list[float]]] = sums_NKP[:, :, :count].tolist()
    return shares
