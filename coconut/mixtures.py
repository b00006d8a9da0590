"""CoT2's thoughts (arXiv 2505.23648): mixtures of the embeddings of tokens, taught as soft targets.

In training a thought is given: the mean of the embeddings of its concepts, and the position before it must
predict them as a soft target. So no position waits for another, and a step is one pass. When a question is
answered, the mixture is the model's own: the embeddings of all tokens, weighted by its softmax.

    q q q q q M N # a .      M: the mean of the embeddings of b and c; N: that of d
            ^ ^ ^ ^ ^        must predict  ½ b + ½ c, d, # a .

Axes: B batch, T tokens, D width, V vocabulary, N labels, K thoughts of all rows, M concepts of a thought.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .rows import multiple_of

MULTIPLE = 8
"""Concepts of a thought are padded to multiples of it where steps are replayed."""


class Mixtures(NamedTuple):
    """The thoughts of a batch, row by row.

    Attributes:
        places_K: Where they stand: row · columns + column.
        labels_K: Which of the batch's labels they are.
        ids_KM: The tokens of their concepts, padded.
        weights_KM: The weights of these, 0 for padding.
    """

    places_K: Tensor
    labels_K: Tensor
    ids_KM: Tensor
    weights_KM: Tensor

    @classmethod
    def of(
        cls,
        concepts: Sequence[Sequence[int]],
        ids_BT: Tensor,
        targets_N: Tensor,
        latent: int,
        is_rounded: bool = False,
    ) -> Mixtures:
        """Arrange the thoughts of a batch, on the CPU.

        Args:
            concepts: The tokens of each thought's concepts, at least one, of equal weights.
            ids_BT: Token ids as they are computed, thoughts marked.
            targets_N: The labels, thoughts marked.
            latent: The token that marks a thought.
            is_rounded: Whether the number of concepts is to be one of few.
        """
        most = max(map(len, concepts))
        most = multiple_of(MULTIPLE, most) if is_rounded else most
        ids = [[*tokens, *[tokens[0]] * (most - len(tokens))] for tokens in concepts]
        weights = [[1 / len(tokens)] * len(tokens) + [0.0] * (most - len(tokens)) for tokens in concepts]
        return cls(
            (ids_BT == latent).flatten().nonzero().squeeze(1),
            (targets_N == latent).nonzero().squeeze(1),
            torch.tensor(ids),
            torch.tensor(weights),
        )

    def map(self, change: Callable[[Tensor], Tensor]) -> Mixtures:
        """Return the thoughts with each of their tensors replaced.

        Args:
            change: From a tensor to the one in its place.
        """
        return Mixtures(*map(change, self))

    def fed(self, embeddings_BTD: Tensor, embed: nn.Module) -> Tensor:
        """Return the input vectors with the mixtures where thoughts stand.

        Args:
            embeddings_BTD: The embeddings of all tokens.
            embed: The model's embeddings.
        """
        mixed_KD = (embed(self.ids_KM) * self.weights_KM[..., None]).sum(1)
        flat = embeddings_BTD.flatten(0, 1).index_copy(0, self.places_K, mixed_KD.to(embeddings_BTD.dtype))
        return flat.view_as(embeddings_BTD)

    def cross_entropy(self, logits_NV: Tensor) -> Tensor:
        """Return the sum of the cross-entropies of the soft targets.

        Args:
            logits_NV: Logits of all labels.
        """
        log_p_KV = logits_NV.index_select(0, self.labels_K).float().log_softmax(-1)
        return -(log_p_KV.gather(1, self.ids_KM) * self.weights_KM).sum()

    def halting_loss(self, head: nn.Module, h_ND: Tensor, targets_N: Tensor, latent: int) -> Tensor:
        """Return the mean binary cross-entropy of "this is the row's last thought".

        Args:
            head: From hidden states to the log-odds that a thought is the last.
            h_ND: The hidden states that predict the labels; a thought's own predicts the label after it.
            targets_N: The labels.
            latent: The token that marks a thought.
        """
        after_K = self.labels_K + 1
        logits_K = head(h_ND.index_select(0, after_K)).squeeze(-1)
        is_last_K = targets_N.index_select(0, after_K) != latent
        return F.binary_cross_entropy_with_logits(logits_K.float(), is_last_K.float())


def mixed(model: Any, h: Tensor) -> Tensor:
    """Return the mixture of the embeddings of all tokens, as probable as a hidden state predicts them.

    Args:
        model: A Coconut model.
        h: Hidden states, [..., D].

    Returns:
        [..., D].
    """
    embed, probabilities = model.get_input_embeddings(), model.logits(h).softmax(-1)
    table_VD = embed.weight
    if type(embed) is not nn.Embedding:  # it may scale them
        table_VD = embed(torch.arange(len(table_VD), device=table_VD.device))
    found: Tensor = probabilities.to(table_VD.dtype) @ table_VD
    return found
