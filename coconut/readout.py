"""Readouts of thoughts: values of continuations, inner products, the logit lens, attention.

All take questions and thoughts as computed by `thinking`, and change neither:

    q q q q q ─ L L ─┬─ Every lem pus      the value of "lempus" after 2 thoughts: p(lem) · p(pus)
                     └─ Every ste rp us

A readout shows which information is present, not that the model uses it.

Axes: B batch, T tokens, K thoughts, D width, V vocabulary, C continuations, H heads, N layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from .decoding import Prompted, append, fork, longer
from .modeling import CoconutForCausalLM


class Lens(NamedTuple):
    """The most probable next tokens at each hidden state, ids and probabilities [B, K, top]."""

    tokens: Tensor
    probabilities: Tensor


@torch.inference_mode()
def continuation_values(
    model: CoconutForCausalLM,
    prompted: Prompted,
    prefix: Sequence[int],
    continuations: Sequence[Sequence[Sequence[int]]],
) -> list[list[float]]:
    """Compute the probabilities of continuations: products over tokens (arXiv 2412.06769, section 5.3).

    One pass serves the first tokens of all continuations; each turn of longer ones takes one more pass, which
    the rows share.

    Args:
        model: The model that has processed the prompts.
        prompted: Prompts and thoughts; left as they are.
        prefix: Tokens forced before every continuation, possibly none.
        continuations: ``[b][c]``: the tokens of continuation c of row b, at least one.

    Returns:
        ``[b][c]``: the probabilities.

    Raises:
        ValueError: A continuation has no tokens.
    """
    if any(not tokens for row in continuations for tokens in row):
        raise ValueError("continuations must have at least one token, got an empty one")
    forced = fork(prompted)
    last_BD = forced.h_BD
    if prefix:
        ids_BT = torch.tensor([list(prefix)] * len(forced.mask_BT), device=last_BD.device)
        forced, h_BTD = _appended(model, forced, ids_BT)
        last_BD = h_BTD[:, -1]
    first_BV = _log_probabilities(model, last_BD)
    values = [[float(first_BV[b, tokens[0]]) for tokens in row] for b, row in enumerate(continuations)]
    multi_token = [[c for c, tokens in enumerate(row) if len(tokens) > 1] for row in continuations]
    for turn in range(max(map(len, multi_token), default=0)):
        chosen = [row[turn] if turn < len(row) else -1 for row in multi_token]
        added = _rest(
            model, forced, [list(r[c]) if c >= 0 else [] for r, c in zip(continuations, chosen, strict=True)]
        )
        for b, c in enumerate(chosen):
            if c >= 0:
                values[b][c] += added[b]
    return [torch.tensor(row, dtype=torch.float64).exp().tolist() for row in values]


def _rest(model: CoconutForCausalLM, prompted: Prompted, rows: Sequence[list[int]]) -> list[float]:
    """The log-probability of each row's tokens after its first; 0 for a row without any."""
    width = max(map(len, rows))
    device = prompted.mask_BT.device
    ids_BT = torch.tensor([row + [0] * (width - len(row)) for row in rows], device=device)
    # Filler tokens of a shorter row come after its own tokens, and what follows them is not used.
    _, h_BTD = _appended(model, fork(prompted), ids_BT[:, :-1])
    found_BTV = _log_probabilities(model, h_BTD)
    found_BT = found_BTV.gather(-1, ids_BT[:, 1:, None])[..., 0]
    return [float(found_BT[b, : max(len(row) - 1, 0)].sum()) for b, row in enumerate(rows)]


@torch.inference_mode()
def inner_products(
    model: CoconutForCausalLM, states_BKD: Tensor, concepts: Sequence[Sequence[Sequence[int]]]
) -> list[list[list[float]]]:
    """Compute inner products of states and concept embeddings (arXiv 2505.12514).

    Args:
        model: The model whose input embeddings are used.
        states_BKD: Hidden states at, or inputs of, the thoughts.
        concepts: ``[b][c]``: the tokens of a concept; its embedding is the mean of theirs (in the paper each
            concept has one token).

    Returns:
        ``[b][c][k]``: the inner products.
    """
    embed = model.get_input_embeddings()
    found = []
    for states_KD, row in zip(states_BKD, concepts, strict=True):
        vectors_CD = torch.stack(
            [embed(torch.tensor(list(tokens), device=states_KD.device)).mean(0) for tokens in row]
        )
        found.append((vectors_CD @ states_KD.T).tolist())
    return found


@torch.inference_mode()
def logit_lens(model: CoconutForCausalLM, states_BKD: Tensor, top: int) -> Lens:
    """Apply the LM head to hidden states.

    Args:
        model: The model whose head is used.
        states_BKD: Hidden states.
        top: The number of most probable tokens to return.
    """
    probabilities, tokens = _log_probabilities(model, states_BKD).exp().topk(top, dim=-1)
    return Lens(tokens, probabilities)


@torch.inference_mode()
def attention_of_thoughts(model: CoconutForCausalLM, prompted: Prompted, fed_BKD: Tensor) -> Tensor | None:
    """Compute the attention weights of thoughts.

    Args:
        model: The model that has processed the prompts.
        prompted: Questions up to their first thought; left as they are.
        fed_BKD: Input vectors of the thoughts, appended in one pass.

    Returns:
        [N, B, H, K, T], where T counts the positions of ``prompted`` and the thoughts; layers without
        attention weights are left out. None if no layer has any.
    """
    B, K = fed_BKD.shape[:2]
    branch = fork(prompted)
    mask_BT = torch.cat([branch.mask_BT, branch.mask_BT.new_ones(B, K)], dim=1)
    positions_BT = (mask_BT.cumsum(1) - 1).clamp(min=0)[:, -K:]
    with _eager(model):
        output = model.base.get_decoder()(
            inputs_embeds=fed_BKD,
            attention_mask=mask_BT,
            position_ids=positions_BT,
            past_key_values=branch.cache,
            output_attentions=True,
        )
    layers = [layer for layer in output.attentions or () if layer is not None]
    return torch.stack(layers) if layers else None


@contextmanager
def _eager(model: CoconutForCausalLM) -> Iterator[None]:
    """Use the attention implementation that returns its weights; restore the model's own afterwards."""
    kept = model.base.config._attn_implementation
    model.base.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.base.set_attn_implementation(kept)


def _appended(model: CoconutForCausalLM, prompted: Prompted, ids_BT: Tensor) -> tuple[Prompted, Tensor]:
    """``prompted`` (whose cache is consumed) extended by tokens, and the hidden states at them."""
    mask_BT = longer(prompted.mask_BT, ids_BT.shape[1])
    h_BTD = append(model, model.get_input_embeddings()(ids_BT), mask_BT, prompted.cache)
    return prompted._replace(h_BD=h_BTD[:, -1], mask_BT=mask_BT), h_BTD


def _log_probabilities(model: CoconutForCausalLM, h: Tensor) -> Tensor:
    """Log-probabilities of the next token, in float32: [..., D] → [..., V]."""
    return model.logits(h).log_softmax(-1)
