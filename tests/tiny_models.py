"""Small models, random batches and a word-level tokenizer, made on the spot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from tokenizers import processors
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from coconut_bench.coconut.encoding import Batch, Encoder, Row, collate
from coconut_bench.coconut.methods import Method
from coconut_bench.coconut.modeling import CoconutForCausalLM
from coconut_bench.coconut.reference import reference_logits
from coconut_bench.coconut.step_decoder import StepDecoder
from coconut_bench.coconut.thinking import Reasoner, Thinking
from coconut_bench.coconut.tokens import SpecialIds, special_ids, word_tokenizer

PAD, END, LATENT, PAUSE, BEGIN, AFTER, VOCABULARY = 0, 1, 3, 4, 5, 6, 29
IDS = SpecialIds(PAD, END, LATENT, PAUSE, BEGIN, AFTER)

CONFIGS = {
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "attn_pdrop": 0, "resid_pdrop": 0,
             "embd_pdrop": 0},
    "llama": {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 2, "tie_word_embeddings": True},
    "qwen3": {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 2, "head_dim": 8},
}  # fmt: skip


def coconut(
    architecture: str, seed: int = 0, vocabulary: int = VOCABULARY, **changes: Any
) -> CoconutForCausalLM:
    """A random Coconut of the architecture, with weights large enough that every part matters."""
    torch.manual_seed(seed)
    config = AutoConfig.for_model(
        architecture, vocab_size=vocabulary, bos_token_id=None, eos_token_id=END, pad_token_id=PAD,
        initializer_range=0.1, **CONFIGS[architecture],
    )  # fmt: skip
    base = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    return CoconutForCausalLM.wrap(base, LATENT, **changes).eval()


def equipped(model: CoconutForCausalLM, method: Method) -> CoconutForCausalLM:
    """The model with what the method's training needs besides."""
    if method.decodes_steps:
        model.step_decoder = StepDecoder(model.base)
    return model


def reasoner(model: CoconutForCausalLM, count: int, end: int = END, **changes: Any) -> Reasoner:
    """The model answering with that many thoughts; ``end`` is the token that ends an answer."""
    return Reasoner(model, replace(IDS, end=end), Thinking(count, **changes))


@torch.inference_mode()
def write_literally(
    model: CoconutForCausalLM, prompts: list[list[int]], limit: int, end: int = END
) -> list[list[int]]:
    """Greedy decoding that computes everything again for each token; prompts may hold thoughts."""
    answers = []
    for prompt in prompts:
        written: list[int] = []
        while len(written) < limit and end not in written:
            ids = torch.tensor([prompt + written])
            logits_V = reference_logits(model, ids, torch.ones_like(ids))[0, -1]
            logits_V[LATENT] = -torch.inf
            written.append(int(logits_V.argmax()))
        answers.append(written)
    return answers


def rows(thoughts: list[int], seed: int = 0) -> list[Row]:
    """Rows of different lengths with the given numbers of thoughts."""
    generator = torch.Generator().manual_seed(seed)

    def words(low: int, high: int) -> list[int]:
        length = int(torch.randint(low, high, (1,), generator=generator))
        return torch.randint(7, VOCABULARY, (length,), generator=generator).tolist()

    made = []
    for count in thoughts:
        question = words(3, 12)
        made.append(Row(question + [LATENT] * count, [*words(2, 7), END], len(question)))
    return made


def batch(thoughts: list[int], seed: int = 0) -> Batch:
    """The rows of `rows` as a batch."""
    return collate(rows(thoughts, seed), PAD)


def encoder(
    markers: bool, answer_marker: bool = True, empty_markers: bool = False, bos: str | None = None
) -> Encoder:
    """An encoder over digits and the punctuation of the symbolic wording; ``bos`` begins every text."""
    tokenizer = word_tokenizer([*map(str, range(20)), ".", ">", "<", *([bos] if bos else [])])
    if bos:
        begin_with(tokenizer, bos)
    return Encoder(tokenizer, special_ids(tokenizer), markers, answer_marker, empty_markers)


def begin_with(tokenizer: PreTrainedTokenizerFast, bos: str) -> None:
    """Make a tokenizer add the token ``bos`` before every text, as Llama's does."""
    tokenizer.add_special_tokens({"bos_token": bos})
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", special_tokens=[(bos, tokenizer.bos_token_id)]
    )


def gradients(model: CoconutForCausalLM, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    """The gradients of ``loss`` by name."""
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def assert_agree(model: CoconutForCausalLM, loss: torch.Tensor, literal: torch.Tensor) -> list[str]:
    """Two computations of one loss agree within 1e-5, gradients too; returns the names of what has some."""
    torch.testing.assert_close(loss, literal, rtol=0, atol=1e-5)
    found, expected = gradients(model, loss), gradients(model, literal)
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5, msg=name)
    return list(found)
