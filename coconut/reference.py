"""The published procedure, literally and slowly: the fast code is tested and timed against it.

Two forms. `reference_logits` is the definition: every pass recomputes the whole input, without a cache, with
the inputs as a Python list of vectors. `published_loss` and `published_greedy` have the cost of the published
code: a training pass computes its new positions only, but after each thought the whole input is split into
its B·T vectors and stacked again, and the LM head is applied at every position; decoding takes one question
at a time and recomputes everything for every token. Written from the description in arXiv 2412.06769,
section 3.

Axes: B batch, T tokens, D width, V vocabulary.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import DynamicCache

from .encoding import IGNORE
from .modeling import CoconutForCausalLM


def reference_logits(model: CoconutForCausalLM, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """Compute logits with one full pass for each thought (or update of all slots), and one more.

    Args:
        model: Any Coconut model.
        input_ids: Token ids, thoughts marked, [B, T].
        attention_mask: 1 token, 0 padding, [B, T].

    Returns:
        Logits [B, T, V].
    """
    vectors = [list(row) for row in model.get_input_embeddings()(input_ids)]
    thoughts = _thought_columns(model, input_ids)
    latent, most = model.latent(), max(map(len, thoughts))
    # The thoughts recomputed after each full pass: the next one, or all of them (jacobi).
    turns = [[k] for k in range(most)]
    if latent.slots_KD is not None:
        turns = [list(range(most))] * latent.sweeps
        for b, columns in enumerate(thoughts):
            for k, column in enumerate(columns):
                vectors[b][column] = latent.slots_KD[k]
    for anew in turns:
        h_BTD = _whole_pass(model, vectors, attention_mask)
        for b, columns in enumerate(thoughts):
            made = {columns[k]: latent.project(h_BTD[b, columns[k] - 1]) for k in anew if k < len(columns)}
            vectors[b] = [made.get(t, vector) for t, vector in enumerate(vectors[b])]
    logits_BTV: Tensor = model.get_output_embeddings()(_whole_pass(model, vectors, attention_mask))
    return logits_BTV


def reference_loss(
    model: CoconutForCausalLM, input_ids: Tensor, attention_mask: Tensor, labels: Tensor
) -> Tensor:
    """Return the mean negative log-likelihood of the labeled tokens.

    Args:
        model: Any Coconut model.
        input_ids: Token ids, thoughts marked, [B, T].
        attention_mask: 1 token, 0 padding, [B, T].
        labels: -100 for no loss, [B, T].
    """
    return _mean_loss(reference_logits(model, input_ids, attention_mask), labels)


def published_loss(
    model: CoconutForCausalLM, input_ids: Tensor, attention_mask: Tensor, labels: Tensor
) -> Tensor:
    """Return `reference_loss`, computed at the published code's cost.

    Args:
        model: A model with sequential thoughts, no projection.
        input_ids: Token ids, thoughts marked and aligned as by `encoding.collate`, [B, T].
        attention_mask: 1 token, 0 padding, [B, T].
        labels: -100 for no loss, [B, T].
    """
    inputs_BTD = model.get_input_embeddings()(input_ids)
    thoughts, width = _thought_columns(model, input_ids), input_ids.shape[1]
    count = max(map(len, thoughts))
    first = min((columns[0] for columns in thoughts if columns), default=width)
    cache, logits, start = DynamicCache(config=model.base.config), [], 0
    for k in range(count + 1):
        stop = width if k == count else first + k
        h_BTD = model.decode(inputs_BTD[:, start:stop], attention_mask, cache, start)
        logits.append(model.get_output_embeddings()(h_BTD))
        if k < count:
            vectors = [[inputs_BTD[b, t] for t in range(width)] for b in range(len(input_ids))]
            for b, columns in enumerate(thoughts):
                if k < len(columns):
                    vectors[b][columns[k]] = h_BTD[b, columns[k] - 1 - start]
            inputs_BTD = torch.stack([torch.stack(row) for row in vectors])
        start = stop
    return _mean_loss(torch.cat(logits, dim=1), labels)


@torch.inference_mode()
def published_greedy(
    model: CoconutForCausalLM, prompt: list[int], *, end: int, max_new_tokens: int
) -> list[int]:
    """Decode greedily as `decoding.write` does, recomputing the whole input for every token.

    Args:
        model: A model with sequential thoughts, no projection.
        prompt: Token ids of one question, thoughts marked.
        end: The end token.
        max_new_tokens: The largest number of tokens to write.

    Returns:
        The tokens written, end token included.
    """
    ids = torch.tensor([prompt], device=model.device)
    vectors = [list(row) for row in model.get_input_embeddings()(ids)]
    for column in _thought_columns(model, ids)[0]:
        h_BTD = _whole_pass(model, vectors, torch.ones_like(ids))
        vectors[0][column] = h_BTD[0, column - 1]
    written: list[int] = []
    while len(written) < max_new_tokens and end not in written:
        mask = torch.ones((1, len(vectors[0])), dtype=torch.long, device=model.device)
        logits_V = model.get_output_embeddings()(_whole_pass(model, vectors, mask))[0, -1]
        logits_V[model.config.latent_token_id] = -torch.inf
        token = logits_V.argmax()
        written.append(int(token))
        vectors[0].append(model.get_input_embeddings()(token))
    return written


def _thought_columns(model: CoconutForCausalLM, input_ids: Tensor) -> list[list[int]]:
    return [(row == model.config.latent_token_id).nonzero().flatten().tolist() for row in input_ids]


def _whole_pass(model: CoconutForCausalLM, vectors: list[list[Tensor]], mask_BT: Tensor) -> Tensor:
    inputs_BTD = torch.stack([torch.stack(row) for row in vectors])
    positions_BT = (mask_BT.cumsum(1) - 1).clamp(min=0)
    output = model.base.get_decoder()(
        inputs_embeds=inputs_BTD, attention_mask=mask_BT, position_ids=positions_BT, use_cache=False
    )
    h_BTD: Tensor = output.last_hidden_state
    return h_BTD


def _mean_loss(logits_BTV: Tensor, labels_BT: Tensor) -> Tensor:
    return F.cross_entropy(
        logits_BTV[:, :-1].flatten(0, 1).float(), labels_BT[:, 1:].flatten(), ignore_index=IGNORE
    )
