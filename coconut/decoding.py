"""Batched greedy decoding with a KV cache.

Axes: B rows still being written, T tokens, D width.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache

from .modeling import CoconutForCausalLM


class Prompted(NamedTuple):
    """Prompts that the model has processed, ready to be continued.

    Attributes:
        h_BD: The hidden state at the last position.
        mask_BT: 1 where the cache holds a token or thought, 0 where it holds padding.
        cache: Keys and values.
        passes: Forward passes so far, for each row.
    """

    h_BD: Tensor
    mask_BT: Tensor
    cache: DynamicCache
    passes: list[int]


@torch.inference_mode()
def write(model: CoconutForCausalLM, prompted: Prompted, *, end: int, max_new_tokens: int) -> list[list[int]]:
    """Continue each of B prompts greedily.

    Finished rows are dropped from the batch once at least half of its rows have finished. ``<latent>`` is
    never written: as an input it would be a thought.

    Args:
        model: The model that has processed the prompts.
        prompted: The prompts; their cache is consumed.
        end: The end token: a row stops after writing it.
        max_new_tokens: The largest number of tokens written to a prompt.

    Returns:
        The tokens written to each prompt, at least one, end token included.

    Raises:
        ValueError: ``max_new_tokens`` is below 1.
    """
    if max_new_tokens < 1:
        raise ValueError(f"max_new_tokens must be at least 1, got {max_new_tokens}")
    h_BD, mask_BT, cache, _ = prompted
    written: list[list[int]] = [[] for _ in mask_BT]
    rows = torch.arange(len(mask_BT), device=mask_BT.device)
    running_B = torch.ones_like(rows, dtype=torch.bool)
    for step in range(max_new_tokens):
        next_B = most_probable(model, h_BD)
        for row, token, running in zip(rows.tolist(), next_B.tolist(), running_B.tolist(), strict=True):
            if running:
                written[row].append(token)
        running_B &= next_B != end
        if step + 1 == max_new_tokens or not bool(running_B.any()):
            break
        if int(running_B.sum()) * 2 <= len(rows):
            keep = running_B.nonzero().flatten()
            cache.batch_select_indices(keep)
            rows, next_B, mask_BT, running_B = rows[keep], next_B[keep], mask_BT[keep], running_B[keep]
        mask_BT = longer(mask_BT, 1)
        h_BD = append(model, model.get_input_embeddings()(next_B[:, None]), mask_BT, cache)[:, -1]
    return written


def fork(prompted: Prompted) -> Prompted:
    """Fork a KV cache without a copy, so that prompts can be continued more than once.

    All forks write their new columns into the same memory, after the prompts: finish one continuation before
    starting the next.

    Args:
        prompted: The prompts; left as they are.
    """
    cache = copy.copy(prompted.cache)
    cache.layers = [copy.copy(layer) for layer in prompted.cache.layers]
    return prompted._replace(cache=cache)


def longer(mask_BT: Tensor, count: int) -> Tensor:
    """Return the mask extended by tokens in every row.

    Args:
        mask_BT: 1 token, 0 padding, [B, T].
        count: Number of tokens to add.

    Returns:
        The mask, [B, T + ``count``].
    """
    return torch.cat([mask_BT, mask_BT.new_ones(len(mask_BT), count)], dim=1)


def append(model: CoconutForCausalLM, inputs_BTD: Tensor, mask_BT: Tensor, cache: DynamicCache) -> Tensor:
    """Run one pass over new positions after those in the cache.

    Args:
        model: The model that has filled the cache.
        inputs_BTD: Input vectors at the new positions.
        mask_BT: 1 token, 0 padding, over cached and new positions.
        cache: Keys and values; extended by the new positions.

    Returns:
        The hidden states at the new positions, [B, T, D].
    """
    full = bool(mask_BT.all())
    start = mask_BT.shape[1] - inputs_BTD.shape[1]
    return model.decode(inputs_BTD, None if full else mask_BT, cache, start)


def most_probable(model: CoconutForCausalLM, h_BD: Tensor) -> Tensor:
    """Return the next token [B] of each row, which is never ``<latent>``.

    Args:
        model: The model.
        h_BD: The hidden state at each row's last position.
    """
    logits_BV = model.logits(h_BD)
    logits_BV[:, model.config.latent_token_id] = -torch.inf
    return logits_BV.argmax(-1)
