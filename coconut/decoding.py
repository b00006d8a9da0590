"""Greedy decoding of a batch with one cache, for every method, counting what was generated.

Generated tokens of a question = language tokens written (the answer marker and the end token included) +
continuous thoughts. Pause tokens stand in the prompt and count nothing; both kinds cost forward passes as
they are computed: one for the prompt, one for each thought, one for each further token.

Axes: B rows still being written, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache

from .cache import growing_cache
from .encoding import collate_prompts
from .modeling import CoconutForCausalLM


class Generation(NamedTuple):
    """What one question's answer cost: the tokens written (end token included), thoughts, forward passes."""

    tokens: list[int]
    thoughts: int
    forward_passes: int


class Prompted(NamedTuple):
    """Prompts that have been read: the last position's hidden state, the padding, the keys and values."""

    h_BD: Tensor
    mask_BT: Tensor
    cache: DynamicCache


@torch.inference_mode()
def greedy(
    model: CoconutForCausalLM, prompts: Sequence[list[int]], *, pad: int, end: int, max_new_tokens: int
) -> list[Generation]:
    """The most probable token again and again, after the thoughts in ``prompts`` have been computed.

    See `write`. The result of a row does not depend on the others.
    """
    ids_BT, mask_BT = (tensor.to(model.device) for tensor in collate_prompts(prompts, pad))
    cache = growing_cache(model.base.config)
    h_BD = model.hidden_states(ids_BT, mask_BT, cache, keep=1).h_BTD[:, -1]
    thoughts_B = (ids_BT == model.config.latent_token_id).sum(1).tolist()
    written = write(model, Prompted(h_BD, mask_BT, cache), end=end, max_new_tokens=max_new_tokens)
    return [
        Generation(tokens, thoughts, 1 + thoughts + len(tokens) - 1)
        for tokens, thoughts in zip(written, thoughts_B, strict=True)
    ]


@torch.inference_mode()
def write(model: CoconutForCausalLM, prompted: Prompted, *, end: int, max_new_tokens: int) -> list[list[int]]:
    """What the model writes to each of B prompts, greedily; the cache of ``prompted`` is used up.

    Each row stops at ``end`` or after ``max_new_tokens`` tokens; a row that has stopped leaves the batch as
    soon as half of it has, so a batch costs little more than its rows.
    """
    if max_new_tokens < 1:
        raise ValueError(f"max_new_tokens must be at least 1, got {max_new_tokens}")
    h_BD, mask_BT, cache = prompted
    written: list[list[int]] = [[] for _ in mask_BT]
    rows = torch.arange(len(mask_BT), device=mask_BT.device)
    running_B = torch.ones_like(rows, dtype=torch.bool)
    for step in range(max_new_tokens):
        next_B = _most_probable(model, h_BD)
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
        mask_BT = torch.cat([mask_BT, mask_BT.new_ones(len(rows), 1)], dim=1)
        h_BD = _step(model, next_B, mask_BT, cache)
    return written


def _most_probable(model: CoconutForCausalLM, h_BD: Tensor) -> Tensor:
    """The next token [B] of each row; never ``<latent>``, which is no word and would be read as a thought."""
    logits_BV = model.get_output_embeddings()(h_BD)
    logits_BV[:, model.config.latent_token_id] = -torch.inf
    return logits_BV.argmax(-1)


def _step(model: CoconutForCausalLM, next_B: Tensor, mask_BT: Tensor, cache: DynamicCache) -> Tensor:
    """The hidden state [B, D] after one more token in each row."""
    embeddings_B1D = model.get_input_embeddings()(next_B[:, None])
    full = bool(mask_BT.all())
    return model.decode(embeddings_B1D, None if full else mask_BT, cache, mask_BT.shape[1] - 1)[:, -1]
