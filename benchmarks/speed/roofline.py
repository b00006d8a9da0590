"""Utilization of a training step: FLOP/s against plain matrix multiplication and the data sheet.

Axes: B batch, T tokens, D width, V vocabulary, N labeled positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...coconut.encoding import IGNORE, Batch
from ...coconut.last_layer import positionwise_weights
from ...coconut.modeling import CoconutForCausalLM
from ...coconut.throughput import bf16_peak
from .findings import Finding, Setting, finding, interleave, ratios
from .models import Size, batches, build
from .training import step

SIDE = {"cpu": 2048, "cuda": 8192}
"""Side of the square matrices whose product stands for the peak of the device."""


class Flops(NamedTuple):
    """Floating-point operations of a forward pass over a batch; a multiply-add counts as two.

    Attributes:
        linear: Matrix products of the layers.
        attention: Attention scores and weighted values, below the diagonal.
        head: The output head at labeled positions.
        unread: The part of ``linear`` that a training step omits because nothing reads its result.
    """

    linear: int
    attention: int
    head: int
    unread: int

    @property
    def step(self) -> int:
        """Operations of forward and backward, which has two products for each of the forward pass."""
        return 3 * (self.linear + self.attention + self.head - self.unread)


def forward_flops(model: CoconutForCausalLM, size: Size, batch: Batch) -> Flops:
    """Count what a forward pass must compute, padding included: every position once.

    Args:
        model: The model.
        size: Its size.
        batch: The batch.
    """
    rows, columns = batch.input_ids.shape
    decoder = model.base.get_decoder()
    tables = {id(part.weight) for part in decoder.modules() if isinstance(part, nn.Embedding)}
    weights = sum(p.numel() for p in decoder.parameters() if p.ndim == 2 and id(p) not in tables)
    labels = int((batch.labels[:, 1:] != IGNORE).sum())
    unread = rows * columns - int(read_at(model, batch).sum())
    return Flops(
        linear=2 * weights * rows * columns,
        attention=2 * size.layers * size.width * rows * columns**2,
        head=2 * size.width * size.vocabulary * labels,
        unread=2 * positionwise_weights(model.base) * unread,
    )


def read_at(model: CoconutForCausalLM, batch: Batch) -> Tensor:
    """Return where a step computes the last layer, see `coconut.last_layer`.

    Args:
        model: The model.
        batch: The batch.

    Returns:
        A mask [B, T]: positions that predict a label, those before a thought, and all from the first thought
        on.
    """
    is_thought_BT = batch.input_ids == model.config.latent_token_id
    is_read_BT = (is_thought_BT | (batch.labels != IGNORE)).roll(-1, dims=1)
    is_read_BT[:, -1] = False
    return is_read_BT | (is_thought_BT.any(0).cumsum(0) > 0)


def roofline(setting: Setting) -> Iterator[Finding]:
    """Measure GFLOP/s of a matrix product, of a forward pass without thoughts and of a last-stage step.

    Args:
        setting: What to measure on.

    Yields:
        The rates and their ratios.
    """
    size, device = setting.size, setting.device
    model, (latent, plain) = build(size, device), batches(size, size.thoughts, device)
    side = 256 if setting.quick else SIDE[device]

    def forward() -> None:
        with torch.no_grad(), setting.autocast():
            model.hidden_states(plain.input_ids)  # without a mask, as the prefix is computed

    works: dict[str, Callable[[], object]] = {
        "matrix product": _product(side, setting),
        "forward pass": forward,
        "Coconut step": step(model, latent, setting),
    }
    needed = forward_flops(model, size, latent)
    flops = {
        "matrix product": 2 * side**3,
        "forward pass": needed.linear + needed.attention,
        "Coconut step": needed.step,
    }
    setting.say("roofline: matrix product, forward pass, step")
    seconds = interleave(works, setting)
    rates = {name: [flops[name] / one / 1e9 for one in times] for name, times in seconds.items()}
    for name, values in rates.items():
        yield finding("roofline", name, values, "GFLOP/s", {"precision": setting.precision})
    for name in ("forward pass", "Coconut step"):
        share = ratios(rates[name], rates["matrix product"])
        yield finding("roofline", f"{name} / matrix product", share, "×", {"precision": setting.precision})
        for peak in peaks(setting):
            share = [rate / (1000 * peak) for rate in rates[name]]
            at = {"precision": setting.precision, "peak, TFLOP/s": f"{peak:g}"}
            yield finding("roofline", f"{name} / data sheet's peak", share, "×", at)


def peaks(setting: Setting) -> list[float]:
    """Return the bf16 peak of a known GPU in TFLOP/s; nothing for another GPU or ``setting`` fp32."""
    peak = bf16_peak(torch.device(setting.device)) if setting.precision == "bf16" else None
    return [] if peak is None else [peak]


def _product(side: int, setting: Setting) -> Callable[[], object]:
    dtype = torch.bfloat16 if setting.precision == "bf16" else torch.float32
    left, right = (torch.randn(side, side, device=setting.device).to(dtype) for _ in range(2))
    return lambda: left @ right
