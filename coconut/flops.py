"""Floating-point operations of training, counted from shapes: no clock, no model that runs, no device.

Counted are the matrix products of forward and backward, a multiply-add as two operations: those of the
layers, of attention (scores and weighted values of each pass: its new columns against all columns so far,
the masked ones too), of the output head at labeled positions, of the thoughts' projection, of the halting
head and of the step decoder. Each forward product has two in the backward pass. Padding that is computed
counts; positions that the last layer skips (`last_layer`) do not. What is computed a second time in the
backward pass does not: layers with gradient checkpointing (which skips no position), scores in a fused
attention kernel. So the count is the same whatever the kernel. Not counted are sums, norms, softmax and
rotary angles, the optimizer's own work (Muon's matrix products among it), and validations.

    pass 0   q q q q q           5 new columns, 5 keys
    pass 1             L         1 new column, 6 keys
    pass 2               L a a   3 new columns, 9 keys

A count is None where it is unknown: another architecture than those in `last_layer.POSITIONWISE`, another
objective than those in `counting`, another recurrence than those here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from . import recurrence
from .cache import PassCache
from .last_layer import POSITIONWISE, positionwise_weights
from .looping import layers_of
from .modeling import CoconutForCausalLM
from .rows import Row


class Pass(NamedTuple):
    """One pass: its rows, its new columns, and the columns that it attends to."""

    rows: int
    columns: int
    keys: int


class Sizes(NamedTuple):
    """What the count needs of a model.

    Attributes:
        weights: Weights that are applied at each position, in all layers; shared ones at each application.
        skipped: Those of the last layer that are applied only where its output is used.
        attention: Heads × width of a head, over all layers.
        width: The width of a hidden state.
        vocabulary: Rows of the output head.
        recurrence: How thoughts are computed, a row of `RECURRENCES`.
        sweeps: T of ``jacobi``.
        latent: The token that marks a thought.
        projection: Weights that make a thought's input of a hidden state.
        halts: Whether there is a halting head.
        checkpoints: Whether there is gradient checkpointing, where the last layer skips nothing.
    """

    weights: int
    skipped: int
    attention: int
    width: int
    vocabulary: int
    recurrence: str
    sweeps: int
    latent: int
    projection: int
    halts: bool
    checkpoints: bool

    @classmethod
    def of(cls, model: CoconutForCausalLM) -> Sizes | None:
        """Read the sizes off a model, whose weights may be on the meta device.

        Args:
            model: The model.

        Returns:
            The sizes; None where the count is unknown.
        """
        base, config = model.base, model.base.config.get_text_config()
        if base.config.model_type not in POSITIONWISE or not PassCache.fits(config):
            return None
        if model.config.recurrence not in RECURRENCES:
            return None
        heads, layers = config.num_attention_heads, layers_of(base)
        head = getattr(config, "head_dim", None) or config.hidden_size // heads
        return cls(
            weights=sum(p.numel() for layer in layers for p in layer.parameters() if p.ndim == 2),
            skipped=positionwise_weights(base),
            attention=len(layers) * heads * head,
            width=config.hidden_size,
            vocabulary=base.get_output_embeddings().weight.shape[0],
            recurrence=model.config.recurrence,
            sweeps=model.config.sweeps,
            latent=model.config.latent_token_id,
            projection=_projection(model),
            halts=model.halting_head is not None,
            checkpoints=bool(model._checkpointed),
        )


class Shapes(NamedTuple):
    """What one view of a part of a batch computes.

    Attributes:
        passes: The passes, the prefix's first.
        read: Positions of the prefix whose last hidden state is used.
        labels: Labeled positions.
        thoughts: Thoughts.
        projected: Vectors that are projected to a thought's input.
    """

    passes: list[Pass]
    read: int
    labels: int
    thoughts: int
    projected: int

    def flops(self, sizes: Sizes) -> int:
        """Count forward and backward.

        Args:
            sizes: The model's.
        """
        positions = sum(one.rows * one.columns for one in self.passes)
        scores = sum(one.rows * one.columns * one.keys for one in self.passes)
        prefix = self.passes[0].rows * self.passes[0].columns
        unread = 0 if sizes.checkpoints else sizes.skipped * (prefix - self.read)
        layers = 2 * (sizes.weights * positions - unread) + 4 * sizes.attention * scores
        head = 2 * sizes.width * sizes.vocabulary * self.labels
        halting = 2 * sizes.width * self.thoughts * sizes.halts
        projection = 2 * sizes.projection * self.projected
        return 3 * (layers + head + halting + projection)


def _projection(model: CoconutForCausalLM) -> int:
    """Weights of the projection, or of head and embeddings where thoughts are mixtures of these."""
    if recurrence.RECURRENCES[model.config.recurrence].mixes_embeddings:
        tables: list[Any] = [model.get_output_embeddings().weight, model.get_input_embeddings().weight]
        return sum(table.numel() for table in tables)
    parts = model.projection.parameters() if model.projection is not None else ()
    return sum(p.numel() for p in parts if p.ndim == 2)


def shapes(rows: Sequence[Row], sizes: Sizes) -> Shapes | None:
    """Return what the passes over rows compute, which are padded as in `encoding.collate`.

    Args:
        rows: One view of a part of a batch.
        sizes: The model's.

    Returns:
        The shapes; None where they are unknown.
    """
    start = max(row.first_filler for row in rows)
    lefts = [start - row.first_filler for row in rows]
    labels = [left + len(row.prompt) for left, row in zip(lefts, rows, strict=True)]  # the first one's column
    width = max(first + len(row.target) for first, row in zip(labels, rows, strict=True))
    count, targets = len(rows), sum(len(row.target) for row in rows)
    thoughts = [
        left + place
        for left, row in zip(lefts, rows, strict=True)
        for place, token in enumerate(row.prompt)
        if token == sizes.latent
    ]
    if not thoughts:  # those of CoT2 are given, and cost nothing but the halting head
        return single_pass(count, width, targets)._replace(thoughts=sum(len(row.mixtures) for row in rows))
    first, end = min(thoughts), max(thoughts) + 1
    if min(labels) < first or max(lefts) >= first:
        return None  # labels in the prefix, or a row that begins after it: no method has them
    passes, projected = RECURRENCES[sizes.recurrence](count, first, end - first, width - end, sizes.sweeps)
    prefix = Pass(count, first, first)
    return Shapes([prefix, *passes], count, targets, len(thoughts), projected)


def single_pass(rows: int, columns: int, labels: int) -> Shapes:
    """Return what a batch without thoughts computes.

    Args:
        rows: Rows, padded to one length.
        columns: That length.
        labels: Labeled positions.
    """
    return Shapes([Pass(rows, columns, columns)], labels, labels, 0, 0)


def decoder_pass(rows: Sequence[Row], latent: int) -> Shapes:
    """Return what the step decoder computes of rows (`step_decoder`), a copy of the base model's layers.

    Args:
        rows: One view of a part of a batch, with texts.
        latent: The token that marks a thought.
    """
    texts = [text for row in rows for text in row.texts]
    each = max(row.prompt.count(latent) // max(len(row.texts), 1) for row in rows)
    columns = each + max(map(len, texts)) - 1
    one = Pass(len(texts), columns, columns)
    return Shapes([one], one.rows * columns, sum(map(len, texts)), 0, 0)


def _sequential(rows: int, start: int, thoughts: int, after: int, sweeps: int) -> tuple[list[Pass], int]:
    """One pass a thought, the last one with the columns after it."""
    passes = [Pass(rows, 1, start + k + 1) for k in range(thoughts - 1)]
    return [*passes, Pass(rows, 1 + after, start + thoughts + after)], rows * thoughts


def _jacobi(rows: int, start: int, thoughts: int, after: int, sweeps: int) -> tuple[list[Pass], int]:
    """T + 1 passes over all thoughts, each in columns of its own."""
    passes = [Pass(rows, thoughts, start + (sweep + 1) * thoughts) for sweep in range(sweeps)]
    last = Pass(rows, thoughts + after, start + (sweeps + 1) * thoughts + after)
    return [*passes, last], rows * thoughts * sweeps


def _bottleneck(rows: int, start: int, thoughts: int, after: int, sweeps: int) -> tuple[list[Pass], int]:
    """One pass a thought, and one for the columns after them; the prefix is masked there, not left out."""
    passes = [Pass(rows, 1, start + k + 1) for k in range(thoughts)]
    end = start + thoughts + after
    return [*passes, *([Pass(rows, after, end)] if after else [])], rows * thoughts


Count = Callable[[int, int, int, int, int], tuple[list[Pass], int]]
"""(rows, first thought's column, thoughts, columns after them, T) → passes, and vectors projected."""
RECURRENCES: Mapping[str, Count] = {
    "sequential": _sequential,
    "projected": _sequential,
    "jacobi": _jacobi,
    "bottleneck": _bottleneck,
    "mixture": _sequential,
}
"""Row of `recurrence.RECURRENCES` → what it computes; one that is not here is not counted."""


def answering_parameters(model: CoconutForCausalLM) -> int:
    """Return the number of parameters used when questions are answered, shared ones once.

    Args:
        model: The model; parts that only training uses are none of those counted here.
    """
    parts = (model.base, model.projection, model.slots, model.halting_head)
    found = {id(p): p.numel() for part in parts if part is not None for p in part.parameters()}
    return sum(found.values())
