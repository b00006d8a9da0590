"""One reading of the questions, many continuations: thoughts replaced, left out, or fed from elsewhere.

A control changes what stands between the question and the answer and nothing before it. So the question's
keys and values are computed once and shared; each continuation appends to a fork of them:

    q q q q q ─┬─ L L a a        as trained
               ├─ a a            no thoughts
               └─ 0 0 a a        zeros where the thoughts stood

Axes: B batch, T tokens, K thoughts, D width.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache

from .cache import growing_cache
from .decoding import Prompted
from .encoding import collate_prompts
from .modeling import CoconutForCausalLM

Replace = Callable[[int, Tensor], Tensor]
"""(k from 0, what thought k would be fed [B, D]) → what it is fed [B, D]."""


class Thoughts(NamedTuple):
    """After the thoughts: ready to `decoding.write`, the vectors that were fed [B, K, D], and the states at
    every thought [B, K, D].
    """

    prompted: Prompted
    fed_BKD: Tensor
    states_BKD: Tensor


@torch.inference_mode()
def read(model: CoconutForCausalLM, prompts: Sequence[list[int]], pad: int) -> Prompted:
    """The prompts, each up to its first thought, read in one pass."""
    ids_BT, mask_BT = (tensor.to(model.device) for tensor in collate_prompts(prompts, pad))
    cache = growing_cache(model.base.config)
    return Prompted(model.hidden_states(ids_BT, mask_BT, cache, keep=1).h_BTD[:, -1], mask_BT, cache)


def fork(prompted: Prompted) -> Prompted:
    """The same prompts again, nothing copied: what a fork appends is written behind the prompts, into room
    that all forks share. So one continuation must be finished before the next begins.
    """
    cache = copy.copy(prompted.cache)
    cache.layers = [copy.copy(layer) for layer in prompted.cache.layers]
    return Prompted(prompted.h_BD, prompted.mask_BT, cache)


@torch.inference_mode()
def think(
    model: CoconutForCausalLM,
    prompted: Prompted,
    thoughts: int,
    *,
    replace: Replace | None = None,
    token: int | None = None,
    after: Sequence[int] = (),
) -> Thoughts:
    """Think ``thoughts`` times on a fork of ``prompted``, then read the tokens ``after``.

    A thought is fed the hidden state before it, or the embedding of ``token`` (a pause); ``replace`` has the
    last word. Without it this is what `modeling` computes for as many ``<latent>`` tokens.
    """
    h_BD, mask_BT, cache = fork(prompted)
    embed = model.get_input_embeddings()
    pause_BD = None if token is None else embed(torch.full_like(mask_BT[:, 0], token))
    fed, states = [], []
    for k in range(thoughts):
        vector_BD = h_BD if pause_BD is None else pause_BD
        vector_BD = vector_BD if replace is None else replace(k, vector_BD)
        mask_BT, h_BD = _append(model, vector_BD[:, None], mask_BT, cache)
        fed.append(vector_BD)
        states.append(h_BD)
    if after and thoughts:
        tokens_BT = torch.tensor(list(after), device=mask_BT.device).expand(len(mask_BT), -1)
        mask_BT, h_BD = _append(model, embed(tokens_BT), mask_BT, cache)
    none_BKD = h_BD.new_empty((len(h_BD), 0, h_BD.shape[1]))
    fed_BKD, states_BKD = (torch.stack(part, 1) if part else none_BKD for part in (fed, states))
    return Thoughts(Prompted(h_BD, mask_BT, cache), fed_BKD, states_BKD)


def _append(
    model: CoconutForCausalLM, inputs_BTD: Tensor, mask_BT: Tensor, cache: DynamicCache
) -> tuple[Tensor, Tensor]:
    """The longer mask, and the hidden state [B, D] at the last of ``inputs_BTD``."""
    start, added = mask_BT.shape[1], inputs_BTD.shape[1]
    mask_BT = torch.cat([mask_BT, mask_BT.new_ones(len(mask_BT), added)], dim=1)
    full = bool(mask_BT.all())
    return mask_BT, model.decode(inputs_BTD, None if full else mask_BT, cache, start)[:, -1]
