"""Products of bf16 matrices on processors that have no instruction for them.

Muon orthogonalizes in bf16 (`torch.optim.Muon`). Without AVX-512 torch multiplies bf16 matrices by scalar
products, which took more than half of a small model's step. The product of two bf16 numbers is exact in fp32,
so that the matrices can be multiplied there and rounded once, as torch does: only the order of the additions
differs, as it does between any two processors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_PRODUCTS = {torch.addmm, torch.matmul, torch.mm, Tensor.matmul, Tensor.__matmul__, Tensor.mm, Tensor.addmm}


class InFloat(TorchFunctionMode):
    """Within it, products of bf16 matrices are computed in fp32 and rounded once, to bf16."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if func in _PRODUCTS and all(one.dtype is torch.bfloat16 for one in args if isinstance(one, Tensor)):
            return func(
                *(one.float() if isinstance(one, Tensor) else one for one in args), **given
            ).bfloat16()
        return func(*args, **given)


def fast_products(device: torch.device) -> AbstractContextManager[Any]:
    """Return the context in which bf16 matrices of a device are multiplied as fast as it can.

    Args:
        device: Where the matrices are.

    Returns:
        `InFloat` on a processor without AVX-512 or SVE, else one that changes nothing.
    """
    has_instruction = torch.backends.cpu.get_cpu_capability().startswith(("AVX512", "SVE"))
    return nullcontext() if device.type != "cpu" or has_instruction else InFloat()
