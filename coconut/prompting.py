"""What follows a question in a prompt, appended by `generate` where the caller has written none of it.

    · · q q q q B L L E      · padding, q question, B ``<bot>``, L ``<latent>`` or ``<pause>``, E ``<eot>``
    q q q q q q B L L E

``config.after_question`` has these tokens as the model was trained to be evaluated; it is empty for methods
without thoughts. With a halting head the number of thoughts is each row's own, at most that in the
configuration: a row with fewer is padded on the left, and in the output that padding moves to its end.

Axes: B batch, T tokens, K thoughts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from .passes import PassesMixin


class Prompts(NamedTuple):
    """Prompts for `generate`.

    Attributes:
        ids_BT: Token ids.
        mask_BT: 1 token, 0 padding; None where it was not given.
        spare: Columns of padding that were added on the left of each row; None for none.
    """

    ids_BT: Tensor
    mask_BT: Tensor | None
    spare: list[int] | None = None

    def aligned(self, generated: Any) -> Any:
        """Move the added padding to the end of each row, so that the questions are where they were.

        Args:
            generated: What transformers returns: token ids, or an output that has them as ``sequences``.
        """
        if self.spare is None:
            return generated
        found = generated if isinstance(generated, Tensor) else generated.sequences
        each = len(found) // len(self.spare)
        rolled = torch.stack([row.roll(-self.spare[number // each]) for number, row in enumerate(found)])
        if isinstance(generated, Tensor):
            return rolled
        generated.sequences = rolled
        return generated


class Suffix(NamedTuple):
    """The tokens after a question: markers around ``number`` fillers, which are thoughts or pause tokens."""

    begin: list[int]
    filler: int
    number: int
    end: list[int]

    @classmethod
    def of(cls, tokens: list[int], empty: list[int], latent: int) -> Suffix:
        """Take the tokens of a configuration apart; the filler is the only one that may be repeated.

        Args:
            tokens: ``config.after_question``, not empty.
            empty: ``config.without_thoughts``.
            latent: The token that marks a thought, the filler if there is none in ``tokens``.
        """
        if tokens == empty:
            return cls(tokens[:1], latent, 0, tokens[1:])
        filler = tokens[len(tokens) // 2]
        first, count = tokens.index(filler), tokens.count(filler)
        return cls(tokens[:first], filler, count, tokens[first + count :])

    def tokens(self, empty: list[int]) -> list[int]:
        """Return the tokens; ``empty`` without fillers."""
        return [*self.begin, *[self.filler] * self.number, *self.end] if self.number else empty


def complete(model: PassesMixin, ids_BT: Tensor, mask_BT: Tensor | None, thoughts: int | None) -> Prompts:
    """Append to each question what the model expects after it.

    Args:
        model: The model.
        ids_BT: Questions, or prompts that have their own thoughts, which are left as they are.
        mask_BT: 1 token, 0 padding; None for no padding, or padding that can be told from the ids.
        thoughts: A constant number of thoughts or pause tokens; None for as trained.

    Returns:
        The prompts.

    Raises:
        ValueError: Only some prompts have thoughts, or ``thoughts`` is given where all have or the method has
            none; questions are not padded on the left.
    """
    config = model.config
    tokens, empty = config.after_question, config.without_thoughts
    has_B = torch.isin(ids_BT, torch.tensor(tokens, dtype=ids_BT.dtype, device=ids_BT.device)).any(1)
    if not tokens or bool(has_B.any()):
        if thoughts is not None:
            reason = "prompts that have their own" if tokens else "a model trained without thoughts"
            raise ValueError(f"thoughts must be left out for {reason}, got {thoughts}")
        if tokens and not bool(has_B.all()):
            raise ValueError(
                f"all prompts or none must have thoughts, got {int(has_B.sum())} of {len(has_B)}"
            )
        return Prompts(ids_BT, mask_BT)
    if mask_BT is not None and not bool(mask_BT[:, -1].all()):
        raise ValueError('prompts must be padded on the left: set tokenizer.padding_side = "left"')
    suffix = Suffix.of(tokens, empty, config.latent_token_id)
    if thoughts is not None:
        if thoughts < 0:
            raise ValueError(f"thoughts must be at least 0, got {thoughts}")
        suffix = suffix._replace(number=thoughts)
    elif model.halting_head is not None and suffix.number and suffix.filler == config.latent_token_id:
        return _halted(model, ids_BT, mask_BT, suffix)
    mask_BT = None if mask_BT is None else _longer(mask_BT, [1] * len(suffix.tokens(empty)))
    return Prompts(_longer(ids_BT, suffix.tokens(empty)), mask_BT)


@torch.no_grad()
def _halted(model: PassesMixin, ids_BT: Tensor, mask_BT: Tensor | None, suffix: Suffix) -> Prompts:
    """Give each row thoughts up to the first whose log-odds of being the last are above 0."""
    assert model.halting_head is not None
    pad = model.config.get_text_config().pad_token_id
    if mask_BT is None:
        mask_BT = torch.ones_like(ids_BT) if pad is None else (ids_BT != pad).long()
    most = [*suffix.begin, *[suffix.filler] * suffix.number]
    all_mask_BT = _longer(mask_BT, [1] * len(most))
    h_BKD = model.hidden_states(_longer(ids_BT, most), all_mask_BT, keep=suffix.number).h_BTD
    ends_BK = model.halting_head(h_BKD).squeeze(-1) > 0
    ends_BK[:, -1] = True
    counts = (ends_BK.int().argmax(1) + 1).tolist()
    most_used = max(counts)
    rows, masks, spare = [], [], [most_used - count for count in counts]
    for ids, mask, count, extra in zip(ids_BT, mask_BT, counts, spare, strict=True):
        own = suffix._replace(number=count).tokens([])
        padding = ids.new_full((extra,), 0 if pad is None else pad)
        rows.append(torch.cat([padding, ids, ids.new_tensor(own)]))
        masks.append(torch.cat([mask.new_zeros(extra), mask, mask.new_ones(len(own))]))
    return Prompts(torch.stack(rows), torch.stack(masks), spare)


def _longer(rows_BT: Tensor, tokens: list[int]) -> Tensor:
    """``rows_BT`` with the same tokens after each row."""
    return torch.cat([rows_BT, rows_BT.new_tensor(tokens).expand(len(rows_BT), -1)], dim=1)
