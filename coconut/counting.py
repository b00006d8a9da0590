"""Counts the FLOPs of a run's steps (`flops`) over all parts of a batch and all processes.

The count is held against the passes that are computed: a method that computes others has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from torch import nn

from .batches import Reading, share_out
from .flops import Pass, Shapes, Sizes, decoder_pass, shapes
from .modeling import CoconutForCausalLM

T = TypeVar("T")

OBJECTIVES = frozenset({"labels", "distillation", "step-decoder", "modes", "mixtures"})
"""Objectives that compute each view forward and backward once, and nothing besides but the step decoder."""


class Counter:
    """Counts the steps of a run.

    Args:
        model: The model, as it is trained.
        objective: The name of what is minimized.
        micro_batch: Rows of a part of a batch; None for a whole batch.
        count: The number of processes that share a batch; all of them are counted.
        rank: This process's number.
    """

    def __init__(
        self,
        model: CoconutForCausalLM,
        objective: str,
        micro_batch: int | None = None,
        count: int = 1,
        rank: int = 0,
    ) -> None:
        self.model, self.sizes = model, Sizes.of(model) if objective in OBJECTIVES else None
        self.micro_batch = micro_batch
        self.count, self.rank = count, rank

    def step(self, readings: Sequence[Reading]) -> int | None:
        """Count a step over all processes.

        Args:
            readings: What is read of each example of the batch.

        Returns:
            The operations; None where they are unknown.
        """
        shares = [self.share(readings, rank) for rank in range(self.count)]
        if self.sizes is None or None in shares:
            return None
        return sum(one.flops(self.sizes) for share in shares for one in share or ())

    def counted(
        self,
        compute: Callable[[], T],
        readings: Sequence[Reading],
        before: int | None,
        is_checked: bool,
    ) -> tuple[T, int | None]:
        """Compute a step and count it.

        Args:
            compute: Computes forward and backward of this process's share.
            readings: The batch.
            before: The count of the steps before; None where it is unknown.
            is_checked: Hold the count against the passes that are computed.

        Returns:
            What ``compute`` returns, and the count with this step; None where one of the two is unknown, or
            the passes were others than those counted.
        """
        flops = self.step(readings)
        if not is_checked:
            done = compute()
        else:
            with observed(self.model) as seen:
                done = compute()
            share = self.share(readings, self.rank)
            if share is None or seen != [one for part in share for one in part.passes]:
                flops = None
        return done, None if flops is None or before is None else before + flops

    def share(self, readings: Sequence[Reading], rank: int) -> list[Shapes] | None:
        """Return what a process computes of a batch, part by part and view by view.

        Args:
            readings: The batch.
            rank: The process's number.
        """
        if self.sizes is None:
            return None
        parts = share_out(readings, self.micro_batch or len(readings), rank, self.count)
        found: list[Shapes | None] = []
        for part in parts:
            for view in part.readings[0]:
                rows = [reading[view] for reading in part.readings]
                found.append(shapes(rows, self.sizes))
                if any(row.texts for row in rows):
                    found.append(decoder_pass(rows, self.sizes.latent))
        known = [one for one in found if one is not None]
        return known if len(known) == len(found) else None


@contextmanager
def observed(model: CoconutForCausalLM) -> Iterator[list[Pass]]:
    """Note the passes that a model computes, to hold a count against them.

    Args:
        model: The model.

    Yields:
        The passes, as they are computed.
    """
    seen: list[Pass] = []

    def note(module: nn.Module, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        rows, columns = given["inputs_embeds"].shape[:2]
        cache = given.get("past_key_values")
        seen.append(Pass(rows, columns, columns + (0 if cache is None else int(cache.get_seq_length()))))

    decoders = [model.base.get_decoder(), *([model.step_decoder.decoder] if model.step_decoder else [])]
    handles = [decoder.register_forward_pre_hook(note, with_kwargs=True) for decoder in decoders]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
