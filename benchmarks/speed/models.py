"""Models and batches to measure on: random weights, random tokens, the shapes of a recipe.

Axes: B batch, T tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...generators.lookup import pick

if TYPE_CHECKING:
    import torch

    from ...coconut.encoding import Batch
    from ...coconut.modeling import CoconutForCausalLM
    from ...coconut.rows import Row

PAD, END, LATENT, WORD = 0, 1, 2, 3
"""Token ids: padding, the end, a continuous thought, and the first of the ordinary words."""


@dataclass(frozen=True)
class Size:
    """A model and its batch; lengths are in tokens.

    Attributes:
        name: Row of `SIZES`.
        description: What it stands for.
        architecture: Model type of transformers.
        layers: Number of layers.
        width: Hidden size.
        heads: Attention heads.
        vocabulary: Number of tokens.
        batch: Rows of a batch.
        question: Mean length of a question, which varies by a tenth.
        thoughts: Continuous thoughts of the last stage; each has replaced one step.
        step: Length of a step.
        answer: Length of the answer.
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
        """Length of the longest row of any stage."""
        return self.question + self.question // 10 + self.thoughts * max(1, self.step) + self.answer

    def changed(self, **changes: int) -> Size:
        """Return a copy with the fields ``changes``."""
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
    """Return a row of `SIZES`.

    Args:
        name: Its name.

    Raises:
        ValueError: Unknown name; the message suggests the nearest.
    """
    return pick(SIZES, name, "size")


def build(size: Size, device: torch.device | str) -> CoconutForCausalLM:
    """Build a model with random weights, in training mode and without dropout.

    Args:
        size: Its shape.
        device: Where its weights go.
    """
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
    """Make the rows of a batch: question, thoughts, the remaining steps, answer.

    Args:
        size: Lengths and number of rows.
        thoughts: Continuous thoughts of the stage.
    """
    import numpy as np

    from ...coconut.rows import Row

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


def batches(size: Size, thoughts: int, device: torch.device | str) -> tuple[Batch, Batch]:
    """Make a batch with thoughts, and the same for a plain language model: ordinary tokens in their place.

    Args:
        size: Lengths and number of rows.
        thoughts: Continuous thoughts of the stage.
        device: Where the tensors go.
    """
    import torch

    from ...coconut.encoding import collate

    latent = collate(rows(size, thoughts), PAD).to(torch.device(device))
    plain = latent._replace(input_ids=latent.input_ids.masked_fill(latent.input_ids == LATENT, WORD))
    return latent, plain
