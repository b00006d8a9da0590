"""Pretrained base models, from the Hub or a local directory.

Coconut's tokens are added to the tokenizer. Their embeddings are initialized with a copy of an existing
token's, as in the published code, where it is ``<<``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from ...coconut.loading import only_pickles, reason
from ...coconut.tokens import BEGIN_THOUGHT, END_THOUGHT, LATENT, PAUSE
from ...generators.hub.connection import is_reachable
from ..recipe_parts import ModelPart

T = TypeVar("T")

ADDED = (LATENT, PAUSE, BEGIN_THOUGHT, END_THOUGHT)


def load_tokenizer(part: ModelPart) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a pretrained model, without Coconut's tokens.

    Args:
        part: The recipe's model part, with ``pretrained`` set.

    Raises:
        ValueError: It cannot be loaded.
    """

    def load(name: str, source: dict[str, Any]) -> PreTrainedTokenizerBase:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(name, **source)
        return tokenizer

    return _loaded(part, load)


def load_pretrained(part: ModelPart) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a pretrained model and add Coconut's tokens.

    Args:
        part: The recipe's model part, with ``pretrained`` set.

    Returns:
        The model in fp32, and its tokenizer.

    Raises:
        ValueError: The model cannot be loaded, or its tokenizer has no end token or not the one to copy.
    """
    name = str(part.pretrained)

    def both(name: str, source: dict[str, Any]) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        tokenizer = AutoTokenizer.from_pretrained(name, **source)
        return AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32, **source), tokenizer

    model, tokenizer = _loaded(part, both)
    if tokenizer.eos_token_id is None:
        raise ValueError(f"the tokenizer of {name} must have an end token (eos_token), got none")
    add_tokens(model, tokenizer, part.copy_token)
    return model, tokenizer


def _loaded(part: ModelPart, load: Callable[[str, dict[str, Any]], T]) -> T:
    """What is loaded, from the Hub's cache alone where there is no connection: the client would try first."""
    name = str(part.pretrained)
    source = {"revision": part.revision, "local_files_only": not (Path(name).is_dir() or is_reachable())}
    try:
        return load(name, source)
    except Exception as error:  # the libraries below raise anything for a damaged file
        raise ValueError(_refusal(name, reason(error))) from error


def _refusal(name: str, why: str) -> str:
    """Why a model cannot be loaded, and what to do."""
    if not Path(name).is_dir():
        return (
            f"the model {name} cannot be loaded from the Hub or its cache ({why}); without network "
            f"access, run `hf download {name} --local-dir FOLDER` on another machine and pass --model FOLDER"
        )
    if only_pickles(Path(name)):
        return (
            f"the model in {name} must have its weights in safetensors, got a pickle, which can run code "
            f"when it is read: convert it (huggingface.co/docs/safetensors/convert-weights)"
        )
    return f"the model in {name} cannot be read: {why}"


def weights_hash(model: PreTrainedModel) -> str:
    """Hash a model's weights.

    Args:
        model: Model on any device.

    Returns:
        SHA-256 of all parameters and buffers, in the order of their names.
    """
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


@torch.no_grad()
def add_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, copy_token: str | None) -> None:
    """Add those of Coconut's tokens that a tokenizer lacks, and their rows to embedding and head.

    Args:
        model: Model of the tokenizer.
        tokenizer: Tokenizer to add to.
        copy_token: Token whose rows they get; None for the mean of all rows.
    """
    new = [token for token in ADDED if token not in tokenizer.get_vocab()]
    tokenizer.add_tokens(new, special_tokens=True)
    rows = model.get_input_embeddings().weight.size(0)  # type: ignore[operator]
    if len(tokenizer) > rows:  # some models have spare rows; none is removed
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    if not new:
        return
    if copy_token is None:
        old = torch.arange(len(tokenizer) - len(new))
    else:
        old = torch.tensor(_ids(tokenizer, copy_token)[:1])
    ids = torch.tensor(tokenizer.convert_tokens_to_ids(new))
    for table in (model.get_input_embeddings(), model.get_output_embeddings()):
        if isinstance(table, torch.nn.Embedding | torch.nn.Linear):
            table.weight[ids] = table.weight[old].mean(0)


def _ids(tokenizer: PreTrainedTokenizerBase, copy_token: str) -> list[int]:
    """Token ids of a text, at least one and none unknown."""
    ids: list[int] = tokenizer(copy_token, add_special_tokens=False)["input_ids"]
    if not ids or (tokenizer.unk_token_id in ids and copy_token != tokenizer.unk_token):
        raise ValueError(f"model.copy_token must be a token of the tokenizer, got {copy_token!r:.200}")
    return ids
