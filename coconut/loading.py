"""Models and tokenizers of transformers, read from folders and built from configurations that may be damaged.

The libraries below raise anything from KeyError to a SafetensorError; here each becomes one ValueError.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

LARGEST = {"layers": 1_000, "size": 1_000_000}
"""Largest number of layers, and of anything else that is counted in a configuration."""
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
COUNTS = ("num_", "n_")
SIZES = ("_size", "_dim", "_position_embeddings", "_positions", "_embd", "_rank")


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Turn what the libraries raise within the block into a ValueError.

    Args:
        what: What is read, for the message.

    Raises:
        ValueError: Any exception was raised; gives its first line.
    """
    try:
        yield
    except Exception as error:
        raise ValueError(f"{what} cannot be read: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Return the beginning of an exception's message, with its type where that says more.

    Args:
        error: Any exception.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()][:2]
    first = " ".join(lines)[:300]
    is_plain = isinstance(error, OSError | ValueError) and first
    return first if is_plain else f"{type(error).__name__}: {first}".rstrip(": ")


def load_model(folder: Path) -> PreTrainedModel:
    """Load a causal LM from a local folder, in fp32; nothing is fetched.

    Args:
        folder: Folder with a configuration and weights.

    Raises:
        ValueError: It cannot be read.
    """
    with readable(f"the model in {folder}"):
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True
        )
    return model


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Load a tokenizer from a local folder; nothing is fetched.

    Args:
        folder: Folder with the tokenizer's files.

    Raises:
        ValueError: It cannot be read, or is no tokenizer.
    """
    with readable(f"the tokenizer in {folder}"):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        tokenizer("a")
    return tokenizer


def only_pickles(folder: Path) -> bool:
    """Return whether a folder has weights, but none that can be read without running code.

    Args:
        folder: Any folder.
    """
    return not any(folder.glob("*.safetensors")) and any(any(folder.glob(kind)) for kind in PICKLES)


def check_stated(config: PreTrainedConfig, fields: Mapping[str, Any]) -> None:
    """Check that a configuration states the model's depth and width.

    Args:
        config: The configuration.
        fields: What was stated of it; transformers fills in the rest, often as of a model of billions.

    Raises:
        ValueError: One of the two is left out.
    """
    for name in ("num_hidden_layers", "hidden_size"):
        own = config.attribute_map.get(name, name)
        if not fields.keys() & {name, own}:
            default = f"{getattr(config, own, 'unknown')}, transformers' own"
            raise ValueError(f"config must have {own}, got none (it would be {default})")


def check_sizes(fields: Mapping[str, Any]) -> None:
    """Check the counts and sizes of a model's configuration.

    Args:
        fields: The configuration; names that transformers does not know are left to it.

    Raises:
        ValueError: A count or size is no whole number from 1 to a million (layers: a thousand).
    """
    for name, value in fields.items():
        if value is None or isinstance(value, list) or not (name.startswith(COUNTS) or name.endswith(SIZES)):
            continue
        most = LARGEST["layers" if "layer" in name else "size"]
        if type(value) is not int or not 1 <= value <= most:
            raise ValueError(f"{name} must be a whole number in 1..{most}, got {value!r:.200}")
