"""The published procedure, literally and slowly: what the fast forward is held against.

The inputs are a Python list of vectors, rebuilt for every thought; every pass computes the whole input again,
without a cache; the head is applied at every position. Written from the description in arXiv 2412.06769, for
tests and for measuring what the fast forward saves.

Axes: B batch, T tokens, D width, V vocabulary.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .encoding import IGNORE
from .modeling import CoconutForCausalLM


def reference_logits(model: CoconutForCausalLM, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """Logits [B, T, V] of a batch, one whole pass for each thought and one more."""
    vectors = [list(row) for row in model.get_input_embeddings()(input_ids)]
    thoughts = [
        (input_ids[b] == model.config.latent_token_id).nonzero().flatten().tolist()
        for b in range(len(input_ids))
    ]
    for k in range(max(len(columns) for columns in thoughts)):
        h_BTD = _whole_pass(model, vectors, attention_mask)
        for b, columns in enumerate(thoughts):
            if k < len(columns):
                vectors[b] = [
                    h_BTD[b, columns[k] - 1] if t == columns[k] else vector
                    for t, vector in enumerate(vectors[b])
                ]
    logits_BTV: Tensor = model.get_output_embeddings()(_whole_pass(model, vectors, attention_mask))
    return logits_BTV


def reference_loss(
    model: CoconutForCausalLM, input_ids: Tensor, attention_mask: Tensor, labels: Tensor
) -> Tensor:
    """The mean negative log-likelihood of the labelled tokens of [B, T]."""
    logits_BTV = reference_logits(model, input_ids, attention_mask)
    return F.cross_entropy(
        logits_BTV[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten(), ignore_index=IGNORE
    )


def _whole_pass(model: CoconutForCausalLM, vectors: list[list[Tensor]], mask_BT: Tensor) -> Tensor:
    inputs_BTD = torch.stack([torch.stack(row) for row in vectors])
    positions_BT = (mask_BT.cumsum(1) - 1).clamp(min=0)
    output = model.base.get_decoder()(
        inputs_embeds=inputs_BTD, attention_mask=mask_BT, position_ids=positions_BT, use_cache=False
    )
    h_BTD: Tensor = output.last_hidden_state
    return h_BTD
