"""Products of bf16 matrices that are computed in fp32 are those of torch, and Muon's are such products."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from coconut_bench.coconut import bf16_products, optim
from coconut_bench.coconut.bf16_products import InFloat, fast_products
from coconut_bench.coconut.settings import OptimizerSettings


def matrix(rows: int, columns: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-8, 9, (rows, columns), generator=generator).bfloat16() / 8  # no sum is rounded


def test_a_product_is_rounded_once_as_torch_does() -> None:
    a_MK, b_KN, c_MN = matrix(5, 12, 0), matrix(12, 7, 1), matrix(5, 7, 2)
    plain = a_MK @ b_KN, torch.addmm(c_MN, a_MK, b_KN, beta=-4.775, alpha=2.0315)
    with InFloat():
        mine = a_MK @ b_KN, torch.addmm(c_MN, a_MK, b_KN, beta=-4.775, alpha=2.0315)
    for one, other in zip(plain, mine, strict=True):
        assert one.dtype is other.dtype is torch.bfloat16
        torch.testing.assert_close(other, one, rtol=2**-8, atol=0)  # the last bit at most
    assert torch.equal(plain[0], mine[0])


def test_what_is_no_product_of_bf16_matrices_is_left_alone() -> None:
    a_MK, b_KN = matrix(3, 4, 0), matrix(4, 2, 1)
    with InFloat():
        assert torch.equal(a_MK.float() @ b_KN.float(), torch.mm(a_MK.float(), b_KN.float()))
        assert (a_MK + a_MK).dtype is torch.bfloat16
        with pytest.raises(RuntimeError, match="dtype"):
            torch.mm(a_MK, b_KN.float())


def test_every_product_of_muon_goes_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were torch to multiply in another way, it would be slow again and nobody would notice."""
    seen = []

    class Counted(InFloat):
        def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            if func in bf16_products._PRODUCTS:
                seen.append({one.dtype for one in args if isinstance(one, Tensor)})
            return super().__torch_function__(func, types, args, kwargs)

    monkeypatch.setattr(optim, "fast_products", lambda device: Counted())
    model = nn.Linear(6, 4)
    optimizers = optim.Optimizers(model, OptimizerSettings(name="muon", lr=0.001, muon_lr=0.01))
    model(torch.ones(2, 6)).sum().backward()
    optimizers.step(1.0)
    assert seen == [{torch.bfloat16}] * 15  # five iterations of three products


@pytest.mark.parametrize(
    ("capability", "device", "in_float"),
    [("AVX2", "cpu", True), ("DEFAULT", "cpu", True), ("AVX512", "cpu", False), ("AVX2", "cuda", False)],
)
def test_it_is_for_processors_without_the_instruction(
    monkeypatch: pytest.MonkeyPatch, capability: str, device: str, in_float: bool
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert isinstance(fast_products(torch.device(device)), InFloat) == in_float
