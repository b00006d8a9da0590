"""Ending the thoughts by a classifier: the paper's alternative to a constant number of them.

After each thought the model's halting head reads the hidden state there and says whether it was the last one
(arXiv 2412.06769, section 3, "inference process"; how the classifier is trained is not said there: here its
loss, `loss.halting_loss`, is added to the language model's). Rows of a batch think for different times:

    q q q q L L L e        · padding, q question, L thought, e what stands after the thoughts
    · · q q L · · e        this row has ended after its first thought; what the others still think is masked

Axes: B batch, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache

from .cache import growing_cache
from .decoding import Prompted
from .modeling import CoconutForCausalLM


class Thought(NamedTuple):
    """Prompts whose thoughts have been thought, for `decoding.write`, and how many each row used, [B]."""

    prompted: Prompted
    used_B: Tensor


@torch.inference_mode()
def think(
    model: CoconutForCausalLM,
    ids_BT: Tensor,
    mask_BT: Tensor,
    *,
    max_thoughts: int,
    after: Sequence[int] = (),
) -> Thought:
    """Read the prompts [B, T], padded on the left, think until the classifier ends it, and read ``after``.

    A row ends with the first thought that is more probably its last than not, or with ``max_thoughts``.
    ``after`` are the tokens that follow the thoughts (the end-of-thought marker, if there is one); without
    any, a row's own last thought predicts its first token. No row depends on the others.

    Raises ValueError for a model without a halting head, and for ``max_thoughts`` below 0.
    """
    head = model.halting_head
    if head is None:
        raise ValueError(
            "the thoughts are ended by a classifier that this model has not: config.halting is off"
        )
    if max_thoughts < 0:
        raise ValueError(f"max_thoughts must be at least 0, got {max_thoughts}")
    cache = growing_cache(model.base.config)
    h_BD = model.hidden_states(ids_BT, mask_BT, cache, keep=1).h_BTD[:, -1]
    running_B = torch.ones(len(ids_BT), dtype=torch.bool, device=ids_BT.device)
    used_B = torch.zeros(len(ids_BT), dtype=torch.long, device=ids_BT.device)
    while int(used_B.max()) < max_thoughts and bool(running_B.any()):
        mask_BT = torch.cat([mask_BT, running_B[:, None].to(mask_BT.dtype)], dim=1)
        thought_BD = _read(model, h_BD[:, None], mask_BT, cache)
        h_BD = torch.where(running_B[:, None], thought_BD, h_BD)
        used_B += running_B
        running_B &= head(h_BD).squeeze(-1) <= 0
    if after:
        after_BT = torch.tensor(list(after), device=ids_BT.device).expand(len(ids_BT), -1)
        mask_BT = torch.cat([mask_BT, torch.ones_like(after_BT, dtype=mask_BT.dtype)], dim=1)
        h_BD = _read(model, model.get_input_embeddings()(after_BT), mask_BT, cache)
    return Thought(Prompted(h_BD, mask_BT, cache), used_B)


def _read(model: CoconutForCausalLM, inputs_BTD: Tensor, mask_BT: Tensor, cache: DynamicCache) -> Tensor:
    """The hidden state [B, D] at the last of ``inputs_BTD``, which are the last columns of ``mask_BT``."""
    full = bool(mask_BT.all())
    start = mask_BT.shape[1] - inputs_BTD.shape[1]
    return model.decode(inputs_BTD, None if full else mask_BT, cache, start)[:, -1]
