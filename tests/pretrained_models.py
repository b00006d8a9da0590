"""Small models with a byte-pair tokenizer in a local folder, as they would come from the Hub."""

from __future__ import annotations

from pathlib import Path

import torch
from tiny_models import CONFIGS, begin_with
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from coconut_bench.generators import examples

BEGIN, END = "<|begin_of_text|>", "<|endoftext|>"


def save_pretrained(folder: Path, architecture: str, positions: int = 512, end: str | None = END) -> Path:
    """A random model of the architecture and a tokenizer trained on ProsQA's text; ``<<`` is one token.

    Llama's tokenizer adds a BOS token, as the real one does.
    """
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [example.question for example in examples("prosqa", "train", count=40)]
    core.train_from_iterator([*texts, "<< << << << << << << <<"], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token=end)
    if architecture == "llama":
        begin_with(tokenizer, BEGIN)
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        architecture, vocab_size=len(tokenizer), bos_token_id=None, eos_token_id=tokenizer.eos_token_id,
        **{**CONFIGS[architecture], "max_position_embeddings": positions, "n_positions": positions},
    )  # fmt: skip
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
