"""Which attention kernels a pass may use, and the masks that they take.

On Hopper GPUs torch prefers cuDNN's attention, which makes a plan for every new shape. The lengths of batches
differ, so that almost every pass has a new one; the flash and memory-efficient kernels need no plan.

Axes: B batch, T tokens, Q columns of a pass.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import PreTrainedModel

from . import launch

WITHOUT_PLANS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""Kernels of torch that take any shape as it comes."""


GRAPHS = "COCONUT_BENCH_GRAPHS"
"""Environment variable: 0 computes every pass on its own, replaying none (``run --no-graphs``)."""


def allowed() -> bool:
    """Return whether passes and steps may be replayed (`graphs`, `replay`); not of a divided model."""
    return os.environ.get(GRAPHS, "1") != "0" and not launch.is_sharded()


def any_shape(device: torch.device) -> AbstractContextManager[None]:
    """Return a context in which attention needs no plan for a shape; forward decides for backward too.

    Args:
        device: Where the pass is computed; there is nothing to choose on a CPU.
    """
    return sdpa_kernel(WITHOUT_PLANS) if device.type == "cuda" else nullcontext()


@contextmanager
def attending(base: PreTrainedModel, name: str | None) -> Iterator[None]:
    """Let a model attend in another way while the body runs.

    Args:
        base: A model that uses torch's fused attention.
        name: One that is registered with transformers' ``AttentionInterface``; None changes nothing.
    """
    config: Any = base.config.get_text_config()
    before = config._attn_implementation_internal
    if name is not None:
        config._attn_implementation_internal = name
    try:
        yield
    finally:
        config._attn_implementation_internal = before


def visible(mask_BT: Tensor, start: int, stop: int) -> Tensor:
    """Return which columns the columns of a pass attend to; transformers takes it as it is.

    Its own masks are the same, but it looks at the values first, for which a GPU must be waited for.

    Args:
        mask_BT: 1 token, 0 padding, from column 0 on.
        start: The first column of the pass.
        stop: The column after its last.

    Returns:
        [B, 1, Q, ``stop``].
    """
    columns_T = torch.arange(stop, device=mask_BT.device)
    is_before_QT = columns_T <= columns_T[start:, None]
    return is_before_QT & (mask_BT[:, None, None, :stop] != 0)
