"""What a training step minimizes: the table of objectives.

    labels         the mean cross-entropy of the tokens to write, plus the halting classifier's loss, if any
    step-decoder   SIM-CoT (arXiv 2509.20317): the same two, and the cross-entropy of the removed steps, each
                   written from its thoughts by a decoder of its own (`step_decoder`)
    modes          multimode (arXiv 2604.04902): the first two, and the cross-entropies of the whole chain and
                   of the answer alone, weights 1:1:1
    mixtures       CoT2 (arXiv 2505.23648): the mean cross-entropy of the thoughts, which have soft targets,
                   and of the tokens; with a halting classifier, its loss too
    distillation   CODI (arXiv 2502.21074, section 3): the student's and the teacher's cross-entropy, and the
                   distance between their hidden states just before the answer; with a halting classifier, its
                   loss too

    teacher    q q q s s ### a .        q question, s a step in words, a answer
    student    q q q L L ### a .        L a thought
                         ^              every layer: smooth L1, divided by the teacher's standard deviation

An objective is a function: (model, views, items) → loss. For a part of a batch (gradient accumulation) it
returns that part's share, so that the shares add up to the batch's loss.

Axes: B batch, D width, N labeled positions, L layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..generators.lookup import pick
from ..generators.plugins import table
from .batches import Reading
from .encoding import IGNORE, collate
from .layout import Layout, rounded
from .loss import label_loss, share_of
from .methods import View
from .mixtures import Mixtures
from .modeling import CoconutForCausalLM
from .passes import Labeled
from .rows import Row
from .step_decoder import StepTexts, before_thoughts


class ViewBatch(NamedTuple):
    """One view of a batch.

    Attributes:
        layout: The batch, with labels.
        before_B: Which of the labels is the first one of each row's answer (marker left out).
        texts: What the thoughts must be decodable into; None for nothing.
    """

    layout: Layout
    before_B: Tensor
    texts: StepTexts | None = None

    def map(self, change: Callable[[Tensor], Tensor]) -> ViewBatch:
        """Return the view with each of its tensors replaced.

        Args:
            change: From a tensor to the one in its place.
        """
        texts = self.texts and self.texts.map(change)
        return ViewBatch(self.layout.map(change), change(self.before_B), texts)


def view_of(
    model: CoconutForCausalLM, rows: Sequence[Row], pad: int, multiples: tuple[int, int] | None = None
) -> ViewBatch:
    """Collate one view of examples as the model computes it, on the CPU.

    Args:
        model: The model.
        rows: The rows, at least one.
        pad: The padding token.
        multiples: As in `encoding.collate`, and labels and read positions come in few different numbers too;
            None for no more than the rows need.
    """
    labels_B = torch.tensor([len(row.target) for row in rows])
    answers_B = torch.tensor([row.answer for row in rows])
    mixtures, latent = [one for row in rows for one in row.mixtures], model.config.latent_token_id
    layout = model.arranged(collate(rows, pad, multiples or (1, 1)), is_given=bool(mixtures))
    if mixtures:
        assert layout.labels is not None
        targets_N, is_rounded = layout.labels.targets_N, multiples is not None
        layout = replace(layout, mixtures=Mixtures.of(mixtures, layout.ids_BT, targets_N, latent, is_rounded))
    texts = StepTexts.of(rows, latent, pad, is_rounded=multiples is not None)
    return ViewBatch(rounded(layout) if multiples else layout, labels_B.cumsum(0) - answers_B, texts)


class Items(NamedTuple):
    """The whole batch of which a part is computed.

    Attributes:
        labels: The number of labels of each view.
        rows: The number of rows.
        thoughts: The number of thoughts.
        std: The standard deviation of a part's values, of which other processes may have a share.
        decoded: The number of tokens that thoughts must be decodable into.
    """

    labels: Mapping[View, int]
    rows: int
    thoughts: int
    std: Callable[[Tensor], Tensor] = torch.std
    decoded: int = 0


def items_of(readings: Sequence[Reading], latent: int) -> Items:
    """Count what a whole batch has.

    Args:
        readings: What is read of each example.
        latent: The token that marks a thought.
    """
    labels = {view: sum(len(reading[view].target) for reading in readings) for view in readings[0]}
    students = [reading["student"] for reading in readings]
    thoughts = sum(row.prompt.count(latent) + row.target.count(latent) for row in students)
    decoded = sum(len(text) for row in students for text in row.texts)
    return Items(labels, len(readings), thoughts, decoded=decoded)


class Loss(NamedTuple):
    """The value to minimize, and its terms by name (empty if there is only one)."""

    total: Tensor
    parts: Mapping[str, Tensor]


Views = Mapping[View, ViewBatch]
Objective = Callable[[CoconutForCausalLM, Views, Items | None], Loss]
"""(model, views of a batch or of a part of it, counts over the whole batch if it is a part) → loss."""


def labels(model: CoconutForCausalLM, views: Views, items: Items | None) -> Loss:
    """Return the model's own loss on the student's view.

    Args:
        model: The model to train.
        views: The batch, or a part of it.
        items: Counts over the whole batch; None if ``views`` is the whole batch.
    """
    found = model.loss(views["student"].layout, items and items.labels["student"], items and items.thoughts)
    assert found.loss is not None
    return Loss(found.loss, {})


def step_decoder(model: CoconutForCausalLM, views: Views, items: Items | None) -> Loss:
    """Return the sum of Coconut's loss and the step decoder's, weights 1:1 (arXiv 2509.20317).

    Args:
        model: The model to train, with a step decoder.
        views: The batch, or a part of it.
        items: Counts over the whole batch; None if ``views`` is the whole batch.

    Raises:
        ValueError: The model has no step decoder.
    """
    if model.step_decoder is None:
        raise ValueError("the objective step-decoder needs a model with a step_decoder, got one without")
    layout, _, texts = views["student"]
    found = model.labeled(layout)
    logits_NV, count = model.logits(found.h_ND), items and items.labels["student"]
    parts = {"words": label_loss(logits_NV, found.targets_N, count), **_halting(found, items)}
    if texts is not None:
        fed_BKD = model.latent().project(before_thoughts(layout, found.states_P))
        h_ND = model.step_decoder(fed_BKD, texts, model.get_input_embeddings(), model.is_deferred)
        parts["steps"] = label_loss(model.logits(h_ND), texts.targets_N, items and items.decoded)
    return Loss(torch.stack(list(parts.values())).sum(), parts)


def modes(model: CoconutForCausalLM, views: Views, items: Items | None) -> Loss:
    """Return the sum of the cross-entropies of all views, weights 1:1:1 (arXiv 2604.04902).

    Args:
        model: The model to train.
        views: The batch, or a part of it.
        items: Counts over the whole batch; None if ``views`` is the whole batch.
    """
    parts: dict[str, Tensor] = {}
    for view, read in views.items():
        found = model.labeled(read.layout)
        parts[view] = label_loss(model.logits(found.h_ND), found.targets_N, items and items.labels[view])
        parts |= _halting(found, items)
    return Loss(torch.stack(list(parts.values())).sum(), parts)


def mixtures(model: CoconutForCausalLM, views: Views, items: Items | None) -> Loss:
    """Return the mean cross-entropy of thoughts and tokens (arXiv 2505.23648).

    Args:
        model: The model to train.
        views: The batch, or a part of it.
        items: Counts over the whole batch; None if ``views`` is the whole batch.
    """
    layout = views["student"].layout
    given, found = layout.mixtures, model.labeled(layout)
    assert given is not None
    logits_NV, targets_N = model.logits(found.h_ND), found.targets_N
    count = items.labels["student"] if items else (targets_N != IGNORE).sum()
    words_N = targets_N.index_fill(0, given.labels_K, IGNORE)
    parts = {
        "words": label_loss(logits_NV, words_N, count),
        "thoughts": given.cross_entropy(logits_NV) / count,
    }
    if model.halting_head is not None:
        share = share_of(len(given.labels_K), items and items.thoughts)
        latent = model.config.latent_token_id
        parts["halting"] = share * given.halting_loss(model.halting_head, found.h_ND, targets_N, latent)
    return Loss(torch.stack(list(parts.values())).sum(), parts)


def _halting(found: Labeled, items: Items | None) -> dict[str, Tensor]:
    """The share of the halting classifier's loss, if there is one."""
    if found.halting_loss is None:
        return {}
    return {"halting": share_of(found.thoughts, items and items.thoughts) * found.halting_loss}


def distillation(model: CoconutForCausalLM, views: Views, items: Items | None) -> Loss:
    """Return the sum of CODI's three losses, weights 1:1:1 (arXiv 2502.21074, section 3).

    The outputs of all layers are compared, the last one after the final norm; embeddings are not. The
    standard deviation of the teacher's output of a layer is taken over the (part of the) batch.

    Args:
        model: The model to train, student and teacher at once.
        views: The batch, or a part of it.
        items: Counts over the whole batch; None if ``views`` is the whole batch.
    """
    parts: dict[str, Tensor] = {}
    before: dict[View, list[Tensor]] = {}
    for view, read in views.items():
        found = model.labeled(read.layout, layers=True)
        logits_NV = model.logits(found.h_ND)
        parts[view] = label_loss(logits_NV, found.targets_N, items and items.labels[view])
        before[view] = [layer_ND[read.before_B] for layer_ND in found.layers_LND]
        parts |= _halting(found, items)
    share = share_of(len(views["student"].before_B), items and items.rows)
    std = items.std if items else torch.std
    parts["distance"] = share * layer_distance(before["student"], before["teacher"], std)
    return Loss(torch.stack(list(parts.values())).sum(), parts)


def layer_distance(
    student_LBD: list[Tensor], teacher_LBD: list[Tensor], std: Callable[[Tensor], Tensor] = torch.std
) -> Tensor:
    """Return the mean over layers of smooth L1 distance / standard deviation of the teacher's output.

    Args:
        student_LBD: Hidden states of each layer, [B, D].
        teacher_LBD: The same of the teacher; detached, no gradient flows into them.
        std: The standard deviation of all values.
    """
    distances = []
    for student_BD, teacher_BD in zip(student_LBD, teacher_LBD, strict=True):
        teacher_BD = teacher_BD.detach().float()
        distances.append(F.smooth_l1_loss(student_BD.float(), teacher_BD) / std(teacher_BD))
    return torch.stack(distances).mean()


OBJECTIVES: Mapping[str, Objective] = table(
    "OBJECTIVES",
    {
        "labels": labels,
        "distillation": distillation,
        "step-decoder": step_decoder,
        "modes": modes,
        "mixtures": mixtures,
    },
)


def get_objective(name: str) -> Objective:
    """Return an objective by name.

    Args:
        name: A name in `OBJECTIVES`.

    Raises:
        ValueError: No objective has that name; names the nearest.
    """
    return pick(OBJECTIVES, name, "objective")
