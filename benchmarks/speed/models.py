"""The models and batches whose speed is measured: random weights, random tokens, the shapes of a recipe.

Axes: B batch, T tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...generators.lookup import pick

if TYPE_CHECKING:
    import torch

    from ...coconut.encoding import Batch, Row
    from ...coconut.modeling import CoconutForCausalLM

PAD, END, LATENT, WORD = 0, 1, 2, 3
"""Token ids: padding, the end, a continuous thought, and the first of the ordinary words."""


@dataclass(frozen=True)
class Size:
    """A model and its questions. Lengths are in tokens; a question's varies by a tenth around ``question``.

    ``thoughts``: of the last stage, in which each has replaced a step of ``step`` tokens.
    """

    name: str
    description: str
    architecture: str
    layers: int
    width: int
    heads: int
    vocabulary: int
    batch: int
    question: int
    thoughts: int
    step: int
    answer: int

    @property
    def positions(self) -> int:
        """The tokens of the longest row of any stage."""
        return self.question + self.question // 10 + self.thoughts * max(1, self.step) + self.answer

    def changed(self, **changes: int) -> Size:
        """The same with other numbers."""
        return replace(self, **changes)  # type: ignore[arg-type]


SIZES = {
    size.name: size
    for size in (
        Size("micro", "for trying the measurement itself", "llama", 2, 16, 2, 64, 4, 12, 2, 3, 3),
        Size("tiny", "the recipe tiny", "llama", 3, 128, 4, 60, 64, 32, 2, 3, 5),
        Size("small", "2 layers, d=256, 6 thoughts", "llama", 2, 256, 4, 1000, 32, 200, 6, 8, 10),
        Size("prosqa", "small, with GPT-2's words and lengths", "gpt2", 2, 256, 4, 50262, 32, 270, 6, 11, 12),
        Size("gpt2", "GPT-2 small on ProsQA, batch 128", "gpt2", 12, 768, 12, 50262, 128, 270, 6, 11, 12),
    )
}


def get_size(name: str) -> Size:
    """The size called ``name``; ValueError with the nearest known name otherwise."""
    return pick(SIZES, name, "size")


def build(size: Size, device: torch.device) -> CoconutForCausalLM:
    """A model of the size with random weights, ready to be trained, without dropout."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from ...coconut.modeling import CoconutForCausalLM

    fields: dict[str, Any] = {
        "vocab_size": size.vocabulary, "max_position_embeddings": 2 * size.positions,
        "hidden_size": size.width, "num_hidden_layers": size.layers, "num_attention_heads": size.heads,
        "pad_token_id": PAD, "eos_token_id": END, "bos_token_id": None, "tie_word_embeddings": True,
    }  # fmt: skip
    if size.architecture == "gpt2":
        fields |= {"attn_pdrop": 0.0, "resid_pdrop": 0.0, "embd_pdrop": 0.0}
    else:
        fields |= {"intermediate_size": 2 * size.width}
    torch.manual_seed(0)
    config = AutoConfig.for_model(size.architecture, **fields)
    base = AutoModelForCausalLM.from_config(config, dtype=torch.float32).to(device)
    return CoconutForCausalLM.wrap(base, LATENT).train()


def rows(size: Size, thoughts: int) -> list[Row]:
    """A batch's rows at the stage with that many thoughts: question, thoughts, the other steps, answer."""
    import numpy as np

    from ...coconut.encoding import Row

    stream = np.random.default_rng(0)
    made = []
    for _ in range(size.batch):
        length = int(
            stream.integers(size.question - size.question // 10, size.question + size.question // 10 + 1)
        )
        question = stream.integers(WORD, size.vocabulary, length).tolist()
        written = max(0, size.thoughts - thoughts) * size.step + size.answer - 1
        target = [*stream.integers(WORD, size.vocabulary, written).tolist(), END]
        made.append(Row(question + [LATENT] * thoughts, target, length))
    return made


def batches(size: Size, thoughts: int, device: torch.device) -> tuple[Batch, Batch]:
    """The batch of that stage, and the same tokens for a plain language model: no thought among them."""
    from ...coconut.encoding import collate

    latent = collate(rows(size, thoughts), PAD).to(device)
    plain = latent._replace(input_ids=latent.input_ids.masked_fill(latent.input_ids == LATENT, WORD))
    return latent, plain
